//! Logs that are handed in, and receipts that are asked for.

use axum::http::StatusCode;
use imajin_auth::Witness;
use imajin_did::SecretKey;
use imajin_kernel::Span;
use imajin_key_log::{EntryDraft, KeyLog, Receipt, receipt_sign};
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::federation::pair::Nodes;
use crate::keys::{Ada, signed_as};
use crate::world::{World, assert_refused};

const PATH: &str = "/auth/api/mirror";

fn witness(node: &World, is_asked: bool) -> Witness {
    Witness {
        did: node.keyring.node_did().clone(),
        url: is_asked.then(|| node.origin.parse().unwrap()),
    }
}

async fn rotate(world: &World, ada: &Ada) {
    let entry = ada.rotation(world, &SecretKey::generate(&world.env)).await;
    let reply = ada.send(world, "rotate", &entry).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
}

/// The numbers of the entries that a node has witnessed, as somebody shows the log.
async fn witnessed(shown_by: &World, by: &World, ada: &Ada) -> Vec<u64> {
    let log = ada.log(shown_by).await;
    let receipts = log["receipts"].as_array().unwrap().iter();
    let own = receipts.filter(|receipt| receipt["from"] == by.keyring.node_did().as_str());
    let mut numbers: Vec<u64> = own.map(|receipt| receipt["payload"]["seq"].as_u64().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

async fn anybody_can_hand_in_a_log_and_gets_a_receipt(backend: Backend) {
    let nodes = Nodes::new(backend);
    let (home, mirror) = (nodes.node(1).await, nodes.node(2).await);
    let ada = Ada::registered(&home, "ada").await;
    rotate(&home, &ada).await;
    let reply = mirror.post(PATH, &ada.log(&home).await).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    let answer = reply.json();
    assert_eq!(
        (&answer["did"], &answer["seq"], &answer["status"], &answer["changed"]),
        (&json!(ada.did), &json!(1), &json!("active"), &json!(true))
    );
    let receipts: Vec<Receipt> = serde_json::from_value(answer["receipts"].clone()).unwrap();
    assert_eq!(receipts.len(), 2);
    for receipt in receipts {
        assert_eq!(receipt.from, *mirror.keyring.node_did());
        receipt
            .verify("key-log-receipt", &mirror.keyring.node_public())
            .unwrap();
    }
    assert_eq!(witnessed(&mirror, &mirror, &ada).await, [0, 1]);
    assert_eq!(mirror.post(PATH, &ada.log(&home).await).await.json()["changed"], false);
    // A part is enough, where the rest is known.
    nodes.clock.advance(Span::hours(1));
    let state = ada.state(&home).await;
    let device = EntryDraft::addition(&state, &SecretKey::generate(&home.env).public(), home.env_now());
    let device = device.sign(&[&ada.next]).unwrap();
    let reply = mirror.post(PATH, &json!({"entries": [device], "receipts": []})).await;
    assert_eq!(reply.json()["seq"], 2, "{reply:?}");
    assert_eq!(mirror.audit().await, []);
    nodes.close().await;
}

async fn what_is_handed_in_must_prove_itself(backend: Backend) {
    let world = World::new(backend).await;
    let ada = Ada::new(&world);
    let refused = async |body: &Value, status, code| {
        let reply = world.post(PATH, body).await;
        assert_refused(&reply, status, code);
        assert_eq!(world.get(&ada.path("log"), &[]).await.status, StatusCode::NOT_FOUND);
    };
    let log = |entries: Value| json!({"entries": entries, "receipts": []});
    refused(&json!({}), 400, "invalid_request").await;
    refused(&log(json!([])), 400, "invalid_request").await;
    let mut unsigned = json!(ada.first);
    unsigned["proof"] = json!([]);
    refused(&log(json!([unsigned])), 400, "invalid_request").await;
    let mut changed = json!(ada.first);
    changed["at"] = json!(1);
    refused(&log(json!([changed])), 401, "bad_signature").await;
    // A rotation without the key that was kept back.
    let state = ada.first.state().unwrap();
    let draft = EntryDraft::rotation(&state, vec![ada.next.public()], None, state.recovery, world.env_now());
    let entry = draft.sign(&[&ada.phone]).unwrap();
    refused(&log(json!([ada.first, entry])), 401, "bad_signature").await;
    refused(&log(json!([entry])), 409, "conflict").await;
    // Dated before what it follows, and dated so late that nothing could follow it.
    for (hours, status, code) in [(-1, 400, "invalid_request"), (1, 401, "stale_signature")] {
        let mut state = ada.first.state().unwrap();
        state.at = i64::MIN;
        let at = world.env_now().plus(Span::hours(hours));
        let device = SecretKey::generate(&world.env);
        let entry = EntryDraft::addition(&state, &device.public(), at)
            .sign(&[&ada.phone])
            .unwrap();
        refused(&log(json!([ada.first, entry])), status, code).await;
    }
    // A receipt that its witness has not signed.
    let node = SecretKey::generate(&world.env);
    let receipt = receipt_sign(&node, ada.paper.did(), world.env_now(), &ada.first).unwrap();
    let reply = world
        .post(PATH, &json!({"entries": [ada.first], "receipts": [receipt]}))
        .await;
    assert_refused(&reply, 401, "bad_signature");
    assert_eq!(world.audit().await, []);
}

async fn what_a_former_key_makes_up_does_not_fill_a_log(backend: Backend) {
    let world = World::new(backend).await;
    let ada = Ada::registered(&world, "ada").await;
    rotate(&world, &ada).await;
    let state = ada.first.state().unwrap();
    let strays: Vec<_> = (0..8)
        .map(|_| {
            let device = SecretKey::generate(&world.env);
            let draft = EntryDraft::addition(&state, &device.public(), world.env_now());
            draft.sign(&[&ada.phone]).unwrap()
        })
        .collect();
    let reply = world.post(PATH, &json!({"entries": strays, "receipts": []})).await;
    assert_eq!(
        (&reply.json()["changed"], &reply.json()["status"]),
        (&json!(false), &json!("active"))
    );
    assert_eq!(ada.log(&world).await["entries"].as_array().unwrap().len(), 2);
    assert_eq!(world.audit().await, []);
}

async fn a_key_that_still_counts_registers_an_identity_that_is_mirrored(backend: Backend) {
    let nodes = Nodes::new(backend);
    let (home, other) = (nodes.node(1).await, nodes.node(2).await);
    let ada = Ada::registered(&home, "ada").await;
    // Whoever shows her log there first must not keep her out.
    assert_eq!(other.post(PATH, &ada.log(&home).await).await.status, StatusCode::OK);
    let mut body = other.registration(&ada.phone, Some("ada")).await;
    body["keyLog"] = json!(ada.first);
    let reply = other.post("/auth/api/register", &body).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{reply:?}");
    let log = ada.log(&other).await;
    assert_eq!(
        (&log["mirrored"], &log["head"]),
        (&json!(false), &json!(ada.first.hash().unwrap()))
    );
    assert_eq!(other.row_count("mirrored_logs").await, 0);
    assert_eq!(other.audit().await, []);
    nodes.clock.advance(Span::minutes(1));
    rotate(&other, &ada).await;
    assert_eq!(other.audit().await, []);
    // With another first entry than the one that was seen she does not.
    let eve = Ada::registered(&home, "eve").await;
    assert_eq!(other.post(PATH, &eve.log(&home).await).await.status, StatusCode::OK);
    let mut body = other.registration(&eve.phone, None).await;
    let second = EntryDraft::inception(&eve.phone.public(), None, None, other.env_now());
    body["keyLog"] = json!(second.sign(&[&eve.phone]).unwrap());
    assert_refused(&other.post("/auth/api/register", &body).await, 409, "conflict");
    nodes.close().await;
}

async fn a_witness_is_asked_for_receipts(backend: Backend) {
    let nodes = Nodes::new(backend);
    let (home, registry) = (nodes.node(1).await, nodes.node(2).await);
    let home = home.witnesses_set(vec![witness(&registry, true)]).await;
    let ada = Ada::registered(&home, "ada").await;
    rotate(&home, &ada).await;
    assert_eq!(home.auth.receipts_collect().await.unwrap(), 2);
    assert_eq!(witnessed(&home, &registry, &ada).await, [0, 1]);
    assert_eq!(witnessed(&registry, &registry, &ada).await, [0, 1]);
    assert_eq!(home.auth.receipts_collect().await.unwrap(), 0, "nothing is left to ask");
    // Taken back: what displaces an entry that was witnessed is witnessed as well.
    nodes.clock.advance(Span::hours(1));
    let new = SecretKey::generate(&home.env);
    let reply = ada.send(&home, "recover", &ada.recovery(&home, &new)).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    assert_eq!(home.auth.receipts_collect().await.unwrap(), 1);
    assert_eq!(ada.log(&registry).await["keys"], json!([new.public().multikey()]));
    for node in [&home, &registry] {
        assert_eq!(node.audit().await, []);
    }
    nodes.close().await;
}

async fn a_witness_that_is_away_is_asked_again(backend: Backend) {
    let nodes = Nodes::new(backend);
    let (home, registry) = (nodes.node(1).await, nodes.node(2).await);
    let away = Witness {
        url: Some("http://localhost:1/".parse().unwrap()),
        ..witness(&registry, true)
    };
    let home = home.witnesses_set(vec![away]).await;
    let ada = Ada::registered(&home, "ada").await;
    assert_eq!(home.auth.receipts_collect().await.unwrap(), 0);
    assert_eq!(home.auth.receipts_collect().await.unwrap(), 0);
    assert_eq!(witnessed(&home, &registry, &ada).await, Vec::<u64>::new());
    // After a restart it is not forgotten what is missing.
    let home = home.witnesses_set(vec![witness(&registry, true)]).await;
    assert_eq!(home.auth.receipts_collect().await.unwrap(), 1);
    assert_eq!(witnessed(&home, &registry, &ada).await, [0]);
    nodes.close().await;
}

async fn a_witness_settles_who_was_first(backend: Backend) {
    let nodes = Nodes::new(backend);
    let (home, registry, mirror) = (nodes.node(1).await, nodes.node(2).await, nodes.node(3).await);
    let mirror = mirror.witnesses_set(vec![witness(&registry, false)]).await;
    let ada = Ada::registered(&home, "ada").await;
    let [one, two] = [(); 2].map(|()| SecretKey::generate(&home.env));
    let (first, second) = (ada.rotation(&home, &one).await, ada.rotation(&home, &two).await);
    let log = |entry| json!({"entries": [ada.first, entry], "receipts": []});
    let seen = registry.post(PATH, &log(&first)).await.json();
    // The mirror is shown both at once: alone it could not tell, but the registry has seen one of them.
    let both = json!({"entries": [ada.first, first, second], "receipts": seen["receipts"]});
    let answer = mirror.post(PATH, &both).await.json();
    assert_eq!(
        (&answer["status"], &answer["head"]),
        (&json!("active"), &json!(first.hash().unwrap()))
    );
    assert_eq!(mirror.audit().await, []);
    nodes.close().await;
}

async fn the_witnesses_know_of_a_rotation_that_a_home_withholds(backend: Backend) {
    let nodes = Nodes::new(backend);
    let (home, registry, visited) = (nodes.node(1).await, nodes.node(2).await, nodes.node(3).await);
    let visited = visited.witnesses_set(vec![witness(&registry, true)]).await;
    let ada = Ada::registered(&home, "ada").await;
    visited
        .auth
        .mirror_store(
            KeyLog {
                entries: vec![ada.first.clone()],
                receipts: Vec::new(),
            },
            Some(home.origin.clone()),
            &[],
        )
        .await
        .unwrap();
    // Home never learns of it; the owner has shown it to the registry.
    let rotated = ada.rotation(&home, &SecretKey::generate(&home.env)).await;
    let shown = json!({"entries": [ada.first, rotated], "receipts": []});
    assert_eq!(registry.post(PATH, &shown).await.status, StatusCode::OK);
    nodes.clock.advance(Span::minutes(5));
    let (path, body) = (
        "/auth/api/devices/requests",
        json!({"handle": "nobody", "name": "x"}).to_string(),
    );
    let signed = signed_as(&visited, &ada.did, &ada.phone, "POST", path, &body);
    assert_refused(&visited.send_signed(&signed, path, &body).await, 401, "bad_signature");
    nodes.close().await;
}

on_both! {
    anybody_can_hand_in_a_log_and_gets_a_receipt,
    what_is_handed_in_must_prove_itself,
    what_a_former_key_makes_up_does_not_fill_a_log,
    a_key_that_still_counts_registers_an_identity_that_is_mirrored,
    a_witness_is_asked_for_receipts,
    a_witness_that_is_away_is_asked_again,
    a_witness_settles_who_was_first,
    the_witnesses_know_of_a_rotation_that_a_home_withholds,
}

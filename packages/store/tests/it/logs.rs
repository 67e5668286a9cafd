//! The mutation log: what it takes, what it refuses, and what its audit finds.

use diesel::connection::SimpleConnection;
use imajin_did::{Did, Keyring, SecretKey};
use imajin_kernel::{Env, ManualClock, Span, Timestamp};
use imajin_proof::http_sig::{Expectation, NONCE_KEPT_FOR, RequestToSign, SignatureParams, VerifiedRequest, sign};
use imajin_store::mutation::{self, CHECKPOINT_EVERY, Mutation, Proof, Writer};
use imajin_store::{Finding, StoreError, nonce};
use imajin_testkit::{Backend, on_both};
use tokio::task::JoinSet;

use crate::world::World;

on_both!(
    every_kind_of_proof_verifies,
    the_first_rows_of_two_processes_are_one_chain,
    a_nonce_is_good_once_and_kept_for_its_window,
    a_body_that_was_not_signed_is_refused,
    an_erased_body_is_fine_when_the_erasure_was_logged,
    a_body_can_be_left_out_from_the_start,
    the_last_body_of_each_object_is_found,
    a_cut_tail_and_a_hole_are_named,
    a_forged_row_is_named_even_with_a_fitting_hash_chain,
    a_head_that_was_set_back_stops_the_log,
    chains_do_not_mix,
    another_node_s_keys_do_not_verify,
);

pub(crate) fn request(world: &World, key: &SecretKey, nonce: &str, body: &[u8]) -> VerifiedRequest {
    let target_uri = "https://node.example/things/api/things";
    let to_sign = RequestToSign {
        method: "POST",
        target_uri,
        idempotency_key: Some("key-1"),
        body,
    };
    let params = SignatureParams {
        keyid: key.did(),
        created: world.env.now(),
        nonce: nonce.to_owned(),
        tag: None,
    };
    let expect = Expectation {
        now: world.env.now(),
        target_uri,
        method: "POST",
        tag: None,
    };
    sign(key, &to_sign, &params)
        .unwrap()
        .verify(&[key.public()], &expect)
        .unwrap()
}

pub(crate) fn by_node(world: &World, object: &str, body: &[u8]) -> Mutation<'static> {
    Mutation {
        owner: world.keyring.node_did().clone(),
        action: "thing.change",
        object: object.to_owned(),
        body: body.to_vec(),
        proof: Proof::Node,
    }
}

pub(crate) async fn append(world: &World, mutation: Mutation<'static>) -> Result<i64, StoreError> {
    let log = world.log.clone();
    world.write(move |conn| mutation::append(conn, &log, &mutation)).await
}

/// One of each kind.
pub(crate) async fn append_all_kinds(world: &World) {
    let key = SecretKey::generate(&world.env);
    let body = br#"{"name":"x"}"#;
    let by = |object: &str, proof: Proof| Mutation {
        owner: key.did(),
        action: "thing.make",
        object: object.to_owned(),
        body: body.to_vec(),
        proof,
    };
    let text = "register with node.example: 123";
    let challenge = Proof::Challenge {
        did: key.did(),
        key: key.public(),
        text: text.to_owned(),
        signature: key.sign(text.as_bytes()),
    };
    let soft = Did::from_mailbox("ada@example.com").unwrap();
    let custody = Proof::custody(soft, &key, &key.did(), "thing.make", "thing-c", body);
    append(
        world,
        by("thing-a", Proof::Http(request(world, &key, "nonce-1-abcdefgh", body))),
    )
    .await
    .unwrap();
    append(world, by("thing-b", challenge)).await.unwrap();
    append(world, by("thing-c", custody)).await.unwrap();
    append(world, by_node(world, "thing-d", body)).await.unwrap();
}

async fn every_kind_of_proof_verifies(backend: Backend) {
    let world = World::new(backend);
    for _ in 0..(CHECKPOINT_EVERY + 3) {
        append(&world, by_node(&world, "thing-0", b"{}")).await.unwrap();
    }
    append_all_kinds(&world).await;
    let log = world.log.clone();
    world.write(move |conn| mutation::checkpoint(conn, &log)).await.unwrap();
    let log = world.log.clone();
    world.write(move |conn| mutation::checkpoint(conn, &log)).await.unwrap();
    assert_eq!(world.audit().await, []);
    let log = world.log.clone();
    let checked = world
        .read(move |conn| Ok(mutation::audit(conn, &log, &|_| Vec::new(), &mut Vec::new())?))
        .await
        .unwrap();
    assert_eq!(checked, u64::try_from(CHECKPOINT_EVERY + 7).unwrap());
}

async fn the_first_rows_of_two_processes_are_one_chain(backend: Backend) {
    let world = World::new(backend);
    let handles = [world.db.clone(), world.open()];
    let mut tasks = JoinSet::new();
    for number in 0..16 {
        let (log, mutation) = (world.log.clone(), by_node(&world, &format!("ev_{number}"), b"{}"));
        let db = handles[number % 2].clone();
        tasks.spawn(async move {
            let appended: Result<i64, StoreError> = db.write(move |conn| mutation::append(conn, &log, &mutation)).await;
            appended.unwrap()
        });
    }
    let mut places = tasks.join_all().await;
    places.sort_unstable();
    assert_eq!(places, (1..=16).collect::<Vec<i64>>());
    assert_eq!(world.audit().await, []);
    let [_db, other] = handles;
    other.close().await;
}

async fn a_nonce_is_good_once_and_kept_for_its_window(backend: Backend) {
    let world = World::new(backend);
    let key = SecretKey::generate(&world.env);
    let mutation = Mutation {
        owner: key.did(),
        action: "thing.make",
        object: "thing".to_owned(),
        body: b"{}".to_vec(),
        proof: Proof::Http(request(&world, &key, "nonce-1-abcdefgh", b"{}")),
    };
    append(&world, mutation.clone()).await.unwrap();
    assert!(matches!(
        append(&world, mutation.clone()).await,
        Err(StoreError::Replayed)
    ));
    world.clock.advance(NONCE_KEPT_FOR);
    let now = world.env.now();
    assert_eq!(world.write(move |conn| Ok(nonce::purge(conn, now)?)).await.unwrap(), 0);
    assert!(matches!(append(&world, mutation).await, Err(StoreError::Replayed)));
    let later = now.plus(Span::seconds(1));
    assert_eq!(
        world.write(move |conn| Ok(nonce::purge(conn, later)?)).await.unwrap(),
        1
    );
    // The refused attempts left nothing.
    let log = world.log.clone();
    let checked = world
        .read(move |conn| Ok(mutation::audit(conn, &log, &|_| Vec::new(), &mut Vec::new())?))
        .await;
    assert_eq!(checked.unwrap(), 1);
}

async fn a_body_that_was_not_signed_is_refused(backend: Backend) {
    let world = World::new(backend);
    let key = SecretKey::generate(&world.env);
    let mutation = Mutation {
        body: b"{\"other\":1}".to_vec(),
        proof: Proof::Http(request(&world, &key, "nonce-1-abcdefgh", b"{}")),
        ..by_node(&world, "thing", b"")
    };
    assert!(matches!(append(&world, mutation).await, Err(StoreError::Misattributed)));
}

async fn an_erased_body_is_fine_when_the_erasure_was_logged(backend: Backend) {
    let world = World::new(backend);
    append_all_kinds(&world).await;
    let log = world.log.clone();
    world
        .write(move |conn| mutation::erase(conn, &log, "node", 1, Proof::Node))
        .await
        .unwrap();
    assert_eq!(world.audit().await, []);
    let history = world
        .read(|conn| Ok(mutation::history(conn, "thing-a")?))
        .await
        .unwrap();
    assert_eq!(history[0].body, None);
    world
        .write(|conn| Ok(conn.batch_execute("UPDATE mutation_log SET body = NULL WHERE seq = 2")?))
        .await
        .unwrap();
    let findings = world.audit().await;
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].row, "node/2");
    assert!(findings[0].problem.contains("no erasure was logged"), "{}", findings[0]);
}

async fn a_body_can_be_left_out_from_the_start(backend: Backend) {
    let world = World::new(backend);
    let key = SecretKey::generate(&world.env);
    let mutation = Mutation {
        owner: key.did(),
        proof: Proof::Http(request(&world, &key, "nonce-1-abcdefgh", b"a photo")),
        ..by_node(&world, "thing", b"a photo")
    };
    let (log, left_out) = (world.log.clone(), mutation.clone());
    let write = world.write(move |conn| mutation::append_without_body(conn, &log, &left_out));
    assert_eq!(write.await.unwrap(), 1);
    let again = append(&world, mutation).await;
    assert!(matches!(again, Err(StoreError::Replayed)), "its nonce is spent");
    assert_eq!(world.audit().await, []);
    let logged = world.read(|conn| Ok(mutation::last_body(conn, "thing")?)).await;
    assert_eq!(logged.unwrap().unwrap().body, None);
    // The digest that was signed is there, so another body cannot be put in its place.
    let forge = "UPDATE mutation_log SET body = CAST('another' AS BLOB) WHERE seq = 1";
    let forge = match backend {
        Backend::Sqlite => forge.to_owned(),
        Backend::Postgres => forge.replace("CAST('another' AS BLOB)", "'another'::bytea"),
    };
    world.write(move |conn| Ok(conn.batch_execute(&forge)?)).await.unwrap();
    assert_eq!(world.audit().await[0].row, "node/1");
}

async fn the_last_body_of_each_object_is_found(backend: Backend) {
    let world = World::new(backend);
    for (object, body) in [
        ("ev_1", "a"),
        ("ev_2", "b"),
        ("ev_1", "c"),
        ("evx1", "d"),
        ("ev_3", "e"),
    ] {
        append(&world, by_node(&world, object, body.as_bytes())).await.unwrap();
    }
    let last = world
        .read(|conn| Ok(mutation::last_body(conn, "ev_1")?))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((last.body, last.seq), (Some(b"c".to_vec()), 3));
    assert!(
        world
            .read(|conn| Ok(mutation::last_body(conn, "none")?))
            .await
            .unwrap()
            .is_none()
    );
    let (first, second) = world
        .read(|conn| {
            let first = mutation::last_bodies(conn, "ev_", None, 2)?;
            Ok((first, mutation::last_bodies(conn, "ev_", Some("ev_2"), 2)?))
        })
        .await
        .unwrap();
    let named = |page: &[mutation::Logged]| -> Vec<(String, Vec<u8>)> {
        page.iter()
            .map(|logged| (logged.object.clone(), logged.body.clone().unwrap()))
            .collect()
    };
    assert_eq!(
        named(&first),
        [("ev_1".to_owned(), b"c".to_vec()), ("ev_2".to_owned(), b"b".to_vec())]
    );
    assert_eq!(named(&second), [("ev_3".to_owned(), b"e".to_vec())]);
}

async fn sql(world: &World, text: &'static str) {
    world.write(move |conn| Ok(conn.batch_execute(text)?)).await.unwrap();
}

fn names(findings: &[Finding]) -> Vec<(&str, &str)> {
    findings
        .iter()
        .map(|finding| (finding.table.as_str(), finding.row.as_str()))
        .collect()
}

async fn a_cut_tail_and_a_hole_are_named(backend: Backend) {
    let world = World::new(backend);
    for _ in 0..(CHECKPOINT_EVERY + 6) {
        append(&world, by_node(&world, "thing", b"{}")).await.unwrap();
    }
    sql(&world, "DELETE FROM mutation_log WHERE seq > 67 OR seq IN (10, 20, 21)").await;
    let findings = world.audit().await;
    assert_eq!(
        names(&findings),
        [
            ("mutation_log", "node/10"),
            ("mutation_log", "node/20"),
            ("mutation_log", "node/68")
        ]
    );
    assert!(findings[2].problem.contains("up to 70"), "{}", findings[2]);
    // With the head gone as well, the checkpoint still tells.
    sql(
        &world,
        "DELETE FROM mutation_heads; DELETE FROM mutation_log WHERE seq > 60",
    )
    .await;
    let findings = world.audit().await;
    assert!(names(&findings).contains(&("mutation_heads", "node")), "{findings:?}");
    assert!(names(&findings).contains(&("mutation_log", "node/61")), "{findings:?}");
    sql(&world, "DELETE FROM mutation_log").await;
    assert!(!world.audit().await.is_empty());
}

fn other_keyring() -> Keyring {
    Keyring::generate(&Env::fixed(ManualClock::at(Timestamp::EPOCH), 99))
}

async fn a_forged_row_is_named_even_with_a_fitting_hash_chain(backend: Backend) {
    let world = World::new(backend);
    append_all_kinds(&world).await;
    // Somebody with the database but without the master key writes with another sealer and another node's key.
    let foreign = Writer::new("node", other_keyring(), world.sealer.clone(), world.env.clone());
    let mutation = by_node(&world, "thing-a", b"{\"forged\":true}");
    world
        .write(move |conn| mutation::append(conn, &foreign, &mutation))
        .await
        .unwrap();
    let findings = world.audit().await;
    // Even with our own seal, a proof by a foreign node does not verify.
    assert_eq!(names(&findings), [("mutation_log", "node/5")]);
    assert!(findings[0].problem.contains("proof"), "{}", findings[0]);
}

async fn a_head_that_was_set_back_stops_the_log(backend: Backend) {
    let world = World::new(backend);
    append_all_kinds(&world).await;
    sql(
        &world,
        "UPDATE mutation_heads SET seq = 2; DELETE FROM mutation_log WHERE seq > 2",
    )
    .await;
    assert!(matches!(
        append(&world, by_node(&world, "x", b"")).await,
        Err(StoreError::Damaged(_))
    ));
    assert!(names(&world.audit().await).contains(&("mutation_heads", "node")));
}

async fn chains_do_not_mix(backend: Backend) {
    let world = World::new(backend);
    let other = Writer::new("cli", world.keyring.clone(), world.sealer.clone(), world.env.clone());
    append_all_kinds(&world).await;
    let mutation = by_node(&world, "thing-a", b"[]");
    let seq = world
        .write(move |conn| mutation::append(conn, &other, &mutation))
        .await
        .unwrap();
    assert_eq!(seq, 1);
    assert_eq!(world.audit().await, []);
    sql(&world, "UPDATE mutation_log SET chain = 'gone' WHERE chain = 'cli'").await;
    assert!(names(&world.audit().await).contains(&("mutation_log", "gone/1")));
}

async fn another_node_s_keys_do_not_verify(backend: Backend) {
    let world = World::new(backend);
    append_all_kinds(&world).await;
    let keyring = other_keyring();
    let sealer = imajin_store::Sealer::for_service(&keyring, "things");
    let log = Writer::new("node", keyring, sealer, world.env.clone());
    let findings = world
        .read(move |conn| Ok(crate::world::audit(conn, &log)?))
        .await
        .unwrap();
    assert!(
        findings
            .iter()
            .any(|finding| finding.row == "node/4" && finding.problem.contains("proof"))
    );
}

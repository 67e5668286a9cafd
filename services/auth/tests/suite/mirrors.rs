use axum::http::StatusCode;
use imajin_auth::MirrorOutcome;
use imajin_did::{Did, Keyring, SecretKey};
use imajin_kernel::{Code, Span};
use imajin_key_log::{Entry, EntryDraft, KeyLog, Status, receipt_sign};
use imajin_testkit::{Backend, on_both};
use serde_json::json;

use crate::keys::{Ada, hash, signed_as};
use crate::world::{World, assert_refused};

/// An identity that is at home at another node.
struct Foreign {
    ada: Ada,
    home: Keyring,
    log: KeyLog,
}

impl Foreign {
    fn new(world: &World) -> Self {
        let (ada, home) = (Ada::new(world), Keyring::generate(&world.env));
        let mut foreign = Self {
            log: KeyLog::default(),
            ada,
            home,
        };
        foreign.accept(world, foreign.ada.first.clone());
        foreign
    }

    fn accept(&mut self, world: &World, entry: Entry) {
        let receipt = receipt_sign(
            self.home.node_key(),
            self.home.node_did().clone(),
            world.env_now(),
            &entry,
        );
        self.log.receipts.push(receipt.unwrap());
        self.log.entries.push(entry);
    }

    /// A rotation after the first entry, which differs in the key behind it.
    fn rotation(&self, world: &World, behind: &SecretKey) -> Entry {
        let state = self.ada.first.state().unwrap();
        let keys = vec![self.ada.next.public()];
        EntryDraft::rotation(&state, keys, Some(hash(behind)), state.recovery, world.env_now())
            .sign(&[&self.ada.phone, &self.ada.next])
            .unwrap()
    }

    async fn store(&self, world: &World, trusted: &[Did]) -> MirrorOutcome {
        let source = Some("https://home.example".to_owned());
        world
            .auth
            .mirror_store(self.log.clone(), source, trusted)
            .await
            .unwrap()
    }
}

fn generate(world: &World) -> SecretKey {
    SecretKey::generate(&world.env)
}

async fn a_foreign_log_is_verified_pinned_and_published(backend: Backend) {
    let world = World::new(backend).await;
    let foreign = Foreign::new(&world);
    let home = [foreign.home.node_did().clone()];
    let outcome = foreign.store(&world, &home).await;
    assert!(outcome.changed);
    assert_eq!(outcome.state.head, Some(foreign.ada.first.hash().unwrap()));
    let log = foreign.ada.log(&world).await;
    assert_eq!(
        (&log["mirrored"], &log["head"]),
        (&json!(true), &json!(outcome.state.head))
    );
    assert_eq!(log["receipts"].as_array().unwrap().len(), 2, "its home and this node");
    assert!(!foreign.store(&world, &home).await.changed);
    assert_eq!(world.audit().await, []);
    // Of itself this node knows nothing about it.
    assert_refused(&world.get(&foreign.ada.path("did.json"), &[]).await, 404, "not_found");
    let resolved = world
        .get(&format!("/1.0/identifiers/{}", foreign.ada.did), &[])
        .await
        .json();
    assert_eq!(resolved["didDocumentMetadata"]["versionId"], log["head"]);
}

async fn a_mirrored_log_is_extended_and_its_keys_count(backend: Backend) {
    let world = World::new(backend).await;
    let mut foreign = Foreign::new(&world);
    let home = [foreign.home.node_did().clone()];
    foreign.store(&world, &home).await;
    world.clock.advance(Span::hours(1));
    foreign.accept(&world, foreign.rotation(&world, &generate(&world)));
    let outcome = foreign.store(&world, &home).await;
    assert_eq!(outcome.state.keys, [foreign.ada.next.public()]);
    assert_eq!(world.audit().await, []);
    // A device of the foreign identity may sign here, and the old one may not.
    let (path, body) = (
        "/auth/api/devices/requests",
        json!({"handle": "nobody", "name": "x"}).to_string(),
    );
    let with = async |key: &SecretKey| {
        let signed = signed_as(&world, &foreign.ada.did, key, "POST", path, &body);
        world.send_signed(&signed, path, &body).await
    };
    assert_refused(&with(&foreign.ada.phone).await, 401, "bad_signature");
    assert_refused(&with(&foreign.ada.next).await, 400, "invalid_request");
    // An older version takes nothing back.
    foreign.log.entries.pop();
    foreign.log.receipts.pop();
    let outcome = foreign.store(&world, &home).await;
    assert!(!outcome.changed);
    assert_eq!(outcome.state.keys, [foreign.ada.next.public()]);
}

async fn a_log_with_anything_wrong_in_it_changes_nothing(backend: Backend) {
    let world = World::new(backend).await;
    let foreign = Foreign::new(&world);
    let mut bad = foreign.log.clone();
    bad.entries[0].recovery = None;
    let refused = world.auth.mirror_store(bad, None, &[]).await.unwrap_err();
    assert_ne!(refused.code, Code::Internal, "{refused}");
    let refused = world.auth.mirror_store(KeyLog::default(), None, &[]).await.unwrap_err();
    assert_eq!(refused.code, Code::InvalidRequest);
    assert_eq!(
        world.get(&foreign.ada.path("log"), &[]).await.status,
        StatusCode::NOT_FOUND
    );
}

/// A version of a log that another node has witnessed.
fn evidence(world: &World, witness: &Keyring, entries: Vec<Entry>) -> KeyLog {
    let receipts = entries
        .iter()
        .map(|entry| receipt_sign(witness.node_key(), witness.node_did().clone(), world.env_now(), entry).unwrap());
    KeyLog {
        receipts: receipts.collect(),
        entries,
    }
}

async fn contested_stops_mutations_of_an_identity_of_this_node(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, registry) = (Ada::registered(&world, "ada").await, Keyring::generate(&world.env));
    let [here, there, new] = [(); 3].map(|()| generate(&world));
    let (one, two) = (ada.rotation(&world, &here).await, ada.rotation(&world, &there).await);
    assert_eq!(ada.send(&world, "rotate", &one).await.status, StatusCode::OK);
    let token = ada.login(&world, &ada.next).await;
    world.clock.advance(Span::hours(1));
    let seen = evidence(&world, &registry, vec![ada.first.clone(), two.clone()]);
    // A witness that is not trusted changes nothing.
    let outcome = world.auth.mirror_store(seen.clone(), None, &[]).await.unwrap();
    assert_eq!(
        (outcome.state.status, outcome.state.head),
        (Status::Active, Some(one.hash().unwrap()))
    );
    assert_eq!(ada.mutate(&world, &ada.next).await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.audit().await, []);
    let trusted = [registry.node_did().clone()];
    let outcome = world.auth.mirror_store(seen, None, &trusted).await.unwrap();
    assert_eq!(outcome.state.status, Status::Contested);
    for key in [&ada.phone, &ada.next] {
        let reply = ada.mutate(&world, key).await;
        assert_refused(&reply, 409, "conflict");
        assert!(reply.text.contains("Two histories"), "{reply:?}");
    }
    assert_eq!(
        world.session_did(&token).await,
        None,
        "the key that opened it does not count for now"
    );
    assert_eq!(ada.log(&world).await["status"], "contested");
    assert_refused(&ada.send(&world, "rotate", &two).await, 409, "conflict");
    assert_eq!(world.audit().await, []);
    let reply = ada.send(&world, "recover", &ada.recovery(&world, &new)).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    assert_eq!(ada.mutate(&world, &new).await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.audit().await, []);
}

async fn what_another_node_accepted_extends_the_log_of_an_own_identity(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, other) = (Ada::registered(&world, "ada").await, Keyring::generate(&world.env));
    let token = ada.login(&world, &ada.phone).await;
    let rotated = ada.rotation(&world, &generate(&world)).await;
    let seen = evidence(&world, &other, vec![ada.first.clone(), rotated]);
    let outcome = world.auth.mirror_store(seen, None, &[]).await.unwrap();
    assert_eq!(outcome.state.keys, [ada.next.public()]);
    assert_eq!(world.session_did(&token).await, None);
    ada.login(&world, &ada.next).await;
    assert_eq!(world.audit().await, []);
    let soft = world.mailbox_login("ada@example.org").await;
    let mut foreign = Ada::new(&world).first;
    foreign.did = world.session_did(&soft).await.unwrap();
    let refused = world
        .auth
        .mirror_store(evidence(&world, &other, vec![foreign]), None, &[])
        .await;
    assert_eq!(refused.unwrap_err().code, Code::Forbidden);
}

async fn contested_stops_mutations_until_a_recovery(backend: Backend) {
    let world = World::new(backend).await;
    let mut foreign = Foreign::new(&world);
    let home = [foreign.home.node_did().clone()];
    foreign.store(&world, &home).await;
    world.clock.advance(Span::hours(1));
    // Here one history is seen, at home another one.
    let mut other = foreign.log.clone();
    other.entries.push(foreign.rotation(&world, &generate(&world)));
    world.auth.mirror_store(other, None, &home).await.unwrap();
    foreign.accept(&world, foreign.rotation(&world, &generate(&world)));
    let outcome = foreign.store(&world, &home).await;
    assert_eq!(outcome.state.status, Status::Contested);
    let log = foreign.ada.log(&world).await;
    assert_eq!(log["status"], "contested");
    assert_eq!(
        log["keys"],
        json!([foreign.ada.phone.public().multikey()]),
        "still listed"
    );
    let resolved = world
        .get(&format!("/1.0/identifiers/{}", foreign.ada.did), &[])
        .await
        .json();
    assert_eq!(resolved["didDocumentMetadata"]["contested"], true);
    let (path, body) = (
        "/auth/api/devices/requests",
        json!({"handle": "nobody", "name": "x"}).to_string(),
    );
    for key in [&foreign.ada.phone, &foreign.ada.next] {
        let signed = signed_as(&world, &foreign.ada.did, key, "POST", path, &body);
        let reply = world.send_signed(&signed, path, &body).await;
        assert_refused(&reply, 409, "conflict");
        assert!(reply.text.contains("Two histories"), "{reply:?}");
    }
    assert_eq!(world.audit().await, []);
    // Nor can anybody become the identity here with a key that may count no longer.
    let registration = world.registration(&foreign.ada.phone, None).await;
    assert_refused(&world.post("/auth/api/register", &registration).await, 409, "conflict");
    let new = generate(&world);
    let recovery = foreign.ada.recovery(&world, &new);
    foreign.accept(&world, recovery);
    let outcome = foreign.store(&world, &home).await;
    assert_eq!(
        (outcome.state.status, outcome.state.keys),
        (Status::Active, vec![new.public()])
    );
    let signed = signed_as(&world, &foreign.ada.did, &new, "POST", path, &body);
    assert_refused(&world.send_signed(&signed, path, &body).await, 400, "invalid_request");
    assert_eq!(world.audit().await, []);
}

async fn this_node_never_witnesses_two_that_follow_the_same_one(backend: Backend) {
    let world = World::new(backend).await;
    let mut foreign = Foreign::new(&world);
    for _ in 0..2 {
        let fork = foreign.rotation(&world, &generate(&world));
        foreign.log.entries.push(fork);
    }
    let outcome = foreign.store(&world, &[]).await;
    assert_eq!(outcome.state.status, Status::Contested);
    let log = foreign.ada.log(&world).await;
    let own: Vec<_> = log["receipts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|receipt| &receipt["payload"]["seq"])
        .collect();
    assert_eq!(own, [&json!(0)], "and believes nobody else");
}

on_both! {
    a_foreign_log_is_verified_pinned_and_published,
    a_mirrored_log_is_extended_and_its_keys_count,
    a_log_with_anything_wrong_in_it_changes_nothing,
    contested_stops_mutations_of_an_identity_of_this_node,
    what_another_node_accepted_extends_the_log_of_an_own_identity,
    contested_stops_mutations_until_a_recovery,
    this_node_never_witnesses_two_that_follow_the_same_one,
}

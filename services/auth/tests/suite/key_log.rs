use axum::http::StatusCode;
use imajin_did::SecretKey;
use imajin_kernel::Span;
use imajin_key_log::EntryDraft;
use imajin_testkit::{Backend, on_both};
use serde_json::json;

use crate::keys::{Ada, hash, register_signed};
use crate::world::{World, assert_refused};

async fn a_registration_may_bring_the_first_entry(backend: Backend) {
    let world = World::new(backend).await;
    let ada = Ada::registered(&world, "ada").await;
    let log = ada.log(&world).await;
    assert_eq!(log["head"], json!(ada.first.hash().unwrap()));
    assert_eq!(
        (&log["status"], &log["seq"], &log["mirrored"]),
        (&json!("active"), &json!(0), &json!(false))
    );
    assert_eq!(log["keys"], json!([ada.phone.public().multikey()]));
    assert_eq!(log["receipts"][0]["from"], json!(world.keyring.node_did()));
    assert_eq!(log["receipts"][0]["payload"]["entry"], log["head"]);
    assert_eq!(world.audit().await, []);
}

async fn a_registration_with_a_bad_first_entry_is_refused_as_a_whole(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, eve) = (Ada::new(&world), Ada::new(&world));
    let mut tampered = serde_json::to_value(&ada.first).unwrap();
    tampered["recovery"] = json!(eve.paper.public().multikey());
    let cases = [
        (json!(eve.first), 400, "invalid_request"),
        (tampered, 401, "bad_signature"),
        (json!({"version": 1}), 400, "invalid_request"),
    ];
    for (entry, status, code) in cases {
        let mut body = world.registration(&ada.phone, None).await;
        body["keyLog"] = entry;
        assert_refused(&world.post("/auth/api/register", &body).await, status, code);
        assert_eq!(world.get(&ada.path("log"), &[]).await.status, StatusCode::NOT_FOUND);
    }
    let mut body = world.registration(&ada.phone, None).await;
    body["recoveryKey"] = json!(eve.paper.public().multikey());
    body["keyLog"] = json!(ada.first);
    assert_refused(&world.post("/auth/api/register", &body).await, 403, "forbidden");
}

async fn an_identity_without_a_log_may_begin_one_later(backend: Backend) {
    let world = World::new(backend).await;
    let ada = Ada::new(&world);
    let mut body = world.registration(&ada.phone, Some("ada")).await;
    body["recoveryKey"] = json!(ada.paper.public().multikey());
    // Whoever passes the answer to a challenge on could name a key of theirs.
    assert_refused(&world.post("/auth/api/register", &body).await, 401, "unauthenticated");
    assert_eq!(
        register_signed(&world, &ada.phone, &body).await.status,
        StatusCode::CREATED
    );
    let log = ada.log(&world).await;
    assert_eq!((&log["entries"], &log["head"]), (&json!([]), &json!(null)));
    // A thief of the key must not be the first to publish, with a recovery key of its own.
    let theirs = EntryDraft::inception(&ada.phone.public(), None, None, world.env_now());
    let reply = ada.send(&world, "log", &theirs.sign(&[&ada.phone]).unwrap()).await;
    assert_refused(&reply, 403, "forbidden");
    let reply = ada.send(&world, "log", &ada.first).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    assert_eq!(reply.json()["change"], "inception");
    assert_eq!(ada.log(&world).await["head"], json!(ada.first.hash().unwrap()));
    assert_eq!(world.audit().await, []);
}

async fn the_new_key_logs_in_after_a_rotation_and_the_old_one_does_not(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, behind) = (Ada::registered(&world, "ada").await, SecretKey::generate(&world.env));
    ada.login(&world, &ada.phone).await;
    assert_refused(&ada.login_reply(&world, &ada.next).await, 401, "bad_signature");
    let reply = ada.send(&world, "rotate", &ada.rotation(&world, &behind).await).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    assert_eq!(reply.json()["change"], "rotation");
    assert_refused(&ada.login_reply(&world, &ada.phone).await, 401, "bad_signature");
    let token = ada.login(&world, &ada.next).await;
    assert_eq!(world.session_did(&token).await, Some(ada.did.clone()));
    assert_refused(&ada.mutate(&world, &ada.phone).await, 401, "bad_signature");
    assert_eq!(ada.mutate(&world, &ada.next).await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.audit().await, []);
}

async fn a_session_after_rotation_of_its_key_has_ended(backend: Backend) {
    let world = World::new(backend).await;
    let ada = Ada::registered(&world, "ada").await;
    let (tablet, behind) = (SecretKey::generate(&world.env), SecretKey::generate(&world.env));
    let reply = ada.send(&world, "rotate", &ada.addition(&world, &tablet).await).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    let (by_phone, by_tablet) = (ada.login(&world, &ada.phone).await, ada.login(&world, &tablet).await);
    let by_paper = ada.login(&world, &ada.paper).await;
    // The phone goes, the tablet stays.
    let state = ada.state(&world).await;
    let keys = vec![tablet.public(), ada.next.public()];
    let draft = EntryDraft::rotation(&state, keys, Some(hash(&behind)), state.recovery, world.env_now());
    let reply = ada
        .send(&world, "rotate", &draft.sign(&[&tablet, &ada.next]).unwrap())
        .await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    assert_eq!(world.session_did(&by_phone).await, None);
    assert_eq!(world.session_did(&by_tablet).await, Some(ada.did.clone()));
    assert_eq!(world.session_did(&by_paper).await, Some(ada.did.clone()));
    let world = world.restart().await;
    assert_eq!(world.session_did(&by_phone).await, None);
}

async fn a_recovery_ends_every_session(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, new) = (Ada::registered(&world, "ada").await, SecretKey::generate(&world.env));
    let tokens = [ada.login(&world, &ada.phone).await, ada.login(&world, &ada.paper).await];
    let reply = ada.send(&world, "recover", &ada.recovery(&world, &new)).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    for token in tokens {
        assert_eq!(world.session_did(&token).await, None);
    }
    assert_refused(&ada.login_reply(&world, &ada.phone).await, 401, "bad_signature");
    assert_refused(&ada.login_reply(&world, &ada.paper).await, 401, "bad_signature");
    ada.login(&world, &new).await;
    assert_eq!(world.audit().await, []);
}

async fn a_forked_entry_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let ada = Ada::registered(&world, "ada").await;
    let [one, two] = [(); 2].map(|()| SecretKey::generate(&world.env));
    let (first, second) = (ada.rotation(&world, &one).await, ada.rotation(&world, &two).await);
    assert_eq!(ada.send(&world, "rotate", &first).await.status, StatusCode::OK);
    assert_refused(&ada.send(&world, "rotate", &second).await, 409, "conflict");
    assert_eq!(ada.log(&world).await["entries"].as_array().unwrap().len(), 2);
}

async fn a_back_dated_entry_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, tablet) = (Ada::registered(&world, "ada").await, SecretKey::generate(&world.env));
    let entry = ada.addition(&world, &tablet).await;
    world.clock.advance(Span::minutes(6));
    assert_refused(&ada.send(&world, "rotate", &entry).await, 401, "stale_signature");
    let mut before = ada.state(&world).await;
    before.at = 0;
    let early = EntryDraft::addition(&before, &tablet.public(), world.env_now().minus(Span::minutes(30)));
    let early = early.sign(&[&ada.phone]).unwrap();
    assert_refused(&ada.send(&world, "rotate", &early).await, 401, "stale_signature");
    // Fresh, but before its predecessor, whose maker's clock was ahead.
    let ahead = EntryDraft::addition(
        &ada.state(&world).await,
        &tablet.public(),
        world.env_now().plus(Span::minutes(4)),
    );
    assert_eq!(
        ada.send(&world, "rotate", &ahead.sign(&[&ada.phone]).unwrap())
            .await
            .status,
        StatusCode::OK
    );
    let mut before = ada.state(&world).await;
    before.at = 0;
    let other = SecretKey::generate(&world.env);
    let early = EntryDraft::addition(&before, &other.public(), world.env_now())
        .sign(&[&ada.phone])
        .unwrap();
    assert_refused(&ada.send(&world, "rotate", &early).await, 400, "invalid_request");
}

async fn an_entry_without_the_pre_rotation_key_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, thief) = (Ada::registered(&world, "ada").await, SecretKey::generate(&world.env));
    let state = ada.state(&world).await;
    let draft = EntryDraft::rotation(&state, vec![thief.public()], None, state.recovery, world.env_now());
    let entry = draft.sign(&[&ada.phone, &thief]).unwrap();
    assert_refused(&ada.send(&world, "rotate", &entry).await, 401, "bad_signature");
    let end = EntryDraft::deactivation(&state, world.env_now())
        .sign(&[&ada.phone])
        .unwrap();
    assert_refused(&ada.send(&world, "deactivate", &end).await, 401, "bad_signature");
    assert_eq!(ada.log(&world).await["keys"], json!([ada.phone.public().multikey()]));
}

async fn the_same_entry_again_is_answered_the_same_and_changes_nothing(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, tablet) = (Ada::registered(&world, "ada").await, SecretKey::generate(&world.env));
    let behind = SecretKey::generate(&world.env);
    let entry = ada.addition(&world, &tablet).await;
    let first = ada.send(&world, "rotate", &entry).await;
    assert_eq!(
        ada.send(&world, "rotate", &ada.rotation(&world, &behind).await)
            .await
            .status,
        StatusCode::OK
    );
    let log = ada.log(&world).await;
    assert_eq!(log["keys"], json!([ada.next.public().multikey()]));
    // A replayed entry does not bring the tablet back.
    world.clock.advance(Span::hours(1));
    let again = ada.send(&world, "rotate", &entry).await;
    assert_eq!((again.status, again.json()), (StatusCode::OK, first.json()));
    assert_eq!(ada.log(&world).await, log);
}

async fn an_entry_of_another_did_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, eve) = (
        Ada::registered(&world, "ada").await,
        Ada::registered(&world, "eve").await,
    );
    let tablet = SecretKey::generate(&world.env);
    let theirs = eve.addition(&world, &tablet).await;
    assert_refused(&ada.send(&world, "rotate", &theirs).await, 400, "invalid_request");
    let mut relabelled = theirs.clone();
    relabelled.did = ada.did.clone();
    assert_eq!(
        ada.send(&world, "rotate", &relabelled).await.status.as_u16(),
        409,
        "it follows nothing"
    );
    relabelled.prev = ada.state(&world).await.head;
    relabelled.keys = vec![ada.phone.public(), tablet.public()];
    assert_refused(&ada.send(&world, "rotate", &relabelled).await, 401, "bad_signature");
    let nobody = Ada::new(&world);
    assert_refused(&nobody.send(&world, "log", &nobody.first).await, 404, "not_found");
    assert_eq!(world.audit().await, []);
}

async fn each_route_takes_its_own_kind_of_change(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, new) = (Ada::registered(&world, "ada").await, SecretKey::generate(&world.env));
    for (route, entry) in [
        ("recover", ada.rotation(&world, &new).await),
        ("rotate", ada.recovery(&world, &new)),
        ("deactivate", ada.addition(&world, &new).await),
    ] {
        assert_refused(&ada.send(&world, route, &entry).await, 400, "invalid_request");
    }
}

async fn a_recovery_displaces_a_thiefs_rotation_within_seventy_two_hours(backend: Backend) {
    let world = World::new(backend).await;
    let ada = Ada::registered(&world, "ada").await;
    let [theirs, new] = [(); 2].map(|()| SecretKey::generate(&world.env));
    // The thief has the phone and the key that was kept beside it.
    assert_eq!(
        ada.send(&world, "rotate", &ada.rotation(&world, &theirs).await)
            .await
            .status,
        StatusCode::OK
    );
    let thief = ada.login(&world, &ada.next).await;
    world.clock.advance(Span::hours(71));
    let thief_late = ada.login(&world, &ada.next).await;
    let reply = ada.send(&world, "recover", &ada.recovery(&world, &new)).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    for token in [thief, thief_late] {
        assert_eq!(world.session_did(&token).await, None);
    }
    assert_refused(&ada.mutate(&world, &ada.next).await, 401, "bad_signature");
    assert_eq!(ada.mutate(&world, &new).await.status, StatusCode::NO_CONTENT);
    assert_eq!(
        ada.log(&world).await["entries"].as_array().unwrap().len(),
        3,
        "what was displaced stays to be seen"
    );
    assert_eq!(world.audit().await, []);
}

async fn a_recovery_after_seventy_two_hours_displaces_nothing(backend: Backend) {
    let world = World::new(backend).await;
    let ada = Ada::registered(&world, "ada").await;
    let [theirs, new] = [(); 2].map(|()| SecretKey::generate(&world.env));
    assert_eq!(
        ada.send(&world, "rotate", &ada.rotation(&world, &theirs).await)
            .await
            .status,
        StatusCode::OK
    );
    world.clock.advance(Span::hours(72));
    assert_refused(
        &ada.send(&world, "recover", &ada.recovery(&world, &new)).await,
        409,
        "conflict",
    );
    assert_eq!(ada.mutate(&world, &ada.next).await.status, StatusCode::NO_CONTENT);
}

async fn a_deactivated_identity_can_do_nothing_and_can_be_taken_back_in_time(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, new) = (Ada::registered(&world, "ada").await, SecretKey::generate(&world.env));
    let token = ada.login(&world, &ada.phone).await;
    let end = EntryDraft::deactivation(&ada.state(&world).await, world.env_now());
    let end = end.sign(&[&ada.phone, &ada.next]).unwrap();
    let reply = ada.send(&world, "deactivate", &end).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    assert_eq!(world.session_did(&token).await, None);
    assert_refused(&ada.mutate(&world, &ada.phone).await, 410, "gone");
    assert_refused(&ada.login_reply(&world, &ada.phone).await, 410, "gone");
    assert_refused(&world.get(&ada.path("did.json"), &[]).await, 410, "gone");
    assert_eq!(ada.log(&world).await["status"], "deactivated");
    let resolved = world.get(&format!("/1.0/identifiers/{}", ada.did), &[]).await;
    assert_eq!(resolved.status, StatusCode::GONE);
    assert_eq!(resolved.json()["didDocumentMetadata"]["deactivated"], true);
    assert_eq!(world.audit().await, []);
    world.clock.advance(Span::hours(71));
    assert_eq!(
        ada.send(&world, "recover", &ada.recovery(&world, &new)).await.status,
        StatusCode::OK
    );
    ada.login(&world, &new).await;
    assert_eq!(world.audit().await, []);
}

async fn a_soft_identity_has_no_log(backend: Backend) {
    let world = World::new(backend).await;
    let token = world.mailbox_login("ada@example.org").await;
    let did = world.session_did(&token).await.unwrap();
    let ada = Ada::new(&world);
    let mut entry = ada.first.clone();
    entry.did = did.clone();
    let path = format!("/auth/api/identity/{did}/log");
    assert_refused(&world.post(&path, &json!(entry)).await, 403, "forbidden");
    assert_eq!(world.audit().await, []);
}

async fn the_document_follows_the_log(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, tablet) = (Ada::registered(&world, "ada").await, SecretKey::generate(&world.env));
    let before = world.get(&ada.path("did.json"), &[]).await;
    assert_eq!(
        ada.send(&world, "rotate", &ada.addition(&world, &tablet).await)
            .await
            .status,
        StatusCode::OK
    );
    let after = world
        .get(&ada.path("did.json"), &[("if-none-match", before.header("etag"))])
        .await;
    assert_eq!(after.status, StatusCode::OK, "another entity tag");
    let document = after.json();
    let ids: Vec<String> = [&ada.phone, &tablet]
        .map(|key| format!("{}#{}", ada.did, key.public().multikey()))
        .to_vec();
    assert_eq!(document["authentication"], json!(ids));
    assert_eq!(document["assertionMethod"], json!(ids));
    assert_eq!(
        document["verificationMethod"][1]["publicKeyMultibase"],
        json!(tablet.public().multikey())
    );
    assert_eq!(document["alsoKnownAs"], before.json()["alsoKnownAs"]);
    let resolved = world.get(&format!("/1.0/identifiers/{}", ada.did), &[]).await.json();
    let metadata = &resolved["didDocumentMetadata"];
    assert_eq!(metadata["versionId"], ada.log(&world).await["head"]);
    assert_eq!(metadata["witnesses"], json!([world.keyring.node_did()]));
    assert_eq!(metadata["contested"], false);
    assert!(metadata["updated"].as_str().unwrap().ends_with('Z'));
}

on_both! {
    a_registration_may_bring_the_first_entry,
    a_registration_with_a_bad_first_entry_is_refused_as_a_whole,
    an_identity_without_a_log_may_begin_one_later,
    the_new_key_logs_in_after_a_rotation_and_the_old_one_does_not,
    a_session_after_rotation_of_its_key_has_ended,
    a_recovery_ends_every_session,
    a_forked_entry_is_refused,
    a_back_dated_entry_is_refused,
    an_entry_without_the_pre_rotation_key_is_refused,
    the_same_entry_again_is_answered_the_same_and_changes_nothing,
    an_entry_of_another_did_is_refused,
    each_route_takes_its_own_kind_of_change,
    a_recovery_displaces_a_thiefs_rotation_within_seventy_two_hours,
    a_recovery_after_seventy_two_hours_displaces_nothing,
    a_deactivated_identity_can_do_nothing_and_can_be_taken_back_in_time,
    a_soft_identity_has_no_log,
    the_document_follows_the_log,
}

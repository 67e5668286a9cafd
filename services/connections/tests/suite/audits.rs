//! Change any one column of any table by SQL: the audit names the row.

use axum::http::StatusCode;
use imajin_connections_api::statement::{ACCEPT, AcceptTerms, invite_key, invite_prove};
use imajin_did::SecretKey;
use imajin_kernel::Span;
use imajin_store::{StoreError, Sweep, parity};
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::pods::{invite, join, offer, pod, shared};
use crate::world::{World, audit_all, key};

on_both!(every_single_column_is_covered, what_is_deleted_by_hand_is_missed);

/// At least one row in every table, and statements in every state.
async fn fill(world: &World) {
    let [ada, ben, cleo] = ["ada", "ben", "cleo"].map(|name| world.person(name));
    world.connect(&ada, &ben).await;
    world.vouch(&ada, &cleo, 5).await;
    world.later(Span::seconds(1));
    world.vouch(&ada, &cleo, 6).await;
    let flag = world.flag(&ben, &cleo, "amber").await;
    world.revoke(&ben, &flag).await;
    world.ask(&ben, &cleo).await;
    world.audience(&ada, "everybody").await;
    for method in ["PUT", "DELETE", "PUT"] {
        let path = format!("/blocks/{}", key("eve").did());
        world
            .change(&ada, method, &path, &Value::Null)
            .await
            .expect(StatusCode::OK);
    }
    let expires = world.env.now().plus(Span::days(1)).as_millis();
    let terms = json!({"key": invite_key("sesame").public(), "maxUses": 2, "expires": expires});
    let document = world.document(&ada, "trust.connection", None, &json!({"invite": terms}));
    let body = json!({"document": document, "note": "Come."});
    world
        .change(&ada, "POST", "/invites", &body)
        .await
        .expect(StatusCode::OK);
    let digest = world.get(None, "/invites/sesame").await.json()["digest"]
        .as_str()
        .unwrap()
        .to_owned();
    let terms = AcceptTerms {
        invite_proof: Some(invite_prove("sesame", &digest, &cleo.did())),
        statement: digest,
    };
    let document = world.document(&cleo, ACCEPT, None, &terms);
    world
        .change(&cleo, "POST", "/invites/sesame/accept", &document)
        .await
        .expect(StatusCode::OK);
    pods_fill(world, [&ada, &ben]).await;
    let context = (world.keyring.clone(), world.env.clone());
    let signed: Result<(), StoreError> = world
        .db
        .write(move |conn| {
            let sealer = imajin_store::Sealer::for_service(&context.0, "connections");
            let writer = imajin_store::mutation::Writer::new(
                "connections",
                context.0.clone(),
                sealer.clone(),
                context.1.clone(),
            );
            imajin_store::outbox::enqueue(conn, &sealer, &context.1, "topic", "key", &1)?;
            let owner = key("ada").did();
            let request = imajin_store::idempotency::Request {
                owner: &owner,
                key: "key",
                digest: &[0; 32],
            };
            imajin_store::idempotency::store(conn, &sealer, &request, 200, b"", context.1.now())?;
            imajin_store::mutation::checkpoint(conn, &writer)
        })
        .await;
    signed.unwrap();
}

/// A pod within another, with a member, somebody invited, and an offer.
async fn pods_fill(world: &World, [ada, ben]: [&SecretKey; 2]) {
    let outer = shared(world, ada).await;
    pod(world, ada, json!({"name": "Inner", "type": "event", "parent": outer})).await;
    let club = shared(world, ada).await;
    join(world, ada, &club, ben, "member").await;
    invite(world, ada, &club, &key("eve"), "admin")
        .await
        .expect(StatusCode::OK);
    offer(world, ada, &club, Some(ben)).await.expect(StatusCode::OK);
}

async fn every_single_column_is_covered(backend: Backend) {
    let world = World::new(backend).await;
    fill(&world).await;
    assert_eq!(world.audit().await, []);
    let (keyring, env) = (world.keyring.clone(), world.env.clone());
    let unnoticed = Sweep::whole(&world.db, "connections", move |conn| audit_all(conn, &keyring, &env)).await;
    assert_eq!(unnoticed.unwrap(), Vec::<String>::new());
}

async fn what_is_deleted_by_hand_is_missed(backend: Backend) {
    use diesel::connection::SimpleConnection;
    for (sql, said) in [
        ("DELETE FROM statements WHERE kind = 'flag'", "the row is missing"),
        (
            "DELETE FROM ties",
            "the tie that follows from it is not there, or another",
        ),
        ("DELETE FROM statements WHERE kind = 'vouch' AND deleted_at IS NULL", ""),
        ("DELETE FROM blocks", "the row is missing"),
        ("DELETE FROM audiences", "the row is missing"),
        ("DELETE FROM invites", "the row is missing"),
        ("DELETE FROM sequences", "its place is behind the last change"),
        ("DELETE FROM pods WHERE parent IS NULL", ""),
        ("DELETE FROM pods WHERE successor_did IS NOT NULL", "the row is missing"),
        (
            "DELETE FROM pod_members WHERE joined_at IS NULL",
            "they are not those who have signed to be in it",
        ),
    ] {
        let world = World::new(backend).await;
        fill(&world).await;
        let deleted: Result<(), StoreError> = world.db.write(move |conn| Ok(conn.batch_execute(sql)?)).await;
        deleted.unwrap();
        let findings = world.audit().await;
        assert!(!findings.is_empty(), "{sql}");
        assert!(
            said.is_empty() || findings.iter().all(|finding| finding.problem == said),
            "{findings:?}"
        );
    }
}

#[tokio::test]
async fn both_databases_have_the_same_columns() {
    let (one, two) = (World::new(Backend::Sqlite).await, World::new(Backend::Postgres).await);
    let columns = async |world: &World| parity::columns_of(&world.db).await.unwrap();
    assert_eq!(columns(&one).await, columns(&two).await);
}

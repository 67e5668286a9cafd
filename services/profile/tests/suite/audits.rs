//! Change any one column of any table by SQL: the audit names the row.

use axum::http::StatusCode;
use imajin_store::{StoreError, Sweep, parity};
use imajin_testkit::{Backend, on_both};
use serde_json::json;

use crate::world::{AVATAR, PROFILE, World, audit_all, picture};

on_both!(every_single_column_is_covered, what_is_deleted_by_hand_is_missed);

/// At least one row in every table, and profiles in every state.
async fn fill(world: &World) {
    let ada = world.person("ada");
    let body = json!({
        "version": 0, "displayName": "Ada", "bio": "Hello", "links": [{"url": "https://ada.example"}],
        "contact": {"email": {"value": "ada@example.org"}},
    });
    let signed = world.sign(&ada, "PUT", PROFILE, Some("k"), &body);
    world.send_signed(&signed, &[]).await.expect(StatusCode::OK);
    world
        .avatar(&ada, &picture(image::ImageFormat::Png, 8, 8))
        .await
        .expect(StatusCode::OK);
    let ben = world.person("ben");
    world.named(&ben, "Ben").await;
    world
        .avatar(&ben, &picture(image::ImageFormat::Png, 9, 9))
        .await
        .expect(StatusCode::OK);
    world
        .change(&ben, "DELETE", AVATAR, &json!({}))
        .await
        .expect(StatusCode::OK);
    let eve = world.person("eve");
    world.named(&eve, "Eve").await;
    world
        .avatar(&eve, &picture(image::ImageFormat::Png, 9, 8))
        .await
        .expect(StatusCode::OK);
    world
        .change(&eve, "DELETE", PROFILE, &json!({}))
        .await
        .expect(StatusCode::OK);
    let context = (world.keyring.clone(), world.env.clone());
    let signed: Result<(), StoreError> = world
        .db
        .write(move |conn| {
            let sealer = imajin_store::Sealer::for_service(&context.0, "profile");
            let writer =
                imajin_store::mutation::Writer::new("profile", context.0.clone(), sealer.clone(), context.1.clone());
            imajin_store::outbox::enqueue(conn, &sealer, &context.1, "topic", "key", &1)?;
            imajin_store::mutation::checkpoint(conn, &writer)
        })
        .await;
    signed.unwrap();
}

async fn every_single_column_is_covered(backend: Backend) {
    let world = World::new(backend).await;
    fill(&world).await;
    assert_eq!(world.audit().await, []);
    let (keyring, env) = (world.keyring.clone(), world.env.clone());
    let unnoticed = Sweep::whole(&world.db, "profile", move |conn| audit_all(conn, &keyring, &env)).await;
    assert_eq!(unnoticed.unwrap(), Vec::<String>::new());
}

async fn what_is_deleted_by_hand_is_missed(backend: Backend) {
    use diesel::connection::SimpleConnection;
    for (sql, said) in [
        ("DELETE FROM profiles WHERE display_name = 'Ada'", "the row is missing"),
        ("DELETE FROM avatars WHERE deleted_at IS NULL", "the row is missing"),
        ("DELETE FROM search_terms", "it is not found by its own name and handle"),
    ] {
        let world = World::new(backend).await;
        fill(&world).await;
        let deleted: Result<(), StoreError> = world.db.write(move |conn| Ok(conn.batch_execute(sql)?)).await;
        deleted.unwrap();
        let findings = world.audit().await;
        assert!(!findings.is_empty(), "{sql}");
        assert!(findings.iter().all(|finding| finding.problem == said), "{findings:?}");
    }
}

#[tokio::test]
async fn both_databases_have_the_same_columns() {
    let (one, two) = (World::new(Backend::Sqlite).await, World::new(Backend::Postgres).await);
    let columns = async |world: &World| parity::columns_of(&world.db).await.unwrap();
    assert_eq!(columns(&one).await, columns(&two).await);
}

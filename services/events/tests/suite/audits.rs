//! Change any one column of any table by SQL: the audit names the row.

use imajin_fair::Acceptance;
use imajin_kernel::Span;
use imajin_store::{StoreError, Sweep, parity};
use imajin_testkit::{Backend, on_both};
use serde_json::json;

use crate::world::{CheckoutAnswer, World, audit_all, key};

on_both!(every_single_column_is_covered, a_deleted_ticket_is_missed);

/// At least one row in every table, and orders in every state.
async fn fill(world: &World) {
    let event = world.event(Some(6)).await;
    let mira = key("mira");
    let acceptance = Acceptance::sign(&mira, mira.did(), event.manifest.id.clone(), world.env.now()).unwrap();
    world
        .post(
            &mira,
            &format!("/events/api/events/{}/fair/accept", event.id),
            &json!(acceptance),
        )
        .await;
    let lapses = world.checkout_with_key(&key("lapses"), &event, 4, "k").await.order();
    world.clock.advance(Span::minutes(15));
    world.events.holds_release().await.unwrap();
    let cancelled = world.checkout(&key("cancels"), &event, 1).await.order();
    world
        .post(
            &key("cancels"),
            &format!("/events/api/orders/{}/cancel", cancelled.id),
            &json!({}),
        )
        .await;
    let paid = world.checkout(&key("pays"), &event, 2).await.order();
    world.pay.settle(paid.checkout_id.unwrap()).await;
    world.checkout(&key("waits"), &event, 1).await.order();
    world.pay.settle(lapses.checkout_id.unwrap()).await; // Refused: three places are left, four were wanted.
    let context = (world.keyring.clone(), world.env.clone());
    let signed: Result<(), StoreError> = world
        .db
        .write(move |conn| {
            let sealer = imajin_store::Sealer::for_service(&context.0, "events");
            let writer =
                imajin_store::mutation::Writer::new("events", context.0.clone(), sealer.clone(), context.1.clone());
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
    let unnoticed = Sweep::whole(&world.db, "events", move |conn| audit_all(conn, &keyring, &env)).await;
    assert_eq!(unnoticed.unwrap(), Vec::<String>::new());
}

async fn a_deleted_ticket_is_missed(backend: Backend) {
    use diesel::connection::SimpleConnection;
    let world = World::new(backend).await;
    fill(&world).await;
    let deleted: Result<(), StoreError> = world
        .db
        .write(|conn| Ok(conn.batch_execute("DELETE FROM tickets WHERE ordinal = 2")?))
        .await;
    deleted.unwrap();
    let findings = world.audit().await;
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(
        findings[0]
            .to_string()
            .contains("not exactly one ticket for each of its places"),
        "{findings:?}"
    );
}

#[tokio::test]
async fn both_databases_have_the_same_columns() {
    let (one, two) = (World::new(Backend::Sqlite).await, World::new(Backend::Postgres).await);
    let columns = async |world: &World| parity::columns_of(&world.db).await.unwrap();
    assert_eq!(columns(&one).await, columns(&two).await);
}

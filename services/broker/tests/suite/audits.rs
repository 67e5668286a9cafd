//! Change any one column of any table by SQL: the audit names the row.

use axum::http::StatusCode;
use imajin_kernel::Span;
use imajin_store::{StoreError, Sweep, parity};
use imajin_testkit::{Backend, on_both};
use serde_json::json;

use crate::disputes::evidence;
use crate::world::{World, audit_all, key};

on_both!(every_single_column_is_covered, what_is_deleted_by_hand_is_missed);

/// At least one row in every table.
async fn fill(world: &World) {
    world.funded("10.00 TEST-USD").await;
    let ask = json!({"amount": {"amount": "10.00", "currency": "TEST-USD"}});
    world
        .agent_post("/broker/api/deposits", &ask, Some("k"))
        .await
        .expect(StatusCode::CREATED);
    let visa = world.visa("1.00", 2).await;
    let body = world.order("0.50", 1);
    world
        .agent_post("/issue-visa", &body, Some("k"))
        .await
        .expect(StatusCode::CREATED);
    assert_eq!(world.redeem(&[(&visa.jti, "r1", "0.40")]).await, ["accepted"]);
    world.later(Span::days(1));
    world.broker.due_work().await.unwrap();
    let to = key("other").did();
    let transfer = json!({"reference": "rmt_1", "to": to, "amount": {"amount": "0.10", "currency": "TEST-USD"}});
    world
        .ask(&key("publisher"), "POST", "/broker/api/transfers", Some(&transfer))
        .await
        .expect(StatusCode::OK);
    let read = world.reads("page").await;
    let id = world.objects(&read).await;
    world
        .answers(&key("publisher"), &id, &evidence(&read))
        .await
        .expect(StatusCode::OK);
    let context = (world.keyring.clone(), world.env.clone());
    let signed: Result<(), StoreError> = world
        .db
        .write(move |conn| {
            let sealer = imajin_store::Sealer::for_service(&context.0, "broker");
            let writer =
                imajin_store::mutation::Writer::new("broker", context.0.clone(), sealer.clone(), context.1.clone());
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
    let unnoticed = Sweep::whole(&world.db, "broker", move |conn| audit_all(conn, &keyring, &env)).await;
    assert_eq!(unnoticed.unwrap(), Vec::<String>::new());
}

async fn what_is_deleted_by_hand_is_missed(backend: Backend) {
    use diesel::connection::SimpleConnection;
    for (sql, said) in [
        ("DELETE FROM accounts", "the row is missing"),
        ("DELETE FROM visas WHERE redeemed_uses = 0", "the row is missing"),
        ("DELETE FROM redemptions", "its redemptions sum up to something else"),
    ] {
        let world = World::new(backend).await;
        fill(&world).await;
        let deleted: Result<(), StoreError> = world.db.write(move |conn| Ok(conn.batch_execute(sql)?)).await;
        deleted.unwrap();
        let findings = world.audit().await;
        assert!(
            findings.iter().any(|finding| finding.problem == said),
            "{sql}: {findings:?}"
        );
    }
}

#[tokio::test]
async fn both_databases_have_the_same_columns() {
    let (one, two) = (World::new(Backend::Sqlite).await, World::new(Backend::Postgres).await);
    let columns = async |world: &World| parity::columns_of(&world.db).await.unwrap();
    assert_eq!(columns(&one).await, columns(&two).await);
}

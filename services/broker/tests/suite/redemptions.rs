//! What publishers are paid.

use axum::http::StatusCode;
use imajin_kernel::Span;
use imajin_store::{StoreError, tamper};
use imajin_testkit::{Backend, on_both};
use serde_json::json;

use crate::world::{World, key};

on_both!(
    a_visa_is_redeemed_once_per_receipt_and_never_for_more,
    a_publisher_is_paid_when_the_time_for_disputes_is_over,
    another_publishers_visa_pays_nothing,
    a_claim_is_paid_once,
    damaged_rows_hold_no_other_up,
    a_host_that_does_not_answer_decides_nothing,
    a_lost_answer_of_the_ledger_pays_nothing_twice,
    what_is_left_of_a_visa_goes_back_after_its_time,
    what_no_batch_can_be_is_refused,
);

async fn a_visa_is_redeemed_once_per_receipt_and_never_for_more(backend: Backend) {
    let world = World::with(backend, Span::ZERO).await;
    world.funded("10.00 TEST-USD").await;
    let visa = world.visa("1.00", 3).await;
    let jti = visa.jti.as_str();
    assert_eq!(
        world.redeem(&[(jti, "r1", "0.40"), (jti, "r1", "0.40")]).await,
        ["credited", "credited"]
    );
    assert_eq!(world.redeem(&[(jti, "r1", "0.40")]).await, ["credited"]);
    // The same receipt with something else, more than is left, nothing at all, a visa of nobody.
    let batch = [
        (jti, "r1", "0.50"),
        (jti, "r2", "0.61"),
        (jti, "r2", "0.00"),
        ("vis_00000000000000000000000000", "r", "0.10"),
    ];
    assert_eq!(world.redeem(&batch).await, ["refused"; 4]);
    assert_eq!(
        world.redeem(&[("nonsense", "r", "0.10"), (jti, "", "0.10")]).await,
        ["refused"; 2]
    );
    assert_eq!(
        world.redeem(&[(jti, "r2", "0.10"), (jti, "r3", "0.10")]).await,
        ["credited"; 2]
    );
    // It pays three times.
    assert_eq!(world.redeem(&[(jti, "r4", "0.10")]).await, ["refused"]);
    assert_eq!(world.purse.has(&key("publisher").did()), 600_000);
    // It is used up, so the rest goes back without waiting.
    world.broker.due_work().await.unwrap();
    assert_eq!(world.purse.has(&world.agent()), 9_400_000);
    assert_eq!(
        world.redeem(&[(jti, "r3", "0.10"), (jti, "r5", "0.10")]).await,
        ["credited", "refused"]
    );
    assert_eq!(world.audit().await, []);
}

async fn a_publisher_is_paid_when_the_time_for_disputes_is_over(backend: Backend) {
    let world = World::new(backend).await;
    world.funded("10.00 TEST-USD").await;
    let visa = world.visa("1.00", 1).await;
    assert_eq!(world.redeem(&[(&visa.jti, "r1", "0.40")]).await, ["accepted"]);
    world.later(Span::hours(23));
    world.broker.due_work().await.unwrap();
    assert_eq!(world.redeem(&[(&visa.jti, "r1", "0.40")]).await, ["accepted"]);
    world.later(Span::hours(1));
    world.broker.due_work().await.unwrap();
    assert_eq!(world.redeem(&[(&visa.jti, "r1", "0.40")]).await, ["credited"]);
    assert_eq!(world.purse.has(&key("publisher").did()), 400_000);
    let own = world
        .ask(&key("publisher"), "GET", "/broker/api/redemptions", None)
        .await;
    assert_eq!(own.expect(StatusCode::OK).json()["items"][0]["state"], "credited");
    let all = world
        .ask(&key("operator"), "GET", "/broker/api/redemptions?all=true", None)
        .await;
    assert_eq!(all.json(), own.json());
    let all = world
        .ask(&key("publisher"), "GET", "/broker/api/redemptions?all=true", None)
        .await;
    all.expect(StatusCode::FORBIDDEN);
    assert_eq!(world.audit().await, []);
}

async fn another_publishers_visa_pays_nothing(backend: Backend) {
    let world = World::with(backend, Span::ZERO).await;
    world.funded("10.00 TEST-USD").await;
    let visa = world.visa("1.00", 1).await;
    let thief = key("thief");
    assert_eq!(world.redeem_by(&thief, &[(&visa.jti, "r1", "0.40")]).await, ["refused"]);
    // The publisher is not in the way of itself: what the thief asked for names nothing.
    assert_eq!(world.redeem(&[(&visa.jti, "r1", "0.40")]).await, ["credited"]);
    assert_eq!(world.redeem_by(&thief, &[(&visa.jti, "r1", "0.40")]).await, ["refused"]);
    assert_eq!(world.purse.has(&thief.did()), 0);
    let amount = json!({"amount": "0.10", "currency": "TEST-USD"});
    let one = json!({"jti": visa.jti, "receipt": "r", "amount": amount, "claimDigest": "00"});
    let body = json!({"redemptions": [one]});
    let agent = world.agent_post("/broker/api/redemptions", &body, None).await;
    assert_eq!(agent.code(), "forbidden");
}

async fn a_claim_is_paid_once(backend: Backend) {
    let world = World::with(backend, Span::ZERO).await;
    world.funded("10.00 TEST-USD").await;
    let visa = world.visa("1.00", 5).await;
    let jti = visa.jti.as_str();
    let (publisher, digest) = (key("publisher"), "0a".repeat(32));
    let redeem = async |batch: &[(&str, &str, &str)], digest: &str| world.redeem_claim(&publisher, batch, digest).await;
    let twice = [(jti, "r1", "0.10"), (jti, "r2", "0.10")];
    assert_eq!(redeem(&twice, &digest).await, ["credited", "refused"]);
    assert_eq!(
        redeem(&[(jti, "r1", "0.10")], &digest).await,
        ["credited"],
        "the same again"
    );
    assert_eq!(
        redeem(&[(jti, "r3", "0.10")], &digest.to_uppercase()).await,
        ["refused"]
    );
    assert_eq!(redeem(&[(jti, "r3", "0.10")], &"0b".repeat(32)).await, ["credited"]);
    assert_eq!(world.purse.has(&publisher.did()), 200_000);
    assert_eq!(world.audit().await, []);
}

async fn damaged_rows_hold_no_other_up(backend: Backend) {
    let world = World::new(backend).await;
    world.funded("10.00 TEST-USD").await;
    let (first, second) = (world.visa("1.00", 2).await, world.visa("1.00", 2).await);
    assert_eq!(world.redeem(&[(&first.jti, "r1", "0.40")]).await, ["accepted"]);
    world.later(Span::seconds(1));
    assert_eq!(world.redeem(&[(&second.jti, "r2", "0.40")]).await, ["accepted"]);
    let damaged = world.db.write(|conn| {
        let place = tamper::rows(conn, "redemptions")?.remove(0);
        Ok::<_, StoreError>(tamper::tamper(conn, "redemptions", "created_at", &place)?.unwrap())
    });
    let damaged = damaged.await.unwrap();
    world.later(Span::days(1));
    world.broker.due_work().await.unwrap();
    assert_eq!(world.purse.has(&key("publisher").did()), 400_000, "the second is paid");
    world.later(Span::days(8));
    world.broker.due_work().await.unwrap();
    assert_eq!(world.purse.has(&world.agent()), 8_600_000, "and its rest is back");
    let repaired: Result<(), StoreError> = world.db.write(move |conn| Ok(damaged.clone().undo(conn)?)).await;
    repaired.unwrap();
    world.broker.due_work().await.unwrap();
    assert_eq!(world.purse.has(&key("publisher").did()), 800_000);
    assert_eq!(world.audit().await, []);
}

async fn a_host_that_does_not_answer_decides_nothing(backend: Backend) {
    let world = World::with(backend, Span::ZERO).await;
    world.funded("10.00 TEST-USD").await;
    let mut order = world.order("1.00", 1);
    // Nobody listens there.
    order["publisher"] = json!("127.0.0.1:1");
    let issued = world.agent_post("/issue-visa", &order, None).await.json();
    let own = world.agent_get("/broker/api/visas").await.json();
    assert!(issued["token"].is_string());
    let jti = own["items"][0]["jti"].as_str().unwrap();
    assert_eq!(world.redeem(&[(jti, "r1", "0.40")]).await, Vec::<String>::new());
    assert_eq!(world.purse.has(&key("publisher").did()), 0);
}

async fn a_lost_answer_of_the_ledger_pays_nothing_twice(backend: Backend) {
    let world = World::with(backend, Span::ZERO).await;
    world.funded("10.00 TEST-USD").await;
    let visa = world.visa("1.00", 2).await;
    world.purse.lose(1);
    assert_eq!(world.redeem(&[(&visa.jti, "r1", "0.40")]).await, ["accepted"]);
    world.purse.away(1);
    assert_eq!(world.redeem(&[(&visa.jti, "r1", "0.40")]).await, ["accepted"]);
    assert_eq!(world.redeem(&[(&visa.jti, "r1", "0.40")]).await, ["credited"]);
    assert_eq!(world.purse.has(&key("publisher").did()), 400_000);
}

async fn what_is_left_of_a_visa_goes_back_after_its_time(backend: Backend) {
    let world = World::new(backend).await;
    world.funded("10.00 TEST-USD").await;
    let visa = world.visa("1.00", 5).await;
    world.later(Span::days(7));
    world.broker.due_work().await.unwrap();
    // Within the time for redemptions, in its last minutes.
    assert_eq!(world.redeem(&[(&visa.jti, "r1", "0.40")]).await, ["accepted"]);
    world.later(Span::hours(1));
    assert_eq!(world.redeem(&[(&visa.jti, "r2", "0.40")]).await, ["refused"]);
    // What waits for its time keeps the rest where it is.
    world.broker.due_work().await.unwrap();
    assert_eq!(world.purse.holds(), (1_000_000, 0, 0));
    world.later(Span::days(2));
    world.broker.due_work().await.unwrap();
    world.broker.due_work().await.unwrap();
    assert_eq!(world.purse.holds(), (1_000_000, 400_000, 600_000));
    assert_eq!(world.redeem(&[(&visa.jti, "r2", "0.10")]).await, ["refused"]);
    assert_eq!(world.audit().await, []);
}

async fn what_no_batch_can_be_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let amount = json!({"amount": "0.10", "currency": "USD"});
    let one = json!({"jti": "vis_00000000000000000000000000", "receipt": "r", "amount": amount, "claimDigest": "00"});
    for batch in [Vec::new(), vec![one.clone(); 101]] {
        let body = json!({"redemptions": batch});
        let answer = world
            .ask(&key("publisher"), "POST", "/broker/api/redemptions", Some(&body))
            .await;
        assert_eq!(answer.json()["member"], "redemptions");
    }
    let unsigned = axum::http::Request::post("/broker/api/redemptions")
        .header("content-type", "application/json")
        .body(axum::body::Body::from(json!({"redemptions": [one]}).to_string()))
        .unwrap();
    assert_eq!(world.send(unsigned).await.code(), "unauthenticated");
}

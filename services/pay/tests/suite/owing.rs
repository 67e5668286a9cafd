//! Whoever owes something pays it from whatever comes next, on whichever way it comes, and before anything of theirs is
//! set aside.

use imajin_kernel::id::HoldId;
use imajin_pay_api::{PurseApi, PurseCapture, PurseReserve, PurseTransfer};
use imajin_testkit::{Answer, Backend, on_both};
use serde_json::{Value, json};

use crate::balance::{QUOTE, quote, settle, top_up};
use crate::refunds::{debt, refund, refund_by_operator, settled};
use crate::world::{World, key, money};

on_both!(
    what_is_captured_from_holds_pays_debts_first,
    what_a_broker_pays_pays_debts_first,
    nothing_is_set_aside_before_debts_are_paid,
    nobody_sends_back_what_they_have_taken_out,
);

const HOLDS: &str = "/pay/api/holds";

fn amount(text: &str) -> Value {
    json!({"amount": text, "currency": "TEST-USD"})
}

async fn place(world: &World, who: &str, idempotency: &str, text: &str) -> Answer {
    world
        .post(who, HOLDS, Some(idempotency), &json!({"amount": amount(text)}))
        .await
}

async fn standing(world: &World, who: &str) -> (String, String) {
    (world.available(who).await, debt(world, who).await)
}

fn pair(available: &str, debt: &str) -> (String, String) {
    let text = |text: &str| match text {
        "0" => "0".to_owned(),
        text => format!("{text} TEST-USD"),
    };
    (format!("{available} TEST-USD"), text(debt))
}

/// Mira owes 6.50, and has as much set aside; Friend has 10.00. Answers with Mira's hold.
async fn with_debt(backend: Backend) -> (World, String) {
    let world = World::new(backend).await;
    let checkout = settled(&world).await;
    let hold = place(&world, "mira", "h", "6.50").await.json();
    refund_by_operator(&world, "k", &json!({"checkout": checkout.id})).await;
    let goods = world.goods_split("buyer", "10.00 TEST-USD", &[("friend", 1_000_000)]);
    let checkout = world.checkout_of("buyer", &goods).await;
    world.pay_for(&checkout).await;
    assert_eq!(standing(&world, "mira").await, pair("0.00", "6.50"));
    assert_eq!(standing(&world, "friend").await, pair("10.00", "0"));
    (world, hold["id"].as_str().unwrap().to_owned())
}

async fn what_is_captured_from_holds_pays_debts_first(backend: Backend) {
    let (world, _) = with_debt(backend).await;
    let hold = place(&world, "friend", "1", "9.00").await.json();
    let path = format!("{HOLDS}/{}/capture", hold["id"].as_str().unwrap());
    for (idempotency, part, due) in [("2", "2.00", ("0.00", "4.50")), ("3", "5.00", ("0.50", "0"))] {
        let body = json!({"payee": key("mira").did(), "amount": amount(part), "keepRest": true});
        for _again in 0..2 {
            let captured = world.post("friend", &path, Some(idempotency), &body).await;
            assert!(captured.status.is_success(), "{}", captured.text());
            assert_eq!(standing(&world, "mira").await, pair(due.0, due.1));
        }
    }
    world.audit_clean().await;
}

async fn what_a_broker_pays_pays_debts_first(backend: Backend) {
    let (world, hold) = with_debt(backend).await;
    let own: HoldId = world.env.new_id();
    let reserve = PurseReserve {
        hold: own,
        owner: key("friend").did(),
        amount: money("3.00 TEST-USD"),
        reference: "visa/1".to_owned(),
    };
    world.pay.purse_reserve(reserve).await.unwrap();
    let capture = PurseCapture {
        hold: own,
        key: "visa/1/1".to_owned(),
        payee: key("mira").did(),
        amount: money("2.00 TEST-USD"),
        reference: "visa/1".to_owned(),
    };
    let transfer = PurseTransfer {
        key: "1".to_owned(),
        from: key("friend").did(),
        to: key("mira").did(),
        amount: money("1.50 TEST-USD"),
        reference: "1".to_owned(),
    };
    let captured = world.pay.purse_capture(capture.clone()).await.unwrap();
    assert_eq!(standing(&world, "mira").await, pair("0.00", "4.50"));
    let moved = world.pay.purse_transfer(transfer.clone()).await.unwrap();
    assert_eq!(standing(&world, "mira").await, pair("0.00", "3.00"));
    // Asked again, nothing moves, although something is owed still.
    assert_eq!(world.pay.purse_capture(capture).await.unwrap().entry, captured.entry);
    assert_eq!(world.pay.purse_transfer(transfer).await.unwrap().entry, moved.entry);
    assert_eq!(standing(&world, "mira").await, pair("0.00", "3.00"));
    // What somebody owes leaves to nobody else either.
    let void = world
        .post("mira", &format!("{HOLDS}/{hold}/void"), Some("v"), &json!({}))
        .await;
    assert!(void.status.is_success(), "{}", void.text());
    let away = |key_text: &str, text: &str| PurseTransfer {
        key: key_text.to_owned(),
        from: key("mira").did(),
        to: key("zoe").did(),
        amount: money(text),
        reference: "2".to_owned(),
    };
    assert!(world.pay.purse_transfer(away("2", "3.51 TEST-USD")).await.is_err());
    world.pay.purse_transfer(away("3", "3.50 TEST-USD")).await.unwrap();
    assert_eq!(standing(&world, "mira").await, pair("0.00", "0"));
    world.audit_clean().await;
}

async fn nothing_is_set_aside_before_debts_are_paid(backend: Backend) {
    let (world, hold) = with_debt(backend).await;
    let checkout = world
        .checkout_of(
            "buyer",
            &world.goods_split("buyer", "2.00 TEST-USD", &[("mira", 1_000_000)]),
        )
        .await;
    world.pay_for(&checkout).await;
    assert_eq!(standing(&world, "mira").await, pair("0.00", "4.50"));
    // Her own money comes back to her: nobody has given her anything.
    let void = world
        .post("mira", &format!("{HOLDS}/{hold}/void"), Some("v"), &json!({}))
        .await;
    assert!(void.status.is_success(), "{}", void.text());
    assert_eq!(standing(&world, "mira").await, pair("6.50", "4.50"));
    let refused = place(&world, "mira", "1", "2.01").await;
    assert_eq!(refused.code(), "payment_required", "{}", refused.text());
    assert_eq!(
        standing(&world, "mira").await,
        pair("6.50", "4.50"),
        "a refusal moves nothing"
    );
    let quoted = quote(&world, "mira", &world.work("1.00 TEST-USD")).await;
    let paid = settle(&world, "mira", &quoted, "q").await;
    assert_eq!(paid.json()["state"], "settled", "{}", paid.text());
    assert_eq!(
        standing(&world, "mira").await,
        pair("1.70", "0"),
        "0.70 of it is hers again"
    );
    assert!(place(&world, "mira", "2", "1.70").await.status.is_success());
    world.audit_clean().await;
}

/// Two who are one: what the first has put in is the second's, leaves, and is to be the first's again.
async fn nobody_sends_back_what_they_have_taken_out(backend: Backend) {
    let world = World::new(backend).await;
    top_up(&world, "buyer", "5.00").await;
    let goods = json!({"type": "tip", "id": key("friend").did()});
    let body = json!({"goods": goods, "amount": amount("5.00")});
    let quoted = world.post("buyer", QUOTE, None, &body).await.json();
    let tip = settle(&world, "buyer", &quoted, "tip").await.json();
    assert_eq!(standing(&world, "friend").await, pair("5.00", "0"));
    let out = PurseTransfer {
        key: "out".to_owned(),
        from: key("friend").did(),
        to: key("elsewhere").did(),
        amount: money("4.99 TEST-USD"),
        reference: "out".to_owned(),
    };
    world.pay.purse_transfer(out).await.unwrap();
    let body = json!({"checkout": tip["id"]});
    let refused = refund(&world, "friend", "back", &body).await;
    assert_eq!(refused.code(), "conflict", "{}", refused.text());
    assert!(refused.text().contains("op up your balance"), "{}", refused.text());
    assert_eq!(standing(&world, "friend").await, pair("0.01", "0"), "nothing has moved");
    assert_eq!(standing(&world, "buyer").await, pair("0.00", "0"));
    // What is still there may go back.
    let part = json!({"checkout": tip["id"], "amount": amount("0.01")});
    let sent = refund(&world, "friend", "part", &part).await;
    assert_eq!(sent.status.as_u16(), 201, "{}", sent.text());
    let sent = refund_by_operator(&world, "back", &body).await;
    assert_eq!(sent.status.as_u16(), 201, "{}", sent.text());
    assert_eq!(standing(&world, "friend").await, pair("0.00", "4.99"));
    assert_eq!(standing(&world, "buyer").await, pair("5.00", "0"));
    world.audit_clean().await;
}

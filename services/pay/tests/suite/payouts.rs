//! Payees set up where they are paid, and balances leave through the rail.

use imajin_kernel::Span;
use imajin_money::Amount;
use imajin_pay::PayConfig;
use imajin_testkit::stripe_peer::{FaultKind, PeerOptions, StripePeer};
use imajin_testkit::{Answer, Backend, on_both};
use serde_json::{Value, json};

use crate::cards::{Cards, config};
use crate::refunds::refund_by_operator;
use crate::world::key;

on_both!(
    an_account_is_made_once_and_can_be_paid_when_it_is_complete,
    a_balance_leaves_in_whole_coins_and_the_rest_stays,
    a_payout_is_made_of_the_payments_that_the_money_came_with,
    a_payout_that_the_rail_refuses_comes_back,
    a_transfer_that_is_reversed_comes_back,
    a_transfer_that_is_reversed_before_its_answer_arrives_comes_back,
    what_is_owed_is_paid_first,
    a_lost_answer_sends_once,
    a_part_of_a_payment_is_not_sent_again_after_a_long_outage,
    balances_above_the_threshold_leave_by_themselves,
    what_the_rail_refuses_is_not_sent_again_each_minute,
    payments_that_went_back_keep_nobody_from_being_paid,
    a_payment_in_another_currency_is_not_sent_on,
    a_payout_without_an_account_or_above_the_balance_is_refused,
);

/// Somebody sets up their account and completes it.
pub(crate) async fn onboard(cards: &Cards, name: &str) -> String {
    let made = ask_onboard(cards, name).await;
    assert_eq!(made.status.as_u16(), 200, "{}", made.text());
    let did = key(name).did().to_string();
    let accounts = cards.peer.objects("account");
    let account = accounts.iter().find(|account| account["metadata"]["imajin_did"] == did);
    let account = account.unwrap()["id"].as_str().unwrap().to_owned();
    cards.peer.account_change(&account, true).unwrap();
    cards.follow().await;
    account
}

async fn ask_onboard(cards: &Cards, name: &str) -> Answer {
    let body = json!({"country": "US"});
    cards.world.post(name, "/pay/api/connect/onboard", None, &body).await
}

pub(crate) async fn pay_out(cards: &Cards, name: &str, key: &str, body: &Value) -> Answer {
    let answer = cards.world.post(name, "/pay/api/payout", Some(key), body).await;
    cards.follow().await;
    answer
}

async fn payouts(cards: &Cards, name: &str) -> Value {
    cards.world.get(Some(name), "/pay/api/payouts").await.json()
}

pub(crate) async fn sold(cards: &Cards, buyer: &str) -> String {
    let checkout = cards.checkout(buyer).await;
    cards.pays(&checkout).await
}

pub(crate) fn all() -> Value {
    json!({"currency": "USD"})
}

async fn an_account_is_made_once_and_can_be_paid_when_it_is_complete(backend: Backend) {
    let cards = Cards::live(backend).await;
    let first = ask_onboard(&cards, "mira").await.json();
    assert_eq!((&first["ready"], &first["rail"]), (&json!(false), &json!("stripe")));
    assert!(first["url"].as_str().unwrap().starts_with(cards.peer.url()));
    let second = ask_onboard(&cards, "mira").await.json();
    assert_ne!(first["url"], second["url"], "a link works once");
    assert_eq!(cards.peer.objects("account").len(), 2, "the platform's, and Mira's");
    let account = onboard(&cards, "mira").await;
    assert_eq!(payouts(&cards, "mira").await["account"]["ready"], true);
    cards.peer.account_change(&account, false).unwrap();
    cards.follow().await;
    assert_eq!(payouts(&cards, "mira").await["account"]["ready"], false);
    let refused = cards
        .world
        .post("mira", "/pay/api/connect/onboard", None, &json!({"country": "usa"}))
        .await;
    assert_eq!(refused.code(), "invalid_request");
    cards.world.audit_clean().await;
}

async fn a_balance_leaves_in_whole_coins_and_the_rest_stays(backend: Backend) {
    let cards = Cards::live(backend).await;
    let account = onboard(&cards, "mira").await;
    sold(&cards, "buyer").await;
    let answer = pay_out(&cards, "mira", "k", &all()).await;
    assert_eq!(answer.status.as_u16(), 201, "{}", answer.text());
    assert_eq!(answer.json()["amount"], json!({"amount": "6.58", "currency": "USD"}));
    let again = pay_out(&cards, "mira", "k", &all()).await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(cards.world.available("mira").await, "0.007 USD");
    let transfers = cards.peer.objects("transfer");
    assert_eq!(transfers.len(), 1);
    assert_eq!(
        (&transfers[0]["amount"], &transfers[0]["destination"]),
        (&json!(658), &json!(account))
    );
    let listed = payouts(&cards, "mira").await;
    assert_eq!(listed["payouts"][0]["state"], "paid");
    assert_eq!(listed["payouts"].as_array().unwrap().len(), 1);
    let nothing = pay_out(&cards, "mira", "k2", &all()).await;
    assert_eq!(nothing.code(), "conflict", "{}", nothing.text());
    cards.world.audit_clean().await;
}

async fn a_payout_is_made_of_the_payments_that_the_money_came_with(backend: Backend) {
    let cards = Cards::live(backend).await;
    onboard(&cards, "mira").await;
    onboard(&cards, "jonas").await;
    for buyer in ["one", "two", "three"] {
        sold(&cards, buyer).await;
        cards.world.clock.advance(Span::minutes(1));
    }
    // 8.469 of three payments, then 19.761: each payment gives at most what is left of it.
    assert_eq!(pay_out(&cards, "jonas", "k", &all()).await.status.as_u16(), 201);
    assert_eq!(pay_out(&cards, "mira", "k", &all()).await.status.as_u16(), 201);
    let transfers = cards.peer.objects("transfer");
    let sum: i64 = transfers
        .iter()
        .filter_map(|transfer| transfer["amount"].as_i64())
        .sum();
    assert_eq!((transfers.len(), sum), (4, 846 + 1_976));
    assert!(
        transfers
            .iter()
            .all(|transfer| transfer["source_transaction"].is_string())
    );
    cards.world.audit_clean().await;
}

async fn a_payout_that_the_rail_refuses_comes_back(backend: Backend) {
    let cards = Cards::live(backend).await;
    let account = onboard(&cards, "mira").await;
    sold(&cards, "buyer").await;
    // The account was closed, and the message about it is still on its way.
    cards.peer.tamper(&account, |account| {
        account["capabilities"]["transfers"] = json!("inactive");
    });
    assert_eq!(pay_out(&cards, "mira", "k", &all()).await.status.as_u16(), 201);
    let payout = payouts(&cards, "mira").await["payouts"][0].clone();
    assert_eq!(
        (&payout["state"], &payout["returned"]["amount"]),
        (&json!("failed"), &json!("6.58"))
    );
    assert_eq!(cards.world.available("mira").await, "6.587 USD");
    cards.world.audit_clean().await;
    // Opened again, it goes.
    cards.peer.account_change(&account, true).unwrap();
    cards.follow().await;
    // The list is by time.
    cards.world.clock.advance(Span::seconds(1));
    assert_eq!(pay_out(&cards, "mira", "k2", &all()).await.status.as_u16(), 201);
    assert_eq!(payouts(&cards, "mira").await["payouts"][0]["state"], "paid");
    cards.world.audit_clean().await;
}

async fn a_transfer_that_is_reversed_comes_back(backend: Backend) {
    let cards = Cards::live(backend).await;
    onboard(&cards, "mira").await;
    sold(&cards, "buyer").await;
    pay_out(&cards, "mira", "k", &all()).await;
    let transfer = cards.peer.objects("transfer").remove(0)["id"]
        .as_str()
        .unwrap()
        .to_owned();
    cards.peer.transfer_reverse(&transfer).unwrap();
    cards.peer.tell_again("transfer.reversed", &transfer);
    cards.follow().await;
    assert_eq!(cards.world.available("mira").await, "6.587 USD");
    assert_eq!(payouts(&cards, "mira").await["payouts"][0]["state"], "failed");
    cards.world.audit_clean().await;
}

async fn a_transfer_that_is_reversed_before_its_answer_arrives_comes_back(backend: Backend) {
    let cards = Cards::live(backend).await;
    onboard(&cards, "mira").await;
    sold(&cards, "buyer").await;
    cards.peer.fault("POST /v1/transfers", FaultKind::LostAfter, 3);
    pay_out(&cards, "mira", "k", &all()).await;
    assert_eq!(payouts(&cards, "mira").await["payouts"][0]["state"], "under_way");
    let transfer = cards.peer.objects("transfer").remove(0)["id"]
        .as_str()
        .unwrap()
        .to_owned();
    cards.peer.transfer_reverse(&transfer).unwrap();
    cards.peer.tell_again("transfer.reversed", &transfer);
    cards.follow().await;
    assert_eq!(payouts(&cards, "mira").await["payouts"][0]["state"], "under_way");
    cards.world.clock.advance(Span::minutes(20));
    cards.follow().await;
    assert_eq!(cards.world.available("mira").await, "6.587 USD");
    assert_eq!(payouts(&cards, "mira").await["payouts"][0]["state"], "failed");
    assert_eq!(cards.peer.objects("transfer").len(), 1);
    cards.world.audit_clean().await;
}

async fn what_is_owed_is_paid_first(backend: Backend) {
    let cards = Cards::live(backend).await;
    onboard(&cards, "mira").await;
    let first = sold(&cards, "one").await;
    pay_out(&cards, "mira", "k", &all()).await;
    // The bank takes the first payment back: Mira has only 0.007 of it left, and owes the rest.
    cards.peer.dispute_open(&first, 1_000).unwrap();
    cards.follow().await;
    assert_eq!(cards.world.balance(&key("mira").did(), "debt").await, "6.58 USD");
    sold(&cards, "two").await;
    sold(&cards, "three").await;
    // The first 6.58 of them have paid it.
    assert_eq!(cards.world.available("mira").await, "6.594 USD");
    assert_eq!(cards.world.balance(&key("mira").did(), "debt").await, "0");
    let answer = pay_out(&cards, "mira", "k2", &all()).await;
    assert_eq!(answer.json()["amount"]["amount"], "6.59", "{}", answer.text());
    assert_eq!(cards.world.balance(&key("mira").did(), "debt").await, "0");
    assert_eq!(cards.world.available("mira").await, "0.004 USD");
    cards.world.audit_clean().await;
}

async fn a_lost_answer_sends_once(backend: Backend) {
    let cards = Cards::live(backend).await;
    onboard(&cards, "mira").await;
    sold(&cards, "buyer").await;
    cards.peer.fault("POST /v1/transfers", FaultKind::LostAfter, 3);
    pay_out(&cards, "mira", "k", &all()).await;
    assert_eq!(payouts(&cards, "mira").await["payouts"][0]["state"], "under_way");
    cards.world.audit_clean().await;
    cards.peer.keys_forget();
    cards.world.clock.advance(Span::days(2));
    cards.world.pay.drive().await.unwrap();
    assert_eq!(payouts(&cards, "mira").await["payouts"][0]["state"], "paid");
    assert_eq!(cards.peer.objects("transfer").len(), 1);
    cards.world.audit_clean().await;
}

async fn a_part_of_a_payment_is_not_sent_again_after_a_long_outage(backend: Backend) {
    let cards = Cards::live(backend).await;
    onboard(&cards, "mira").await;
    sold(&cards, "buyer").await;
    cards.peer.fault("POST /v1/transfers", FaultKind::LostAfter, 3);
    // Much less than the payment has: Stripe would take it again.
    let part = json!({"amount": {"amount": "1.00", "currency": "USD"}});
    pay_out(&cards, "mira", "k", &part).await;
    assert_eq!(payouts(&cards, "mira").await["payouts"][0]["state"], "under_way");
    cards.world.clock.advance(Span::hours(25));
    cards.world.pay.drive().await.unwrap();
    assert_eq!(payouts(&cards, "mira").await["payouts"][0]["state"], "paid");
    assert_eq!(cards.peer.objects("transfer").len(), 1);
    cards.world.audit_clean().await;
}

fn above_five(peer: &StripePeer) -> PayConfig {
    let mut config = config(peer);
    config.rails.payout_threshold = Some(Amount::parse_decimal("5.00").unwrap());
    config
}

async fn what_the_rail_refuses_is_not_sent_again_each_minute(backend: Backend) {
    let cards = Cards::with(backend, PeerOptions::live, above_five).await;
    let account = onboard(&cards, "mira").await;
    sold(&cards, "buyer").await;
    cards.peer.tamper(&account, |account| {
        account["capabilities"]["transfers"] = json!("inactive");
    });
    let attempt = async || {
        let made = cards.world.pay.payouts_batch().await.unwrap();
        cards.follow().await;
        made
    };
    assert_eq!(attempt().await, 1);
    cards.world.clock.advance(Span::minutes(59));
    assert_eq!(attempt().await, 0);
    cards.world.clock.advance(Span::minutes(1));
    assert_eq!(attempt().await, 1);
    cards.world.clock.advance(Span::minutes(119));
    assert_eq!(attempt().await, 0, "twice as long");
    cards.world.clock.advance(Span::minutes(1));
    assert_eq!(attempt().await, 1);
    cards.world.clock.advance(Span::hours(4));
    cards.peer.account_change(&account, true).unwrap();
    assert_eq!(attempt().await, 1);
    assert_eq!(cards.world.available("mira").await, "0.007 USD");
    assert_eq!(payouts(&cards, "mira").await["payouts"].as_array().unwrap().len(), 4);
    cards.world.audit_clean().await;
}

/// More than are looked at in one go.
const WENT_BACK: usize = 51;

async fn payments_that_went_back_keep_nobody_from_being_paid(backend: Backend) {
    let cards = Cards::live(backend).await;
    onboard(&cards, "mira").await;
    for number in 0..WENT_BACK {
        let checkout = cards.checkout(&format!("buyer {number}")).await;
        cards.pays(&checkout).await;
        refund_by_operator(&cards.world, &format!("k{number}"), &json!({"checkout": checkout.id})).await;
    }
    cards.world.clock.advance(Span::seconds(1));
    sold(&cards, "buyer").await;
    let answer = pay_out(&cards, "mira", "k", &all()).await;
    assert_eq!(answer.status.as_u16(), 201, "{}", answer.text());
    assert_eq!(cards.peer.objects("transfer").len(), 1);
}

async fn a_payment_in_another_currency_is_not_sent_on(backend: Backend) {
    let cards = Cards::live(backend).await;
    onboard(&cards, "mira").await;
    let intent = sold(&cards, "buyer").await;
    let charge = cards.peer.object(&intent)["latest_charge"].as_str().unwrap().to_owned();
    let balance = cards.peer.object(&charge)["balance_transaction"]
        .as_str()
        .unwrap()
        .to_owned();
    cards
        .peer
        .tamper(&balance, |balance| balance["currency"] = json!("eur"));
    assert_eq!(pay_out(&cards, "mira", "k", &all()).await.status.as_u16(), 201);
    assert_eq!(payouts(&cards, "mira").await["payouts"][0]["state"], "failed");
    assert!(cards.peer.objects("transfer").is_empty());
    assert_eq!(cards.world.available("mira").await, "6.587 USD");
}

async fn balances_above_the_threshold_leave_by_themselves(backend: Backend) {
    let cards = Cards::with(backend, PeerOptions::live, above_five).await;
    for name in ["mira", "jonas"] {
        onboard(&cards, name).await;
    }
    sold(&cards, "buyer").await;
    assert_eq!(
        cards.world.pay.payouts_batch().await.unwrap(),
        1,
        "Jonas has 2.823 only"
    );
    assert_eq!(cards.world.pay.payouts_batch().await.unwrap(), 0);
    cards.follow().await;
    assert_eq!(cards.world.available("mira").await, "0.007 USD");
    assert_eq!(cards.world.available("jonas").await, "2.823 USD");
    cards.world.audit_clean().await;
}

async fn a_payout_without_an_account_or_above_the_balance_is_refused(backend: Backend) {
    let cards = Cards::live(backend).await;
    sold(&cards, "buyer").await;
    let answer = pay_out(&cards, "mira", "k", &all()).await;
    assert_eq!(answer.code(), "conflict", "{}", answer.text());
    onboard(&cards, "mira").await;
    let ask = async |key: &str, body: Value| pay_out(&cards, "mira", key, &body).await.code();
    let money = |amount: &str, currency: &str| json!({"amount": {"amount": amount, "currency": currency}});
    assert_eq!(ask("a", money("6.59", "USD")).await, "payment_required");
    assert_eq!(ask("b", money("1.00", "TEST-USD")).await, "conflict");
    assert_eq!(ask("c", money("0.00", "USD")).await, "invalid_request");
    assert_eq!(ask("d", money("1.00", "NOTHING")).await, "conflict");
    assert_eq!(ask("e", json!({})).await, "invalid_request");
    assert_eq!(ask("f", json!({"currency": "usd"})).await, "invalid_request");
    let keyless = cards.world.post("mira", "/pay/api/payout", None, &all()).await;
    assert_eq!(keyless.code(), "invalid_request");
    // A key with another body.
    assert_eq!(
        pay_out(&cards, "mira", "g", &money("1.00", "USD"))
            .await
            .status
            .as_u16(),
        201
    );
    assert_eq!(ask("g", money("2.00", "USD")).await, "idempotency_mismatch");
    assert_eq!(cards.world.available("mira").await, "5.587 USD");
    // Somebody else sees nothing of it.
    assert_eq!(
        payouts(&cards, "jonas").await,
        json!({"account": null, "address": null, "payouts": []})
    );
    assert_eq!(cards.world.get(None, "/pay/api/payouts").await.status.as_u16(), 401);
    cards.world.audit_clean().await;
}

//! A rail is compared with what is booked: each difference is made by hand, named, and resolved.

use std::sync::atomic::Ordering;

use diesel::connection::SimpleConnection;
use imajin_kernel::Span;
use imajin_pay::PayError;
use imajin_store::StoreError;
use imajin_testkit::stripe_peer::FaultKind;
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::cards::Cards;
use crate::payouts::onboard;
use crate::refunds::{part, refund_by_operator, settled};
use crate::shares::sale_with;
use crate::world::{World, key};

on_both!(
    everything_in_order_has_no_difference,
    a_payment_that_nobody_told_of_is_named_until_it_is_told,
    a_payment_that_the_rail_does_not_have_is_named,
    an_amount_and_a_fee_that_differ_are_named,
    the_fee_of_what_went_back_is_named,
    refunds_made_elsewhere_or_refused_by_the_bank_are_named,
    disputes_that_differ_are_named,
    transfers_that_differ_are_named,
    money_that_left_the_rail_by_itself_is_named,
    test_money_is_compared_with_what_its_rail_signed,
    test_money_that_was_sent_back_is_no_difference,
    a_held_share_that_was_sent_back_in_part_is_no_difference,
    a_payment_that_did_not_arrive_back_is_no_difference_once_it_is_booked,
    a_rail_that_is_away_is_asked_again_where_it_was,
    the_same_difference_is_one_row_and_comes_back_as_another,
    only_the_operator_compares,
);

/// Lets the messages that may be on their way arrive, and compares; what is different at a rail, or in the ledger.
pub(crate) async fn compared(world: &World, scope: &str) -> Vec<Value> {
    world.clock.advance(Span::hours(1));
    world.pay.reconcile_now(None).await.unwrap();
    let view = view(world).await;
    let mut rounds = view["rounds"].as_array().unwrap().iter();
    assert!(rounds.any(|round| round["scope"] == scope && round["state"] == "done"));
    let open = view["open"].as_array().unwrap().iter();
    open.filter(|difference| difference["scope"] == scope)
        .cloned()
        .collect()
}

pub(crate) async fn view(world: &World) -> Value {
    *world.identities.operator.lock().unwrap() = Some(key("operator").did());
    world.get(Some("operator"), "/pay/api/reconciliation").await.json()
}

pub(crate) fn kinds(differences: &[Value]) -> Vec<&str> {
    let mut kinds: Vec<_> = differences.iter().map(|each| each["kind"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    kinds
}

/// The difference of a kind.
fn of<'a>(differences: &'a [Value], kind: &str) -> &'a Value {
    differences.iter().find(|each| each["kind"] == kind).unwrap()
}

fn pair(difference: &Value) -> (String, String) {
    let text = |name: &str| difference[name].as_str().unwrap_or("none").to_owned();
    (text("expected"), text("found"))
}

fn amounts(expected: &str, found: &str) -> (String, String) {
    (expected.to_owned(), found.to_owned())
}

async fn at_stripe(cards: &Cards) -> Vec<Value> {
    compared(&cards.world, "rail:stripe").await
}

async fn sql(world: &World, statement: String) {
    let done: Result<(), StoreError> = world.db.write(move |conn| Ok(conn.batch_execute(&statement)?)).await;
    done.unwrap();
}

async fn sold(cards: &Cards, buyer: &str) -> String {
    let checkout = cards.checkout(buyer).await;
    cards.pays(&checkout).await
}

async fn everything_in_order_has_no_difference(backend: Backend) {
    let cards = Cards::live(backend).await;
    onboard(&cards, "mira").await;
    for buyer in ["one", "two", "three"] {
        sold(&cards, buyer).await;
    }
    let body = json!({"currency": "USD"});
    cards.world.post("mira", "/pay/api/payout", Some("k"), &body).await;
    cards.follow().await;
    let intent = sold(&cards, "four").await;
    let dispute = cards.peer.dispute_open(&intent, 500).unwrap();
    cards.follow().await;
    // What is told may be on its way: nothing is named too early.
    cards.peer.dispute_close(&dispute, false).unwrap();
    cards.follow().await;
    assert_eq!(at_stripe(&cards).await, [json!(null); 0]);
    let rounds = view(&cards.world).await["rounds"].clone();
    let stripe = rounds
        .as_array()
        .unwrap()
        .iter()
        .find(|round| round["scope"] == "rail:stripe");
    assert!(stripe.unwrap()["checked"].as_i64().unwrap() >= 11, "{rounds}");
    cards.world.audit_clean().await;
}

async fn a_payment_that_nobody_told_of_is_named_until_it_is_told(backend: Backend) {
    let cards = Cards::live(backend).await;
    let checkout = cards.checkout("buyer").await;
    let session = cards.session(&checkout);
    let intent = cards.peer.customer_pays(&session).unwrap();
    assert!(!cards.peer.messages_take().is_empty(), "they are lost on the way");
    cards.world.pay.reconcile_now(None).await.unwrap();
    assert_eq!(
        view(&cards.world).await["open"],
        json!([]),
        "the message may be on its way"
    );
    let found = at_stripe(&cards).await;
    assert_eq!(kinds(&found), ["balance_differs", "payment_unknown_here"]);
    let unknown = of(&found, "payment_unknown_here");
    assert_eq!(unknown["subject"], format!("payment/{intent}"));
    assert_eq!(
        (&unknown["expected"], &unknown["currency"]),
        (&json!("10.00"), &json!("USD"))
    );
    assert!(unknown["detail"].as_str().unwrap().contains(&checkout.id.to_string()));
    assert!(unknown["advice"].as_str().unwrap().contains("Resend"));
    assert_eq!(pair(of(&found, "balance_differs")), amounts("0.00", "9.41"));
    cards.peer.tell_again("checkout.session.completed", &session);
    cards.follow().await;
    assert_eq!(at_stripe(&cards).await, [json!(null); 0]);
    let resolved = view(&cards.world).await["resolved"].clone();
    let resolved = resolved
        .as_array()
        .unwrap()
        .iter()
        .filter(|each| each["scope"] == "rail:stripe");
    let resolved: Vec<_> = resolved.collect();
    assert_eq!(resolved.len(), 2);
    assert!(resolved.iter().all(|each| each["resolvedAt"].is_string()));
    cards.world.audit_clean().await;
}

async fn a_payment_that_the_rail_does_not_have_is_named(backend: Backend) {
    let cards = Cards::live(backend).await;
    let intent = sold(&cards, "buyer").await;
    let object = cards.peer.object(&intent);
    cards.peer.forget(&intent);
    let found = at_stripe(&cards).await;
    assert_eq!(kinds(&found), ["payment_missing_at_rail"]);
    assert_eq!(found[0]["subject"], format!("payment/{intent}"));
    cards.peer.remember(object);
    assert_eq!(at_stripe(&cards).await, [json!(null); 0]);
}

async fn an_amount_and_a_fee_that_differ_are_named(backend: Backend) {
    let cards = Cards::live(backend).await;
    let intent = sold(&cards, "buyer").await;
    cards
        .peer
        .tamper(&intent, |intent| intent["amount_received"] = json!(900));
    let charge = cards.peer.object(&intent)["latest_charge"].as_str().unwrap().to_owned();
    let moved = cards.peer.object(&charge)["balance_transaction"]
        .as_str()
        .unwrap()
        .to_owned();
    cards.peer.tamper(&moved, |moved| moved["fee"] = json!(61));
    let found = at_stripe(&cards).await;
    assert_eq!(kinds(&found), ["fee_differs", "payment_amount_differs"]);
    assert_eq!(pair(of(&found, "fee_differs")), amounts("0.61", "0.59"));
    assert_eq!(pair(of(&found, "payment_amount_differs")), amounts("9.00", "10.00"));
    cards
        .peer
        .tamper(&intent, |intent| intent["amount_received"] = json!(1_000));
    cards.peer.tamper(&moved, |moved| moved["fee"] = json!(59));
    assert_eq!(at_stripe(&cards).await, [json!(null); 0]);
}

async fn the_fee_of_what_went_back_is_named(backend: Backend) {
    let cards = Cards::live(backend).await;
    cards.world.seller.refuses.store(true, Ordering::SeqCst);
    sold(&cards, "buyer").await;
    let found = at_stripe(&cards).await;
    assert_eq!(kinds(&found), ["fee_unbooked"], "and it explains the balance");
    assert_eq!(
        (&found[0]["expected"], &found[0]["found"]),
        (&json!("0.59"), &json!("0.00"))
    );
}

async fn refunds_made_elsewhere_or_refused_by_the_bank_are_named(backend: Backend) {
    let cards = Cards::live(backend).await;
    let intent = sold(&cards, "buyer").await;
    let members = [("payment_intent", intent.as_str()), ("amount", "400")];
    let refund = cards.peer.dashboard("refunds", &members).unwrap();
    let found = at_stripe(&cards).await;
    assert_eq!(kinds(&found), ["balance_differs", "refund_unknown_here"]);
    assert_eq!(of(&found, "refund_unknown_here")["expected"], "4.00");
    assert_eq!(pair(of(&found, "balance_differs")), amounts("9.41", "5.41"));
    cards.peer.refund_fail(&refund).unwrap();
    assert_eq!(at_stripe(&cards).await, [json!(null); 0]);

    cards.world.seller.refuses.store(true, Ordering::SeqCst);
    let intent = sold(&cards, "too late").await;
    let refunds = cards.peer.objects("refund");
    let ours = refunds
        .iter()
        .find(|refund| refund["payment_intent"] == intent)
        .unwrap();
    let ours = ours["id"].as_str().unwrap();
    cards.peer.tamper(ours, |refund| refund["amount"] = json!(999));
    let found = at_stripe(&cards).await;
    assert!(kinds(&found).contains(&"refund_amount_differs"), "{found:?}");
    cards.peer.refund_fail(ours).unwrap();
    let found = at_stripe(&cards).await;
    assert_eq!(pair(of(&found, "refund_failed")), amounts("10.00", "0.00"));
    assert!(!kinds(&found).contains(&"refund_amount_differs"), "{found:?}");
    let refund = cards.peer.object(ours);
    cards.peer.forget(ours);
    // What was listed once stays known; a refund that was never listed is missing.
    sql(
        &cards.world,
        format!("DELETE FROM rail_facts WHERE reference = '{ours}'"),
    )
    .await;
    assert!(kinds(&at_stripe(&cards).await).contains(&"refund_missing_at_rail"));
    cards.peer.remember(refund);
    assert!(!kinds(&at_stripe(&cards).await).contains(&"refund_missing_at_rail"));
}

async fn disputes_that_differ_are_named(backend: Backend) {
    let cards = Cards::live(backend).await;
    let intent = sold(&cards, "buyer").await;
    let dispute = cards.peer.dispute_open(&intent, 1_000).unwrap();
    cards.peer.messages_take();
    let found = at_stripe(&cards).await;
    assert_eq!(kinds(&found), ["balance_differs", "dispute_unknown_here"]);
    cards.peer.tell_again("charge.dispute.created", &dispute);
    cards.follow().await;
    assert_eq!(at_stripe(&cards).await, [json!(null); 0]);
    cards.peer.dispute_close(&dispute, true).unwrap();
    cards.peer.messages_take();
    let found = at_stripe(&cards).await;
    assert_eq!(kinds(&found), ["balance_differs", "dispute_differs"]);
    assert!(
        of(&found, "dispute_differs")["detail"]
            .as_str()
            .unwrap()
            .contains("won over 10.00 USD; here open")
    );
    cards.peer.tell_again("charge.dispute.closed", &dispute);
    cards.follow().await;
    assert_eq!(at_stripe(&cards).await, [json!(null); 0]);
}

async fn transfers_that_differ_are_named(backend: Backend) {
    let cards = Cards::live(backend).await;
    onboard(&cards, "mira").await;
    sold(&cards, "buyer").await;
    let body = json!({"currency": "USD"});
    cards.world.post("mira", "/pay/api/payout", Some("k"), &body).await;
    cards.follow().await;
    let transfer = cards.peer.objects("transfer")[0]["id"].as_str().unwrap().to_owned();
    cards.peer.transfer_reverse(&transfer).unwrap();
    let told = cards.peer.messages_take();
    let found = at_stripe(&cards).await;
    assert_eq!(kinds(&found), ["balance_differs", "transfer_differs"]);
    assert_eq!(pair(of(&found, "transfer_differs")), amounts("0.00", "6.58"));
    for message in &told {
        let again = cards.peer.message_again(&message.id).unwrap();
        cards.send(&again).await;
    }
    cards.follow().await;
    assert_eq!(at_stripe(&cards).await, [json!(null); 0]);
    let object = cards.peer.object(&transfer);
    let mut foreign = object.clone();
    foreign["id"] = json!("tr_0badf00d");
    cards.peer.remember(foreign);
    let found = at_stripe(&cards).await;
    assert_eq!(kinds(&found), ["transfer_unknown_here"]);
    cards.peer.forget("tr_0badf00d");
}

async fn money_that_left_the_rail_by_itself_is_named(backend: Backend) {
    let cards = Cards::live(backend).await;
    sold(&cards, "buyer").await;
    // To the operator's bank: the rail says so, and that is in order.
    cards
        .peer
        .dashboard("payouts", &[("amount", "300"), ("currency", "usd")])
        .unwrap();
    assert_eq!(at_stripe(&cards).await, [json!(null); 0]);
    // And once without a word.
    let charge = cards.peer.objects("balance_transaction")[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    cards.peer.tamper(&charge, |moved| moved["net"] = json!(841));
    let found = at_stripe(&cards).await;
    assert_eq!(kinds(&found), ["balance_differs"]);
    assert_eq!(
        (&found[0]["expected"], &found[0]["found"]),
        (&json!("6.41"), &json!("5.41"))
    );
}

async fn test_money_that_was_sent_back_is_no_difference(backend: Backend) {
    let world = World::new(backend).await;
    let checkout = settled(&world).await;
    for (name, amount) in [("a", "2.38"), ("b", "5.32")] {
        refund_by_operator(&world, name, &part(&checkout, amount)).await;
    }
    assert_eq!(compared(&world, "rail:sandbox").await, [json!(null); 0]);
    // The rail is asked again for some months: what was paid before and went back since is known as well.
    world.clock.advance(Span::days(130));
    refund_by_operator(&world, "c", &json!({"checkout": checkout.id})).await;
    assert_eq!(compared(&world, "rail:sandbox").await, [json!(null); 0]);
}

async fn a_held_share_that_was_sent_back_in_part_is_no_difference(backend: Backend) {
    let world = World::new(backend).await;
    let (checkout, _) = sale_with(&world, &key("jonas").did()).await;
    refund_by_operator(&world, "k", &part(&checkout, "2.50")).await;
    assert_eq!(world.balance(&key("jonas").did(), "pending").await, "2.25 TEST-USD");
    assert_eq!(compared(&world, "ledger").await, [json!(null); 0]);
}

async fn a_payment_that_did_not_arrive_back_is_no_difference_once_it_is_booked(backend: Backend) {
    let cards = Cards::live(backend).await;
    cards.world.seller.refuses.store(true, Ordering::SeqCst);
    sold(&cards, "buyer").await;
    let made = cards.peer.objects("refund")[0]["id"].as_str().unwrap().to_owned();
    cards.peer.refund_fail(&made).unwrap();
    cards.peer.tell_again("refund.failed", &made);
    cards.follow().await;
    assert_eq!(cards.world.available("buyer").await, "10.00 USD");
    assert_eq!(kinds(&at_stripe(&cards).await), ["fee_unbooked"]);
}

async fn test_money_is_compared_with_what_its_rail_signed(backend: Backend) {
    let world = World::new(backend).await;
    let checkout = world.checkout("buyer").await;
    world.pay_for(&checkout).await;
    world.seller.refuses.store(true, Ordering::SeqCst);
    let refused = world.checkout("too late").await;
    world.pay_for(&refused).await;
    assert_eq!(compared(&world, "rail:sandbox").await, [json!(null); 0]);
    // The rail's books lose a payment: by the ledger it should hold more.
    sql(
        &world,
        "UPDATE rail_facts SET amount = 9000000 WHERE amount = 10000000".to_owned(),
    )
    .await;
    world.clock.advance(Span::hours(1));
    let damaged = world.pay.reconcile_now(Some("rail:sandbox")).await.unwrap_err();
    assert_eq!(damaged.code, imajin_kernel::Code::Internal, "{damaged:?}");
    let named = world.audit().await;
    assert!(named.len() >= 3, "{named:?}");
    assert!(
        named.iter().all(|finding| finding.table.starts_with("rail_")),
        "{named:?}"
    );
}

async fn a_rail_that_is_away_is_asked_again_where_it_was(backend: Backend) {
    let cards = Cards::live(backend).await;
    sold(&cards, "buyer").await;
    cards.peer.fault("/disputes", FaultKind::ServerError, 3);
    cards.world.clock.advance(Span::hours(1));
    cards.world.pay.reconcile_now(None).await.unwrap();
    let round = async || {
        let rounds = view(&cards.world).await["rounds"].clone();
        let rounds = rounds.as_array().unwrap().clone();
        rounds
            .into_iter()
            .find(|round| round["scope"] == "rail:stripe")
            .unwrap()
    };
    let stuck = round().await;
    assert_eq!(
        (&stuck["state"], &stuck["phase"]),
        (&json!("under_way"), &json!("facts"))
    );
    assert!(stuck["problem"].as_str().unwrap().contains("500"), "{stuck}");
    let asked = |path: &str| cards.peer.seen().iter().filter(|seen| seen.path == path).count();
    assert_eq!(asked("/v1/payment_intents"), 1);
    cards.world.clock.advance(Span::minutes(10));
    cards.world.pay.reconcile_now(None).await.unwrap();
    let done = round().await;
    assert_eq!((&done["state"], &done["problem"]), (&json!("done"), &json!(null)));
    assert_eq!(asked("/v1/payment_intents"), 1, "it went on where it was");
}

async fn the_same_difference_is_one_row_and_comes_back_as_another(backend: Backend) {
    let cards = Cards::live(backend).await;
    let intent = sold(&cards, "buyer").await;
    let wrong = |minor: i64| {
        cards
            .peer
            .tamper(&intent, |intent| intent["amount_received"] = json!(minor));
    };
    wrong(900);
    let first = at_stripe(&cards).await;
    let second = at_stripe(&cards).await;
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_eq!(first[0]["firstSeenAt"], second[0]["firstSeenAt"]);
    assert_ne!(first[0]["lastSeenAt"], second[0]["lastSeenAt"]);
    wrong(1_000);
    assert!(at_stripe(&cards).await.is_empty());
    wrong(800);
    let again = at_stripe(&cards).await;
    assert_ne!(again[0]["firstSeenAt"], first[0]["firstSeenAt"]);
    let kept = view(&cards.world).await["resolved"].clone();
    assert_eq!(
        (kept.as_array().unwrap().len(), &kept[0]["expected"]),
        (1, &json!("9.00"))
    );
    cards.world.audit_clean().await;
}

async fn only_the_operator_compares(backend: Backend) {
    let world = World::new(backend).await;
    *world.identities.operator.lock().unwrap() = Some(key("operator").did());
    let path = "/pay/api/reconciliation";
    assert_eq!(world.get(None, path).await.status.as_u16(), 401);
    assert_eq!(world.get(Some("mira"), path).await.code(), "forbidden");
    assert_eq!(world.post("mira", path, None, &json!({})).await.code(), "forbidden");
    let scope = |scope: &str| json!({"scope": scope});
    let answer = world.post("operator", path, None, &scope("rail:sandbox")).await;
    assert_eq!(answer.json()["rounds"][0]["state"], "done", "{}", answer.text());
    let unknown = world.post("operator", path, None, &scope("rail:nothing")).await;
    assert_eq!(unknown.code(), PayError::NotFound("rail").code().as_str());
    world.audit_clean().await;
}

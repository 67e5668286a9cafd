//! Sellers and operators send payments back.

use std::sync::atomic::Ordering;

use axum::http::StatusCode;
use imajin_did::Did;
use imajin_fair::plan::FeeSchedule;
use imajin_kernel::Span;
use imajin_pay::PayConfig;
use imajin_pay_api::{CheckoutState, CheckoutView, CreditNoteBody, CreditNoteClaims};
use imajin_proof::SignedMessage;
use imajin_proof::token;
use imajin_testkit::{Answer, Backend, on_both};
use serde_json::{Value, json};

use crate::balance::{quote, settle, top_up};
use crate::world::{World, key};

on_both!(
    a_whole_refund_walks_the_split_back_and_is_noted,
    part_refunds_add_up_to_every_leg_exactly,
    what_was_spent_becomes_a_debt_that_the_next_sale_pays,
    only_the_seller_and_the_operator_may,
    never_more_than_was_paid_and_never_nothing,
    the_same_key_refunds_once,
    a_credit_note_is_for_everybody_on_the_receipt,
    a_seller_that_is_away_is_told_later,
    a_debt_of_a_claimed_mailbox_is_its_owners,
    what_a_balance_paid_goes_back_to_it_and_pays_what_its_owner_owes,
);

/// The buyer has a credit among the fees: it is given back by whom the rest is given to.
async fn what_a_balance_paid_goes_back_to_it_and_pays_what_its_owner_owes(backend: Backend) {
    let world = World::with(backend, mjn()).await;
    *world.identities.operator.lock().unwrap() = Some(key("operator").did());
    let topped_up = top_up(&world, "buyer", "10.00").await;
    let goods = world.work("8.00 TEST-USD");
    let quoted = quote(&world, "buyer", &goods).await;
    let paid = settle(&world, "buyer", &quoted, "pays").await.json();
    assert_eq!(paid["state"], "settled");
    assert_eq!(world.available("buyer").await, "2.02 TEST-USD");
    // What they had put in goes back, although most of it is spent.
    let whole = json!({"checkout": topped_up});
    let answer = refund(&world, "operator", "t", &whole).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    assert_eq!(debt(&world, "buyer").await, "7.98 TEST-USD");
    let body = json!({"checkout": paid["id"]});
    let answer = refund_by_operator(&world, "k", &body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    assert_eq!(world.available("buyer").await, "0.00 TEST-USD");
    assert_eq!(debt(&world, "buyer").await, "0");
    world.audit_clean().await;
}

pub(crate) const REFUND: &str = "/pay/api/refund";

/// A node with fees for everybody.
pub(crate) fn mjn() -> PayConfig {
    PayConfig {
        fees: FeeSchedule::mjn(),
        ..PayConfig::default()
    }
}

pub(crate) async fn settled(world: &World) -> CheckoutView {
    let checkout = world.checkout("buyer").await;
    world.pay_for(&checkout).await;
    assert_eq!(world.state(checkout.id).await, CheckoutState::Settled);
    checkout
}

/// Asks for a refund, and everything that follows happens.
pub(crate) async fn refund(world: &World, who: &str, idempotency: &str, body: &Value) -> Answer {
    let answer = world.post(who, REFUND, Some(idempotency), body).await;
    world.pay.drive().await.unwrap();
    answer
}

/// Asks for it as the operator of the node, who alone makes debts of what is gone.
pub(crate) async fn refund_by_operator(world: &World, idempotency: &str, body: &Value) -> Answer {
    *world.identities.operator.lock().unwrap() = Some(key("operator").did());
    refund(world, "operator", idempotency, body).await
}

pub(crate) fn part(checkout: &CheckoutView, amount: &str) -> Value {
    let asset = checkout.price.asset.to_string();
    json!({"checkout": checkout.id, "amount": {"amount": amount, "currency": asset}})
}

pub(crate) async fn sheet(world: &World, who: &str, checkout: &CheckoutView) -> Value {
    let receipt = world.view(checkout.id).await.receipt.unwrap();
    world
        .get(Some(who), &format!("/pay/api/refunds/{receipt}"))
        .await
        .json()
}

pub(crate) async fn note(world: &World, who: &str, refund: &str) -> CreditNoteBody {
    let answer = world.get(Some(who), &format!("/pay/api/credit-notes/{refund}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let message: SignedMessage<CreditNoteBody> = serde_json::from_value(answer.json()["message"].clone()).unwrap();
    message.verify("credit-note", &world.keyring.node_public()).unwrap();
    message.payload
}

pub(crate) async fn debt(world: &World, name: &str) -> String {
    world.balance(&key(name).did(), "debt").await
}

async fn a_whole_refund_walks_the_split_back_and_is_noted(backend: Backend) {
    let world = World::with(backend, mjn()).await;
    let checkout = settled(&world).await;
    let body = json!({"receipt": world.view(checkout.id).await.receipt, "reason": "The evening was rained off."});
    let answer = refund(&world, "organiser", "k", &body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    assert_eq!(answer.json()["state"], "under_way");
    for name in ["mira", "jonas", "buyer"] {
        assert_eq!(world.available(name).await, "0.00 TEST-USD", "{name}");
        assert_eq!(debt(&world, name).await, "0", "{name}");
    }
    let node = world.keyring.node_did().clone();
    assert_eq!(world.balance(&node, "fees").await, "0");
    let sheet = sheet(&world, "buyer", &checkout).await;
    assert_eq!(
        (&sheet["refunded"]["amount"], &sheet["left"]["amount"]),
        (&json!("10.00"), &json!("0.00"))
    );
    assert_eq!(
        (&sheet["refunds"][0]["state"], &sheet["mayRefund"]),
        (&json!("sent"), &json!(false))
    );
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    let said = note(&world, "mira", &id).await;
    assert_eq!((said.refunded, said.refunded_total), (said.gross, said.gross));
    assert_eq!(said.reason.as_deref(), Some("The evening was rained off."));
    let receipt = world.receipt("buyer", checkout.id).await.message.payload;
    assert_eq!(said.fees, receipt.fees, "fees come back in full");
    let legs: Vec<_> = said.legs.iter().map(|leg| (leg.did.clone(), leg.amount)).collect();
    let due: Vec<_> = receipt.legs.iter().map(|leg| (leg.did.clone(), leg.amount)).collect();
    assert_eq!(legs, due);
    let told = world.seller.returned.lock().unwrap().clone();
    assert_eq!(told.len(), 1);
    assert!(told[0].whole && told[0].goods == receipt.goods && told[0].receipt == receipt.id);
    let again = refund(&world, "organiser", "k2", &json!({"checkout": checkout.id})).await;
    assert_eq!(
        (again.code().as_str(), again.text().contains("gone back already")),
        ("conflict", true)
    );
    world.audit_clean().await;
}

async fn part_refunds_add_up_to_every_leg_exactly(backend: Backend) {
    let world = World::with(backend, mjn()).await;
    let shares = [("mira", 333_333), ("jonas", 333_333), ("zoe", 333_334)];
    let goods = world.goods_split("buyer", "9.99 TEST-USD", &shares);
    let checkout = world.checkout_of("buyer", &goods).await;
    world.pay_for(&checkout).await;
    let before = world.available("zoe").await;
    for (number, amount) in ["0.01", "3.333333", "0.000001", "2.22", "4.426666"].iter().enumerate() {
        let answer = refund(&world, "organiser", &format!("k{number}"), &part(&checkout, amount)).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        world.clock.advance(Span::seconds(1));
        world.audit_clean().await;
        assert_eq!(world.seller.returned.lock().unwrap().last().unwrap().whole, number == 4);
    }
    assert_ne!(before, world.available("zoe").await);
    for name in ["mira", "jonas", "zoe", "buyer"] {
        assert_eq!(world.available(name).await, "0.00 TEST-USD", "{name}");
        assert_eq!(debt(&world, name).await, "0", "{name}");
    }
    assert_eq!(sheet(&world, "organiser", &checkout).await["left"]["amount"], "0.00");
    assert_eq!(
        sheet(&world, "organiser", &checkout).await["refunds"]
            .as_array()
            .unwrap()
            .len(),
        5
    );
}

async fn what_was_spent_becomes_a_debt_that_the_next_sale_pays(backend: Backend) {
    let world = World::new(backend).await;
    let checkout = settled(&world).await;
    let hold = json!({"amount": {"amount": "6.50", "currency": "TEST-USD"}});
    assert!(
        world
            .post("mira", "/pay/api/holds", Some("h"), &hold)
            .await
            .status
            .is_success()
    );
    refund_by_operator(&world, "k", &json!({"checkout": checkout.id})).await;
    assert_eq!(world.available("mira").await, "0.00 TEST-USD");
    assert_eq!(debt(&world, "mira").await, "6.50 TEST-USD");
    assert_eq!(debt(&world, "jonas").await, "0");
    world.audit_clean().await;
    settled(&world).await;
    assert_eq!(
        (
            world.available("mira").await.as_str(),
            debt(&world, "mira").await.as_str()
        ),
        ("0.50 TEST-USD", "0")
    );
    let lines = world.get(Some("mira"), "/pay/api/entries").await.json();
    let kinds: Vec<_> = lines["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["kind"].clone())
        .collect();
    assert_eq!(kinds, ["repayment", "settlement", "refund", "hold", "settlement"]);
    let statement = world.get(Some("mira"), "/pay/api/statement").await;
    assert!(
        statement.text().contains("repayment") && statement.text().contains("debt"),
        "{}",
        statement.text()
    );
    world.audit_clean().await;
    // Two more in one batch: the debt is paid once.
    refund_by_operator(&world, "k2", &json!({"checkout": settled(&world).await.id})).await;
    world.audit_clean().await;
}

async fn only_the_seller_and_the_operator_may(backend: Backend) {
    let world = World::new(backend).await;
    let checkout = settled(&world).await;
    let body = json!({"checkout": checkout.id});
    for (who, code) in [("stranger", "not_found"), ("buyer", "forbidden"), ("mira", "forbidden")] {
        assert_eq!(refund(&world, who, "k", &body).await.code(), code, "{who}");
    }
    let receipt = world.view(checkout.id).await.receipt.unwrap();
    let path = format!("/pay/api/refunds/{receipt}");
    assert_eq!(world.get(Some("stranger"), &path).await.code(), "not_found");
    assert_eq!(world.get(None, &path).await.code(), "unauthenticated");
    let unknown = json!({"checkout": "chk_01kb0000000000000000000000"});
    assert_eq!(refund(&world, "organiser", "k", &unknown).await.code(), "not_found");
    assert_eq!(world.available("mira").await, "7.00 TEST-USD");
    *world.identities.operator.lock().unwrap() = Some(key("operator").did());
    let answer = refund(&world, "operator", "k", &body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    assert_eq!(sheet(&world, "operator", &checkout).await["mayRefund"], true);
    assert_eq!(sheet(&world, "organiser", &checkout).await["mayRefund"], true);
    world.audit_clean().await;
}

async fn never_more_than_was_paid_and_never_nothing(backend: Backend) {
    let world = World::new(backend).await;
    let checkout = settled(&world).await;
    let ask = async |body: Value| refund(&world, "organiser", "k", &body).await.code();
    assert_eq!(ask(part(&checkout, "10.000001")).await, "conflict");
    assert_eq!(ask(part(&checkout, "9223372036854.775807")).await, "conflict");
    assert_eq!(ask(part(&checkout, "0.00")).await, "invalid_request");
    for amount in [
        json!("-1.00"),
        json!("1e3"),
        json!(1),
        json!("92233720368547758079"),
        json!(""),
    ] {
        let body = json!({"checkout": checkout.id, "amount": {"amount": amount, "currency": "TEST-USD"}});
        let answer = refund(&world, "organiser", "k", &body).await;
        assert!(answer.status.is_client_error(), "{}", answer.text());
    }
    let other = json!({"checkout": checkout.id, "amount": {"amount": "1.00", "currency": "TEST-EUR"}});
    assert_eq!(ask(other).await, "invalid_request");
    assert_eq!(ask(json!({})).await, "invalid_request");
    assert_eq!(
        ask(json!({"checkout": checkout.id, "reason": "a".repeat(501)})).await,
        "invalid_request"
    );
    let keyless = world
        .post("organiser", REFUND, None, &json!({"checkout": checkout.id}))
        .await;
    assert_eq!(keyless.code(), "invalid_request");
    let fits = refund(&world, "organiser", "k", &part(&checkout, "4.00")).await;
    assert_eq!(fits.status, StatusCode::CREATED, "{}", fits.text());
    let more = refund(&world, "organiser", "k2", &part(&checkout, "6.000001")).await;
    assert_eq!(more.code(), "conflict");
    assert!(more.text().contains("6.00 TEST-USD"), "{}", more.text());
    // What is not split yet goes back by itself or not at all.
    let open = world.checkout("buyer").await;
    assert_eq!(
        refund(&world, "organiser", "k3", &json!({"checkout": open.id}))
            .await
            .code(),
        "conflict"
    );
    world.seller.refuses.store(true, Ordering::SeqCst);
    world.pay_for(&open).await;
    assert_eq!(
        refund(&world, "organiser", "k4", &json!({"checkout": open.id}))
            .await
            .code(),
        "conflict"
    );
    world.audit_clean().await;
}

async fn the_same_key_refunds_once(backend: Backend) {
    let world = World::new(backend).await;
    let checkout = settled(&world).await;
    let first = refund(&world, "organiser", "k", &part(&checkout, "1.00")).await;
    let again = refund(&world, "organiser", "k", &part(&checkout, "1.00")).await;
    assert_eq!(again.status, StatusCode::CREATED);
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(first.json()["id"], again.json()["id"]);
    let other = refund(&world, "organiser", "k", &part(&checkout, "2.00")).await;
    assert_eq!(other.code(), "idempotency_mismatch");
    assert_eq!(world.available("mira").await, "6.30 TEST-USD");
    world.audit_clean().await;
}

async fn a_credit_note_is_for_everybody_on_the_receipt(backend: Backend) {
    let world = World::new(backend).await;
    let checkout = settled(&world).await;
    let made = world
        .post("organiser", REFUND, Some("k"), &part(&checkout, "1.00"))
        .await
        .json();
    let id = made["id"].as_str().unwrap();
    let path = format!("/pay/api/credit-notes/{id}");
    assert_eq!(
        world.get(Some("buyer"), &path).await.code(),
        "not_found",
        "the rail has not taken it"
    );
    world.pay.drive().await.unwrap();
    for who in ["buyer", "mira", "jonas", "organiser"] {
        let note = note(&world, who, id).await;
        assert_eq!(note.refunded.to_string(), "1.00 TEST-USD");
    }
    assert_eq!(world.get(Some("stranger"), &path).await.code(), "not_found");
    assert_eq!(world.get(None, &path).await.code(), "unauthenticated");
    let jwt = world.get_accepting(Some("buyer"), &path, "application/jwt").await;
    let node = world.keyring.node_public();
    let aud = format!("order:{}", checkout.goods.id);
    let issuer = world.keyring.node_did().clone();
    let now = world.env.now();
    let key_of = |kid: &str| (kid == token::key_id(&node)).then_some(node);
    let read = token::verify::<CreditNoteClaims>(&jwt.text(), &key_of, issuer.as_str(), &aud, now).unwrap();
    assert_eq!(read.claims.payer, key("buyer").did());
    assert_eq!(
        (read.standard.sub.as_str(), read.claims.refunded.to_string()),
        (id, "1.00 TEST-USD".to_owned())
    );
    world.audit_clean().await;
}

async fn a_seller_that_is_away_is_told_later(backend: Backend) {
    let world = World::new(backend).await;
    let checkout = settled(&world).await;
    world.seller.away.store(true, Ordering::SeqCst);
    refund(&world, "organiser", "k", &part(&checkout, "4.00")).await;
    refund(&world, "organiser", "k2", &part(&checkout, "6.00")).await;
    assert!(world.seller.returned.lock().unwrap().is_empty());
    let world = world.restart(PayConfig::default()).await;
    world.seller.away.store(false, Ordering::SeqCst);
    world.clock.advance(Span::hours(1));
    world.pay.drive().await.unwrap();
    world.pay.drive().await.unwrap();
    let told: Vec<_> = world
        .seller
        .returned
        .lock()
        .unwrap()
        .iter()
        .map(|told| told.whole)
        .collect();
    assert_eq!(told, [false, true], "in their order");
    world.audit_clean().await;
}

async fn a_debt_of_a_claimed_mailbox_is_its_owners(backend: Backend) {
    let world = World::new(backend).await;
    let mail: Did = "did:email:a_at_b.example".parse().unwrap();
    let goods = world.goods_split("buyer", "10.00 TEST-USD", &[("mira", 1_000_000)]);
    world.seller.change(&goods, |quote| {
        let share = imajin_money::Share::from_millionths(1_000_000).unwrap();
        let entry = imajin_fair::Contributor::new(imajin_fair::Payee::Did(mail.clone()), "artist", share);
        let mut manifest = imajin_fair::Manifest::new(vec![entry]).unwrap();
        manifest.author = Some(key("organiser").did());
        let organiser = key("organiser");
        quote.manifest = manifest.sign(&organiser, organiser.did(), world.env.now()).unwrap();
        quote.accepted = vec![mail.clone()];
    });
    let checkout = world.checkout_of("buyer", &goods).await;
    world.pay_for(&checkout).await;
    world
        .identities
        .claimed
        .lock()
        .unwrap()
        .push((mail.clone(), key("mira").did()));
    // Looking at it moves it to its owner.
    assert_eq!(world.available("mira").await, "10.00 TEST-USD");
    let hold = json!({"amount": {"amount": "9.00", "currency": "TEST-USD"}});
    world.post("mira", "/pay/api/holds", Some("h"), &hold).await;
    refund_by_operator(&world, "k", &json!({"checkout": checkout.id})).await;
    assert_eq!(
        debt(&world, "mira").await,
        "9.00 TEST-USD",
        "what was left has paid a part of it"
    );
    assert_eq!(world.balance(&mail, "debt").await, "0", "it has moved as well");
    settled(&world).await;
    assert_eq!(debt(&world, "mira").await, "2.00 TEST-USD");
    world.audit_clean().await;
}

//! Visas that another service captures, on the word that it has checked the claim of an agent.

use imajin_kernel::Code;
use imajin_pay_api::{CheckoutState, GoodsRef, PayApi, VisaCapture};
use imajin_proof::jose::Jwk;
use imajin_testkit::broker_peer::VisaWish;
use imajin_testkit::{Backend, on_both};

use crate::brokers::{Brokered, wish};
use crate::world::key;

on_both!(
    a_claim_that_a_service_has_checked_pays_once,
    claims_for_one_work_at_one_moment_have_a_quote_each,
    a_visa_of_another_key_or_a_claim_for_something_else_captures_nothing,
);

const PRICE: i64 = 8_000_000;

fn capture(agent: &str, goods: &GoodsRef, visa: &str, claim: &str) -> VisaCapture {
    VisaCapture {
        goods: goods.clone(),
        payer: key(agent).did(),
        visa: visa.to_owned(),
        holder: Jwk::from_key(key(agent).public()).thumbprint(),
        claim_digest: claim.to_owned(),
        audience: None,
        purpose: None,
    }
}

async fn a_claim_that_a_service_has_checked_pays_once(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let (world, pay) = (&brokered.world, brokered.world.pay.clone());
    let goods = world.work("8.00 TEST-USD");
    let asked = capture("agent", &goods, &brokered.visa("agent", PRICE), "c1a1");
    let captured = pay.visa_capture(asked.clone()).await.unwrap();
    assert_eq!(captured.state, CheckoutState::Settled);
    assert_eq!(captured.price.to_string(), "8.00 TEST-USD");
    let receipt = world.receipt("agent", captured.checkout).await.message.payload;
    assert_eq!(Some(receipt.id), captured.receipt);
    assert_eq!(
        pay.visa_capture(asked).await.unwrap(),
        captured,
        "the same answer again"
    );
    brokered.follow().await;
    assert_eq!(world.available("mira").await, "5.60 TEST-USD");
    let redeemed = brokered.broker.redemptions();
    assert_eq!((redeemed.len(), redeemed[0].claim_digest.as_str()), (1, "c1a1"));
    world.audit_clean().await;
}

async fn claims_for_one_work_at_one_moment_have_a_quote_each(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let (world, pay) = (&brokered.world, brokered.world.pay.clone());
    let goods = world.work("8.00 TEST-USD");
    let visa = brokered.broker.visa(&VisaWish {
        uses: 3,
        ..wish("agent", 3 * PRICE)
    });
    let asked = ["c1", "c2", "c3"].map(|claim| pay.visa_capture(capture("agent", &goods, &visa, claim)));
    let captured = futures::future::join_all(asked).await;
    let mut checkouts: Vec<_> = captured.iter().flatten().map(|one| one.checkout).collect();
    checkouts.sort();
    checkouts.dedup();
    assert_eq!(checkouts.len(), 3, "{captured:?}");
    // This seller hands it over once.
    let settled = captured.iter().flatten().filter(|one| one.receipt.is_some());
    assert_eq!(settled.count(), 1, "{captured:?}");
    brokered.follow().await;
    assert_eq!(world.available("mira").await, "5.60 TEST-USD");
    world.audit_clean().await;
}

async fn a_visa_of_another_key_or_a_claim_for_something_else_captures_nothing(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let (world, pay) = (&brokered.world, brokered.world.pay.clone());
    let goods = world.work("8.00 TEST-USD");
    let visa = brokered.visa("agent", PRICE);
    let code = async |asked: VisaCapture| pay.visa_capture(asked).await.unwrap_err().code;
    assert_eq!(code(capture("thief", &goods, &visa, "c1")).await, Code::PaymentFailed);
    let dear = world.work("8.01 TEST-USD");
    assert_eq!(code(capture("agent", &dear, &visa, "c2")).await, Code::PaymentFailed);
    assert_eq!(code(capture("agent", &goods, &visa, "")).await, Code::InvalidRequest);
    let nothing = GoodsRef {
        kind: goods.kind.clone(),
        id: "no such work".to_owned(),
    };
    assert_eq!(code(capture("agent", &nothing, &visa, "c3")).await, Code::NotFound);
    pay.visa_capture(capture("agent", &goods, &visa, "c4")).await.unwrap();
    assert_eq!(
        code(capture("agent", &dear, &visa, "c4")).await,
        Code::IdempotencyMismatch,
        "one claim is for one thing"
    );
    world.audit_clean().await;
}

//! Visas that another service captures, on the word that it has checked the claim of an agent.

use imajin_kernel::Code;
use imajin_pay_api::{CheckoutState, GoodsRef, PayApi, VisaCapture, VisaCheck};
use imajin_proof::jose::Jwk;
use imajin_testkit::broker_peer::{Naming, VisaWish};
use imajin_testkit::{Backend, on_both};

use crate::brokers::{Brokered, wish};
use crate::world::key;

on_both!(
    a_claim_that_a_service_has_checked_pays_once,
    claims_for_one_work_at_one_moment_have_a_quote_each,
    a_visa_of_another_key_or_a_claim_for_something_else_captures_nothing,
    a_bearers_visa_pays_where_it_is_taken_and_nowhere_else,
    copies_of_a_bearers_visa_at_one_moment_pay_once,
    a_bearers_visa_that_was_spent_elsewhere_walks_the_split_back,
    a_visa_that_names_one_of_the_two_pays_nothing,
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
        takes_bearer: false,
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

/// What a gate asks whose policy takes bearers' visas of the broker.
fn taking(agent: &str, goods: &GoodsRef, visa: &str, claim: &str) -> VisaCapture {
    VisaCapture {
        takes_bearer: true,
        ..capture(agent, goods, visa, claim)
    }
}

async fn a_bearers_visa_pays_where_it_is_taken_and_nowhere_else(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let (world, pay) = (&brokered.world, brokered.world.pay.clone());
    let goods = world.work("8.00 TEST-USD");
    // Promised to somebody else, for many payments; whoever has it spends it, once.
    let visa = brokered.broker.visa_bearer(&VisaWish {
        uses: 9,
        ..wish("somebody", 9 * PRICE)
    });
    let refused = pay
        .visa_capture(capture("agent", &goods, &visa, "c1"))
        .await
        .unwrap_err();
    assert_eq!(refused.code, Code::PaymentFailed);
    assert!(
        refused.detail.contains("neither the publisher nor a key"),
        "{}",
        refused.detail
    );
    let quoted = crate::balance::quote(world, "agent", &goods).await;
    let answer = crate::brokers::settle(world, "agent", &quoted, &visa, "k").await;
    assert_eq!(answer.status.as_u16(), 402, "nor for a quote: {}", answer.text());
    let check = |takes_bearer| VisaCheck {
        price: "8.00 TEST-USD".parse().unwrap(),
        visa: visa.clone(),
        holder: Jwk::from_key(key("agent").public()).thumbprint(),
        audience: None,
        purpose: None,
        takes_bearer,
    };
    assert_eq!(
        pay.visa_check(check(false)).await.unwrap_err().code,
        Code::PaymentFailed
    );
    assert_eq!(pay.visa_check(check(true)).await.unwrap().uses_left, 0);

    let captured = pay.visa_capture(taking("agent", &goods, &visa, "c2")).await.unwrap();
    assert_eq!(captured.state, CheckoutState::Settled);
    // A copy, by the same agent and by another one.
    let other = world.work("8.00 TEST-USD");
    for (who, claim) in [("agent", "c3"), ("thief", "c4")] {
        let refused = pay.visa_capture(taking(who, &other, &visa, claim)).await.unwrap_err();
        assert!(refused.detail.contains("spent already"), "{}", refused.detail);
    }
    assert_eq!(pay.visa_check(check(true)).await.unwrap_err().code, Code::PaymentFailed);
    brokered.follow().await;
    assert_eq!(world.available("mira").await, "5.60 TEST-USD");
    let redeemed = brokered.broker.redemptions();
    assert_eq!(
        (redeemed.len(), redeemed[0].state, redeemed[0].micros),
        (1, "credited", PRICE)
    );
    world.audit_clean().await;
}

async fn copies_of_a_bearers_visa_at_one_moment_pay_once(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let (world, pay) = (&brokered.world, brokered.world.pay.clone());
    let visa = brokered.broker.visa_bearer(&VisaWish {
        uses: 16,
        ..wish("somebody", 16 * PRICE)
    });
    let mut asked = Vec::new();
    for number in 0..16 {
        let who = if number % 2 == 0 { "agent" } else { "thief" };
        asked.push(taking(who, &world.work("8.00 TEST-USD"), &visa, &format!("c{number}")));
    }
    let asked = asked.into_iter().map(|one| pay.visa_capture(one));
    let answers = futures::future::join_all(asked).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
    brokered.follow().await;
    assert_eq!(brokered.broker.redemptions().len(), 1);
    world.audit_clean().await;
}

async fn a_bearers_visa_that_was_spent_elsewhere_walks_the_split_back(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let (world, pay) = (&brokered.world, brokered.world.pay.clone());
    let visa = brokered.broker.visa_bearer(&wish("somebody", PRICE));
    brokered.broker.visa_take_back(&visa);
    let goods = world.work("8.00 TEST-USD");
    let captured = pay.visa_capture(taking("agent", &goods, &visa, "c1")).await.unwrap();
    assert_eq!(captured.state, CheckoutState::Settled);
    brokered.follow().await;
    // The broker pays one of those who show it; nobody here could spend what it does not pay.
    assert!(["0", "0.00 TEST-USD"].contains(&world.available("mira").await.as_str()));
    assert_eq!(brokered.broker.redemptions()[0].state, "refused");
    world.audit_clean().await;
}

async fn a_visa_that_names_one_of_the_two_pays_nothing(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let (world, pay) = (&brokered.world, brokered.world.pay.clone());
    let goods = world.work("8.00 TEST-USD");
    for (claim, naming) in [("c1", Naming::Audience), ("c2", Naming::Holder)] {
        let visa = brokered.broker.visa_naming(&wish("agent", PRICE), naming);
        let refused = pay
            .visa_capture(taking("agent", &goods, &visa, claim))
            .await
            .unwrap_err();
        assert!(refused.detail.contains("only one of"), "{naming:?}: {}", refused.detail);
    }
    world.audit_clean().await;
}

//! Payments with the promises of brokers: what works, and what goes wrong at the broker.

use imajin_kernel::Span;
use imajin_pay::{Interrupt, PayConfig, Step};
use imajin_pay_api::CheckoutState;
use imajin_testkit::broker_peer::BrokerFault;
use imajin_testkit::{Backend, on_both};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use serde_json::json;

use crate::balance::{quote, top_up};
use crate::brokers::{Brokered, config, settle, wish};
use crate::world::key;

on_both!(
    a_visa_pays_for_a_work_and_the_shares_wait_for_the_broker,
    a_broker_that_is_away_pays_later,
    a_lost_reply_of_the_broker_redeems_once,
    a_broker_that_lies_about_an_amount_is_not_believed,
    what_the_broker_refuses_walks_the_split_back,
    a_lost_dispute_takes_back_what_was_spent_and_leaves_a_debt,
    a_debt_is_paid_when_the_broker_pays_and_not_before,
    a_held_share_waits_for_the_broker_first,
    what_cannot_be_delivered_spends_nothing_of_the_visa,
    a_settlement_with_a_visa_that_is_sent_again_pays_once,
    a_power_cut_after_the_answer_of_the_broker_loses_nothing,
    a_new_key_of_the_broker_is_found_and_an_unknown_one_asked_for_once,
    many_promises_are_redeemed_in_one_question,
    every_split_of_a_promise_is_conserved_to_the_last_unit,
);

const PRICE: i64 = 8_000_000;

/// An empty account is shown, or is not there.
fn is_nothing(balance: &str) -> bool {
    balance == "0" || balance == "0.00 TEST-USD"
}

async fn a_visa_pays_for_a_work_and_the_shares_wait_for_the_broker(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let world = &brokered.world;
    brokered.broker.fault("redemptions", BrokerFault::Away, 1);
    let id = brokered.pays("agent", &world.work("8.00 TEST-USD"), PRICE).await;
    world.pay.drive().await.unwrap();
    // It is delivered and has its receipt; nobody can spend any of it.
    let mira = key("mira").did();
    assert_eq!(world.balance(&mira, "pending").await, "5.60 TEST-USD");
    assert!(is_nothing(&world.available("mira").await));
    let receipt = world.receipt("mira", id).await.message.payload;
    assert_eq!((receipt.rail.as_str(), receipt.test_money), ("visa", true));
    world.audit_clean().await;
    world.pay.reconcile_now(None).await.unwrap();
    brokered.follow().await;
    assert!(is_nothing(&world.balance(&mira, "pending").await));
    assert_eq!(world.available("mira").await, "5.60 TEST-USD");
    assert_eq!(world.available("jonas").await, "2.40 TEST-USD");
    let node = world.keyring.node_did();
    assert_eq!(brokered.broker.balance(node, "TEST-USD"), PRICE);
    world.audit_clean().await;
}

async fn a_broker_that_is_away_pays_later(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let world = &brokered.world;
    brokered.broker.fault("redemptions", BrokerFault::Away, 8);
    brokered.pays("agent", &world.work("8.00 TEST-USD"), PRICE).await;
    for _ in 0..5 {
        brokered.follow().await;
    }
    assert_eq!(world.available("mira").await, "5.60 TEST-USD");
    assert_eq!(brokered.broker.redemptions().len(), 1);
    world.audit_clean().await;
}

async fn a_lost_reply_of_the_broker_redeems_once(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let world = &brokered.world;
    brokered.broker.fault("redemptions", BrokerFault::LostAfter, 2);
    brokered.pays("agent", &world.work("8.00 TEST-USD"), PRICE).await;
    brokered.follow().await;
    assert_eq!(world.available("mira").await, "5.60 TEST-USD");
    let broker = &brokered.broker;
    assert_eq!((broker.redemptions().len(), broker.asked("redemptions")), (1, 3));
    assert_eq!(broker.balance(world.keyring.node_did(), "TEST-USD"), PRICE);
    world.audit_clean().await;
}

async fn a_broker_that_lies_about_an_amount_is_not_believed(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let world = &brokered.world;
    brokered.broker.fault("redemptions", BrokerFault::OtherAmount, 1);
    brokered.broker.fault("redemptions", BrokerFault::Silent, 1);
    brokered.pays("agent", &world.work("8.00 TEST-USD"), PRICE).await;
    for _ in 0..2 {
        world.pay.drive().await.unwrap();
        assert!(is_nothing(&world.available("mira").await));
        world.clock.advance(Span::seconds(5));
    }
    brokered.follow().await;
    assert_eq!(world.available("mira").await, "5.60 TEST-USD");
    world.audit_clean().await;
}

async fn what_the_broker_refuses_walks_the_split_back(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let world = &brokered.world;
    let quoted = quote(world, "agent", &world.work("8.00 TEST-USD")).await;
    let visa = brokered.visa("agent", PRICE);
    // The broker has paid the same promise to another node meanwhile.
    let jti = brokered.broker.visa_take_back(&visa);
    assert!(!jti.is_empty());
    let answer = settle(world, "agent", &quoted, &visa, "k").await;
    assert_eq!(answer.json()["state"], "settled", "{}", answer.text());
    brokered.follow().await;
    let mira = key("mira").did();
    assert!(is_nothing(&world.available("mira").await));
    assert!(is_nothing(&world.balance(&mira, "pending").await));
    assert_eq!(world.balance(&mira, "debt").await, "0");
    let told = world.seller.returned.lock().unwrap().clone();
    assert_eq!(
        (told.len(), told[0].whole),
        (1, true),
        "nobody keeps what nobody has paid for"
    );
    world.audit_clean().await;
}

async fn a_lost_dispute_takes_back_what_was_spent_and_leaves_a_debt(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let world = &brokered.world;
    brokered.broker.dispute_window(true);
    brokered.pays("agent", &world.work("8.00 TEST-USD"), PRICE).await;
    brokered.follow().await;
    // The broker's word is enough to spend it.
    assert_eq!(world.available("mira").await, "5.60 TEST-USD");
    let hold = json!({"amount": {"amount": "5.00", "currency": "TEST-USD"}});
    world.post("mira", "/pay/api/holds", Some("k"), &hold).await;
    brokered.broker.disputes_win();
    brokered.follow().await;
    assert!(is_nothing(&world.available("mira").await));
    assert!(is_nothing(&world.available("jonas").await));
    world.audit_clean().await;
    world.pay.reconcile_now(None).await.unwrap();
    *world.identities.operator.lock().unwrap() = Some(key("operator").did());
    let found = world.get(Some("operator"), "/pay/api/reconciliation").await.json();
    let open = found["open"].as_array().unwrap();
    let kinds: Vec<_> = open.iter().map(|one| (&one["kind"], &one["found"])).collect();
    assert_eq!(kinds, [(&json!("debt_open"), &json!("-5.00"))]);
}

async fn a_debt_is_paid_when_the_broker_pays_and_not_before(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let world = &brokered.world;
    brokered.broker.dispute_window(true);
    brokered.pays("agent", &world.work("8.00 TEST-USD"), PRICE).await;
    brokered.follow().await;
    let hold = json!({"amount": {"amount": "5.60", "currency": "TEST-USD"}});
    world.post("mira", "/pay/api/holds", Some("k"), &hold).await;
    brokered.broker.disputes_win();
    brokered.follow().await;
    brokered.broker.dispute_window(false);
    brokered.broker.fault("redemptions", BrokerFault::Away, 1);
    brokered
        .pays("other agent", &world.work("10.00 TEST-USD"), 10_000_000)
        .await;
    world.pay.drive().await.unwrap();
    assert_eq!(world.balance(&key("mira").did(), "pending").await, "7.00 TEST-USD");
    assert!(is_nothing(&world.available("mira").await));
    brokered.follow().await;
    assert_eq!(world.available("mira").await, "1.40 TEST-USD");
    world.audit_clean().await;
}

async fn a_held_share_waits_for_the_broker_first(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let world = &brokered.world;
    let goods = world.work("8.00 TEST-USD");
    world
        .seller
        .change(&goods, |quote| quote.accepted = vec![key("mira").did()]);
    brokered.broker.fault("redemptions", BrokerFault::Away, 1);
    brokered.pays("agent", &goods, PRICE).await;
    world.pay.drive().await.unwrap();
    let manifest = world.manifest(&[("mira", 700_000), ("jonas", 300_000)]).id;
    let early = crate::shares::accept_answer(world, "jonas", &manifest).await;
    assert_eq!(early.status.as_u16(), 404, "{}", early.text());
    brokered.follow().await;
    assert_eq!(world.balance(&key("jonas").did(), "pending").await, "2.40 TEST-USD");
    world.audit_clean().await;
    crate::shares::accept(world, "jonas", &manifest).await;
    assert_eq!(world.available("jonas").await, "2.40 TEST-USD");
    world.audit_clean().await;
}

async fn what_cannot_be_delivered_spends_nothing_of_the_visa(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let world = &brokered.world;
    let visa = brokered.visa("agent", PRICE);
    world.seller.refuses.store(true, std::sync::atomic::Ordering::SeqCst);
    let quoted = quote(world, "agent", &world.work("8.00 TEST-USD")).await;
    assert_eq!(
        settle(world, "agent", &quoted, &visa, "1").await.json()["state"],
        "refunded"
    );
    brokered.follow().await;
    assert_eq!(brokered.broker.asked("redemptions"), 0);
    world.audit_clean().await;
    world.seller.refuses.store(false, std::sync::atomic::Ordering::SeqCst);
    let visa = brokered.visa("agent", PRICE);
    let quoted = quote(world, "agent", &world.work("8.00 TEST-USD")).await;
    assert_eq!(
        settle(world, "agent", &quoted, &visa, "2").await.json()["state"],
        "settled"
    );
    world.audit_clean().await;
}

async fn a_settlement_with_a_visa_that_is_sent_again_pays_once(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let world = &brokered.world;
    let quoted = quote(world, "agent", &world.work("8.00 TEST-USD")).await;
    let visa = brokered.visa("agent", PRICE);
    let first = settle(world, "agent", &quoted, &visa, "k").await;
    // The visa has expired meanwhile: the answer is the same, and nothing is charged.
    world.clock.advance(Span::hours(2));
    let again = settle(world, "agent", &quoted, &visa, "k").await;
    assert_eq!(again.headers["idempotent-replayed"], "true", "{}", again.text());
    assert_eq!(again.json(), first.json());
    brokered.follow().await;
    assert_eq!(world.available("mira").await, "5.60 TEST-USD");
    assert_eq!(brokered.broker.redemptions().len(), 1);
    world.audit_clean().await;
}

async fn a_power_cut_after_the_answer_of_the_broker_loses_nothing(backend: Backend) {
    let Brokered { world, broker } = Brokered::new(backend).await;
    let cut = |at: Step| match at {
        Step::RedemptionAnswered => Err(imajin_kernel::Problem::internal()),
        _ => Ok(()),
    };
    let interrupted = PayConfig {
        interrupt: Interrupt::new(cut),
        ..config(&broker)
    };
    let world = world.restart(interrupted).await;
    let brokered = Brokered { world, broker };
    let id = brokered
        .pays("agent", &brokered.world.work("8.00 TEST-USD"), PRICE)
        .await;
    brokered.world.pay.drive().await.unwrap();
    assert_eq!(brokered.broker.redemptions().len(), 1);
    let Brokered { world, broker } = brokered;
    let world = world.restart(config(&broker)).await;
    world.audit_clean().await;
    world.pay.drive().await.unwrap();
    assert_eq!(world.available("mira").await, "5.60 TEST-USD");
    assert_eq!(world.state(id).await, CheckoutState::Settled);
    assert_eq!(broker.balance(world.keyring.node_did(), "TEST-USD"), PRICE);
    world.audit_clean().await;
}

async fn a_new_key_of_the_broker_is_found_and_an_unknown_one_asked_for_once(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let world = &brokered.world;
    brokered.pays("first", &world.work("8.00 TEST-USD"), PRICE).await;
    assert_eq!(brokered.broker.asked("jwks"), 1);
    brokered.pays("second", &world.work("8.00 TEST-USD"), PRICE).await;
    assert_eq!(brokered.broker.asked("jwks"), 1, "keys are remembered");
    brokered.broker.key_rotate();
    world.clock.advance(Span::minutes(2));
    brokered.pays("third", &world.work("8.00 TEST-USD"), PRICE).await;
    assert_eq!(brokered.broker.asked("jwks"), 2);
    // A flood of tokens with keys that nobody has asks no broker again and again.
    let quoted = quote(world, "agent", &world.work("8.00 TEST-USD")).await;
    brokered.broker.key_rotate();
    for _ in 0..5 {
        let answer = settle(world, "agent", &quoted, &brokered.visa("agent", PRICE), "k").await;
        assert_eq!(answer.status.as_u16(), 402, "{}", answer.text());
    }
    assert_eq!(brokered.broker.asked("jwks"), 2);
    world.audit_clean().await;
}

async fn many_promises_are_redeemed_in_one_question(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let world = &brokered.world;
    for agent in ["one", "two", "three", "four"] {
        brokered.pays(agent, &world.work("8.00 TEST-USD"), PRICE).await;
    }
    let before = brokered.broker.asked("redemptions");
    world.pay.drive().await.unwrap();
    assert_eq!(brokered.broker.asked("redemptions"), before + 1);
    assert_eq!(brokered.broker.redemptions().len(), 4);
    assert_eq!(world.available("mira").await, "22.40 TEST-USD");
    world.audit_clean().await;
}

async fn every_split_of_a_promise_is_conserved_to_the_last_unit(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let world = &brokered.world;
    top_up(world, "buyer", "1.00").await;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let case = (1_i64..50_000_000, 1_u32..1_000_000, any::<bool>(), any::<bool>());
    let mut promised = 0_i64;
    for round in 0..12 {
        let (micros, share, is_held, is_refused) = case.new_tree(&mut runner).unwrap().current();
        let price = format!("{}.{:06} TEST-USD", micros / 1_000_000, micros % 1_000_000);
        let shares = [("mira", share), ("jonas", 1_000_000 - share)];
        let goods = world.work_split(&price, &shares);
        if is_held {
            world
                .seller
                .change(&goods, |quote| quote.accepted = vec![key("mira").did()]);
        }
        let agent = format!("agent {round}");
        let quoted = quote(world, &agent, &goods).await;
        let visa = brokered.broker.visa(&wish(&agent, micros));
        if is_refused {
            brokered.broker.visa_take_back(&visa);
        } else {
            promised += micros;
        }
        let answer = settle(world, &agent, &quoted, &visa, "k").await;
        assert_eq!(answer.json()["state"], "settled", "{}", answer.text());
        brokered.follow().await;
    }
    let mut sum = 0;
    for name in ["mira", "jonas"] {
        for purpose in ["available", "pending", "debt"] {
            let text = world.balance(&key(name).did(), purpose).await;
            let text = text.trim_end_matches(" TEST-USD");
            sum += imajin_money::Amount::parse_decimal(text).unwrap().micros();
        }
    }
    assert_eq!(sum, promised);
    assert_eq!(brokered.broker.balance(world.keyring.node_did(), "TEST-USD"), promised);
    world.audit_clean().await;
}

//! Stripe is away, slow, or answers and the answer is lost; the node's process ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use imajin_kernel::{Problem, Span};
use imajin_pay::{Interrupt, PayConfig, Step};
use imajin_pay_api::CheckoutState;
use imajin_testkit::stripe_peer::{FaultKind, PeerOptions};
use imajin_testkit::{Backend, on_both};
use serde_json::json;

use crate::cards::{Cards, config};
use crate::refunds::{part, refund_by_operator};

on_both!(
    a_lost_answer_opens_one_session,
    while_stripe_is_away_nobody_can_begin_to_pay,
    a_message_waits_until_stripe_can_be_asked,
    a_refund_is_made_once_however_many_answers_are_lost,
    a_refund_whose_key_stripe_has_forgotten_is_found,
    a_refund_behind_many_others_is_found,
    a_card_payment_survives_a_crash_at_every_step,
);

async fn a_lost_answer_opens_one_session(backend: Backend) {
    let cards = Cards::live(backend).await;
    cards.peer.fault("/checkout/sessions", FaultKind::LostAfter, 2);
    let checkout = cards.checkout("buyer").await;
    let sessions = cards.peer.objects("checkout.session");
    assert_eq!(
        (sessions.len(), sessions[0]["url"].as_str().unwrap()),
        (1, checkout.url.as_str())
    );
    let seen = cards.peer.seen();
    let keys: Vec<_> = seen.iter().filter_map(|seen| seen.idempotency_key.as_deref()).collect();
    assert_eq!(keys, vec![format!("checkout/{}", checkout.id); 3]);
    assert!(
        seen.iter()
            .all(|seen| seen.version.as_deref() == Some(imajin_rails::stripe::API_VERSION))
    );
}

async fn while_stripe_is_away_nobody_can_begin_to_pay(backend: Backend) {
    for kind in [FaultKind::LostBefore, FaultKind::ServerError, FaultKind::RateLimited] {
        let cards = Cards::live(backend).await;
        let goods = cards.world.goods_split("buyer", "10.00 USD", &[("mira", 1_000_000)]);
        cards.peer.fault("/checkout/sessions", kind, 3);
        let body = json!({"goods": goods, "successUrl": "/", "cancelUrl": "/"});
        let send = async || cards.world.post("buyer", "/pay/api/checkout", Some("k"), &body).await;
        assert_eq!(send().await.code(), "unavailable", "{kind:?}");
        let asked = cards.peer.seen().len();
        assert_eq!(send().await.code(), "unavailable", "it is left alone for a moment");
        assert_eq!(cards.peer.seen().len(), asked);
        cards.world.clock.advance(Span::minutes(2));
        let expected = if kind == FaultKind::RateLimited { 503 } else { 201 };
        assert_eq!(send().await.status.as_u16(), expected, "{kind:?}");
    }
}

async fn a_message_waits_until_stripe_can_be_asked(backend: Backend) {
    let cards = Cards::live(backend).await;
    let checkout = cards.checkout("buyer").await;
    cards.peer.customer_pays(&cards.session(&checkout)).unwrap();
    cards.peer.fault("/v1/", FaultKind::ServerError, 1_000);
    cards.deliver().await;
    for _ in 0..4 {
        cards.world.pay.drive().await.unwrap();
        assert_eq!(cards.world.state(checkout.id).await, CheckoutState::Open);
        cards.world.clock.advance(Span::minutes(3));
    }
    cards.peer.faults_clear();
    cards.world.pay.drive().await.unwrap();
    assert_eq!(cards.world.state(checkout.id).await, CheckoutState::Settled);
    cards.world.audit_clean().await;
}

async fn a_refund_is_made_once_however_many_answers_are_lost(backend: Backend) {
    let cards = Cards::live(backend).await;
    let checkout = cards.checkout("buyer").await;
    cards.world.seller.refuses.store(true, Ordering::SeqCst);
    cards.peer.fault("POST /v1/refunds", FaultKind::LostAfter, 5);
    cards.pays(&checkout).await;
    assert_eq!(cards.world.state(checkout.id).await, CheckoutState::Refunded);
    assert_eq!(cards.peer.objects("refund").len(), 1);
    cards.world.clock.advance(Span::minutes(20));
    cards.world.pay.drive().await.unwrap();
    cards.world.clock.advance(Span::minutes(20));
    cards.world.pay.drive().await.unwrap();
    assert_eq!(cards.peer.objects("refund").len(), 1);
    assert_eq!(cards.world.pay.drive().await.unwrap(), 0, "nothing is left to do");
    cards.world.audit_clean().await;
}

async fn a_refund_whose_key_stripe_has_forgotten_is_found(backend: Backend) {
    let cards = Cards::live(backend).await;
    let checkout = cards.checkout("buyer").await;
    cards.world.seller.refuses.store(true, Ordering::SeqCst);
    cards.peer.fault("POST /v1/refunds", FaultKind::LostAfter, 3);
    cards.pays(&checkout).await;
    cards.peer.keys_forget();
    cards.world.clock.advance(Span::days(2));
    cards.world.pay.drive().await.unwrap();
    assert_eq!(cards.peer.objects("refund").len(), 1);
    assert_eq!(cards.world.pay.drive().await.unwrap(), 0, "nothing is left to do");
    cards.world.audit_clean().await;
}

async fn a_refund_behind_many_others_is_found(backend: Backend) {
    let cards = Cards::live(backend).await;
    let checkout = cards.checkout("buyer").await;
    let intent = cards.pays(&checkout).await;
    cards.peer.fault("POST /v1/refunds", FaultKind::LostAfter, 3);
    refund_by_operator(&cards.world, "k", &part(&checkout, "1.00")).await;
    // Somebody sends cents back at the dashboard, more than fit a page.
    for _ in 0..101 {
        let members = [("payment_intent", intent.as_str()), ("amount", "1")];
        cards.peer.dashboard("refunds", &members).unwrap();
    }
    cards.peer.messages_take();
    cards.peer.keys_forget();
    cards.world.clock.advance(Span::days(2));
    cards.world.pay.drive().await.unwrap();
    let made = cards.peer.objects("refund");
    let ours = made.iter().filter(|made| made["amount"] == 100);
    assert_eq!((made.len(), ours.count()), (102, 1));
    assert_eq!(cards.world.pay.drive().await.unwrap(), 0, "nothing is left to do");
}

async fn a_card_payment_survives_a_crash_at_every_step(backend: Backend) {
    for step in Step::ALL {
        for refuses in [false, true] {
            let dead = Arc::new(AtomicBool::new(false));
            let flag = Arc::clone(&dead);
            let interrupt = Interrupt::new(move |now| {
                if now == step {
                    flag.store(true, Ordering::SeqCst);
                }
                if flag.load(Ordering::SeqCst) {
                    Err(Problem::internal())
                } else {
                    Ok(())
                }
            });
            let cut = |peer: &imajin_testkit::stripe_peer::StripePeer| PayConfig {
                interrupt,
                ..config(peer)
            };
            let cards = Cards::with(backend, PeerOptions::live, cut).await;
            cards.world.seller.refuses.store(refuses, Ordering::SeqCst);
            let checkout = cards.checkout("buyer").await;
            cards.peer.customer_pays(&cards.session(&checkout)).unwrap();
            cards.deliver().await;
            if !dead.load(Ordering::SeqCst) {
                cards.world.pay.drive().await.unwrap();
            }
            cards.world.audit_clean().await;
            let whole = config(&cards.peer);
            let cards = cards.restart(whole).await;
            cards.world.clock.advance(Span::hours(1));
            cards.follow().await;
            cards.world.pay.sweep().await.unwrap();
            let (state, refunds) = if refuses {
                (CheckoutState::Refunded, 1)
            } else {
                (CheckoutState::Settled, 0)
            };
            assert_eq!(cards.world.state(checkout.id).await, state, "after a crash at {step:?}");
            assert_eq!(cards.peer.objects("refund").len(), refunds, "after a crash at {step:?}");
            assert_eq!(cards.world.seller.delivered(), usize::from(!refuses));
            cards.world.audit_clean().await;
        }
    }
}

//! A card through Stripe, from the session to the receipt.

use std::sync::atomic::Ordering;

use imajin_kernel::Span;
use imajin_pay_api::{CheckoutFetch, CheckoutState, PayApi, SalesSummaryRequest};
use imajin_testkit::{Backend, on_both};
use serde_json::json;

use crate::cards::Cards;
use crate::world::money;

on_both!(
    a_card_pays_and_the_fee_comes_off_first,
    the_goods_come_before_the_fee_is_known_and_the_split_after,
    a_fee_that_nobody_tells_is_asked_for,
    the_same_payment_in_two_events_is_one_payment,
    messages_in_the_wrong_order_end_the_same,
    what_lapses_or_is_withdrawn_here_ends_at_stripe,
    a_second_request_opens_no_second_session,
    test_keys_take_test_money_and_live_keys_real_money,
    a_price_finer_than_a_coin_is_refused,
);

async fn a_card_pays_and_the_fee_comes_off_first(backend: Backend) {
    let cards = Cards::live(backend).await;
    let checkout = cards.checkout("buyer").await;
    let session = cards.session_of(&checkout);
    assert_eq!(checkout.url, session["url"].as_str().unwrap());
    assert_eq!(session["client_reference_id"], checkout.id.to_string());
    assert_eq!(
        (&session["amount_total"], &session["currency"]),
        (&json!(1_000), &json!("usd"))
    );
    assert_eq!(session["success_url"], "http://node.test:7000/orders/1");
    assert_eq!(session["_intent"]["capture_method"], "automatic");
    let least = session["expires_at"].as_i64().unwrap() - session["created"].as_i64().unwrap();
    assert_eq!(least, 31 * 60, "Stripe's least, and a minute for the way there");

    let intent = cards.pays(&checkout).await;
    assert_eq!(cards.world.state(checkout.id).await, CheckoutState::Settled);
    // 10.00 less 2.9 % and 0.30.
    assert_eq!(cards.world.available("mira").await, "6.587 USD");
    assert_eq!(cards.world.available("jonas").await, "2.823 USD");
    let receipt = cards.world.receipt("buyer", checkout.id).await.message.payload;
    assert_eq!((receipt.gross, receipt.rail.as_str()), (money("10.00 USD"), "stripe"));
    assert_eq!(receipt.rail_fee.unwrap().to_string(), "0.59");
    assert_eq!((receipt.rail_reference, receipt.test_money), (intent, false));
    cards.world.audit_clean().await;
}

async fn the_goods_come_before_the_fee_is_known_and_the_split_after(backend: Backend) {
    let cards = Cards::live(backend).await;
    cards.peer.fees_later(true);
    let checkout = cards.checkout("buyer").await;
    let intent = cards.pays(&checkout).await;
    assert_eq!(cards.world.seller.delivered(), 1);
    assert_eq!(cards.world.state(checkout.id).await, CheckoutState::Paid);
    assert_eq!(cards.world.available("mira").await, "0");
    cards.world.audit_clean().await;
    cards.world.clock.advance(Span::hours(30));
    cards.peer.fee_settle(&intent).unwrap();
    cards.follow().await;
    assert_eq!(cards.world.state(checkout.id).await, CheckoutState::Settled);
    assert_eq!(cards.world.available("mira").await, "6.587 USD");
    cards.world.audit_clean().await;
}

async fn a_fee_that_nobody_tells_is_asked_for(backend: Backend) {
    let cards = Cards::live(backend).await;
    cards.peer.fees_later(true);
    let checkout = cards.checkout("buyer").await;
    let intent = cards.pays(&checkout).await;
    cards.peer.fee_settle(&intent).unwrap();
    assert_eq!(cards.peer.messages_take().len(), 1, "it is lost on the way");
    cards.world.clock.advance(Span::minutes(20));
    cards.world.pay.drive().await.unwrap();
    assert_eq!(cards.world.state(checkout.id).await, CheckoutState::Settled);
    assert_eq!(cards.world.available("mira").await, "6.587 USD");
    cards.world.audit_clean().await;
}

async fn the_same_payment_in_two_events_is_one_payment(backend: Backend) {
    let cards = Cards::live(backend).await;
    let checkout = cards.checkout("buyer").await;
    let session = cards.session(&checkout);
    cards.peer.customer_pays(&session).unwrap();
    cards.peer.tell_again("checkout.session.completed", &session);
    cards.follow().await;
    cards.peer.tell_again("checkout.session.completed", &session);
    cards.follow().await;
    assert_eq!(cards.world.state(checkout.id).await, CheckoutState::Settled);
    assert!(cards.peer.objects("refund").is_empty());
    let sales = cards.world.pay.sales_summary(SalesSummaryRequest {}).await.unwrap();
    assert_eq!((sales.receipts, sales.refunded), (1, 0));
    cards.world.audit_clean().await;
}

async fn messages_in_the_wrong_order_end_the_same(backend: Backend) {
    let cards = Cards::live(backend).await;
    let checkout = cards.checkout("buyer").await;
    let session = cards.session(&checkout);
    cards.peer.card_declined(&session).unwrap();
    cards.peer.customer_pays(&session).unwrap();
    let mut messages = cards.peer.messages_take();
    messages.reverse();
    for message in &messages {
        assert!(cards.send(message).await.status.is_success());
        cards.world.pay.drive().await.unwrap();
    }
    // And all of it once more, a day later, signed again.
    cards.world.clock.advance(Span::days(1));
    for message in &messages {
        let again = cards.peer.message_again(&message.id).unwrap();
        assert!(cards.send(&again).await.status.is_success());
    }
    cards.follow().await;
    assert_eq!(cards.world.state(checkout.id).await, CheckoutState::Settled);
    assert_eq!(cards.world.available("mira").await, "6.587 USD");
    assert_eq!(cards.world.seller.asked.load(Ordering::SeqCst), 1);
    cards.world.audit_clean().await;
}

async fn what_lapses_or_is_withdrawn_here_ends_at_stripe(backend: Backend) {
    let cards = Cards::live(backend).await;
    let (lapses, withdrawn) = (cards.checkout("slow").await, cards.checkout("other").await);
    let cancel = CheckoutFetch { id: withdrawn.id };
    cards.world.pay.checkout_cancel(cancel).await.unwrap();
    cards.world.clock.advance(Span::seconds(30 * 60 + 1));
    cards.world.pay.sweep().await.unwrap();
    assert_eq!(cards.session_of(&lapses)["status"], "open", "a minute longer than here");
    cards.world.pay.drive().await.unwrap();
    for checkout in [&lapses, &withdrawn] {
        assert_eq!(cards.session_of(checkout)["status"], "expired");
        assert!(cards.peer.customer_pays(&cards.session(checkout)).is_err());
    }
    cards.follow().await;
    assert_eq!(cards.world.state(lapses.id).await, CheckoutState::Expired);
    cards.world.audit_clean().await;
}

async fn a_second_request_opens_no_second_session(backend: Backend) {
    let cards = Cards::live(backend).await;
    let goods = cards.world.goods_split("buyer", "10.00 USD", &[("mira", 1_000_000)]);
    let first = cards.world.checkout_of("buyer", &goods).await;
    let second = cards.world.checkout_of("buyer", &goods).await;
    assert_eq!((first.id, &first.url), (second.id, &second.url));
    let open = cards.peer.objects("checkout.session");
    let open: Vec<_> = open.iter().filter(|session| session["status"] == "open").collect();
    assert_eq!(open.len(), 1, "the one that nobody knows of has ended");
    cards.pays(&first).await;
    assert_eq!(cards.world.state(first.id).await, CheckoutState::Settled);
}

async fn test_keys_take_test_money_and_live_keys_real_money(backend: Backend) {
    let (live, test) = (Cards::live(backend).await, Cards::test(backend).await);
    let refused = async |cards: &Cards, price: &str| {
        let goods = cards.world.goods_split("buyer", price, &[("mira", 1_000_000)]);
        let body = json!({"goods": goods, "successUrl": "/", "cancelUrl": "/"});
        cards.world.post("buyer", "/pay/api/checkout", Some(price), &body).await
    };
    // The sandbox has gone when real money is taken.
    let answer = refused(&live, "10.00 TEST-USD").await;
    assert_eq!(answer.code(), "conflict", "{}", answer.text());
    assert_eq!(
        live.world.webhook_raw("sandbox", b"{}".to_vec()).await.code(),
        "not_found"
    );
    let answer = refused(&test, "10.00 USD").await;
    assert_eq!(answer.code(), "conflict", "{}", answer.text());
    assert_eq!(refused(&test, "10.00 TEST-USD").await.status.as_u16(), 201);
    assert!(
        test.peer.objects("checkout.session").len() == 1,
        "a card before the sandbox"
    );
}

async fn a_price_finer_than_a_coin_is_refused(backend: Backend) {
    let cards = Cards::live(backend).await;
    for price in ["10.001 USD", "0.10 USD"] {
        let goods = cards.world.goods_split("buyer", price, &[("mira", 1_000_000)]);
        let body = json!({"goods": goods, "successUrl": "/", "cancelUrl": "/"});
        let answer = cards.world.post("buyer", "/pay/api/checkout", Some(price), &body).await;
        assert_eq!(answer.code(), "payment_failed", "{}", answer.text());
    }
}

//! Messages at Stripe's webhook that must change nothing.

use imajin_kernel::Span;
use imajin_pay_api::{CheckoutState, CheckoutView};
use imajin_testkit::stripe_peer::{WebhookMessage, webhook_sign};
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::cards::Cards;

on_both!(
    a_bad_signature_is_refused,
    an_old_signature_is_refused,
    a_foreign_signature_is_refused,
    a_secret_that_is_being_replaced_is_good_and_then_is_not,
    what_stripe_does_not_confirm_is_not_booked,
    an_object_of_another_account_is_not_booked,
    another_amount_is_booked_and_goes_back,
    test_money_where_real_money_is_due_is_refused,
    a_message_about_another_shop_changes_nothing,
    a_message_that_is_none_is_refused,
);

/// The message that a checkout is paid, changed and signed again by whoever knows the secret.
fn changed(cards: &Cards, checkout: &CheckoutView, change: impl FnOnce(&mut Value)) -> WebhookMessage {
    let session = cards.session(checkout);
    cards.peer.tell_again("checkout.session.completed", &session);
    let message = cards.peer.messages_take().pop().unwrap();
    let mut event: Value = serde_json::from_slice(&message.body).unwrap();
    change(&mut event);
    let body = serde_json::to_vec(&event).unwrap();
    let now = cards.world.env.now().as_seconds();
    let signature = webhook_sign(&cards.peer.webhook_secrets(), now, &body);
    WebhookMessage {
        body,
        signature,
        ..message
    }
}

/// Nothing came of it: the checkout is open, and nobody has any money.
async fn nothing_happened(cards: &Cards, checkout: &CheckoutView) {
    cards.world.pay.drive().await.unwrap();
    assert_eq!(cards.world.state(checkout.id).await, CheckoutState::Open);
    assert_eq!(cards.world.seller.delivered(), 0);
    cards.world.audit_clean().await;
}

fn paid_message(cards: &Cards, checkout: &CheckoutView) -> WebhookMessage {
    changed(cards, checkout, |event| {
        event["data"]["object"]["payment_status"] = json!("paid");
    })
}

async fn a_bad_signature_is_refused(backend: Backend) {
    let cards = Cards::live(backend).await;
    let checkout = cards.checkout("buyer").await;
    let message = paid_message(&cards, &checkout);
    for signature in ["", "t=1,v1=00", "nonsense", &message.signature.replace("v1=", "v1=00")] {
        let answer = cards.send_as(signature, message.body.clone()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (401, "bad_signature"),
            "{signature}"
        );
    }
    let longer = [message.body.clone(), b" ".to_vec()].concat();
    assert_eq!(cards.send_as(&message.signature, longer).await.code(), "bad_signature");
    assert_eq!(
        cards.world.webhook_raw("stripe", message.body).await.code(),
        "bad_signature"
    );
    nothing_happened(&cards, &checkout).await;
}

async fn an_old_signature_is_refused(backend: Backend) {
    let cards = Cards::live(backend).await;
    let checkout = cards.checkout("buyer").await;
    let message = paid_message(&cards, &checkout);
    cards.world.clock.advance(Span::seconds(301));
    let answer = cards.send(&message).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (401, "stale_signature")
    );
    nothing_happened(&cards, &checkout).await;
}

async fn a_foreign_signature_is_refused(backend: Backend) {
    let cards = Cards::live(backend).await;
    let checkout = cards.checkout("buyer").await;
    let message = paid_message(&cards, &checkout);
    let foreign = ["whsec_of_somebody_else".to_owned()];
    let signature = webhook_sign(&foreign, cards.world.env.now().as_seconds(), &message.body);
    assert_eq!(cards.send_as(&signature, message.body).await.code(), "bad_signature");
    nothing_happened(&cards, &checkout).await;
}

async fn a_secret_that_is_being_replaced_is_good_and_then_is_not(backend: Backend) {
    let cards = Cards::live(backend).await;
    let checkout = cards.checkout("buyer").await;
    let old = cards.peer.webhook_secrets().remove(0);
    // For a day Stripe signs with both; the node knows the old one only.
    cards
        .peer
        .webhook_secrets_set(vec!["whsec_new_0123456789".to_owned(), old.clone()]);
    cards.pays(&checkout).await;
    assert_eq!(cards.world.state(checkout.id).await, CheckoutState::Settled);
    // Then the operator configures the new one.
    let both = crate::cards::config(&cards.peer);
    let cards = cards.restart(both).await;
    cards.peer.webhook_secrets_set(vec!["whsec_new_0123456789".to_owned()]);
    let second = cards.checkout("other").await;
    cards.pays(&second).await;
    assert_eq!(cards.world.state(second.id).await, CheckoutState::Settled);
    let new = crate::cards::config(&cards.peer);
    let cards = cards.restart(new).await;
    let third = cards.checkout("third").await;
    let message = paid_message(&cards, &third);
    let signature = webhook_sign(&[old], cards.world.env.now().as_seconds(), &message.body);
    assert_eq!(cards.send_as(&signature, message.body).await.code(), "bad_signature");
}

async fn what_stripe_does_not_confirm_is_not_booked(backend: Backend) {
    let cards = Cards::live(backend).await;
    let checkout = cards.checkout("buyer").await;
    let message = paid_message(&cards, &checkout);
    assert!(cards.send(&message).await.status.is_success(), "it is stored");
    nothing_happened(&cards, &checkout).await;
    // And the buyer can still pay.
    cards.pays(&checkout).await;
    assert_eq!(cards.world.state(checkout.id).await, CheckoutState::Settled);
}

async fn an_object_of_another_account_is_not_booked(backend: Backend) {
    let cards = Cards::live(backend).await;
    let checkout = cards.checkout("buyer").await;
    // An object that our key does not see.
    let message = changed(&cards, &checkout, |event| {
        event["data"]["object"]["id"] = json!("cs_live_of_another_account");
        event["data"]["object"]["payment_status"] = json!("paid");
    });
    assert!(cards.send(&message).await.status.is_success());
    // A message about an account that is connected to ours.
    let message = changed(&cards, &checkout, |event| {
        event["account"] = json!("acct_somebody");
        event["data"]["object"]["payment_status"] = json!("paid");
    });
    assert!(cards.send(&message).await.status.is_success());
    // An identifier that would lead to another place.
    let message = changed(&cards, &checkout, |event| {
        event["data"]["object"]["id"] = json!("../refunds?x=");
        event["data"]["object"]["payment_status"] = json!("paid");
    });
    assert!(cards.send(&message).await.status.is_success());
    nothing_happened(&cards, &checkout).await;
}

async fn another_amount_is_booked_and_goes_back(backend: Backend) {
    let cards = Cards::live(backend).await;
    for (buyer, amount, currency) in [("little", 999, "usd"), ("much", 1_001, "usd"), ("other", 1_000, "eur")] {
        let checkout = cards.checkout(buyer).await;
        let session = cards.session(&checkout);
        cards.peer.tamper(&session, |session| {
            session["amount_total"] = json!(amount);
            session["currency"] = json!(currency);
        });
        cards.pays(&checkout).await;
        assert_eq!(
            cards.world.state(checkout.id).await,
            CheckoutState::Refunded,
            "{amount} {currency}"
        );
        let refund = cards.peer.objects("refund").remove(0);
        assert_eq!(
            (&refund["amount"], &refund["currency"]),
            (&json!(amount), &json!(currency))
        );
    }
    assert_eq!(cards.world.seller.delivered(), 0);
    cards.world.audit_clean().await;
}

async fn test_money_where_real_money_is_due_is_refused(backend: Backend) {
    for (cards, price, livemode) in [
        (Cards::live(backend).await, "10.00 USD", false),
        (Cards::test(backend).await, "10.00 TEST-USD", true),
    ] {
        let goods = cards.world.goods_split("buyer", price, &[("mira", 1_000_000)]);
        let checkout = cards.world.checkout_of("buyer", &goods).await;
        let message = changed(&cards, &checkout, |event| {
            event["livemode"] = json!(livemode);
            event["data"]["object"]["payment_status"] = json!("paid");
        });
        let answer = cards.send(&message).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (400, "invalid_request")
        );
        assert!(
            answer
                .detail()
                .contains(if livemode { "real money" } else { "test money" }),
            "{}",
            answer.text()
        );
        nothing_happened(&cards, &checkout).await;
        // The message is right and the payment is not: Stripe itself says which money it is.
        let session = cards.session(&checkout);
        let intent = cards.peer.customer_pays(&session).unwrap();
        cards
            .peer
            .tamper(&intent, |intent| intent["livemode"] = json!(livemode));
        cards.deliver().await;
        nothing_happened(&cards, &checkout).await;
    }
}

async fn a_message_about_another_shop_changes_nothing(backend: Backend) {
    let cards = Cards::live(backend).await;
    let checkout = cards.checkout("buyer").await;
    let message = changed(&cards, &checkout, |event| {
        event["data"]["object"]["metadata"] = json!({"order": "4711"});
        event["data"]["object"]["payment_status"] = json!("paid");
    });
    assert!(cards.send(&message).await.status.is_success());
    let unknown = changed(&cards, &checkout, |event| event["type"] = json!("invoice.paid"));
    assert!(cards.send(&unknown).await.status.is_success());
    nothing_happened(&cards, &checkout).await;
}

async fn a_message_that_is_none_is_refused(backend: Backend) {
    let cards = Cards::live(backend).await;
    for body in ["", "{}", "null", "[1]", r#"{"id": 7}"#] {
        let now = cards.world.env.now().as_seconds();
        let signature = webhook_sign(&cards.peer.webhook_secrets(), now, body.as_bytes());
        let answer = cards.send_as(&signature, body.as_bytes().to_vec()).await;
        assert_eq!(answer.code(), "invalid_request", "{body}");
    }
    assert_eq!(
        cards.world.webhook_raw("paypal", b"{}".to_vec()).await.code(),
        "not_found"
    );
}

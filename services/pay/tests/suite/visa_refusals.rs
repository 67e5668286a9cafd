//! Promises that pay for nothing.

use imajin_kernel::Span;
use imajin_pay::PayConfig;
use imajin_testkit::broker_peer::{BrokerPeer, Forgery, VisaWish};
use imajin_testkit::{Answer, Backend, on_both};
use imajin_web::Reach;

use crate::balance::quote;
use crate::brokers::{Brokered, config, settle, wish};
use crate::world::key;

on_both!(
    a_forged_visa_is_refused,
    an_expired_visa_is_refused,
    a_visa_for_another_node_is_refused,
    a_visa_of_another_agent_is_refused,
    a_visa_of_an_unknown_broker_is_refused,
    a_visa_is_not_spent_twice,
    a_visa_is_not_spent_above_its_amount,
    a_visa_pays_in_parts_up_to_its_amount_and_so_often,
    sixty_four_payments_never_overdraw_a_visa,
    a_promise_of_test_money_is_refused_where_money_is_real,
    a_promise_in_another_currency_is_refused,
    a_promise_for_longer_than_an_hour_is_refused,
    a_broker_inside_the_network_is_not_asked,
    whoever_hangs_up_while_keys_are_read_keeps_nobody_from_paying,
    what_was_paid_with_a_visa_is_not_refunded_here,
    a_token_of_another_kind_is_no_visa,
);

const PRICE: i64 = 8_000_000;

/// An agent tries to pay a work for eight with a visa.
async fn tries(brokered: &Brokered, visa: &str) -> Answer {
    let world = &brokered.world;
    let quoted = quote(world, "agent", &world.work("8.00 TEST-USD")).await;
    settle(world, "agent", &quoted, visa, "k").await
}

async fn refused(brokered: &Brokered, visa: &str, why: &str) {
    let answer = tries(brokered, visa).await;
    assert_eq!(answer.status.as_u16(), 402, "{}", answer.text());
    let problem = answer.json();
    assert_eq!(problem["code"], "payment_failed");
    assert!(problem["detail"].as_str().unwrap().contains(why), "{problem}");
    assert_eq!(brokered.world.seller.delivered(), 0);
    brokered.world.audit_clean().await;
}

async fn a_forged_visa_is_refused(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let visa = brokered.broker.visa_forged(&wish("agent", PRICE), Forgery::OtherKey);
    refused(&brokered, &visa, "signature is not valid").await;
    // What was changed after it was signed is as good as forged.
    let visa = brokered.visa("agent", PRICE);
    let (signed, signature) = visa.rsplit_once('.').unwrap();
    let more = brokered.visa("agent", 2 * PRICE);
    let payload = more.split('.').nth(1).unwrap();
    let header = signed.split_once('.').unwrap().0;
    refused(&brokered, &format!("{header}.{payload}.{signature}"), "not valid").await;
}

async fn an_expired_visa_is_refused(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let visa = brokered.visa("agent", PRICE);
    brokered.world.clock.advance(Span::minutes(11));
    refused(&brokered, &visa, "expired").await;
}

async fn a_visa_for_another_node_is_refused(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let elsewhere = VisaWish::once("other.example", key("agent").public(), "TEST-USD", PRICE);
    refused(&brokered, &brokered.broker.visa(&elsewhere), "somebody else").await;
}

async fn a_visa_of_another_agent_is_refused(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    refused(&brokered, &brokered.visa("thief", PRICE), "another key").await;
}

async fn a_visa_of_an_unknown_broker_is_refused(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let stranger = BrokerPeer::start(brokered.world.env.clone()).await;
    let visa = stranger.visa(&wish("agent", PRICE));
    refused(&brokered, &visa, "does not trust").await;
    assert_eq!(stranger.asked(""), 0, "nobody asks a stranger");
}

async fn a_visa_is_not_spent_twice(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let visa = brokered.visa("agent", 2 * PRICE);
    assert_eq!(tries(&brokered, &visa).await.status.as_u16(), 200);
    let second = tries_again(&brokered, &visa, "2").await;
    assert_eq!(second.status.as_u16(), 402);
    assert!(second.text().contains("spent already"), "{}", second.text());
    brokered.follow().await;
    assert_eq!(brokered.world.available("mira").await, "5.60 TEST-USD");
    brokered.world.audit_clean().await;
}

async fn tries_again(brokered: &Brokered, visa: &str, idempotency: &str) -> Answer {
    let world = &brokered.world;
    let quoted = quote(world, "agent", &world.work("8.00 TEST-USD")).await;
    settle(world, "agent", &quoted, visa, idempotency).await
}

async fn a_visa_is_not_spent_above_its_amount(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    refused(&brokered, &brokered.visa("agent", PRICE - 1), "is left of it").await;
}

async fn a_visa_pays_in_parts_up_to_its_amount_and_so_often(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let often = VisaWish {
        uses: 5,
        ..wish("agent", 2 * PRICE + PRICE / 2)
    };
    let visa = brokered.broker.visa(&often);
    let mut statuses = Vec::new();
    for number in 0..3 {
        statuses.push(tries_again(&brokered, &visa, &number.to_string()).await.status.as_u16());
    }
    assert_eq!(statuses, [200, 200, 402]);
    brokered.follow().await;
    assert_eq!(brokered.world.available("mira").await, "11.20 TEST-USD");
    assert_eq!(brokered.broker.redemptions().len(), 2);
    brokered.world.audit_clean().await;
}

async fn sixty_four_payments_never_overdraw_a_visa(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let world = &brokered.world;
    let often = VisaWish {
        uses: 64,
        ..wish("agent", 10_000_000)
    };
    let visa = &brokered.broker.visa(&often);
    let mut quotes = Vec::new();
    for _ in 0..64 {
        quotes.push(quote(world, "agent", &world.work("1.00 TEST-USD")).await);
    }
    let all = quotes.iter().enumerate();
    let all = all.map(|(n, quoted)| async move { settle(world, "agent", quoted, visa, &n.to_string()).await });
    let answers = futures::future::join_all(all).await;
    let paid = answers.iter().filter(|answer| answer.status.as_u16() == 200).count();
    assert_eq!(paid, 10);
    world.pay.drive().await.unwrap();
    assert_eq!(world.available("mira").await, "7.00 TEST-USD");
    world.audit_clean().await;
}

async fn a_promise_of_test_money_is_refused_where_money_is_real(backend: Backend) {
    let live = |broker: &BrokerPeer| {
        let mut config = config(broker);
        config.brokers.test_money = false;
        config
    };
    let brokered = Brokered::with(backend, live).await;
    refused(&brokered, &brokered.visa("agent", PRICE), "test money").await;
    // Nor does it pay where the price is in real money.
    let brokered = Brokered::new(backend).await;
    let world = &brokered.world;
    let quoted = quote(world, "agent", &world.work("8.00 USD")).await;
    let answer = settle(world, "agent", &quoted, &brokered.visa("agent", PRICE), "k").await;
    assert_eq!(answer.status.as_u16(), 402, "{}", answer.text());
    world.audit_clean().await;
}

async fn a_promise_in_another_currency_is_refused(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let other = |currency: &str| VisaWish {
        currency: currency.to_owned(),
        ..wish("agent", PRICE)
    };
    refused(&brokered, &brokered.broker.visa(&other("TEST-EUR")), "this costs").await;
    refused(&brokered, &brokered.broker.visa(&other("gold!")), "currency is unknown").await;
}

async fn a_promise_for_longer_than_an_hour_is_refused(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let long = VisaWish {
        lifetime: Span::minutes(61),
        ..wish("agent", PRICE)
    };
    refused(&brokered, &brokered.broker.visa(&long), "longer than an hour").await;
}

async fn a_broker_inside_the_network_is_not_asked(backend: Backend) {
    let public = |broker: &BrokerPeer| -> PayConfig {
        let mut config = config(broker);
        config.brokers.reach = Reach::Public;
        config
    };
    let brokered = Brokered::with(backend, public).await;
    let answer = tries(&brokered, &brokered.visa("agent", PRICE)).await;
    assert_eq!(answer.status.as_u16(), 503, "{}", answer.text());
    assert_eq!(brokered.broker.asked(""), 0);
    brokered.world.audit_clean().await;
}

async fn whoever_hangs_up_while_keys_are_read_keeps_nobody_from_paying(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let visa = brokered.visa("agent", PRICE);
    let is_asked = async {
        while brokered.broker.asked("jwks") == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        () = is_asked => {}
        answer = tries(&brokered, &visa) => panic!("it was answered: {}", answer.text()),
    }
    // Another visa under another key: the first may have been answered just before it hung up.
    let other = brokered.visa("agent", PRICE);
    let answer = tries_again(&brokered, &other, "other").await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
}

async fn what_was_paid_with_a_visa_is_not_refunded_here(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let world = &brokered.world;
    let id = brokered.pays("agent", &world.work("8.00 TEST-USD"), PRICE).await;
    let body = serde_json::json!({"checkout": id});
    let answer = crate::refunds::refund(world, "organiser", "back", &body).await;
    assert_eq!(answer.status.as_u16(), 409, "{}", answer.text());
    assert!(answer.text().contains("broker"));
}

async fn a_token_of_another_kind_is_no_visa(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let world = &brokered.world;
    let id = brokered.pays("agent", &world.work("8.00 TEST-USD"), PRICE).await;
    let receipt = world.receipt("agent", id).await.jwt;
    for text in ["", "a.b.c", receipt.as_str()] {
        let answer = tries_again(&brokered, text, &format!("k{}", text.len())).await;
        assert_eq!(answer.status.as_u16(), 402, "{}", answer.text());
    }
    world.audit_clean().await;
}

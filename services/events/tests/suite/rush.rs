//! Many at once.

use futures::future::join_all;
use imajin_kernel::Span;
use imajin_testkit::{Answer, Backend, on_both};

use crate::world::{CheckoutAnswer, World, key};

on_both!(
    two_hundred_buyers_for_twenty_places,
    mixed_quantities_never_exceed_the_places,
    one_key_sent_many_times_at_once_is_one_order,
    holds_releases_and_payments_at_once_keep_the_counters,
);

fn refused(answers: &[Answer]) -> usize {
    answers
        .iter()
        .filter(|answer| answer.status.is_client_error() && answer.code() == "sold_out")
        .count()
}

async fn two_hundred_buyers_for_twenty_places(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(20)).await;
    let buyers: Vec<_> = (0..200).map(|nth| key(&format!("buyer {nth}"))).collect();
    let answers = join_all(buyers.iter().map(|buyer| world.checkout(buyer, &event, 1))).await;
    let orders: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status.is_success())
        .map(Answer::order)
        .collect();
    assert_eq!((orders.len(), refused(&answers)), (20, 180));
    assert_eq!(world.counters(&event).await, (0, 20));
    let paid = join_all(
        orders
            .iter()
            .take(15)
            .map(|order| world.pay.settle(order.checkout_id.unwrap())),
    )
    .await;
    assert_eq!(paid.len(), 15);
    world.clock.advance(Span::minutes(15));
    world.events.holds_release().await.unwrap();
    assert_eq!(world.counters(&event).await, (15, 0), "no hold is left after expiry");
    assert_eq!(world.event_again(&event).await.tiers[0].available, Some(5));
    assert_eq!(world.audit().await, []);
}

async fn mixed_quantities_never_exceed_the_places(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(31)).await;
    let buyers: Vec<_> = (0..60).map(|nth| key(&format!("buyer {nth}"))).collect();
    let wishes = buyers.iter().zip((1..=4_u32).cycle());
    let answers = join_all(wishes.map(|(buyer, quantity)| world.checkout(buyer, &event, quantity))).await;
    let held: u32 = answers
        .iter()
        .filter(|answer| answer.status.is_success())
        .map(|answer| answer.order().quantity)
        .sum();
    let (_, counted) = world.counters(&event).await;
    assert_eq!(held, counted);
    assert_eq!(held, 31, "single places fill the last gaps");
    assert_eq!(world.audit().await, []);
}

async fn one_key_sent_many_times_at_once_is_one_order(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(20)).await;
    let buyer = key("buyer");
    let answers = join_all((0..10).map(|_| world.checkout_with_key(&buyer, &event, 2, "k"))).await;
    let mut ids: Vec<_> = answers
        .iter()
        .map(|answer| (answer.order().id, answer.order().checkout_id))
        .collect();
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(world.counters(&event).await, (0, 2));
}

async fn holds_releases_and_payments_at_once_keep_the_counters(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(40)).await;
    let buyers: Vec<_> = (0..30).map(|nth| key(&format!("buyer {nth}"))).collect();
    let answers = join_all(buyers.iter().map(|buyer| world.checkout(buyer, &event, 1))).await;
    let orders: Vec<_> = answers.iter().map(Answer::order).collect();
    world.clock.advance(Span::minutes(15));
    let payments = join_all(
        orders
            .iter()
            .take(12)
            .map(|order| world.pay.settle(order.checkout_id.unwrap())),
    );
    let releases = join_all((0..4).map(|_| world.events.holds_release()));
    let more: Vec<_> = (30..60).map(|nth| key(&format!("buyer {nth}"))).collect();
    let holds = join_all(more.iter().map(|buyer| world.checkout(buyer, &event, 1)));
    let (_paid, _released, held) = tokio::join!(payments, releases, holds);
    let held = held.iter().filter(|answer| answer.status.is_success()).count();
    world.events.holds_release().await.unwrap();
    let (sold, still_held) = world.counters(&event).await;
    assert!(sold <= 12 && sold + still_held <= 40, "{sold} {still_held}");
    assert_eq!(usize::try_from(still_held).unwrap(), held);
    assert_eq!(world.audit().await, []);
}

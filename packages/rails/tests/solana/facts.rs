//! What the rail says that it has done.

use imajin_kernel::Span;
use imajin_rails::{FACT_DONE, FactKind, Rail, RailError};

use crate::rail::{PRICE, Shop, UNITS, refund_of};
use crate::support::now;

#[tokio::test]
async fn what_was_paid_and_sent_back_is_listed() {
    let shop = Shop::new();
    let (paid, wrong) = (shop.opened().await, shop.opened().await);
    let signature = shop.pays(&paid, UNITS).await;
    shop.pays(&wrong, UNITS / 2).await;
    let events = shop.events().await;
    let half = events.iter().find(|event| event.checkout == Some(wrong.id)).unwrap();
    let refund = shop.refunded(&refund_of(half)).await;
    let (mut facts, mut cursor) = (Vec::new(), None);
    loop {
        let page = shop
            .rail
            .facts(now().minus(Span::days(1)), cursor.as_deref())
            .await
            .unwrap();
        facts.extend(page.facts);
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    let found = |kind| facts.iter().find(|fact| fact.kind == kind).unwrap();
    let (payment, back) = (found(FactKind::Payment), found(FactKind::Refund));
    assert_eq!((&payment.reference, &payment.about), (&signature, &paid.id.to_string()));
    assert_eq!((payment.amount.to_string().as_str(), payment.state), (PRICE, FACT_DONE));
    assert_eq!(
        (&back.reference, back.amount.to_string().as_str()),
        (&refund, "5.00 USDC")
    );
    assert_eq!(back.state, FACT_DONE);
    // By the chain: what came, what went, and what of the wallet's SOL that has cost.
    let count = |kind| facts.iter().filter(|fact| fact.kind == kind).count();
    let by_chain = (count(FactKind::Arrival), count(FactKind::Departure));
    assert_eq!((facts.len(), by_chain), (6, (2, 2)), "{facts:?}");
    let lost = shop.rail.facts(now(), Some("nowhere")).await;
    assert!(matches!(lost, Err(RailError::Malformed(_))), "{lost:?}");
}

//! Refunds go back where the money came from.

use imajin_kernel::Span;
use imajin_rails::solana::USDC_MINT;
use imajin_rails::{Rail as _, RailError};
use serde_json::json;

use crate::rail::{Shop, refund_of};

#[tokio::test]
async fn a_refund_makes_no_account_and_is_made_again_when_there_is_one() {
    let shop = Shop::new();
    let checkout = shop.opened().await;
    shop.pays(&checkout, 1).await;
    let events = shop.events().await;
    let (refund, buyer) = (refund_of(&events[0]), shop.world.buyer());
    let left = shop.world.units(&shop.world.usdc, &buyer).await;
    shop.world.test("test_tokens_close", json!([buyer, USDC_MINT]));
    let refused = async || {
        for _round in 0..6 {
            match shop.rail.refund(&refund).await {
                Err(RailError::Refused(why)) => return why,
                Err(RailError::Unavailable(_)) => drop(shop.ticked().await),
                other => panic!("{other:?}"),
            }
        }
        panic!("the refund does not end");
    };
    assert!(refused().await.contains("by hand"));
    // The buyer opens it again. Whoever still asks is asked to wait, and then it is made once.
    shop.world.test("test_tokens", json!([buyer, USDC_MINT, left]));
    assert!(refused().await.contains("by hand"));
    shop.clock.advance(Span::hours(1));
    let reference = shop.refunded(&refund).await;
    assert_eq!(shop.refunded(&refund).await, reference);
    assert_eq!(shop.world.units(&shop.world.usdc, &buyer).await, left + 1);
}

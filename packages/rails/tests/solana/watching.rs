//! The watcher: restarts, a server that is away, blocks that disappear.

use imajin_kernel::Span;
use imajin_rails::solana::{Payment, Report, RpcError, USDC_MINT, Watch};
use serde_json::json;

use crate::support::{World, address, now, shares, watch};

const GROSS: i64 = 10_000_000;

async fn awaited(world: &World) -> Payment {
    world.test("test_tokens", json!([address(0), USDC_MINT, 0]));
    world.plan(world.usdc, GROSS, &shares(1, GROSS)).await
}

/// What a node does that stops and starts again.
fn restarted(watch: &Watch) -> Watch {
    serde_json::from_str(&serde_json::to_string(watch).unwrap()).unwrap()
}

#[tokio::test]
async fn nothing_is_final_before_it_is() {
    let world = World::new();
    let payment = awaited(&world).await;
    let watch = watch(&payment);
    let signature = world.pay(&payment).await;
    let seen = watch.step(&world.rpc, now()).await;
    assert_eq!(seen.reports, [Report::Seen { signature }]);
    assert!(seen.watch.is_settling());
    let again = restarted(&seen.watch).step(&world.rpc, now()).await;
    assert_eq!(again.reports, [], "it was reported");
    let mut watch = restarted(&again.watch);
    assert!(world.sightings(&mut watch).await[0].pays());
    assert!(world.sightings(&mut watch).await.is_empty(), "it was reported");
    assert!(!watch.is_settling());
}

#[tokio::test]
async fn a_step_whose_result_was_lost_finds_the_same_again() {
    let world = World::new();
    let payment = awaited(&world).await;
    world.pay(&payment).await;
    let watch = watch(&payment);
    let first = world.sightings(&mut restarted(&watch)).await;
    let second = world.sightings(&mut restarted(&watch)).await;
    assert_eq!(first.len(), 1);
    assert_eq!(first, second);
}

#[tokio::test]
async fn a_server_that_is_away_is_asked_less_and_less_often_and_nothing_is_missed() {
    let world = World::new();
    let payment = awaited(&world).await;
    world.pay(&payment).await;
    world.finalise();
    world.test("test_fault", json!(["getSignaturesForAddress", "away", 9]));
    let mut watch = watch(&payment);
    let mut waits = Vec::new();
    for _step in 0..9 {
        let stepped = restarted(&watch).step(&world.rpc, now()).await;
        assert!(matches!(stepped.problem, Some(RpcError::Away(_))));
        assert_eq!(stepped.reports, []);
        watch = stepped.watch;
        waits.push(watch.next_at.since(now()).as_seconds());
    }
    assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 300]);
    assert!(world.sightings(&mut watch).await[0].pays());
    assert_eq!(watch.failures, 0);
}

#[tokio::test]
async fn a_transaction_that_cannot_be_fetched_yet_is_fetched_later() {
    let world = World::new();
    let payment = awaited(&world).await;
    world.pay(&payment).await;
    world.finalise();
    for kind in ["away", "lost"] {
        world.test("test_fault", json!(["getTransaction", kind, 1]));
        let stepped = watch(&payment).step(&world.rpc, now()).await;
        assert!(stepped.problem.is_some() && stepped.reports.is_empty());
        assert!(world.sightings(&mut restarted(&stepped.watch)).await[0].pays());
    }
}

#[tokio::test]
async fn a_block_that_disappears_takes_its_payment_along() {
    let world = World::new();
    let payment = awaited(&world).await;
    let signature = world.pay(&payment).await;
    let seen = watch(&payment).step(&world.rpc, now()).await;
    assert_eq!(
        seen.reports,
        [Report::Seen {
            signature: signature.clone()
        }]
    );
    world.test("test_drop", json!([signature]));
    let gone = restarted(&seen.watch).step(&world.rpc, now()).await;
    assert_eq!(gone.reports, [Report::Gone { signature }]);
    let mut watch = gone.watch;
    assert!(watch.paid_by.is_none() && !watch.is_settling());
    // The buyer pays again: that is the first payment.
    let second = world.pay(&payment).await;
    let found = world.sightings(&mut watch).await;
    assert_eq!((found.len(), &found[0].signature, found[0].pays()), (1, &second, true));
}

#[tokio::test]
async fn many_transactions_under_one_reference_hide_no_payment() {
    let world = World::new();
    let payment = awaited(&world).await;
    // Dust, by somebody who read the reference.
    for number in 0..40 {
        let dust = imajin_rails::solana::program::sol_transfer(
            &world.buyer(),
            &address(60),
            1_000_000 + number,
            &payment.reference,
        );
        world.buyer_sends(&[dust]);
    }
    let signature = world.pay(&payment).await;
    let mut watch = watch(&payment);
    let first = world.sightings(&mut watch).await;
    assert_eq!(first.len(), 32, "a step has a bound");
    let second = world.sightings(&mut restarted(&watch)).await;
    assert_eq!(second.len(), 9);
    assert!(second[8].pays() && second[8].signature == signature);
}

#[tokio::test]
async fn a_watch_ends_a_week_after_the_checkout() {
    let world = World::new();
    let watch = watch(&awaited(&world).await);
    assert!(!watch.is_over(watch.expires_at.plus(Span::days(7))));
    assert!(watch.is_over(watch.expires_at.plus(Span::days(8))));
}

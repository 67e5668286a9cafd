//! What arrives, and what it is to the checkout.

use imajin_kernel::Span;
use imajin_rails::solana::program::{memo, sol_transfer, token_account_create};
use imajin_rails::solana::{Address, Finding, Instruction, MJN_MINT, Payment, Shown, USDC_MINT, transfer_request_url};
use serde_json::json;

use crate::support::{NOW, World, address, shares, token_transfer_of, watch};

const GROSS: i64 = 10_000_000;
const UNITS: u64 = 10_000_000;

async fn awaited(world: &World) -> Payment {
    for number in 0..2 {
        world.test("test_tokens", json!([address(number), USDC_MINT, 0]));
    }
    world.plan(world.usdc, GROSS, &shares(2, GROSS)).await
}

fn to_node(world: &World, payment: &Payment, units: u64) -> Instruction {
    token_transfer_of(world, &USDC_MINT, &world.wallet.address(), units, &payment.reference)
}

#[tokio::test]
async fn a_transfer_request_pays_the_node_alone() {
    let world = World::new();
    let payment = awaited(&world).await;
    let shown = Shown {
        label: "A & B",
        message: "Two tickets",
    };
    let url = transfer_request_url(&payment, &shown);
    let parsed: url::Url = url.parse().unwrap();
    assert_eq!(
        (parsed.scheme(), parsed.path()),
        ("solana", world.wallet.address().to_string().as_str())
    );
    let query: Vec<_> = parsed.query_pairs().into_owned().collect();
    let wanted = [
        ("amount", "10".to_owned()),
        ("spl-token", USDC_MINT.to_string()),
        ("reference", payment.reference.to_string()),
        ("label", "A & B".to_owned()),
        ("message", "Two tickets".to_owned()),
        ("memo", format!("imajin {}", payment.checkout)),
    ];
    assert_eq!(query, wanted.map(|(name, value)| (name.to_owned(), value)));
    // What a wallet makes of it.
    world.buyer_sends(&[memo(&payment.memo()), to_node(&world, &payment, UNITS)]);
    let sighting = world.sighting(&payment).await;
    assert_eq!(sighting.finding, Finding::Exact { split: false });
    assert!(sighting.pays());
    assert_eq!(sighting.received[0].from, world.buyer());
}

#[tokio::test]
async fn a_wrong_amount_is_not_a_payment_and_can_go_back() {
    let world = World::new();
    let node = world.wallet.address();
    for units in [UNITS - 1, UNITS + 1, 1] {
        let payment = awaited(&world).await;
        world.buyer_sends(&[to_node(&world, &payment, units)]);
        let sighting = world.sighting(&payment).await;
        assert_eq!(sighting.finding, Finding::WrongAmount);
        assert!(!sighting.pays());
        let back: Vec<_> = sighting
            .returnable(&node)
            .map(|moved| (moved.from, moved.units))
            .collect();
        assert_eq!(back, [(world.buyer(), units)]);
    }
}

#[tokio::test]
async fn the_right_total_in_the_wrong_parts_is_not_a_payment() {
    let world = World::new();
    let payment = awaited(&world).await;
    let parts = [(address(0), 4_000_000), (address(1), 6_000_000)];
    let moves = parts.map(|(owner, units)| token_transfer_of(&world, &USDC_MINT, &owner, units, &payment.reference));
    world.buyer_sends(&moves);
    let sighting = world.sighting(&payment).await;
    assert_eq!(sighting.finding, Finding::WrongAmount);
    // The payees have it: there is nothing at the node to send back.
    assert_eq!(sighting.returnable(&world.wallet.address()).count(), 0);
    assert_eq!(sighting.received.len(), 2);
}

#[tokio::test]
async fn parts_of_the_right_amount_in_one_transaction_are_a_payment() {
    let world = World::new();
    let payment = awaited(&world).await;
    world.buyer_sends(&[
        to_node(&world, &payment, 4_000_000),
        to_node(&world, &payment, 6_000_000),
    ]);
    assert!(world.sighting(&payment).await.pays());
}

#[tokio::test]
async fn another_token_and_sol_are_not_a_payment_in_usdc() {
    let world = World::new();
    let (node, buyer) = (world.wallet.address(), world.buyer());
    world.test("test_tokens", json!([buyer, MJN_MINT, 50_000_000]));
    let payment = awaited(&world).await;
    let account = Address::token_account(&node, &MJN_MINT).unwrap();
    world.buyer_sends(&[
        token_account_create(&buyer, &account, &node, &MJN_MINT),
        token_transfer_of(&world, &MJN_MINT, &node, UNITS, &payment.reference),
    ]);
    let sighting = world.sighting(&payment).await;
    assert_eq!(sighting.finding, Finding::WrongToken);
    let back: Vec<_> = sighting
        .returnable(&node)
        .map(|moved| (moved.mint, moved.units))
        .collect();
    assert_eq!(back, [(Some(MJN_MINT), UNITS)]);

    let payment = awaited(&world).await;
    world.buyer_sends(&[sol_transfer(&buyer, &node, UNITS, &payment.reference)]);
    let sighting = world.sighting(&payment).await;
    assert_eq!(
        (&sighting.finding, sighting.received[0].mint),
        (&Finding::WrongToken, None)
    );
}

#[tokio::test]
async fn a_late_payment_is_known_as_late() {
    let world = World::new();
    let payment = awaited(&world).await;
    let watch = watch(&payment);
    for (seconds, late) in [(0, false), (1, true)] {
        let at = watch.expires_at.plus(Span::seconds(seconds)).as_seconds();
        world.test("test_clock", json!([at]));
        let payment = awaited(&world).await;
        world.pay(&payment).await;
        let sighting = world.sighting(&payment).await;
        assert_eq!((sighting.late, sighting.pays()), (late, !late));
        assert!(matches!(sighting.finding, Finding::Exact { .. }));
    }
    world.test("test_clock", json!([NOW]));
}

#[tokio::test]
async fn a_second_payment_is_known_as_a_duplicate_and_can_go_back() {
    let world = World::new();
    let payment = awaited(&world).await;
    let first = world.pay(&payment).await;
    let second = world.buyer_sends(&[to_node(&world, &payment, UNITS)]);
    let mut watch = watch(&payment);
    let found = world.sightings(&mut watch).await;
    let names: Vec<_> = found.iter().map(|sighting| &sighting.signature).collect();
    assert_eq!(names, [&first, &second]);
    assert_eq!(
        found.iter().map(|sighting| sighting.duplicate).collect::<Vec<_>>(),
        [false, true]
    );
    assert!(found[0].pays() && !found[1].pays());
    assert_eq!(found[1].returnable(&world.wallet.address()).count(), 1);
    assert_eq!(found[0].explained(), None);
    assert!(found[1].explained().unwrap().contains("paid before"));
    // A third one, much later.
    let third = world.buyer_sends(&[memo("again"), to_node(&world, &payment, UNITS)]);
    let found = world.sightings(&mut watch).await;
    assert_eq!(
        (found.len(), &found[0].signature, found[0].duplicate),
        (1, &third, true)
    );
    assert_eq!(watch.paid_by, Some(first));
}

#[tokio::test]
async fn one_transfer_does_not_pay_two_checkouts() {
    let world = World::new();
    let (one, other) = (awaited(&world).await, awaited(&world).await);
    // Both references are in the transaction, the money is in it once.
    let mut transfer = to_node(&world, &one, UNITS);
    world.buyer_sends(&[transfer.clone(), memo_with(&other.reference)]);
    assert!(world.sighting(&one).await.pays());
    assert_eq!(world.sighting(&other).await.finding, Finding::Stray);

    // Both references are in the transfer itself.
    let (one, other) = (awaited(&world).await, awaited(&world).await);
    transfer = to_node(&world, &one, UNITS);
    transfer
        .accounts
        .push(imajin_rails::solana::AccountUse::readonly(other.reference));
    world.buyer_sends(&[transfer]);
    let found = [world.sighting(&one).await, world.sighting(&other).await];
    for sighting in &found {
        assert_eq!(sighting.finding, Finding::Ambiguous);
        assert_eq!(
            (sighting.pays(), sighting.returnable(&world.wallet.address()).count()),
            (false, 0)
        );
    }
}

/// An instruction that carries a reference and moves nothing.
fn memo_with(reference: &Address) -> Instruction {
    // A transfer of no lamports to the reference itself.
    let mut nothing = sol_transfer(reference, reference, 0, reference);
    nothing.program = imajin_rails::solana::program::COMPUTE_BUDGET_PROGRAM;
    nothing.data = vec![3, 0, 0, 0, 0, 0, 0, 0, 0];
    for used in &mut nothing.accounts {
        (used.signs, used.writes) = (false, false);
    }
    nothing
}

#[tokio::test]
async fn a_transaction_that_failed_on_the_chain_pays_nothing() {
    let world = World::new();
    let payment = awaited(&world).await;
    // More than the buyer has; the first transfer alone would have been exact.
    world.buyer_sends(&[to_node(&world, &payment, UNITS), to_node(&world, &payment, u64::MAX)]);
    let sighting = world.sighting(&payment).await;
    assert!(matches!(sighting.finding, Finding::Failed { .. }), "{sighting:?}");
    assert!(!sighting.pays() && sighting.received.is_empty());
    assert_eq!(world.units(&world.usdc, &world.wallet.address()).await, 0);
}

#[tokio::test]
async fn money_to_strangers_under_a_reference_pays_nothing() {
    let world = World::new();
    let payment = awaited(&world).await;
    world.test("test_tokens", json!([address(50), USDC_MINT, 0]));
    world.buyer_sends(&[token_transfer_of(
        &world,
        &USDC_MINT,
        &address(50),
        UNITS,
        &payment.reference,
    )]);
    let sighting = world.sighting(&payment).await;
    assert_eq!((&sighting.finding, sighting.received.len()), (&Finding::Stray, 0));
}

#[tokio::test]
async fn money_without_the_reference_is_not_seen_as_this_checkouts() {
    let world = World::new();
    let payment = awaited(&world).await;
    let other = awaited(&world).await;
    world.buyer_sends(&[to_node(&world, &other, UNITS)]);
    assert_eq!(world.sightings(&mut watch(&payment)).await, []);
}

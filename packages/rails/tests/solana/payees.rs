//! One payment to 1, 7, 8, 15, 16 and 1,000 payees.

use imajin_money::Amount;
use imajin_rails::solana::{
    Coin, Finding, Form, Payment, Place, RENT_LAMPORTS, Report, Share, TRANSACTION_BYTES_MAX, USDC_MINT, Why,
};
use serde_json::json;

use crate::support::{World, address, amount, length, now, shares, watch};

const GROSS: i64 = 100_000_003;

/// Plans, pays with a wallet, watches until it is final, and compares every balance on the chain.
async fn paid_exactly(world: &World, coin: Coin, gross: i64, shares: &[Share]) -> Payment {
    let mut owners: Vec<_> = shares.iter().filter_map(|share| share.address).collect();
    owners.push(world.wallet.address());
    let before = world.rpc.holdings(&coin, &owners).await.unwrap();
    let payment = world.plan(coin, gross, shares).await;
    let sum = Amount::sum(payment.transfers.iter().map(|transfer| transfer.amount));
    assert_eq!(sum, Ok(amount(gross)));
    assert_eq!(payment.places.len(), shares.len());
    assert!(length(&payment) <= TRANSACTION_BYTES_MAX);

    let signature = world.pay(&payment).await;
    let mut watch = watch(&payment);
    let stepped = watch.step(&world.rpc, now()).await;
    assert_eq!(
        stepped.reports,
        [Report::Seen {
            signature: signature.clone()
        }],
        "not final yet"
    );
    watch = stepped.watch;
    let found = world.sightings(&mut watch).await;
    assert_eq!(found.len(), 1);
    assert!(found[0].pays());
    let split = payment.form == Form::Split;
    assert_eq!(found[0].finding, Finding::Exact { split });
    assert_eq!(
        (&found[0].signature, watch.paid_by.as_ref()),
        (&signature, Some(&signature))
    );

    for (account, after) in world.rpc.holdings(&coin, &owners).await.unwrap() {
        let paid = payment.transfers.iter().filter(|transfer| transfer.account == account);
        let paid: i64 = paid.map(|transfer| transfer.amount.micros()).sum();
        assert_eq!(
            after.units,
            before[&account].units + u64::try_from(paid).unwrap(),
            "{account}"
        );
    }
    payment
}

fn accounts_open(world: &World, count: u64) {
    for number in 0..count {
        world.test("test_tokens", json!([address(number), USDC_MINT, 5]));
    }
}

#[tokio::test]
async fn usdc_to_1_7_8_and_15_payees_is_split_on_the_chain() {
    let world = World::new();
    accounts_open(&world, 15);
    for count in [1, 7, 8, 15] {
        let payment = paid_exactly(&world, world.usdc, GROSS, &shares(count, GROSS)).await;
        assert_eq!(payment.form, Form::Split);
        assert_eq!(payment.transfers.len(), usize::try_from(count).unwrap());
        assert!(payment.places.iter().all(|place| *place == Place::Chain));
    }
}

#[tokio::test]
async fn usdc_to_16_and_1000_payees_goes_to_the_node() {
    let world = World::new();
    accounts_open(&world, 16);
    for count in [16, 1000] {
        let payment = paid_exactly(&world, world.usdc, GROSS, &shares(count, GROSS)).await;
        let count = usize::try_from(count).unwrap();
        assert_eq!(
            payment.form,
            Form::Single {
                why: Why::Payees { count }
            }
        );
        assert_eq!(payment.transfers, std::slice::from_ref(&payment.single));
        assert!(payment.places.iter().all(|place| *place == Place::Ledger));
    }
}

#[tokio::test]
async fn token_accounts_are_made_for_7_payees_and_not_for_8() {
    for (count, split) in [(1, true), (7, true), (8, false)] {
        let world = World::new();
        let payment = paid_exactly(&world, world.usdc, GROSS, &shares(count, GROSS)).await;
        let form = if split {
            Form::Split
        } else {
            Form::Single {
                why: Why::Accounts { count: 8 },
            }
        };
        assert_eq!(payment.form, form);
        assert_eq!(
            payment.transfers.iter().filter(|transfer| transfer.creates).count(),
            if split { usize::try_from(count).unwrap() } else { 0 }
        );
    }
}

#[tokio::test]
async fn what_would_not_fit_a_packet_goes_to_the_node() {
    let world = World::new();
    // Seven accounts to make, and eight that are there: both within their bounds.
    accounts_open(&world, 8);
    let payment = paid_exactly(&world, world.usdc, GROSS, &shares(15, GROSS)).await;
    assert!(matches!(payment.form, Form::Single { why: Why::Bytes { bytes } } if bytes > TRANSACTION_BYTES_MAX));
}

#[tokio::test]
async fn sol_goes_to_1_7_8_and_15_payees_and_beyond_to_the_node() {
    let world = World::new();
    let gross = 1_000_000_007;
    for count in [1, 7, 8, 15] {
        let payment = paid_exactly(&world, world.sol, gross, &shares(count, gross)).await;
        assert_eq!(payment.form, Form::Split);
    }
    for count in [16, 1000] {
        let payment = paid_exactly(&world, world.sol, gross, &shares(count, gross)).await;
        assert!(matches!(payment.form, Form::Single { .. }));
    }
}

#[tokio::test]
async fn too_little_sol_for_a_new_address_stays_in_the_ledger() {
    let world = World::new();
    let gross = 3 * RENT_LAMPORTS - 1;
    let mut shares = shares(2, gross);
    (shares[0].amount, shares[1].amount) = (amount(2 * RENT_LAMPORTS), amount(RENT_LAMPORTS - 1));
    let payment = paid_exactly(&world, world.sol, gross, &shares).await;
    assert_eq!(payment.form, Form::Split);
    assert_eq!(payment.places, [Place::Chain, Place::Ledger]);
}

#[tokio::test]
async fn held_and_unbound_shares_go_through_the_node_and_the_others_to_their_payees() {
    let world = World::new();
    accounts_open(&world, 4);
    let mut shares = shares(4, GROSS);
    shares[1].held = true;
    shares[2].address = None;
    let payment = paid_exactly(&world, world.usdc, GROSS, &shares).await;
    assert_eq!(payment.form, Form::Split);
    assert_eq!(
        payment.places,
        [Place::Chain, Place::Ledger, Place::Ledger, Place::Chain]
    );
    assert_eq!(payment.transfers.len(), 3);

    for share in &mut shares {
        share.held = true;
    }
    let payment = paid_exactly(&world, world.usdc, GROSS, &shares).await;
    assert_eq!(payment.form, Form::Single { why: Why::NobodyBound });
}

#[tokio::test]
async fn a_frozen_or_given_away_account_is_not_paid() {
    let world = World::new();
    world.test("test_tokens", json!([address(0), USDC_MINT, 0]));
    world.test("test_tokens", json!([address(1), USDC_MINT, 0, true]));
    world.test("test_tokens", json!([address(2), USDC_MINT, 0, false, address(3)]));
    let payment = paid_exactly(&world, world.usdc, GROSS, &shares(3, GROSS)).await;
    assert_eq!(payment.places, [Place::Chain, Place::Ledger, Place::Ledger]);
}

#[tokio::test]
async fn a_buyer_who_is_a_payee_too_pays_himself() {
    let world = World::new();
    accounts_open(&world, 2);
    let mut shares = shares(2, GROSS);
    shares[1].address = Some(world.buyer());
    let payment = world.plan(world.usdc, GROSS, &shares).await;
    world.pay(&payment).await;
    assert!(world.sighting(&payment).await.pays());
}

#[tokio::test]
async fn two_shares_of_one_address_are_one_transfer() {
    let world = World::new();
    accounts_open(&world, 1);
    let mut shares = shares(20, GROSS);
    for share in &mut shares {
        share.address = Some(address(0));
    }
    let payment = world.plan(world.usdc, GROSS, &shares).await;
    assert_eq!((payment.form, payment.transfers.len()), (Form::Split, 1));
    world.pay(&payment).await;
    assert!(world.sighting(&payment).await.pays());
}

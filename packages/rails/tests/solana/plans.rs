//! Whatever the shares: everything is paid, nothing is invented, and the transaction fits.

use imajin_kernel::{Env, ManualClock};
use imajin_money::{Amount, Asset};
use imajin_rails::solana::{
    ACCOUNTS_CREATED_MAX, Form, Network, PAYEES_MAX, Payment, Place, PlanInput, Priority, Share, SolanaError, Standing,
    TRANSACTION_BYTES_MAX,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::{address, amount, length, now, person};

/// A payee by number, what he gets, whether it is held, whether he has an address.
fn shares() -> impl Strategy<Value = Vec<Share>> {
    let share = (0..24_u64, 0..2_000_000_i64, any::<bool>(), 0..10_u8).prop_map(|(number, units, held, kind)| Share {
        did: person(1_000_000 + number).did(),
        amount: amount(units),
        address: (kind > 0).then(|| address(number)),
        held: held && kind > 7,
    });
    vec(share, 1..40)
}

fn plan(shares: &[Share], asset: Asset, gross: Amount, standings: u64) -> Result<Payment, SolanaError> {
    let coin = Network::Mainnet.coin(asset).unwrap();
    let standing = move |account: &imajin_rails::solana::Address| {
        let [first, ..] = account.as_bytes();
        match (u64::from(*first) ^ standings) % 5 {
            0 => Standing::Missing,
            1 => Standing::Unusable,
            _ => Standing::Ready,
        }
    };
    Payment::plan(&PlanInput {
        checkout: Env::fixed(ManualClock::at(now()), 3).new_id(),
        reference: address(90),
        coin,
        gross,
        shares,
        node: address(91),
        priority: Priority::default(),
        standing: &standing,
    })
}

proptest! {
    #[test]
    fn every_plan_pays_everything_and_fits(shares in shares(), standings in 0..250_u64, is_sol in any::<bool>()) {
        let asset = if is_sol { Asset::SOL } else { Asset::USDC };
        let gross = Amount::sum(shares.iter().map(|share| share.amount)).unwrap();
        let planned = plan(&shares, asset, gross, standings);
        if gross.is_zero() {
            prop_assert_eq!(planned, Err(SolanaError::Nothing));
            return Ok(());
        }
        let payment = planned.unwrap();
        prop_assert_eq!(Amount::sum(payment.transfers.iter().map(|transfer| transfer.amount)), Ok(gross));
        prop_assert!(payment.transfers.iter().all(|transfer| !transfer.amount.is_zero()));
        prop_assert!(payment.transfers.len() <= PAYEES_MAX);
        prop_assert!(payment.transfers.iter().filter(|transfer| transfer.creates).count() <= ACCOUNTS_CREATED_MAX);
        prop_assert!(length(&payment) <= TRANSACTION_BYTES_MAX);
        // Who is paid on the chain gets his shares there, all of them and no more; the rest is at the node.
        let mut ledger = gross;
        for transfer in payment.transfers.iter().filter(|transfer| transfer.owner != address(91)) {
            let own = shares.iter().zip(&payment.places);
            let own = own.filter(|(share, place)| **place == Place::Chain && share.address == Some(transfer.owner));
            prop_assert_eq!(Amount::sum(own.map(|(share, _place)| share.amount)), Ok(transfer.amount));
            ledger = ledger.checked_sub(transfer.amount).unwrap();
        }
        let booked = shares.iter().zip(&payment.places).filter(|(_share, place)| **place == Place::Ledger);
        prop_assert_eq!(Amount::sum(booked.map(|(share, _place)| share.amount)), Ok(ledger));
        for (share, place) in shares.iter().zip(&payment.places) {
            prop_assert!(*place == Place::Ledger || (share.address.is_some() && !share.held));
        }
        prop_assert_eq!(payment.form == Form::Split, payment.places.contains(&Place::Chain));
    }

    #[test]
    fn shares_that_are_not_what_is_paid_are_refused(shares in shares(), more in 1..1_000_i64) {
        let sum = Amount::sum(shares.iter().map(|share| share.amount)).unwrap();
        let gross = sum.checked_add(amount(more)).unwrap();
        let refused = plan(&shares, Asset::USDC, gross, 0);
        prop_assert_eq!(refused, Err(SolanaError::Sum { shares: sum, gross }));
    }
}

//! The rows of the tables, and what they mean.

mod account;
mod dispute;
mod key;
mod redemption;
mod transfer;
mod visa;

pub(crate) use account::{AccountRow, DepositRow, DepositState};
pub(crate) use dispute::{DisputeRow, dispute_state, ruled_by};
pub use key::SEALED_COLUMNS;
pub(crate) use key::{KeyRow, seal_label};
pub(crate) use redemption::{PublisherRow, RedemptionRow, Standing};
pub(crate) use transfer::TransferRow;
pub(crate) use visa::{VisaRow, VisaState};

use imajin_money::{Amount, Asset, Money};

use crate::BrokerError;

/// An amount and its asset, as they stand in two columns.
pub(crate) fn money(table: &str, row: &impl ToString, micros: i64, asset: &str) -> Result<Money, BrokerError> {
    let damaged = || BrokerError::damaged(table, row, "an amount or a currency is impossible");
    let asset: Asset = asset.parse().map_err(|_unknown| damaged())?;
    let amount = Amount::from_micros(micros).map_err(|_negative| damaged())?;
    Ok(Money::new(amount, asset))
}

//! The rows of pay's tables, and what their columns mean.

mod checkout;
mod contract;
mod dispute;
mod fees;
mod message;
mod payment;
mod payout;
mod receipt;
mod reconcile;
mod refund;
mod remit;
mod share;
mod solana;
mod visa;

pub(crate) use checkout::{CheckoutRow, SplitRow, TAKEN, state_parse, state_text};
pub(crate) use contract::{ContractRow, FlowRow};
pub(crate) use dispute::DisputeRow;
pub(crate) use fees::FeesRow;
pub(crate) use message::{MessageResult, MessageRow};
pub(crate) use payment::PaymentRow;
pub(crate) use payout::{FAILED, PartRow, PayeeRow, PayoutRow, SENT, WAITING};
pub(crate) use receipt::{PartyRow, ReceiptRow, SalesDayRow, SalesRow};
pub(crate) use reconcile::{DifferenceRow, FactRow, RoundRow, SumRow};
pub(crate) use refund::{FlowBack, LineBack, RefundRow, RefundState, Reversal, ReversalRow};
pub(crate) use remit::{
    CREDITED, DROPPED, HomeRow, ReceivedRow, RemittanceLegRow, SentRow, SentState, UNCONFIRMED, UNDER_WAY,
};
pub(crate) use share::{ShareOutcome, ShareRow, ShareState};
pub use solana::SEALED_COLUMNS;
pub(crate) use solana::{AddressRow, RecordRow, WALLET, WalletRow};
pub(crate) use visa::{BEARER, CaptureRow, CaptureState, PLEDGE_ENDED, PLEDGE_OPEN, PledgeRow, VisaRow};

use imajin_money::{Amount, Asset, Money};

use crate::PayError;

/// An amount and its asset, as they stand in two columns.
pub(crate) fn money(table: &str, row: &str, units: i64, asset: &str) -> Result<Money, PayError> {
    let damaged = || PayError::damaged(table, row, "an amount or a currency is impossible");
    let asset: Result<Asset, _> = asset.parse();
    let amount = Amount::from_micros(units).map_err(|_negative| damaged())?;
    Ok(Money::new(amount, asset.map_err(|_unknown| damaged())?))
}

/// A document as a column holds it.
pub(crate) fn json_text<T: serde::Serialize>(value: &T) -> Result<String, PayError> {
    serde_json::to_string(value).map_err(|error| PayError::Fault(format!("a document cannot be written: {error}")))
}

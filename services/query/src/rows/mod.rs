//! The rows of the tables, and what they mean.

mod disclosed;
mod document;
mod grant;
mod leader;
mod profile;
mod question;
mod quote;
mod record;

pub(crate) use disclosed::UseRow;
pub(crate) use document::DocumentRow;
pub(crate) use grant::GrantRow;
pub(crate) use leader::LeaderRow;
pub(crate) use profile::ProfileRow;
pub(crate) use question::{QuestionRow, QuestionState};
pub(crate) use quote::QuoteRow;
pub(crate) use record::{ReadingRow, RecordRow};

use imajin_money::{Amount, Asset, Money};

/// The money that two columns say.
fn money(asset: &str, units: i64) -> Option<Money> {
    let asset: Asset = asset.parse().ok()?;
    Some(Money::new(Amount::from_micros(units).ok()?, asset))
}

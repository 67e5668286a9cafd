use std::fmt;
use std::str::FromStr;

use imajin_kernel::Timestamp;
use imajin_kernel::id::HoldId;
use imajin_money::{Amount, Asset, Money};

use crate::account::UnknownText;
use crate::{AccountId, AccountKey, Movement, Owner};

/// The life of a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HoldState {
    /// Money is set aside.
    Open,
    /// All of it, or the last part of it that was wanted, went to payees.
    Captured,
    /// It went back before anything was captured, because somebody said so.
    Voided,
    /// It went back because its time had passed.
    Expired,
}

impl HoldState {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Open, Self::Captured, Self::Voided, Self::Expired];

    /// The text in the database and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Captured => "captured",
            Self::Voided => "voided",
            Self::Expired => "expired",
        }
    }
}

impl fmt::Display for HoldState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for HoldState {
    type Err = UnknownText;

    fn from_str(text: &str) -> Result<Self, UnknownText> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| UnknownText(text.to_owned(), "state of a hold"))
    }
}

/// A hold, as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The hold.
    pub id: HoldId,
    /// Whose money is set aside: the text of its [`Owner`].
    pub owner: String,
    /// Where it came from, and goes back to.
    pub source: AccountId,
    /// What was set aside.
    pub amount: Money,
    /// What has gone to payees.
    pub captured: Amount,
    /// What has gone back.
    pub released: Amount,
    /// Where it stands.
    pub state: HoldState,
    /// What it is for.
    pub reference: String,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was placed.
    pub created_at: Timestamp,
}

impl Hold {
    /// What is still set aside.
    pub fn remaining(&self) -> Money {
        let left = self
            .amount
            .amount
            .checked_sub(self.captured)
            .and_then(|left| left.checked_sub(self.released));
        Money::new(left.unwrap_or(Amount::ZERO), self.amount.asset)
    }
}

/// Sets money aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldPlace {
    /// The new hold's identifier; a repeated command answers with the first one's.
    pub id: HoldId,
    /// Unique among all commands; the same key with the same content is the same command.
    pub key: String,
    /// Where the money comes from, and goes back to: the owner's own balance, or a rail.
    pub source: AccountKey,
    /// Whose money it is while it is held.
    pub owner: Owner,
    /// How much.
    pub amount: Amount,
    /// What it is for, 1 to 255 bytes.
    pub reference: String,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
}

/// Pays from a hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldCapture {
    /// The hold.
    pub hold: HoldId,
    /// Unique among all commands.
    pub key: String,
    /// Whether it is a settlement or a plain capture.
    pub kind: crate::EntryKind,
    /// What for, 1 to 255 bytes.
    pub reference: String,
    /// Who gets what, all above zero and in the hold's asset. The sum is taken from the hold.
    pub credits: Vec<Movement>,
    /// Whether what is left goes back at once (and the hold ends); else it stays held.
    pub release_rest: bool,
}

/// Why held money goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// Its owner, or the seller, does not want it any more.
    Void,
    /// Its time has passed; refused before that.
    Expire,
    /// It came in through a rail, and what it was paid for cannot be had.
    Refund,
}

/// Sends everything that is still held back where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldRelease {
    /// The hold.
    pub hold: HoldId,
    /// Unique among all commands.
    pub key: String,
    /// Why.
    pub why: Release,
    /// What for, 1 to 255 bytes.
    pub reference: String,
}

/// The asset of a hold and how much of it is wanted.
pub(crate) fn credits_total(credits: &[Movement], asset: Asset) -> Result<i64, crate::Refusal> {
    let mut total: i64 = 0;
    for credit in credits {
        if credit.account.asset != asset {
            return Err(crate::Refusal::HoldOtherAsset);
        }
        if credit.units <= 0 {
            return Err(crate::Refusal::Empty);
        }
        total = total.checked_add(credit.units).ok_or(crate::Refusal::TooLarge)?;
    }
    Ok(total)
}

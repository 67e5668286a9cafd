use std::fmt;
use std::str::FromStr;

use imajin_kernel::Timestamp;
use imajin_kernel::id::{EntryId, HoldId};
use imajin_proof::digest::sha256;
use serde::{Deserialize, Serialize};

use crate::account::UnknownText;
use crate::encoding::Encoder;
use crate::{AccountId, AccountKey};

/// Why an entry was booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// Money came in through a rail and is held for what it was paid for.
    Payment,
    /// A balance was set aside.
    Hold,
    /// Held money went to the people behind the goods, along a manifest.
    Settlement,
    /// Held money went to a named payee.
    Capture,
    /// Held money went back where it came from, because its owner said so.
    Void,
    /// Held money went back where it came from, because its time had passed.
    Expiry,
    /// Money that came in through a rail went back through it.
    Refund,
    /// Money moved between balances.
    Transfer,
    /// Money came in and fits nothing that was asked for.
    Unmatched,
    /// A share that waited for its payee to accept was released, or passed on.
    Release,
    /// Parts that have waited for the minimum of a distribution contract left together.
    Accrual,
    /// A rail took money back, or gave it back, because the buyer's bank said so.
    Dispute,
    /// Money went to its owner through a rail, or came back because it could not.
    Payout,
    /// A debt was paid from a balance.
    Repayment,
    /// A share that its payee received at the rail itself, with the payment.
    Direct,
    /// Shares of what a broker has promised and not paid yet: they wait.
    Pledge,
    /// What a broker had promised is as good as paid, or never will be: the shares wait no longer.
    Collection,
    /// A broker does not pay what it has promised: the split goes back.
    Unpaid,
    /// Money of people who are at home at another node went there, or came from there.
    Remittance,
}

impl EntryKind {
    /// All kinds.
    pub const ALL: [Self; 19] = [
        Self::Payment,
        Self::Hold,
        Self::Settlement,
        Self::Capture,
        Self::Void,
        Self::Expiry,
        Self::Refund,
        Self::Transfer,
        Self::Unmatched,
        Self::Release,
        Self::Accrual,
        Self::Dispute,
        Self::Payout,
        Self::Repayment,
        Self::Direct,
        Self::Pledge,
        Self::Collection,
        Self::Unpaid,
        Self::Remittance,
    ];

    /// The text in the database and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Hold => "hold",
            Self::Settlement => "settlement",
            Self::Capture => "capture",
            Self::Void => "void",
            Self::Expiry => "expiry",
            Self::Refund => "refund",
            Self::Transfer => "transfer",
            Self::Unmatched => "unmatched",
            Self::Release => "release",
            Self::Accrual => "accrual",
            Self::Dispute => "dispute",
            Self::Payout => "payout",
            Self::Repayment => "repayment",
            Self::Direct => "direct",
            Self::Pledge => "pledge",
            Self::Collection => "collection",
            Self::Unpaid => "unpaid",
            Self::Remittance => "remittance",
        }
    }
}

impl fmt::Display for EntryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for EntryKind {
    type Err = UnknownText;

    fn from_str(text: &str) -> Result<Self, UnknownText> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| UnknownText(text.to_owned(), "kind of an entry"))
    }
}

/// A movement of an account that is asked for: `units` of the asset come in (above zero) or go out (below zero).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// The account.
    pub account: AccountKey,
    /// Smallest units of its asset.
    pub units: i64,
}

impl Movement {
    /// A movement of `units`.
    pub const fn new(account: AccountKey, units: i64) -> Self {
        Self { account, units }
    }
}

/// A movement as it was booked.
///
/// In the database an entry's legs are one JSON text, an array of these arrays:
/// `[account, number within the account, units, balance afterwards]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg(
    /// The account.
    #[serde(with = "account_text")]
    pub AccountId,
    /// The how-manieth leg of its account this is, from 1.
    pub i64,
    /// Units that came in, or went out below zero.
    pub i64,
    /// The account's balance after this leg.
    pub i64,
);

impl Leg {
    /// The account.
    pub const fn account(&self) -> AccountId {
        self.0
    }

    /// The how-manieth leg of its account this is, from 1.
    pub const fn account_seq(&self) -> i64 {
        self.1
    }

    /// Units that came in, or went out below zero.
    pub const fn units(&self) -> i64 {
        self.2
    }

    /// The account's balance after this leg.
    pub const fn balance_after(&self) -> i64 {
        self.3
    }
}

mod account_text {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use crate::AccountId;

    pub(super) fn serialize<S: Serializer>(id: &AccountId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<AccountId, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// What was booked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// The entry.
    pub id: EntryId,
    /// Its place in its writer's chain, from 1.
    pub seq: i64,
    /// Its hash, which covers all of it and the entry before it.
    pub hash: [u8; 32],
    /// When.
    pub posted_at: Timestamp,
    /// Whether this is the answer to an earlier, equal command with the same key.
    pub replayed: bool,
}

/// The digest of what a command asks for; it tells a repeated command from another one with the same key. Of a hold
/// that exists, it covers which one and whether it ends.
pub(crate) fn content_digest(
    kind: EntryKind,
    reference: &str,
    hold: Option<(HoldId, bool)>,
    movements: &[(AccountId, i64)],
) -> [u8; 32] {
    let mut encoder = Encoder::new("imajin ledger content 1");
    encoder.text(kind.as_str()).text(reference);
    encoder.optional_text(hold.map(|(id, _)| id.to_string()).as_deref());
    encoder.number(i64::from(hold.is_some_and(|(_, ends)| ends)));
    for (account, units) in movements {
        encoder.text(&account.to_string()).number(*units);
    }
    sha256(&encoder.finish())
}

/// Everything that an entry's hash covers.
pub(crate) struct Hashed<'a> {
    pub(crate) chain: &'a str,
    pub(crate) seq: i64,
    pub(crate) id: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) key: &'a str,
    pub(crate) reference: &'a str,
    pub(crate) hold_id: Option<&'a str>,
    pub(crate) legs: &'a str,
    pub(crate) content_digest: &'a [u8],
    pub(crate) posted_at: Timestamp,
    pub(crate) prev_hash: &'a [u8],
}

impl Hashed<'_> {
    pub(crate) fn hash(&self) -> [u8; 32] {
        let mut encoder = Encoder::new("imajin ledger entry 1");
        encoder
            .text(self.chain)
            .number(self.seq)
            .text(self.id)
            .text(self.kind)
            .text(self.key)
            .text(self.reference);
        encoder
            .optional_text(self.hold_id)
            .text(self.legs)
            .bytes(self.content_digest);
        encoder.number(self.posted_at.as_micros()).bytes(self.prev_hash);
        sha256(&encoder.finish())
    }
}

/// What the first entry of a chain has in front of it.
pub(crate) const GENESIS: [u8; 32] = [0; 32];

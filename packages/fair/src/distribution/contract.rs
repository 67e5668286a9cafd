use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use imajin_did::Did;
use imajin_kernel::{Code, Timestamp};
use imajin_money::{Amount, Asset, Money, Share, Weighted};
use imajin_proof::jcs;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

use crate::members::{Members, check_text};
use crate::{ManifestSignature, MemberError};

const BYTES_MAX: usize = 64 * 1024;
const ALLOCATIONS_MAX: usize = 64;
const LABEL_LENGTH_MAX: usize = 64;
const NOTE_LENGTH_MAX: usize = 500;

/// A moment as its signer wrote it: the signature covers the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Moment {
    text: String,
    at: Timestamp,
}

impl Moment {
    /// The moment.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// The text: RFC 3339.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        let text = at.to_string();
        Self { text, at }
    }
}

impl TryFrom<String> for Moment {
    type Error = <Timestamp as FromStr>::Err;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let at = text.parse()?;
        Ok(Self { text, at })
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        moment.text
    }
}

/// What somebody does with what comes in: one version of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct Contract {
    /// Whose money it divides, and who signs.
    pub profile_did: Did,
    /// Which version it is, counted from 1.
    pub version: u32,
    /// When it was written.
    pub updated_at: Moment,
    /// From when it governs; never earlier than it was written.
    pub effective_at: Moment,
    /// Where the money goes: the percentages sum to exactly 100.
    pub allocations: Vec<Allocation>,
    /// Who gets what cannot be paid to a recipient; the profile itself where there is none.
    pub overflow: Option<Did>,
    /// Parts below this wait until they make it up together. On the wire a decimal text, written as we write money,
    /// because the signature covers the text.
    pub minimum_transaction: Option<Amount>,
    /// The currency of the minimum: money in others has none.
    pub currency: Option<Asset>,
    /// Whether sums by label may be shown to everybody: only if it says so.
    pub aggregates_public: Option<bool>,
    /// The profile's signature over everything but its own value.
    pub signature: Option<ManifestSignature>,
    /// Members that this crate does not know.
    pub extra: Map<String, Value>,
}

/// A part of what comes in, and where it goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Allocation {
    /// What it is for: receipts and sums call it that.
    pub label: String,
    /// Who gets it; may be the profile itself.
    pub recipient: Did,
    /// How much of the whole; on the wire in percent.
    pub percentage: Share,
    /// A remark.
    pub note: Option<String>,
    /// Members that this crate does not know.
    pub extra: Map<String, Value>,
}

/// Why something is no distribution contract, or not signed by whose money it divides.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContractError {
    /// More bytes than a contract may have.
    #[error("a distribution contract has at most {BYTES_MAX} bytes")]
    TooLarge,
    /// The bytes are no JSON, or JSON that two readers can understand differently.
    #[error("the distribution contract cannot be read: {0}")]
    NotJson(String),
    /// A member is missing or wrong.
    #[error("the distribution contract is not valid: {0}")]
    Member(#[from] MemberError),
    /// The percentages are not the whole.
    #[error("the percentages sum to {sum}, not to 100: change them so that they sum to exactly 100")]
    NotWhole {
        /// What they sum to, as a decimal.
        sum: String,
    },
    /// It governs before it was written.
    #[error("a distribution contract cannot govern what happened before it was written: effective_at is too early")]
    Retroactive,
    /// There is no signature.
    #[error("the distribution contract is not signed")]
    Unsigned,
    /// The signature is not good.
    #[error("the distribution contract was changed after it was signed, or somebody else signed it")]
    BadSignature,
    /// Somebody else than the profile signs.
    #[error("{signer} cannot sign for {profile}: whose money it is signs")]
    NotTheProfile {
        /// Who signed or wants to.
        signer: Did,
        /// Whose money it is.
        profile: Did,
    },
}

impl ContractError {
    /// What this refusal is called on the wire.
    pub fn code(&self) -> Code {
        match self {
            Self::TooLarge => Code::BodyTooLarge,
            Self::Unsigned | Self::BadSignature => Code::BadSignature,
            Self::NotTheProfile { .. } => Code::Forbidden,
            _ => Code::InvalidRequest,
        }
    }
}

impl Contract {
    /// Reads a contract from JSON.
    pub fn parse(json: &[u8]) -> Result<Self, ContractError> {
        if json.len() > BYTES_MAX {
            return Err(ContractError::TooLarge);
        }
        let value: Value = jcs::from_slice(json).map_err(|error| ContractError::NotJson(error.to_string()))?;
        Self::from_value(value)
    }

    /// Reads a contract from a JSON value.
    pub fn from_value(value: Value) -> Result<Self, ContractError> {
        let mut members = Members::of(value)?;
        let currency: Option<Asset> = members.take("currency")?;
        let minimum: Option<String> = members.take("minimum_transaction")?;
        let minimum_transaction = minimum.map(|text| minimum_read(&text, currency)).transpose()?;
        let allocations: Vec<Value> = members.require("allocations")?;
        let contract = Self {
            profile_did: members.require("profile_did")?,
            version: members.require("version")?,
            updated_at: members.require("updated_at")?,
            effective_at: members.require("effective_at")?,
            allocations: allocations_read(allocations)?,
            overflow: members.take("overflow")?,
            minimum_transaction,
            currency,
            aggregates_public: members.take("aggregates_public")?,
            signature: members.take("signature")?,
            extra: members.rest(),
        };
        contract.check()?;
        Ok(contract)
    }

    /// The contract as JSON, with every member that it was read with.
    pub fn to_value(&self) -> Value {
        Value::from(self.clone())
    }

    /// Below what a part waits.
    pub fn minimum(&self) -> Option<Money> {
        Some(Money::new(self.minimum_transaction?, self.currency?))
    }

    /// Checks everything that the contract shows on its own.
    pub fn check(&self) -> Result<(), ContractError> {
        if self.version == 0 {
            return Err(MemberError::new("version", &"is counted from 1").into());
        }
        if self.effective_at.at() < self.updated_at.at() {
            return Err(ContractError::Retroactive);
        }
        if self.minimum_transaction.is_some() && self.currency.is_none() {
            return Err(MemberError::new("currency", &"is missing: the minimum needs one").into());
        }
        if self.allocations.is_empty() || self.allocations.len() > ALLOCATIONS_MAX {
            let reason = format!("there are 1 to {ALLOCATIONS_MAX} of them");
            return Err(MemberError::new("allocations", &reason).into());
        }
        let mut seen = BTreeSet::new();
        for (place, allocation) in self.allocations.iter().enumerate() {
            let within = |error: MemberError| error.within(&format!("allocations[{place}]"));
            check_text("label", &allocation.label, LABEL_LENGTH_MAX).map_err(within)?;
            if let Some(note) = &allocation.note {
                check_text("note", note, NOTE_LENGTH_MAX).map_err(within)?;
            }
            if !seen.insert((allocation.recipient.canonical(), allocation.label.as_str())) {
                let reason = "is there twice with this label: make one of the two";
                return Err(within(MemberError::new("recipient", &reason)).into());
            }
        }
        let shares = self
            .allocations
            .iter()
            .map(|allocation| u64::from(allocation.percentage.millionths()));
        let millionths: u64 = shares.sum();
        if millionths != u64::from(Share::ONE.millionths()) {
            let sum = Percent(millionths).to_string();
            return Err(ContractError::NotWhole { sum });
        }
        Ok(())
    }
}

impl Allocation {
    /// What the allocation means for a split.
    pub(super) fn weighted(&self) -> Weighted<'_> {
        Weighted {
            share: self.percentage,
            key: self.recipient.as_str(),
            role: &self.label,
        }
    }

    fn read(value: Value) -> Result<Self, MemberError> {
        let mut members = Members::of(value)?;
        let number: Number = members.require("percentage")?;
        let percentage = Share::from_percentage(&number).map_err(|_error| {
            MemberError::new(
                "percentage",
                &"is more than 0 and at most 100, with at most 4 decimal places",
            )
        })?;
        Ok(Self {
            label: members.require("label")?,
            recipient: members.require("recipient")?,
            percentage,
            note: members.take("note")?,
            extra: members.rest(),
        })
    }
}

/// Millionths as percent, without closing zeros.
struct Percent(u64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:04}", self.0 / 10_000, self.0 % 10_000);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

fn minimum_read(text: &str, currency: Option<Asset>) -> Result<Amount, MemberError> {
    let asset = currency.ok_or_else(|| MemberError::new("currency", &"is missing: the minimum needs one"))?;
    let wrong = |reason: &dyn fmt::Display| MemberError::new("minimum_transaction", reason);
    let money = Money::parse_decimal(text, asset).map_err(|error| wrong(&error))?;
    if money.decimal() != text {
        return Err(wrong(&format!("is written {} here", money.decimal())));
    }
    Ok(money.amount)
}

fn allocations_read(values: Vec<Value>) -> Result<Vec<Allocation>, MemberError> {
    let read = |(place, value): (usize, Value)| {
        Allocation::read(value).map_err(|error| error.within(&format!("allocations[{place}]")))
    };
    values.into_iter().enumerate().map(read).collect()
}

impl TryFrom<Value> for Contract {
    type Error = ContractError;

    fn try_from(value: Value) -> Result<Self, ContractError> {
        Self::from_value(value)
    }
}

impl From<Contract> for Value {
    fn from(contract: Contract) -> Self {
        let minimum = contract.minimum().map(|money| money.decimal());
        let text = |did: &Did| Self::from(did.as_str());
        let optional = [
            ("overflow", contract.overflow.as_ref().map(text)),
            ("minimum_transaction", minimum.map(Self::from)),
            ("currency", contract.currency.map(|asset| asset.as_str().into())),
            ("aggregates_public", contract.aggregates_public.map(Self::Bool)),
            ("signature", contract.signature.map(Self::from)),
        ];
        let allocations: Vec<Self> = contract.allocations.into_iter().map(Self::from).collect();
        let mut members = contract.extra;
        members.insert("profile_did".to_owned(), text(&contract.profile_did));
        members.insert("version".to_owned(), contract.version.into());
        members.insert("updated_at".to_owned(), String::from(contract.updated_at).into());
        members.insert("effective_at".to_owned(), String::from(contract.effective_at).into());
        members.insert("allocations".to_owned(), allocations.into());
        for (name, value) in optional {
            if let Some(value) = value {
                members.insert(name.to_owned(), value);
            }
        }
        Self::Object(members)
    }
}

impl From<Allocation> for Value {
    fn from(allocation: Allocation) -> Self {
        let mut members = allocation.extra;
        members.insert("label".to_owned(), allocation.label.into());
        members.insert("recipient".to_owned(), allocation.recipient.as_str().into());
        members.insert("percentage".to_owned(), allocation.percentage.to_percentage().into());
        if let Some(note) = allocation.note {
            members.insert("note".to_owned(), note.into());
        }
        Self::Object(members)
    }
}

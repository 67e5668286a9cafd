use std::fmt;
use std::str::FromStr;

use imajin_did::Did;
use imajin_money::Asset;
use imajin_proof::digest::sha256;

use crate::encoding::Encoder;

/// Whose money an account counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// A person, an organisation, a service: anyone with a DID. Such an account never falls below zero.
    Did(Did),
    /// A payment rail, by its name. What came in through it stands here as a debt of the world outside, below zero.
    Rail(String),
    /// The node itself, for money that belongs to nobody it could name. Never below zero.
    Node,
}

pub(crate) const RAIL_PREFIX: &str = "rail:";
const NODE_TEXT: &str = "node";

impl Owner {
    /// Whether its accounts may fall below zero.
    pub const fn may_be_negative(&self) -> bool {
        matches!(self, Self::Rail(_))
    }

    /// [`AccountKey::may_be_negative`] from the texts alone: reading a DID costs more than all the rest of a posting.
    pub(crate) fn text_may_be_negative(owner: &str, purpose: &str) -> bool {
        owner.starts_with(RAIL_PREFIX) || purpose == Purpose::Debt.as_str()
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Did(did) => f.write_str(did.as_str()),
            Self::Rail(name) => write!(f, "{RAIL_PREFIX}{name}"),
            Self::Node => f.write_str(NODE_TEXT),
        }
    }
}

/// A text in the ledger's own tables that the ledger did not write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no {1}")]
pub struct UnknownText(pub String, pub &'static str);

impl FromStr for Owner {
    type Err = UnknownText;

    fn from_str(text: &str) -> Result<Self, UnknownText> {
        if text == NODE_TEXT {
            return Ok(Self::Node);
        }
        if let Some(name) = text.strip_prefix(RAIL_PREFIX) {
            return Ok(Self::Rail(name.to_owned()));
        }
        text.parse()
            .map(Self::Did)
            .map_err(|_not_a_did| UnknownText(text.to_owned(), "owner of an account"))
    }
}

/// What the money of an account is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// Its owner may spend it.
    Available,
    /// Set aside by holds, neither spent nor free.
    Held,
    /// Waits for its owner to do something first: to accept a manifest, say.
    Pending,
    /// The other side of a rail: everything that came in or went out through it.
    Settlement,
    /// Belongs to its owner and waits until it makes up the minimum of somebody's distribution contract.
    Accrued,
    /// Fees that its owner has earned.
    Fees,
    /// Came in and fits nothing that was asked for.
    Unmatched,
    /// What its owner owes, below zero: money that a rail took back after it was split, when it was gone already.
    Debt,
}

impl Purpose {
    /// All purposes, as they are stored.
    pub const ALL: [Self; 8] = [
        Self::Available,
        Self::Held,
        Self::Pending,
        Self::Accrued,
        Self::Settlement,
        Self::Fees,
        Self::Unmatched,
        Self::Debt,
    ];

    /// The text in the database and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Held => "held",
            Self::Pending => "pending",
            Self::Accrued => "accrued",
            Self::Settlement => "settlement",
            Self::Fees => "fees",
            Self::Unmatched => "unmatched",
            Self::Debt => "debt",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Purpose {
    type Err = UnknownText;

    fn from_str(text: &str) -> Result<Self, UnknownText> {
        let found = Self::ALL.into_iter().find(|purpose| purpose.as_str() == text);
        found.ok_or_else(|| UnknownText(text.to_owned(), "purpose of an account"))
    }
}

/// Names an account: there is one per owner, asset and purpose, and it exists as soon as something is posted to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountKey {
    /// Whose money it is.
    pub owner: Owner,
    /// What it counts.
    pub asset: Asset,
    /// What the money is for.
    pub purpose: Purpose,
}

impl AccountKey {
    /// An account of anyone.
    pub const fn new(owner: Owner, asset: Asset, purpose: Purpose) -> Self {
        Self { owner, asset, purpose }
    }

    /// An account of a DID, stored under its native form.
    pub fn of(did: &Did, asset: Asset, purpose: Purpose) -> Self {
        Self::new(Owner::Did(did.canonical()), asset, purpose)
    }

    /// The account of a rail.
    pub fn rail(name: &str, asset: Asset) -> Self {
        Self::new(Owner::Rail(name.to_owned()), asset, Purpose::Settlement)
    }

    /// Whether it may fall below zero.
    pub fn may_be_negative(&self) -> bool {
        self.owner.may_be_negative() || self.purpose == Purpose::Debt
    }

    /// The account's identifier: it follows from the name, so that nobody has to look it up.
    pub fn id(&self) -> AccountId {
        let mut encoder = Encoder::new("imajin ledger account 1");
        encoder
            .text(&self.owner.to_string())
            .text(self.asset.as_str())
            .text(self.purpose.as_str());
        let digest = sha256(&encoder.finish());
        let mut id = [0; ACCOUNT_ID_BYTES];
        for (place, byte) in id.iter_mut().zip(digest) {
            *place = byte;
        }
        AccountId(id)
    }
}

impl fmt::Display for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.owner, self.asset, self.purpose)
    }
}

const ACCOUNT_ID_BYTES: usize = 16;

/// The first 16 bytes of the SHA-256 of an account's name; 32 hexadecimal digits as text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId([u8; ACCOUNT_ID_BYTES]);

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex::encode(self.0))
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for AccountId {
    type Err = UnknownText;

    fn from_str(text: &str) -> Result<Self, UnknownText> {
        let mut id = [0; ACCOUNT_ID_BYTES];
        let decoded = hex::decode_to_slice(text, &mut id);
        decoded
            .map(|()| Self(id))
            .map_err(|_not_hex| UnknownText(text.to_owned(), "identifier of an account"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_and_purposes_survive_their_text() {
        let did: Did = "did:web:node.example".parse().unwrap();
        for owner in [Owner::Did(did), Owner::Rail("sandbox".to_owned()), Owner::Node] {
            assert_eq!(owner.to_string().parse(), Ok(owner));
        }
        for purpose in Purpose::ALL {
            assert_eq!(purpose.as_str().parse(), Ok(purpose));
        }
        assert!("nobody".parse::<Owner>().is_err());
        assert!("spent".parse::<Purpose>().is_err());
    }

    #[test]
    fn an_identifier_follows_from_the_whole_name() {
        let one = AccountKey::rail("sandbox", Asset::TEST_USD);
        assert_eq!(one.id(), one.clone().id());
        assert_eq!(one.id().to_string().parse(), Ok(one.id()));
        assert_ne!(one.id(), AccountKey::rail("sandbox", Asset::USD).id());
        assert_ne!(one.id(), AccountKey::rail("stripe", Asset::TEST_USD).id());
        assert_ne!(
            one.id(),
            AccountKey {
                purpose: Purpose::Fees,
                ..one.clone()
            }
            .id()
        );
    }
}

//! The receipt for an answer that was paid: by whom, how much, and where each part of it went.

use imajin_did::{Did, PublicKey};
use imajin_money::{Amount, Money};
use imajin_proof::{ProofError, SignedMessage};
use serde::Deserialize;
use serde_json::Value;

/// Beneath which path of its host a publisher hands the receipts of paid answers to those who have paid.
pub const RECEIPTS_PATH: &str = "/.well-known/imagxp-receipts/";
/// How a paid answer links to its receipt (RFC 8288).
pub const RECEIPT_REL: &str = "imagxp-receipt";
/// The type of the signed document.
const KIND: &str = "receipt";

/// A receipt that was checked: it is the publisher's, for this payer and this price, and it adds up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedReceipt {
    /// What was paid.
    pub gross: Money,
    /// Where it went: the shares of the authors, and the fees.
    pub parts: Vec<ReceiptPart>,
    /// Whether it is test money, worth nothing.
    pub is_test_money: bool,
}

/// A part of what was paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptPart {
    /// Who got it.
    pub did: Did,
    /// As what: a role of the manifest, or the name of a fee.
    pub role: String,
    /// How much, in the currency of the whole.
    pub amount: Amount,
}

/// What is demanded of a receipt.
#[derive(Debug, Clone, Copy)]
pub struct ReceiptExpectation<'a> {
    /// The keys that the publisher's host publishes.
    pub keys: &'a [PublicKey],
    /// The name of the receipt, as the paid answer gave it.
    pub id: &'a str,
    /// Who has paid.
    pub payer: &'a Did,
    /// How much.
    pub price: Money,
}

/// Why a receipt shows nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// It is none.
    #[error("it is not the document of a receipt")]
    Malformed,
    /// None of the publisher's keys has signed it.
    #[error("it is not signed by a key of the publisher: {0}")]
    Signature(ProofError),
    /// It is another receipt, or somebody else's.
    #[error("it is the receipt for another payment")]
    Other,
    /// It says another price.
    #[error("it is about {0}")]
    Price(Money),
    /// Its parts are not the whole.
    #[error("its parts do not add up to what was paid")]
    Sum,
}

/// The members of a receipt that an agent looks at; all of them are signed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    id: String,
    gross: Money,
    fees: Vec<Fee>,
    legs: Vec<Leg>,
    #[serde(default)]
    rail_fee: Option<Amount>,
    test_money: bool,
}

#[derive(Deserialize)]
struct Fee {
    name: String,
    did: Did,
    amount: Amount,
}

#[derive(Deserialize)]
struct Leg {
    role: String,
    did: Did,
    amount: Amount,
}

impl CheckedReceipt {
    /// Checks the document of a receipt: a signed message, or an object that has one as its `message`.
    ///
    /// # Errors
    /// [`ReceiptError`].
    pub fn check(document: &[u8], expect: &ReceiptExpectation<'_>) -> Result<Self, ReceiptError> {
        let document: Value = serde_json::from_slice(document).or(Err(ReceiptError::Malformed))?;
        let message = document.get("message").cloned().unwrap_or(document);
        let message: SignedMessage = serde_json::from_value(message).or(Err(ReceiptError::Malformed))?;
        message.verify_any(KIND, expect.keys).map_err(ReceiptError::Signature)?;
        let body: Body = serde_json::from_value(message.payload).or(Err(ReceiptError::Malformed))?;
        let payer = message.to.map(|did| did.canonical());
        if body.id != expect.id || payer != Some(expect.payer.canonical()) {
            return Err(ReceiptError::Other);
        }
        if body.gross != expect.price {
            return Err(ReceiptError::Price(body.gross));
        }
        body.into_checked()
    }
}

impl Body {
    fn into_checked(self) -> Result<CheckedReceipt, ReceiptError> {
        let legs = self.legs.into_iter().map(|leg| (leg.role, leg.did, leg.amount));
        let fees = self.fees.into_iter().map(|fee| (fee.name, fee.did, fee.amount));
        let parts: Vec<ReceiptPart> = legs
            .chain(fees)
            .map(|(role, did, amount)| ReceiptPart { did, role, amount })
            .collect();
        let amounts = parts.iter().map(|part| part.amount).chain(self.rail_fee);
        if Amount::sum(amounts) != Ok(self.gross.amount) {
            return Err(ReceiptError::Sum);
        }
        Ok(CheckedReceipt {
            gross: self.gross,
            parts,
            is_test_money: self.test_money,
        })
    }
}

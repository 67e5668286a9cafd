use imajin_did::Did;
use imajin_fair::ManifestId;
use imajin_kernel::Timestamp;
use imajin_kernel::id::{CheckoutId, EntryId, ReceiptId};
use imajin_money::{Amount, Money};
use imajin_proof::SignedMessage;
use imajin_proof::token::TokenKind;
use serde::{Deserialize, Serialize};

use crate::GoodsRef;

/// What a receipt says. Signed by the node as the payload of a [`SignedMessage`] of the type `receipt`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptBody {
    /// The receipt.
    pub id: ReceiptId,
    /// When the split was booked.
    pub time: Timestamp,
    /// The checkout that was paid.
    pub checkout: CheckoutId,
    /// What was bought.
    pub goods: GoodsRef,
    /// One line that describes the goods.
    pub title: String,
    /// What was handed over: ticket identifiers, for an order.
    pub delivered: Vec<String>,
    /// Who sold it.
    pub seller: Did,
    /// The manifest that decided the split.
    pub manifest: ReceiptManifest,
    /// What was paid.
    pub gross: Money,
    /// What was taken before the split.
    pub fees: Vec<ReceiptFee>,
    /// Where the rest went. Fees, legs and the rail's own fee add up to the gross exactly.
    pub legs: Vec<ReceiptLeg>,
    /// What had waited for the minimum of a distribution contract and left together with a leg of this receipt.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub releases: Vec<ReceiptRelease>,
    /// How it was paid: `sandbox`, `stripe`, `solana`, `balance`.
    pub rail: String,
    /// The rail's own reference.
    pub rail_reference: String,
    /// What the rail has kept for itself, in the currency of the gross; missing where rails keep nothing. Fees and legs
    /// split the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rail_fee: Option<Amount>,
    /// Whether this is test money, worth nothing.
    pub test_money: bool,
    /// The ledger's entry.
    pub ledger_entry: ReceiptLedgerEntry,
}

/// Names a manifest and fixes its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptManifest {
    /// The manifest.
    pub id: ManifestId,
    /// SHA-256 of its RFC 8785 bytes, in hex.
    pub sha256: String,
}

/// A fee of the schedule in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptFee {
    /// The schedule's name for it.
    pub name: String,
    /// Who got it.
    pub did: Did,
    /// How much, in the currency of the gross.
    pub amount: Amount,
}

/// One payee's part along one path through the manifests and the distribution contracts behind them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptLeg {
    /// The payee.
    pub did: Did,
    /// The payee's role in the manifest at the end of the path.
    pub role: String,
    /// The manifests from the goods' own to the one that names the payee.
    pub path: Vec<ManifestId>,
    /// How much, in the currency of the gross.
    pub amount: Amount,
    /// Whether the part waits for the payee to accept the manifest.
    pub held: bool,
    /// The distribution contracts that led on from the payee whom the manifest names; none when that payee gets it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contracts: Vec<ReceiptHop>,
    /// Whether the part waits until it makes up the minimum of the last contract.
    #[serde(default, skip_serializing_if = "is_false")]
    pub accrued: bool,
    /// Where the payee received it with the payment itself, in the transaction that the receipt's `railReference`
    /// names; missing where it came to their balance here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid_to: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// An allocation of a distribution contract that a leg went along.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptHop {
    /// Whose contract.
    pub profile: Did,
    /// Which version of it was in effect.
    pub version: u32,
    /// The label of the allocation.
    pub label: String,
    /// Whom the allocation names.
    pub recipient: Did,
    /// How much of what came in, in percent, as a decimal.
    pub percentage: String,
    /// How much money that was.
    pub amount: Amount,
    /// Whether the named recipient could not be paid, so that the contract's overflow, or its owner, got it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub overflowed: bool,
}

/// Money that had waited and left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptRelease {
    /// Whose contract it waited for.
    pub profile: Did,
    /// The label of the allocation.
    pub label: String,
    /// Who got it.
    pub did: Did,
    /// How much, in the currency of the gross.
    pub amount: Amount,
}

/// Where in the ledger the split is booked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptLedgerEntry {
    /// The entry.
    pub id: EntryId,
    /// The entry's hash in the ledger's chain, in hex.
    pub hash: String,
}

/// A receipt in both of its forms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptView {
    /// The signed document.
    pub message: SignedMessage<ReceiptBody>,
    /// The same for machines: a JWT of the type `receipt+jwt`.
    pub jwt: String,
}

/// The private claims of a receipt's JWT; `aud` is the goods, `sub` the receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptClaims {
    /// Who paid.
    pub payer: Did,
    /// What was paid.
    pub gross: Money,
    /// SHA-256 of the RFC 8785 bytes of the signed document, in hex.
    pub document_sha256: String,
    /// The manifest that decided the split.
    pub manifest: ManifestId,
    /// The ledger entry's hash, in hex.
    pub entry_hash: String,
}

impl TokenKind for ReceiptClaims {
    const TYP: &'static str = "receipt+jwt";
}

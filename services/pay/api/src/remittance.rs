use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_kernel::id::{EntryId, ReceiptId, RemittanceId};
use imajin_money::{Amount, Money};
use serde::{Deserialize, Serialize};

/// The most payees of one remittance.
pub const REMITTANCE_LEGS_MAX: usize = 200;

/// Money that one node sends to another for people who are at home there. Signed by the sending node as the payload of
/// a `SignedMessage` of the type `remittance`, to the receiving node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RemittanceBody {
    /// The remittance; also the broker's reference of the transfer.
    pub id: RemittanceId,
    /// The broker that passes the money on, as its visas name it.
    pub broker: String,
    /// All of it.
    pub amount: Money,
    /// Whose it is; the amounts add up to the whole.
    pub legs: Vec<RemittanceLeg>,
}

/// One payee's part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RemittanceLeg {
    /// The payee.
    pub did: Did,
    /// How much, in the currency of the whole.
    pub amount: Amount,
    /// The sending node's receipts that it comes from, as far as it knows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub receipts: Vec<ReceiptId>,
}

/// What the receiving node has done with a remittance. Signed by it as the payload of a `SignedMessage` of the type
/// `remittance-receipt`, to the sending node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RemittanceReceipt {
    /// The remittance.
    pub remittance: RemittanceId,
    /// The broker that has confirmed it.
    pub broker: String,
    /// All of it.
    pub amount: Money,
    /// Who got what.
    pub legs: Vec<RemittanceLeg>,
    /// When.
    pub time: Timestamp,
    /// The receiving node's ledger entry.
    pub ledger_entry: EntryId,
    /// The entry's hash in the receiving node's chain, in hex.
    pub ledger_hash: String,
}

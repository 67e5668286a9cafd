use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_kernel::id::{CheckoutId, ReceiptId, RefundId};
use imajin_money::{Amount, Money};
use imajin_proof::SignedMessage;
use imajin_proof::token::TokenKind;
use serde::{Deserialize, Serialize};

use crate::{GoodsRef, Reader, ReceiptFee, ReceiptLedgerEntry};

/// What a credit note says: money of a receipt that went back. Signed by the node as the payload of a
/// [`SignedMessage`] of the type `credit-note`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreditNoteBody {
    /// The refund.
    pub id: RefundId,
    /// When the rail has taken it.
    pub time: Timestamp,
    /// The receipt that it takes back, or a part of it.
    pub receipt: ReceiptId,
    /// The checkout that was paid.
    pub checkout: CheckoutId,
    /// What was bought.
    pub goods: GoodsRef,
    /// One line that describes the goods.
    pub title: String,
    /// Who sold it.
    pub seller: Did,
    /// What the receipt was for.
    pub gross: Money,
    /// What goes back with this note.
    pub refunded: Money,
    /// What has gone back in all, with this note.
    pub refunded_total: Money,
    /// The fees that came back, with those who had got them.
    pub fees: Vec<ReceiptFee>,
    /// The parts of the split that came back.
    pub legs: Vec<CreditNoteLeg>,
    /// The rail's own fee of the payment, as far as it belongs to what goes back: the processor keeps it, and the
    /// seller bears it. Fees, legs and this add up to what goes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rail_fee_borne: Option<Amount>,
    /// Why, in the seller's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How it goes back.
    pub rail: String,
    /// The rail's own reference of the refund.
    pub rail_reference: String,
    /// Whether this is test money, worth nothing.
    pub test_money: bool,
    /// The ledger's entry.
    pub ledger_entry: ReceiptLedgerEntry,
}

/// A part of the split that came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreditNoteLeg {
    /// Which leg of the receipt, counted from 0.
    pub leg: u32,
    /// Whose it was.
    pub did: Did,
    /// In which role.
    pub role: String,
    /// How much, in the currency of the receipt.
    pub amount: Amount,
}

/// A credit note in both of its forms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreditNoteView {
    /// The signed document.
    pub message: SignedMessage<CreditNoteBody>,
    /// The same for machines: a JWT of the type `credit-note+jwt`.
    pub jwt: String,
}

/// The private claims of a credit note's JWT; `aud` is the goods, `sub` the refund.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreditNoteClaims {
    /// Who gets the money back.
    pub payer: Did,
    /// What goes back.
    pub refunded: Money,
    /// The receipt.
    pub receipt: ReceiptId,
    /// SHA-256 of the RFC 8785 bytes of the signed document, in hex.
    pub document_sha256: String,
    /// The ledger entry's hash, in hex.
    pub entry_hash: String,
}

impl TokenKind for CreditNoteClaims {
    const TYP: &'static str = "credit-note+jwt";
}

/// A refund, as the seller, the operator and everybody on the receipt may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefundView {
    /// The refund; its credit note has the same name.
    pub id: RefundId,
    /// The receipt.
    pub receipt: ReceiptId,
    /// The checkout.
    pub checkout: CheckoutId,
    /// What goes back.
    pub amount: Money,
    /// `under_way`; `sent`: the rail has taken it; `failed`: the rail will not make it, and the split is as it was;
    /// `returned`: the buyer's bank did not take it, and the money is in the buyer's balance here.
    pub state: String,
    /// Why, in the seller's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// The rail's own reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rail_reference: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
}

/// The refunds of a receipt; for everybody who may see the receipt.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefundList {
    /// The receipt.
    pub receipt: ReceiptId,
    /// Who asks.
    pub reader: Reader,
}

/// What can still be sent back of a receipt, and what was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefundSheet {
    /// The refunds, oldest first.
    pub refunds: Vec<RefundView>,
    /// What went back or is on its way.
    pub refunded: Money,
    /// What can still go back.
    pub left: Money,
    /// Whether the reader may send it back: the seller and the operator may.
    pub may_refund: bool,
}

/// See [`crate::PayApi::credit_note_fetch`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreditNoteFetch {
    /// The refund.
    pub id: RefundId,
    /// Who asks.
    pub reader: Reader,
}

/// Money of a sale went back: what the selling service is told. See [`crate::SellerApi::goods_return`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GoodsReturn {
    /// What was bought.
    pub goods: GoodsRef,
    /// The checkout that was paid.
    pub checkout: CheckoutId,
    /// The receipt.
    pub receipt: ReceiptId,
    /// The refund.
    pub refund: RefundId,
    /// What has gone back in all.
    pub refunded: Money,
    /// Whether that is everything that was paid: then the goods are the seller's again.
    pub whole: bool,
}

/// The selling service has noted it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Returned {}

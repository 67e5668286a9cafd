//! What the other services may ask of pay, and what a selling service answers to pay.
//!
//! The two traits face each other: a seller asks pay for a checkout and never names a price; pay asks the seller for
//! the price, and tells it when the money is there.

mod credit_note;
mod measured;
mod purse;
mod receipt;
mod remittance;
mod visa;

use imajin_did::Did;
use imajin_fair::Manifest;
use imajin_kernel::Timestamp;
use imajin_kernel::id::{CheckoutId, ReceiptId};
use imajin_money::Money;
use imajin_web::service_api;
use serde::{Deserialize, Serialize};

pub use credit_note::{
    CreditNoteBody, CreditNoteClaims, CreditNoteFetch, CreditNoteLeg, CreditNoteView, GoodsReturn, RefundList,
    RefundSheet, RefundView, Returned,
};
pub use measured::{ANSWER_GOODS, GoodsHold, HeldGoods, HoldMeans};
pub use purse::{
    DEPOSIT, PurseApi, PurseBalances, PurseCapture, PurseClient, PurseDone, PurseLine, PurseReserve, PurseReturn,
    PurseReturned, PurseStatement, PurseTransfer,
};
pub use receipt::{
    ReceiptBody, ReceiptClaims, ReceiptFee, ReceiptHop, ReceiptLedgerEntry, ReceiptLeg, ReceiptManifest,
    ReceiptRelease, ReceiptView,
};
pub use remittance::{REMITTANCE_LEGS_MAX, RemittanceBody, RemittanceLeg, RemittanceReceipt};
pub use visa::{VisaCapture, VisaCaptured, VisaCheck, VisaChecked};

service_api! {
    /// What a selling service answers to pay. Every method may be called again with the same request.
    pub trait SellerApi, client SellerClient, service "seller" {
        /// Price, currency and manifest of goods: the only place where they come from.
        async fn goods_quote(GoodsRef) -> GoodsQuote;

        /// The money is held: hand over the goods, or say why not. Repeated calls give the same outcome.
        async fn goods_deliver(Delivery) -> DeliveryOutcome;

        /// The buyer left without paying: what was reserved for them is free again.
        async fn goods_release(GoodsRef) -> Released;

        /// Money of a sale went back. When it is everything, the goods are the seller's again: a ticket is revoked.
        async fn goods_return(GoodsReturn) -> Returned;
    }
}

service_api! {
    /// What other services may ask of pay.
    pub trait PayApi, client PayClient, service "pay" {
        /// Opens a checkout for goods. The same goods and buyer get the same checkout as long as it is open.
        async fn checkout_create(CheckoutCreate) -> CheckoutView;

        /// The state of a checkout.
        async fn checkout_fetch(CheckoutFetch) -> Option<CheckoutView>;

        /// Ends an open checkout; one that is paid stays as it is. Answers with the state after the call.
        async fn checkout_cancel(CheckoutFetch) -> CheckoutView;

        /// Sets money aside for goods by what the buyer has signed elsewhere. The same goods and buyer get the same
        /// hold until the goods are handed over; goods whose price is known only then, also afterwards.
        async fn goods_hold(GoodsHold) -> HeldGoods;

        /// Has held goods handed over now: takes what they have cost and gives the rest back, or all of it. Answers
        /// with the state after the call.
        async fn goods_finish(CheckoutFetch) -> CheckoutView;

        /// Pays goods with the visa of an agent whose claim the caller has checked: the goods are delivered, the visa
        /// is spent and the price is split, once for each claim. What the visa does not pay is refused (402).
        async fn visa_capture(VisaCapture) -> VisaCaptured;

        /// Whether a visa would pay a price now. Nothing is spent, and the visa is not reserved.
        async fn visa_check(VisaCheck) -> VisaChecked;

        /// A receipt, for its payer, its payees and the operator only; for everyone else there is none.
        async fn receipt_fetch(ReceiptFetch) -> Option<ReceiptView>;

        /// The receipts of a payer or payee, newest first.
        async fn receipt_list(ReceiptList) -> Vec<ReceiptView>;

        /// What was and what can be sent back of a receipt, for everybody who may see it; for others there is none.
        async fn refund_list(RefundList) -> Option<RefundSheet>;

        /// A credit note, for everybody who may see its receipt; for others there is none.
        async fn credit_note_fetch(CreditNoteFetch) -> Option<CreditNoteView>;

        /// An owner's balances, one per asset and purpose.
        async fn balance_list(BalanceList) -> Vec<BalanceView>;

        /// Sales of this node by asset, for its operator.
        async fn sales_summary(SalesSummaryRequest) -> SalesSummary;
    }
}

/// Names what is bought, at the service that sells it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GoodsRef {
    /// Which seller answers for it: `order` is an order of events, `content` a work of publisher. Pay itself sells
    /// `tip` and `topup`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The seller's own identifier.
    pub id: String,
}

/// What goods cost and whom the money belongs to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GoodsQuote {
    /// One line for the payment page and the receipt.
    pub title: String,
    /// The total price.
    pub price: Money,
    /// Who may pay for it; anybody, if nobody is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buyer: Option<Did>,
    /// Who sells it.
    pub seller: Did,
    /// How the price is split.
    pub manifest: Manifest,
    /// The contributors who have countersigned the manifest; the others' shares are held.
    pub accepted: Vec<Did>,
    /// The manifests behind it, as far as a share leads to them; the seller has verified their signatures.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<GoodsSource>,
    /// Until when the goods are reserved.
    pub expires_at: Timestamp,
}

/// A work that the goods are made from, and that a share of their price goes to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GoodsSource {
    /// Its split.
    pub manifest: Manifest,
    /// Who agreed with the split: its signer and the contributors who countersigned it.
    pub accepted: Vec<Did>,
}

/// The money for goods is held.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// What was paid for.
    pub goods: GoodsRef,
    /// The checkout that was paid.
    pub checkout: CheckoutId,
    /// The receipt that will exist once the goods are handed over.
    pub receipt: ReceiptId,
    /// Who paid.
    pub payer: Did,
    /// What was paid.
    pub gross: Money,
    /// When the rail said so.
    pub paid_at: Timestamp,
}

/// What became of a delivery. Final: the same delivery always ends the same way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "outcome")]
pub enum DeliveryOutcome {
    /// The goods are the buyer's.
    Delivered {
        /// Identifiers of what was handed over, for the receipt.
        references: Vec<String>,
    },
    /// The goods cannot be handed over; the money goes back.
    Refused {
        /// Why, in one sentence for the buyer.
        reason: String,
    },
}

/// The goods are free again, or were never held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {}

/// See [`PayApi::checkout_create`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckoutCreate {
    /// What is bought.
    pub goods: GoodsRef,
    /// Who buys it.
    pub buyer: Did,
    /// Where the buyer goes after paying: an address on this node.
    pub success_url: String,
    /// Where the buyer goes instead.
    pub cancel_url: String,
}

/// See [`PayApi::checkout_fetch`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckoutFetch {
    /// The checkout.
    pub id: CheckoutId,
}

/// The life of a checkout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckoutState {
    /// Waits for the buyer.
    Open,
    /// The money is held, the goods are on their way.
    Paid,
    /// Goods delivered, money split, receipt issued.
    Settled,
    /// The goods could not be delivered; the money went back.
    Refunded,
    /// The buyer left, or the seller withdrew the goods.
    Cancelled,
    /// Nobody paid in time.
    Expired,
}

impl CheckoutState {
    /// Whether nothing more will happen to it, short of a late payment that is sent back.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Settled | Self::Refunded | Self::Cancelled | Self::Expired)
    }
}

/// A checkout, as its buyer and its seller see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckoutView {
    /// The checkout.
    pub id: CheckoutId,
    /// What is bought.
    pub goods: GoodsRef,
    /// Where the buyer pays.
    pub url: String,
    /// What it costs.
    pub price: Money,
    /// Where it stands.
    pub state: CheckoutState,
    /// Until when it can be paid.
    pub expires_at: Timestamp,
    /// The receipt, once it is settled.
    pub receipt: Option<ReceiptId>,
    /// Why it ended without goods, if it did.
    pub reason: Option<String>,
}

/// Who asks to see something of their own.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reader {
    /// The reader's DID.
    pub did: Did,
    /// Whether the reader runs the node.
    pub operator: bool,
}

/// See [`PayApi::receipt_fetch`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptFetch {
    /// The receipt.
    pub id: ReceiptId,
    /// Who asks.
    pub reader: Reader,
}

/// See [`PayApi::receipt_list`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptList {
    /// Whose receipts; `None` for all of the node, which only the operator may ask.
    pub owner: Option<Did>,
    /// Only receipts older than this one.
    pub before: Option<ReceiptId>,
    /// At most so many, 1 to 100.
    pub limit: u32,
}

/// See [`PayApi::balance_list`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BalanceList {
    /// Whose balances.
    pub owner: Did,
}

/// A balance of one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BalanceView {
    /// What the money is for: `available`, `held`, `pending`.
    pub purpose: String,
    /// How much there is.
    pub balance: Money,
}

/// See [`PayApi::sales_summary`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SalesSummaryRequest {}

/// Sales of this node.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SalesSummary {
    /// Settled sales, one line per asset.
    pub gross: Vec<Money>,
    /// How many receipts there are.
    pub receipts: u64,
    /// Checkouts whose money is held and not yet settled or refunded.
    pub in_progress: u64,
    /// Checkouts whose money went back.
    pub refunded: u64,
}

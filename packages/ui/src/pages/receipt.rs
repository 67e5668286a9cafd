//! `/receipts/{id}`: where the money went.

use askama::Template;

use crate::flow::{Flow, FlowLeaf, FlowWords};
use crate::{MoneyText, Shell, When};

/// The page of one signed receipt.
#[derive(Debug, Clone, Template)]
#[template(path = "receipt.html")]
pub struct ReceiptPage {
    /// The frame.
    pub shell: Shell,
    /// Identifier.
    pub receipt_id: String,
    /// When it was written.
    pub time: When,
    /// What was paid for.
    pub title: String,
    /// Kind and number, such as "2 × Standing"; may be empty.
    pub description: String,
    /// Page of what was paid for, if it has one.
    pub goods_url: Option<String>,
    /// Name of who paid.
    pub payer_name: String,
    /// DID of who paid, as written in the receipt.
    pub payer_did: String,
    /// What was paid.
    pub gross: MoneyText,
    /// The same in millionths of the currency's unit, for the picture.
    pub gross_micros: i64,
    /// Fees, in the schedule's order.
    pub fees: Vec<FeeRow>,
    /// Version of the fee schedule.
    pub fee_schedule: String,
    /// The payees, in the plan's order.
    pub legs: Vec<LegRow>,
    /// Whether it is test money.
    pub is_test: bool,
    /// When the money went back, if it did.
    pub refunded: Option<When>,
    /// What went back of it, oldest first.
    pub refunds: Vec<RefundLine>,
    /// What the reader may send back, if they may.
    pub refund_form: Option<RefundForm>,
    /// How it was paid, such as "sandbox".
    pub rail: String,
    /// The rail's own reference.
    pub rail_reference: String,
    /// Manifest that the split follows; empty when there was none.
    pub manifest_id: String,
    /// SHA-256 of the manifest's canonical form, hex.
    pub manifest_digest: String,
    /// Where the manifest can be read.
    pub manifest_url: String,
    /// Digest of the buyer's declaration of consent, if there was one.
    pub consent_digest: Option<String>,
    /// Hash of the ledger's entry, hex.
    pub entry_hash: String,
    /// DID of the node that signed the receipt.
    pub signed_by: String,
    /// The signature, hex.
    pub signature: String,
    /// Where the signed receipt can be fetched as JSON.
    pub json_url: String,
    /// Where it can be fetched as a JWT.
    pub jwt_url: String,
}

/// Money that went back, or is on its way.
#[derive(Debug, Clone)]
pub struct RefundLine {
    /// The refund; its credit note has the same name.
    pub id: String,
    /// How much.
    pub amount: MoneyText,
    /// When it was asked for.
    pub when: When,
    /// Where it stands, in words.
    pub state: String,
    /// Why, in the seller's words; may be empty.
    pub reason: String,
    /// Page of the credit note, once there is one.
    pub note_url: Option<String>,
}

/// What the seller and the operator may send back.
#[derive(Debug, Clone)]
pub struct RefundForm {
    /// All that is left, as a decimal.
    pub left: String,
    /// Its currency.
    pub currency: String,
}

/// The page of one signed credit note.
#[derive(Debug, Clone, Template)]
#[template(path = "credit_note.html")]
pub struct CreditNotePage {
    /// The frame.
    pub shell: Shell,
    /// The refund.
    pub id: String,
    /// When the rail has taken it.
    pub time: When,
    /// What had been paid for.
    pub title: String,
    /// What went back.
    pub refunded: MoneyText,
    /// What has gone back in all, and of how much.
    pub total: String,
    /// Name of who gets it back.
    pub payer_name: String,
    /// Why, in the seller's words; may be empty.
    pub reason: String,
    /// The parts of the split that came back, the fees after them.
    pub parts: Vec<CreditNoteRow>,
    /// Whether it is test money.
    pub is_test: bool,
    /// The receipt.
    pub receipt_id: String,
    /// How it goes back.
    pub rail: String,
    /// The rail's own reference.
    pub rail_reference: String,
    /// Hash of the ledger's entry, hex.
    pub entry_hash: String,
    /// DID of the node that signed it.
    pub signed_by: String,
    /// The signature, hex.
    pub signature: String,
}

/// A part of what came back.
#[derive(Debug, Clone)]
pub struct CreditNoteRow {
    /// Who gave it back.
    pub name: String,
    /// As what they had got it.
    pub role: String,
    /// Such as `7.00`.
    pub amount: String,
}

/// A fee.
#[derive(Debug, Clone, Default)]
pub struct FeeRow {
    /// Such as "protocol".
    pub name: String,
    /// Name of who gets it.
    pub recipient_name: String,
    /// Such as `1 %`.
    pub percent: String,
    /// Such as `0.10`.
    pub amount: String,
    /// The same in millionths of the currency's unit.
    pub amount_micros: i64,
}

/// What one payee gets.
#[derive(Debug, Clone, Default)]
pub struct LegRow {
    /// Name of the payee.
    pub name: String,
    /// The payee's DID.
    pub did: String,
    /// The DID cut in the middle.
    pub short_did: String,
    /// What they did, such as "artist".
    pub role: String,
    /// The manifests on the way from the event's own to the payee, that one left out; empty for a direct share.
    pub path: Vec<PathStep>,
    /// Part of the gross, such as `70 %`.
    pub percent: String,
    /// Such as `7.00`.
    pub amount: String,
    /// The same in millionths of the currency's unit.
    pub amount_micros: i64,
    /// Whether the money waits until the payee has countersigned.
    pub held: bool,
    /// Where the payee received it with the payment itself, on a chain; empty where it came to their balance.
    pub paid_to: String,
}

/// A manifest on the way to a payee.
#[derive(Debug, Clone, Default)]
pub struct PathStep {
    /// Its identifier.
    pub manifest_id: String,
    /// Its title, else its identifier.
    pub title: String,
}

impl LegRow {
    /// The end of this part's band in the picture.
    pub(crate) fn flow_leaf(&self) -> FlowLeaf {
        FlowLeaf {
            title: self.name.clone(),
            note: if self.held {
                format!("held · {}", self.role)
            } else {
                self.role.clone()
            },
            amount: self.amount.clone(),
            weight: self.amount_micros,
            group: self.path.first().map(|step| step.title.clone()),
            held: self.held,
            fee: false,
        }
    }

    /// Titles of the manifests on the way, in order; empty for a direct share.
    pub fn path_text(&self) -> String {
        self.path
            .iter()
            .map(|step| step.title.as_str())
            .collect::<Vec<_>>()
            .join(" › ")
    }
}

impl ReceiptPage {
    /// The picture for a phone, and the one for a wide page.
    pub(crate) fn flows(&self) -> Vec<Flow> {
        let fees = self.fees.iter().map(|fee| FlowLeaf {
            title: fee.recipient_name.clone(),
            note: format!("{} fee", fee.name),
            amount: fee.amount.clone(),
            weight: fee.amount_micros,
            group: None,
            held: false,
            fee: true,
        });
        let legs = self.legs.iter().map(LegRow::flow_leaf);
        let leaves = legs.chain(fees).collect::<Vec<_>>();
        let words = FlowWords {
            title: "Where the money went",
            note: "paid",
        };
        Flow::both(words, &self.gross, &leaves)
    }

    /// What went to the payees and the fees together, which is the gross: the table's last line.
    pub fn parts_match(&self) -> bool {
        let parts = self
            .legs
            .iter()
            .map(|leg| leg.amount_micros)
            .chain(self.fees.iter().map(|fee| fee.amount_micros));
        parts.map(i128::from).sum::<i128>() == i128::from(self.gross_micros)
    }
}

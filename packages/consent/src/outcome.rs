use imajin_did::Did;
use imajin_kernel::id::ReceiptId;
use imajin_money::Money;
use serde::{Deserialize, Serialize};

use crate::{ContentRef, IntendedUse, Permit};

/// What became of the payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// Nothing was due.
    NotDue,
    /// This much was captured.
    Settled {
        /// What was taken: at most what was offered; less than the price where less was used.
        amount: Money,
        /// The receipt.
        receipt: ReceiptId,
    },
    /// Nothing was captured: refused, voided, expired or taken back.
    Failed,
}

/// Consent that holds: what was permitted is settled. This is what is kept, and what the consumer may show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsentInForce {
    /// Who may use it.
    pub consumer: Did,
    /// What.
    pub content: ContentRef,
    /// What for.
    pub intended_use: IntendedUse,
    /// SHA-256 of the declaration, in hex.
    pub declaration: String,
    /// What has to be observed.
    pub conditions: Vec<String>,
    /// What was paid; nothing when it was free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid: Option<Money>,
    /// The receipt for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<ReceiptId>,
}

/// Why a permit came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Void {
    /// The settlement failed, and the consent with it.
    #[error("the settlement failed, so the consent is void")]
    Unsettled,
    /// Something was due, and nobody settled it.
    #[error("it costs something and nothing was settled, so the consent is void")]
    Unpaid,
    /// More was taken than the consumer offered, or in another currency: no consent covers that.
    #[error("what was taken is not what the consumer offered, so the consent is void")]
    Overcharged,
}

impl Permit {
    /// Turns a permit into consent that holds, by what became of the payment. Without a settlement of what is due there
    /// is no consent: neither side keeps anything of it.
    ///
    /// # Errors
    /// [`Void`].
    pub fn conclude(self, settlement: Settlement) -> Result<ConsentInForce, Void> {
        let (paid, receipt) = match (self.price, settlement) {
            (_, Settlement::Failed) => return Err(Void::Unsettled),
            (Some(_), Settlement::NotDue) => return Err(Void::Unpaid),
            (None, Settlement::NotDue) => (None, None),
            (None, Settlement::Settled { .. }) => return Err(Void::Overcharged),
            (Some(price), Settlement::Settled { amount, receipt }) => {
                let most = self.offered.unwrap_or(price);
                if !amount.is_at_most(most) || !amount.is_at_most(price) {
                    return Err(Void::Overcharged);
                }
                (Some(amount), Some(receipt))
            }
        };
        Ok(ConsentInForce {
            consumer: self.consumer,
            content: self.content,
            intended_use: self.intended_use,
            declaration: hex::encode(self.declaration),
            conditions: self.conditions,
            paid,
            receipt,
        })
    }
}

use imajin_did::Did;
use imajin_imagxp::Purpose;
use imajin_kernel::id::{CheckoutId, ReceiptId};
use imajin_money::Money;
use serde::{Deserialize, Serialize};

use crate::{CheckoutState, GoodsRef};

/// See [`PayApi::visa_capture`](crate::PayApi::visa_capture). The caller has checked the claim: who signed it, for
/// what, and that it was not seen before.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VisaCapture {
    /// What is paid for.
    pub goods: GoodsRef,
    /// Who pays: the agent that made the claim.
    pub payer: Did,
    /// The broker's promise, as it came: a JWT of the type `pay+jwt`.
    pub visa: String,
    /// The key that signed the claim, by its thumbprint (RFC 7638, SHA-256): the visa must name the same one.
    pub holder: String,
    /// Names the claim, in at most 200 characters: its SHA-256, in hex. The same claim asked again is the same capture.
    pub claim_digest: String,
    /// Whom the visa must name: the host of a site of this node, with its port if it has one. The node's own when
    /// nothing is said.
    #[serde(default)]
    pub audience: Option<String>,
    /// What the agent wants: a visa for one purpose pays for that one only.
    #[serde(default)]
    pub purpose: Option<Purpose>,
    /// Whether the visa may name neither of them: the publisher's policy says so of its broker, and the claim names the
    /// whole URL.
    #[serde(default)]
    pub takes_bearer: bool,
}

/// See [`PayApi::visa_check`](crate::PayApi::visa_check).
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VisaCheck {
    /// What is to be paid.
    pub price: Money,
    /// The broker's promise, as it came.
    pub visa: String,
    /// The key that signed the claim, by its thumbprint.
    pub holder: String,
    /// Whom the visa must name; the node itself when nothing is said.
    pub audience: Option<String>,
    /// What the agent wants.
    pub purpose: Option<Purpose>,
    /// Whether the visa may name neither of them.
    #[serde(default)]
    pub takes_bearer: bool,
}

impl std::fmt::Debug for VisaCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VisaCheck")
            .field("price", &self.price)
            .finish_non_exhaustive()
    }
}

/// A visa would pay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VisaChecked {
    /// How often it pays after this.
    pub uses_left: u32,
}

impl std::fmt::Debug for VisaCapture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VisaCapture")
            .field("goods", &self.goods)
            .field("payer", &self.payer)
            .field("claim_digest", &self.claim_digest)
            .finish_non_exhaustive()
    }
}

/// What has become of a capture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VisaCaptured {
    /// The checkout that it made.
    pub checkout: CheckoutId,
    /// What was taken.
    pub price: Money,
    /// `settled`; `paid` while the goods are on their way; `refunded` when they cannot be had.
    pub state: CheckoutState,
    /// The receipt, once it is settled.
    pub receipt: Option<ReceiptId>,
    /// Why nothing was taken, if so.
    pub reason: Option<String>,
}

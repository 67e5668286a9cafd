//! What is wanted of a page, and what came of it.

use std::path::PathBuf;

use imajin_did::Did;
use imajin_imagxp::{CheckedReceipt, Purpose, ReceiptPart};
use imajin_kernel::Problem;
use imajin_money::Money;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{Purchase, Run};

/// Why what came before is not checked again.
pub(crate) const BEFORE: &str = "It came in an earlier run, which was interrupted.";

/// What is to be read.
#[derive(Debug, Clone)]
pub struct FetchWish {
    /// The page.
    pub url: Url,
    /// What for.
    pub purpose: Purpose,
    /// The most that it may cost; nothing, when nothing is said.
    pub max: Option<Money>,
    /// Where the page is put.
    pub out: PathBuf,
    /// The crawl that it belongs to, whose budget counts too.
    pub run: Option<Run>,
    /// The largest page that is read; see [`crate::PAGE_BYTES_MAX`].
    pub bytes_max: u64,
}

/// Takes a page from the file of the wish.
pub(crate) type Taker<'a> = &'a mut (dyn FnMut(&Fetched) -> Result<(), Problem> + Send);

/// What came of asking for a page.
pub(crate) enum Answered {
    /// The page.
    Page(Box<Fetched>),
    /// The site says that it is elsewhere. Nothing was paid.
    Moved(Url),
}

/// What was paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Payment {
    /// How much.
    pub price: Money,
    /// To whom: the publisher's host.
    pub publisher: String,
    /// Whose visa has paid.
    pub broker: String,
    /// The publisher's receipt.
    pub receipt: String,
    /// Whether an earlier, interrupted run had begun to pay.
    pub is_resumed: bool,
    /// Where the price went, by the publisher's signed receipt; empty where that was not checked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PaidPart>,
    /// Why the receipt was not checked, or does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt_unchecked: Option<String>,
}

/// A part of the price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaidPart {
    /// Who got it.
    pub did: Did,
    /// As what: a role of the manifest, or the name of a fee.
    pub role: String,
    /// How much.
    pub amount: Money,
}

impl Payment {
    pub(crate) fn of(purchase: &Purchase, receipt: String, is_resumed: bool) -> Self {
        Self {
            price: purchase.price,
            publisher: purchase.publisher.clone(),
            broker: purchase.broker.clone(),
            receipt,
            is_resumed,
            parts: Vec::new(),
            receipt_unchecked: None,
        }
    }

    /// What an earlier run has paid.
    pub(crate) fn of_before(purchase: &Purchase, receipt: String) -> Self {
        Self {
            receipt_unchecked: Some(BEFORE.to_owned()),
            ..Self::of(purchase, receipt, true)
        }
    }

    /// The same, with where the money went.
    pub(crate) fn split(self, receipt: CheckedReceipt) -> Self {
        let asset = receipt.gross.asset;
        let part = |part: ReceiptPart| PaidPart {
            did: part.did,
            role: part.role,
            amount: Money::new(part.amount, asset),
        };
        Self {
            parts: receipt.parts.into_iter().map(part).collect(),
            ..self
        }
    }
}

/// A page that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fetched {
    /// The page.
    pub url: Url,
    /// How many bytes it has.
    pub bytes: u64,
    /// What kind of document it is.
    pub content_type: Option<String>,
    /// What it cost.
    pub paid: Option<Payment>,
    /// Where the publisher has signed that it is from: `HUMAN`, `SYNTHETIC` or `HYBRID`.
    pub origin: Option<String>,
    /// Why it could not be checked what the publisher has signed about that. The page is there all the same: what was
    /// paid for is not thrown away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin_unchecked: Option<String>,
    /// The purchase of whose page nobody was told yet.
    #[serde(skip)]
    pub(crate) untold: Option<String>,
}

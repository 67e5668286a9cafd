//! What the rail's own state says that it has done: payments that were final, and money that left the wallet. What the
//! chain says about the wallet follows after it.

use imajin_kernel::Timestamp;
use imajin_kernel::id::CheckoutId;
use imajin_money::Money;

use super::payout::REFUND_PREFIX;
use super::{Payout, PayoutState, SolanaStore, Watch, history};
use crate::{FACT_DONE, FACT_FAILED, FACT_UNDER_WAY, FactKind, FactPage, RailError, RailFact};

/// As many watches or payouts as one page looks at.
const PAGE: usize = 100;
/// In front of the lists' cursors.
const PAYOUTS: &str = "payouts|";
const WATCHES: &str = "watches|";

pub(super) async fn facts_page(
    store: &dyn SolanaStore,
    since: Timestamp,
    cursor: Option<&str>,
) -> Result<FactPage, RailError> {
    let malformed = |cursor: &str| RailError::Malformed(format!("`{cursor}` is no place in a list"));
    if let Some(after) = cursor.and_then(|cursor| cursor.strip_prefix(PAYOUTS)) {
        let page = store.payouts_list(since, after, PAGE).await?;
        let last = page.last().filter(|_| page.len() == PAGE);
        let cursor = last.map_or_else(history::first, |last| format!("{PAYOUTS}{}", last.key));
        return Ok(FactPage {
            facts: page.iter().filter_map(payout_fact).collect(),
            cursor: Some(cursor),
            cut: None,
        });
    }
    let after: Option<CheckoutId> = match cursor {
        None => None,
        Some(cursor) => {
            let id = cursor.strip_prefix(WATCHES).and_then(|id| id.parse().ok());
            Some(id.ok_or_else(|| malformed(cursor))?)
        }
    };
    let page = store.watches_list(since, after, PAGE).await?;
    let last = page.last().filter(|_| page.len() == PAGE);
    let cursor = match last {
        Some(last) => format!("{WATCHES}{}", last.payment.checkout),
        None => PAYOUTS.to_owned(),
    };
    let facts = page.iter().filter_map(payment_fact).collect();
    Ok(FactPage {
        facts,
        cursor: Some(cursor),
        cut: None,
    })
}

fn payment_fact(watch: &Watch) -> Option<RailFact> {
    let paid_by = watch.paid_by.as_ref()?;
    let seen = watch.shown().iter().find(|seen| seen.signature == *paid_by);
    Some(RailFact {
        kind: FactKind::Payment,
        reference: paid_by.clone(),
        about: watch.payment.checkout.to_string(),
        time: seen.map_or(watch.expires_at, |seen| seen.time),
        amount: Money::new(watch.payment.gross, watch.payment.coin.asset),
        extra: None,
        state: FACT_DONE,
    })
}

/// The refund that an attempt belongs to.
fn refund_of(key: &str) -> &str {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    key.rsplit_once('/')
        .filter(|(_, attempt)| is_number(attempt))
        .map_or(key, |(refund, _)| refund)
}

/// A payout that was signed at least once; a refund is one to who paid.
fn payout_fact(payout: &Payout) -> Option<RailFact> {
    let (kind, about) = match payout.key.strip_prefix(REFUND_PREFIX) {
        Some(key) => (FactKind::Refund, refund_of(key)),
        None => (FactKind::Transfer, payout.key.as_str()),
    };
    Some(RailFact {
        kind,
        reference: payout.signatures.last()?.clone(),
        about: about.to_owned(),
        time: payout.signed_at?,
        amount: Money::new(payout.amount, payout.coin.asset),
        extra: None,
        state: match payout.state {
            PayoutState::Paid { .. } => FACT_DONE,
            PayoutState::Failed { .. } => FACT_FAILED,
            PayoutState::Planned | PayoutState::Signed { .. } => FACT_UNDER_WAY,
        },
    })
}

//! What Stripe says that it has done for the node: its lists by the time of creation, newest first, one after the
//! other.

use std::collections::BTreeMap;

use imajin_kernel::Timestamp;
use imajin_money::Asset;
use serde::de::DeserializeOwned;

use super::disputes::state_of;
use super::money::{from_minor, signed_from_minor};
use super::objects::{Balance, BankPayout, Dispute, Intent, List, Refund, Transfer};
use super::payments::{checkout_in, is_in_vain};
use super::{PAYOUT_MEMBER, StripeRail};
use crate::{
    DisputeState, FACT_DONE, FACT_FAILED, FACT_UNDER_WAY, FactKind, FactPage, RailBalance, RailError, RailFact, RailFee,
};

/// The longest page that Stripe gives.
const PAGE: usize = 100;
/// The lists, in the order in which they are read.
const LISTS: [FactKind; 5] = [
    FactKind::Payment,
    FactKind::Refund,
    FactKind::Dispute,
    FactKind::Transfer,
    FactKind::Withdrawal,
];

impl StripeRail {
    /// A page of one list; the cursor says which list, and after which object.
    pub(super) async fn facts_list(&self, since: Timestamp, cursor: Option<&str>) -> Result<FactPage, RailError> {
        let (kind, after) = match cursor {
            None => (FactKind::Payment, None),
            Some(cursor) => cursor_read(cursor)?,
        };
        let (facts, next) = match kind {
            FactKind::Payment => {
                self.fact_page("payment_intents", since, after, |it: &Intent| &it.id, Self::payment)
                    .await
            }
            FactKind::Refund => {
                self.fact_page("refunds", since, after, |it: &Refund| &it.id, Self::refund_fact)
                    .await
            }
            FactKind::Dispute => {
                self.fact_page("disputes", since, after, |it: &Dispute| &it.id, Self::dispute_fact)
                    .await
            }
            FactKind::Transfer => {
                self.fact_page("transfers", since, after, |it: &Transfer| &it.id, Self::sent)
                    .await
            }
            FactKind::Withdrawal => {
                self.fact_page("payouts", since, after, |it: &BankPayout| &it.id, Self::withdrawn)
                    .await
            }
            // It has no such list.
            FactKind::Arrival | FactKind::Departure => Ok((Vec::new(), None)),
        }?;
        let following = LISTS.iter().skip_while(|each| **each != kind).nth(1);
        let cursor = match next {
            Some(object) => Some(format!("{}|{object}", kind.as_str())),
            None => following.map(|kind| format!("{}|", kind.as_str())),
        };
        Ok(FactPage {
            facts,
            cursor,
            cut: None,
        })
    }

    async fn fact_page<T: DeserializeOwned + Sync>(
        &self,
        path: &str,
        since: Timestamp,
        after: Option<&str>,
        id: fn(&T) -> &String,
        read: fn(&Self, &T) -> Result<Option<RailFact>, RailError>,
    ) -> Result<(Vec<RailFact>, Option<String>), RailError> {
        let mut query = vec![
            ("limit", PAGE.to_string()),
            ("created[gte]", since.as_seconds().max(0).to_string()),
        ];
        if path == "payment_intents" {
            query.push(("expand[0]", "data.latest_charge.balance_transaction".to_owned()));
        }
        if let Some(after) = after {
            query.push(("starting_after", after.to_owned()));
        }
        let page: List<T> = self.client.get(path, &query).await.map_err(RailError::from)?;
        let last = page.data.last().filter(|_| page.has_more).map(|last| id(last).clone());
        let facts = page.data.iter().filter_map(|object| read(self, object).transpose());
        Ok((facts.collect::<Result<_, _>>()?, last))
    }

    /// Only what was paid, and at a checkout of ours: another shop may use the same account.
    fn payment(&self, intent: &Intent) -> Result<Option<RailFact>, RailError> {
        let Some(checkout) = checkout_in(&intent.metadata).filter(|_| intent.status == "succeeded") else {
            return Ok(None);
        };
        let extra = match self.fee_of(intent)? {
            RailFee::Known(fee) => Some(fee),
            RailFee::Free | RailFee::Unknown => None,
        };
        Ok(Some(RailFact {
            kind: FactKind::Payment,
            reference: intent.id.clone(),
            about: checkout.to_string(),
            time: Timestamp::from_seconds(intent.created),
            amount: from_minor(intent.amount_received, &intent.currency, self.is_test)?,
            extra,
            state: FACT_DONE,
        }))
    }

    fn refund_fact(&self, refund: &Refund) -> Result<Option<RailFact>, RailError> {
        let state = match refund.status.as_deref() {
            Some(status) if is_in_vain(status) => FACT_FAILED,
            Some("pending" | "requires_action") => FACT_UNDER_WAY,
            _ => FACT_DONE,
        };
        Ok(Some(RailFact {
            kind: FactKind::Refund,
            reference: refund.id.clone(),
            about: refund.payment_intent.clone().unwrap_or_default(),
            time: Timestamp::from_seconds(refund.created),
            amount: from_minor(refund.amount, &refund.currency, self.is_test)?,
            extra: None,
            state,
        }))
    }

    fn dispute_fact(&self, dispute: &Dispute) -> Result<Option<RailFact>, RailError> {
        let (taken, back) = (self.moved(dispute, -1)?, self.moved(dispute, 1)?);
        let extra = taken.checked_sub(back).unwrap_or_default();
        Ok(Some(RailFact {
            kind: FactKind::Dispute,
            reference: dispute.id.clone(),
            about: dispute.payment_intent.clone().unwrap_or_default(),
            time: Timestamp::from_seconds(dispute.created),
            amount: from_minor(dispute.amount, &dispute.currency, self.is_test)?,
            extra: Some(extra),
            state: match state_of(dispute) {
                DisputeState::Open => "open",
                DisputeState::Won => "won",
                DisputeState::Lost => "lost",
            },
        }))
    }

    /// Only transfers that a payout of ours made.
    fn sent(&self, transfer: &Transfer) -> Result<Option<RailFact>, RailError> {
        if !transfer.metadata.contains_key(PAYOUT_MEMBER) {
            return Ok(None);
        }
        let back = from_minor(transfer.amount_reversed, &transfer.currency, self.is_test)?;
        Ok(Some(RailFact {
            kind: FactKind::Transfer,
            reference: transfer.id.clone(),
            about: transfer.group.clone().unwrap_or_default(),
            time: Timestamp::from_seconds(transfer.created),
            amount: from_minor(transfer.amount, &transfer.currency, self.is_test)?,
            extra: Some(back.amount),
            state: FACT_DONE,
        }))
    }

    fn withdrawn(&self, payout: &BankPayout) -> Result<Option<RailFact>, RailError> {
        let state = match payout.status.as_str() {
            "failed" | "canceled" => FACT_FAILED,
            "paid" => FACT_DONE,
            _ => FACT_UNDER_WAY,
        };
        Ok(Some(RailFact {
            kind: FactKind::Withdrawal,
            reference: payout.id.clone(),
            about: String::new(),
            time: Timestamp::from_seconds(payout.created),
            amount: from_minor(payout.amount, &payout.currency, self.is_test)?,
            extra: None,
            state,
        }))
    }

    /// What may be spent and what will be, together.
    pub(super) async fn balance_fetch(&self) -> Result<Vec<RailBalance>, RailError> {
        let balance: Balance = self.client.get("balance", &[]).await.map_err(RailError::from)?;
        let mut sums: BTreeMap<Asset, i64> = BTreeMap::new();
        for part in balance.available.iter().chain(&balance.pending) {
            let (asset, units) = signed_from_minor(part.amount, &part.currency, self.is_test)?;
            let sum = sums.entry(asset).or_default();
            *sum = sum.saturating_add(units);
        }
        let line = |(asset, units)| RailBalance { asset, units };
        Ok(sums.into_iter().map(line).collect())
    }
}

fn cursor_read(cursor: &str) -> Result<(FactKind, Option<&str>), RailError> {
    let malformed = || RailError::Malformed(format!("`{cursor}` is no place in a list"));
    let (kind, after) = cursor.split_once('|').ok_or_else(malformed)?;
    let kind = LISTS.into_iter().find(|each| each.as_str() == kind);
    let plain = after
        .bytes()
        .all(|letter| letter.is_ascii_alphanumeric() || letter == b'_');
    let kind = kind.filter(|_| plain).ok_or_else(malformed)?;
    Ok((kind, Some(after).filter(|after| !after.is_empty())))
}

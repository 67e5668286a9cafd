//! Watching the chain for the payment of a checkout.
//!
//! A [`Watch`] is a plain value that its owner stores: it is put in, and comes out again with what was found. Reports
//! and the new value belong into one transaction; if that is lost, the same step finds the same again.

use std::collections::{BTreeMap, BTreeSet};

use imajin_kernel::{Span, Timestamp};
use serde::{Deserialize, Serialize};

use super::judge::{Finding, Sighting, judge};
use super::rpc::{Finality, ListQuery, Listed, Rpc, RpcError};
use super::{Payment, backoff};

/// So many transactions are fetched in one step.
const FETCHED_MAX: usize = 32;
/// So many are kept for the pages.
const SHOWN_MAX: usize = 16;
/// How often the chain is asked while the payment is awaited.
const AWAITED: Span = Span::seconds(2);
/// How often after it came, or after the checkout ended; later more seldom.
const AFTERWARDS: Span = Span::minutes(2);
/// And at least so often.
const AFTERWARDS_MAX: Span = Span::hours(6);
/// For how long a late or a second payment is looked for.
const AFTERWARDS_FOR: Span = Span::days(7);

/// A checkout that waits for its payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Watch {
    /// What is awaited.
    pub payment: Payment,
    /// Until when it can be paid.
    pub expires_at: Timestamp,
    /// The transaction that paid, once there is one.
    pub paid_by: Option<String>,
    /// When to ask again.
    pub next_at: Timestamp,
    /// How often in a row the server did not help.
    pub failures: u32,
    /// Everything up to this transaction was judged.
    judged_until: Option<String>,
    /// The judged transactions that moved money, lest a server that forgot `judged_until` brings them again.
    judged: BTreeSet<String>,
    /// The newest transactions that moved something or failed: for the pages.
    shown: Vec<Sighting>,
    /// Transactions that may still be dropped, and their slots.
    unsettled: BTreeMap<String, u64>,
}

/// What a step found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// A transaction is in a block that is not final yet: something to show, nothing to book.
    Seen {
        /// Its name.
        signature: String,
    },
    /// A transaction that was seen is not on the chain any more.
    Gone {
        /// Its name.
        signature: String,
    },
    /// A transaction is final. It comes once; after a lost step again, under the same name.
    Final(Sighting),
}

/// A step that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// To be stored in place of the old one.
    pub watch: Watch,
    /// What was found.
    pub reports: Vec<Report>,
    /// Why it was not everything.
    pub problem: Option<RpcError>,
}

impl Watch {
    /// Begins to watch.
    pub fn new(payment: Payment, expires_at: Timestamp, now: Timestamp) -> Self {
        Self {
            payment,
            expires_at,
            paid_by: None,
            next_at: now,
            failures: 0,
            judged_until: None,
            judged: BTreeSet::new(),
            shown: Vec::new(),
            unsettled: BTreeMap::new(),
        }
    }

    /// The newest transactions that moved something or failed, the oldest of them first.
    pub fn shown(&self) -> &[Sighting] {
        &self.shown
    }

    /// Whether nothing more is to be expected.
    pub fn is_over(&self, now: Timestamp) -> bool {
        now > self.expires_at.plus(AFTERWARDS_FOR) && self.unsettled.is_empty()
    }

    /// Whether something is on the chain that is not final yet.
    pub fn is_settling(&self) -> bool {
        !self.unsettled.is_empty()
    }

    /// Ends the time to pay. What comes all the same is late.
    pub fn close(&mut self, now: Timestamp) {
        self.expires_at = self.expires_at.min(now);
    }

    /// Asks the chain once. What was found before the server failed is reported all the same.
    pub async fn step(&self, rpc: &Rpc, now: Timestamp) -> Watched {
        let mut watch = self.clone();
        let mut reports = Vec::new();
        let problem = watch.look(rpc, now, &mut reports).await.err();
        if problem.is_none() {
            watch.failures = 0;
            let is_awaited = watch.paid_by.is_none() && now <= watch.expires_at;
            let is_close = is_awaited || watch.is_settling();
            watch.next_at = now.plus(if is_close { AWAITED } else { self.afterwards(now) });
        } else {
            watch.failures = watch.failures.saturating_add(1);
            watch.next_at = now.plus(backoff(watch.failures));
        }
        Watched {
            watch,
            reports,
            problem,
        }
    }

    /// How long to wait for the next look when nothing is awaited any more: the longer nothing came, the longer.
    fn afterwards(&self, now: Timestamp) -> Span {
        let elapsed = now.since(self.expires_at).as_seconds();
        let tenth = Span::seconds(elapsed.checked_div(10).unwrap_or_default());
        tenth.max(AFTERWARDS).min(AFTERWARDS_MAX)
    }

    async fn look(&mut self, rpc: &Rpc, now: Timestamp, reports: &mut Vec<Report>) -> Result<(), RpcError> {
        let query = ListQuery {
            until: self.judged_until.as_deref(),
            final_at_slot: None,
        };
        let listed = rpc.list(&self.payment.reference, &query).await?;
        self.unsettled_compare(&listed, reports);
        let mut fetched = 0;
        // The oldest first. What lies behind an unsettled one stays in the list for the next step.
        for found in listed.iter().take_while(|found| is_final(found)) {
            if !self.judged.contains(&found.signature) {
                if fetched == FETCHED_MAX {
                    break;
                }
                fetched += 1;
                let sighting = self.sighting(rpc, found, now).await?;
                self.keep(&sighting);
                reports.push(Report::Final(sighting));
            }
            self.judged_until = Some(found.signature.clone());
        }
        Ok(())
    }

    /// Reports what is new and not final, and what was so and has disappeared.
    fn unsettled_compare(&mut self, listed: &[Listed], reports: &mut Vec<Report>) {
        let unsettled: BTreeMap<String, u64> = listed
            .iter()
            .filter(|found| !is_final(found))
            .map(|found| (found.signature.clone(), found.slot))
            .collect();
        let appeared = unsettled.keys().filter(|name| !self.unsettled.contains_key(*name));
        reports.extend(appeared.map(|name| Report::Seen {
            signature: name.clone(),
        }));
        let gone = self
            .unsettled
            .keys()
            .filter(|name| !listed.iter().any(|found| found.signature == **name));
        reports.extend(gone.map(|name| Report::Gone {
            signature: name.clone(),
        }));
        self.unsettled = unsettled;
    }

    async fn sighting(&self, rpc: &Rpc, found: &Listed, now: Timestamp) -> Result<Sighting, RpcError> {
        if let Some(error) = &found.err {
            let time = found.block_time.map_or(now, Timestamp::from_seconds);
            return Ok(Sighting {
                signature: found.signature.clone(),
                slot: found.slot,
                time,
                finding: Finding::Failed {
                    error: error.to_string(),
                },
                late: time > self.expires_at,
                duplicate: false,
                received: Vec::new(),
            });
        }
        // A server may have the list already and the transaction not yet. One that never has it must be noticed.
        let absent = || RpcError::Away(format!("it lists {} and cannot show it", found.signature));
        let landed = rpc.landed(&found.signature).await?.ok_or_else(absent)?;
        let mut sighting = judge(&self.payment, self.expires_at, &landed, now);
        sighting.duplicate = self.paid_by.is_some() && matches!(sighting.finding, Finding::Exact { .. });
        Ok(sighting)
    }

    fn keep(&mut self, sighting: &Sighting) {
        if sighting.pays() {
            self.paid_by = Some(sighting.signature.clone());
        }
        if !sighting.received.is_empty() {
            self.judged.insert(sighting.signature.clone());
        }
        if sighting.finding != Finding::Stray {
            if self.shown.len() == SHOWN_MAX {
                self.shown.remove(0);
            }
            self.shown.push(sighting.clone());
        }
    }
}

/// Servers that leave the status out list final transactions only.
fn is_final(found: &Listed) -> bool {
    matches!(found.confirmation_status, None | Some(Finality::Finalized))
}

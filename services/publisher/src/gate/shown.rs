//! The gates of this process, for the operator's pages.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, Weak};

use imajin_gate::Gate;
use imajin_imagxp::policy::Policy;
use imajin_kernel::Problem;
use imajin_kernel::id::ReceiptId;
use imajin_pay_api::{Reader, ReceiptFetch};
use imajin_publisher_api::{GatePolicy, GatePolicyChange};
use imajin_web::{Authorised, OperatorTier};

use super::GateBooks;
use crate::{Publisher, log};

/// How many receipts are asked for, for one page.
const RECEIPTS_MAX: usize = 100;

/// A gate that runs here. What is shown of it does not keep it running.
#[derive(Clone)]
pub struct GateShown {
    /// What the operator calls the site.
    pub name: String,
    /// What decides.
    pub gate: Weak<Gate>,
    /// Where its money goes.
    pub books: Weak<GateBooks>,
    /// The file with its policy.
    pub policy: PathBuf,
    /// The brokers that a policy may name.
    pub trusted: Vec<String>,
}

/// A part of a payment, and whose it is.
#[derive(Debug, Clone)]
pub(crate) struct Leg {
    pub(crate) did: String,
    pub(crate) role: String,
    pub(crate) asset: String,
    pub(crate) micros: i64,
}

/// Reads a text as the policy of a gate: one with a mistake, or with brokers that the node does not trust, is none.
///
/// # Errors
/// What is wrong with it, and where.
pub fn policy_read(text: &str, trusted: &[String]) -> Result<Policy, Problem> {
    let policy = Policy::parse(text).map_err(|error| Problem::invalid(format!("{error}.")))?;
    match policy.issuers().iter().find(|broker| !trusted.contains(broker)) {
        None => Ok(policy),
        Some(broker) => {
            let detail = format!("it names a broker that the node does not trust: {broker}.");
            Err(Problem::invalid(detail).hint("Add it to `brokers.trusted`."))
        }
    }
}

impl Publisher {
    /// Shows a gate on the operator's pages.
    pub fn gate_show(&self, gate: GateShown) {
        self.shown.write().unwrap_or_else(PoisonError::into_inner).push(gate);
    }

    /// The gates of this process.
    pub(crate) fn gates(&self) -> Vec<GateShown> {
        self.shown.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The policy file of a gate that runs here.
    pub(crate) async fn gate_policy(&self, name: &str) -> Result<GatePolicy, Problem> {
        let gate = self.gate_require(name)?;
        let read = tokio::task::spawn_blocking(move || gate.policy_text()).await;
        read.map_err(|_ended| Problem::internal())?
    }

    /// Replaces it, by the operator's signature, which is logged before the file changes.
    pub(crate) async fn gate_policy_change(
        &self,
        name: &str,
        change: GatePolicyChange,
        verified: Authorised<OperatorTier>,
        body: Vec<u8>,
    ) -> Result<GatePolicy, Problem> {
        let gate = self.gate_require(name)?;
        let policy = policy_read(&change.text, &gate.trusted)?;
        let object = format!("gate/{name}/policy");
        self.write(move |conn, context| {
            log::signed_append(conn, context, &verified, log::GATE_POLICY, object.clone(), &body)
        })
        .await?;
        let replace = move || gate.policy_replace(policy, &change);
        let replaced = tokio::task::spawn_blocking(replace).await;
        replaced.map_err(|_ended| Problem::internal())?
    }

    fn gate_require(&self, name: &str) -> Result<GateShown, Problem> {
        let gate = self.gates().into_iter().find(|gate| gate.name == name);
        gate.ok_or_else(|| Problem::not_found("gate in this process"))
    }

    /// Whose the parts of some payments at a gate are, by their receipts: of the first of them, and of how many. None,
    /// where the gate runs in another process.
    pub(crate) async fn gate_legs(&self, site: &str, receipts: &[ReceiptId]) -> Result<(Vec<Leg>, usize), Problem> {
        let books = self.gates().into_iter().find(|gate| gate.name == site);
        let books: Option<Arc<GateBooks>> = books.and_then(|gate| gate.books.upgrade());
        let Some(books) = books else {
            return Ok((Vec::new(), 0));
        };
        let (mut legs, mut count) = (Vec::new(), 0_usize);
        for id in receipts.iter().take(RECEIPTS_MAX) {
            let asked = ReceiptFetch {
                id: *id,
                reader: Reader {
                    did: self.context.keyring.node_did().clone(),
                    operator: true,
                },
            };
            let Some(receipt) = books.pay.receipt_fetch(asked).await? else {
                continue;
            };
            let body = receipt.message.payload;
            count = count.saturating_add(1);
            legs.extend(body.legs.into_iter().map(|leg| Leg {
                did: leg.did.to_string(),
                role: leg.role,
                asset: body.gross.asset.to_string(),
                micros: leg.amount.micros(),
            }));
        }
        Ok((legs, count))
    }
}

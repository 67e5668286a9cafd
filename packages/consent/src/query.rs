use std::collections::BTreeSet;

use imajin_did::Did;
use imajin_kernel::id::PodId;
use imajin_money::Money;
use serde::{Deserialize, Serialize};

use crate::evaluate::{declared_check, paid_check};
use crate::{ContentRef, IntendedUse, Permit, Refusal, VerifiedDeclaration};

/// The terms under which somebody's questions are answered, as they are published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QueryTerms {
    /// Whose answers these are.
    pub leader: Did,
    /// How far away in the leader's trust graph an asker may be.
    pub max_hops: u8,
    /// How many people that the leader trusts must vouch for an asker.
    #[serde(default)]
    pub vouches_min: u32,
    /// Pods whose members may ask as well, however far away they are.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub pods: BTreeSet<PodId>,
    /// What may be done with an answer.
    pub uses: BTreeSet<IntendedUse>,
    /// The most that one answer costs.
    pub ceiling: Money,
    /// The engine that answers, for example `embedded`.
    pub engine: String,
    /// The model, where the engine has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

impl QueryTerms {
    /// Whether somebody whom the trust graph knows so may ask at all: the first of the terms, which decides before
    /// anything of a question is looked at.
    ///
    /// # Errors
    /// [`Refusal::Unmet`] with `maxHops` or `vouchesMin`; with `pods` where the terms name pods, and the asker is
    /// neither near nor in one of them.
    pub fn admit(&self, facts: AskerFacts) -> Result<(), Refusal> {
        admission_check(self, facts)
    }

    /// Whether the trust graph alone lets somebody ask, whatever pods they are in.
    pub fn is_near(&self, facts: AskerFacts) -> bool {
        trust_check(self, facts).is_ok()
    }
}

/// What the trust graph says of an asker. If it cannot be asked, there are no facts, and nobody is let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AskerFacts {
    /// How far away the asker is; `None` for a stranger.
    pub hops: Option<u8>,
    /// How many people that the leader trusts vouch for the asker.
    pub vouches: u32,
    /// Whether the asker is in one of the pods that the terms name.
    pub in_pod: bool,
}

/// A question that somebody asks.
#[derive(Debug, Clone, Copy)]
pub struct QueryAsked<'a> {
    /// The node that is asked: consent may name it or the leader.
    pub node: &'a Did,
    /// What the protocol calls this question: the SHA-256 of its text.
    pub scope: Option<&'a str>,
    /// What the answer costs at most, by the quote; the ceiling of the terms where there was none.
    pub quoted: Option<Money>,
    /// The most that the asker offers to pay.
    pub offered: Option<Money>,
}

/// Whether an asker and their declaration meet the terms, and what is then due at most.
///
/// # Errors
/// [`Refusal::Unmet`] with the first term that fails, in this order: `maxHops`, `vouchesMin` (or `pods`),
/// `content`, `scope`, `uses`; [`Refusal::Unpaid`] only when all of them are met.
pub fn evaluate_query(
    terms: &QueryTerms,
    facts: AskerFacts,
    declared: &VerifiedDeclaration,
    asked: &QueryAsked<'_>,
) -> Result<Permit, Refusal> {
    admission_check(terms, facts)?;
    let leader = ContentRef::Did(terms.leader.clone());
    let node = ContentRef::Did(asked.node.clone());
    declared_check(declared, &[&leader, &node], asked.scope)?;
    let intended = declared.declaration().intended_use();
    if !terms.uses.contains(&intended) {
        let detail = format!("Answers are not given to {intended}: the terms list what is permitted.");
        return Err(Refusal::unmet("uses", detail));
    }
    let price = asked.quoted.unwrap_or(terms.ceiling);
    paid_check(Some(price), asked.offered)?;
    Ok(Permit {
        consumer: declared.consumer(),
        content: declared.declaration().content().clone(),
        intended_use: intended,
        declaration: *declared.digest(),
        price: Some(price).filter(|price| !price.is_zero()),
        offered: asked.offered,
        conditions: Vec::new(),
        royalty: None,
    })
}

/// There are two ways in: the trust graph, and the pods that the terms name.
fn admission_check(terms: &QueryTerms, facts: AskerFacts) -> Result<(), Refusal> {
    let Err(refusal) = trust_check(terms, facts) else {
        return Ok(());
    };
    if terms.pods.is_empty() {
        return Err(refusal);
    }
    if facts.in_pod {
        return Ok(());
    }
    let near = if terms.max_hops == 0 {
        String::new()
    } else {
        format!(" people within {} steps of the leader, and", terms.max_hops)
    };
    let detail = format!("Only{near} members of the pods that the terms name are answered: ask to be let into one.");
    Err(Refusal::unmet("pods", detail))
}

fn trust_check(terms: &QueryTerms, facts: AskerFacts) -> Result<(), Refusal> {
    let near = facts.hops.is_some_and(|hops| hops <= terms.max_hops);
    if !near {
        let detail = format!(
            "Only people within {} steps of the leader are answered: ask somebody near to connect you.",
            terms.max_hops
        );
        return Err(Refusal::unmet("maxHops", detail));
    }
    if facts.vouches < terms.vouches_min {
        let detail = format!(
            "{} people whom the leader trusts must vouch for an asker, and {} do.",
            terms.vouches_min, facts.vouches
        );
        return Err(Refusal::unmet("vouchesMin", detail));
    }
    Ok(())
}

use std::collections::BTreeSet;

use imajin_consent::{IntendedUse, QueryTerms};
use imajin_did::Did;
use imajin_kernel::id::PodId;
use imajin_money::{Amount, Money};
use imajin_proof::SignedMessage;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// The most steps that an asker may be away.
const HOPS_MAX: u8 = 6;
/// The most pods that terms name: each is asked about when a question comes.
const PODS_MAX: usize = 8;
/// The most tokens of an answer.
const TOKENS_MAX: u32 = 8_192;
/// The most that may go to the works that an answer quotes, in millionths: some of it is always the leader's.
const WORKS_SHARE_MAX: u32 = 900_000;
/// A price is for so many tokens.
const TOKENS_PRICED: i128 = 1_000;

/// Under which terms a leader's questions are answered: the payload of a [`SignedMessage`] of the type `query-terms`,
/// which the leader signs. It names the node that answers in the leader's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LeaderTerms {
    /// The node that answers, and signs its answers.
    pub node: Did,
    /// Whether questions are answered at all.
    pub open: bool,
    /// How many steps away in the leader's trust graph an asker may be; 0 where only members of [`pods`](Self::pods)
    /// may ask.
    pub max_hops: u8,
    /// How many people that the leader trusts must vouch for an asker.
    pub vouches_min: u32,
    /// Pods whose members may ask as well, however far away they are. The leader is in each of them: a pod that they
    /// have left counts no more.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub pods: BTreeSet<PodId>,
    /// What may be done with an answer.
    pub uses: BTreeSet<IntendedUse>,
    /// The engine that answers.
    pub engine: String,
    /// Its model, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What an answer costs in any case.
    pub per_answer: Money,
    /// What a thousand tokens of an answer cost besides.
    pub per_thousand_tokens: Money,
    /// The most that one answer costs.
    pub ceiling: Money,
    /// What of the price goes to the works that an answer quotes, in millionths.
    pub works_share_millionths: u32,
    /// The most tokens that an answer may have.
    pub tokens_max: u32,
    /// How many questions one asker may ask in a day.
    pub asker_daily_max: u32,
    /// How many questions are answered in a day.
    pub daily_max: u32,
}

/// Why terms cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{member} {problem}")]
pub struct TermsError {
    /// Which member.
    pub member: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

const fn wrong(member: &'static str, problem: &'static str) -> TermsError {
    TermsError { member, problem }
}

impl LeaderTerms {
    /// The type of the message.
    pub const KIND: &'static str = "query-terms";

    /// Checks everything that the terms show on their own.
    ///
    /// # Errors
    /// [`TermsError`] with the first member that is wrong.
    pub fn check(&self) -> Result<(), TermsError> {
        let hops_min = u8::from(self.pods.is_empty());
        if !(hops_min..=HOPS_MAX).contains(&self.max_hops) {
            return Err(wrong(
                "maxHops",
                "must be 1 to 6, or 0 where the members of pods may ask",
            ));
        }
        if self.pods.len() > PODS_MAX {
            return Err(wrong("pods", "must be at most 8"));
        }
        if self.uses.is_empty() {
            return Err(wrong("uses", "must name at least one use"));
        }
        if !(1..=TOKENS_MAX).contains(&self.tokens_max) {
            return Err(wrong("tokensMax", "must be 1 to 8192"));
        }
        if self.works_share_millionths > WORKS_SHARE_MAX {
            return Err(wrong("worksShareMillionths", "must be at most 900000"));
        }
        let assets = [self.per_answer, self.per_thousand_tokens].map(|money| money.asset);
        if assets.iter().any(|asset| *asset != self.ceiling.asset) {
            return Err(wrong("ceiling", "must be in the currency of the other prices"));
        }
        if self.ceiling.is_zero() != self.per_answer.is_zero() {
            return Err(wrong(
                "perAnswer",
                "must be more than zero where anything is paid, and zero where nothing is",
            ));
        }
        if self.per_answer.amount > self.ceiling.amount {
            return Err(wrong("perAnswer", "must be at most the ceiling"));
        }
        Ok(())
    }

    /// The terms as consent is put to them.
    pub fn query_terms(&self, leader: Did) -> QueryTerms {
        QueryTerms {
            leader,
            max_hops: self.max_hops,
            vouches_min: self.vouches_min,
            pods: self.pods.clone(),
            uses: self.uses.clone(),
            ceiling: self.ceiling,
            engine: self.engine.clone(),
            model: self.model.clone(),
        }
    }

    /// What an answer of so many tokens costs: whole units are rounded up, and it is never more than the ceiling.
    pub fn price(&self, tokens: u32) -> Money {
        let each = i128::from(self.per_thousand_tokens.amount.micros());
        let tokens = each.saturating_mul(i128::from(tokens));
        let tokens = tokens.saturating_add(TOKENS_PRICED - 1).div_euclid(TOKENS_PRICED);
        let whole = tokens.saturating_add(i128::from(self.per_answer.amount.micros()));
        let amount = i64::try_from(whole)
            .ok()
            .and_then(|units| Amount::from_micros(units).ok());
        let amount = amount.map_or(self.ceiling.amount, |amount| amount.min(self.ceiling.amount));
        Money::new(amount, self.ceiling.asset)
    }
}

/// A leader's terms as anybody reads them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TermsView {
    /// Whose they are.
    #[schema(value_type = String)]
    pub leader: Did,
    /// The terms as the leader has signed them: a message of the type `query-terms`.
    #[schema(value_type = Object)]
    pub terms: SignedMessage<Value>,
    /// How many documents questions are answered from.
    pub documents: u64,
}

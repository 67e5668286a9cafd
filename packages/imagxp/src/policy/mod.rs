//! The policy of a publisher: what whom costs what, path by path and purpose by purpose.
//!
//! A value, not a place: a file is parsed into one, and whoever reloads the file puts the new value in the place of the
//! old one. All doors of the gate (claims, Web Bot Auth, x402, pay-per-crawl, RSL, AIPREF) ask this one.

mod broker;
mod decide;
mod file;
mod publish;
mod published;

use imajin_fair::ManifestId;
use imajin_money::Money;
use serde::{Deserialize, Serialize};

pub use broker::PolicyBroker;
pub use decide::{Decision, Due, FairTerms, Reason, Visitor, looks_like_a_browser};
pub use file::PolicyError;
pub use publish::{POLICY_PATH, POLICY_REL, PolicyLinks};
pub use published::PublishedPolicy;

use crate::path::path_folded;
use crate::{PathPattern, Purpose};

/// What happens to visitors who say nothing about themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Strategy {
    /// They pass.
    #[serde(alias = "passive")]
    Passive,
    /// What looks like a browser passes.
    #[serde(alias = "hybrid")]
    Hybrid,
    /// None of them passes.
    #[serde(alias = "strict")]
    Strict,
}

/// Where content comes from, as the answers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ContentOrigin {
    /// People made it.
    #[serde(alias = "human")]
    Human,
    /// A machine made it.
    #[serde(alias = "synthetic")]
    Synthetic,
    /// Both.
    #[serde(alias = "hybrid")]
    Hybrid,
}

impl ContentOrigin {
    /// The word of the protocol.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Human => "HUMAN",
            Self::Synthetic => "SYNTHETIC",
            Self::Hybrid => "HYBRID",
        }
    }
}

/// What access costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PriceRule {
    /// Nothing.
    Free,
    /// This much for each answer.
    Fixed(Money),
    /// What the terms of the work say; nothing when they say nothing.
    Fair,
}

/// What holds for one path and one purpose.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each of them is a member of the protocol's policies, and any combination has a meaning"
)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessTerms {
    /// Whether agents may have it at all.
    pub allow: bool,
    /// What it costs.
    pub price: PriceRule,
    /// What happens to visitors who say nothing about themselves.
    pub strategy: Strategy,
    /// Whether a claim must name the whole URL.
    pub require_binding: bool,
    /// Whether something must be paid even where no price is named: an advertisement proof counts.
    pub requires_payment: bool,
    /// Whether showing the publisher's advertisements counts as payment.
    pub allow_ads: bool,
    /// Whether whoever uses it must name the source.
    pub attribution: bool,
    /// Along which manifest the money is split; the publisher's own when nothing is said.
    pub fair: Option<ManifestId>,
    /// The pattern of the rule that counts; none when only the defaults do.
    pub rule: Option<PathPattern>,
}

/// A network of advertisers, which vouches for agents that show the publisher's advertisements.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdNetwork {
    /// What its proofs name as issuer.
    pub issuer: String,
    /// Where its keys are.
    pub jwks: String,
}

/// A publisher's policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Whom to write to about it.
    pub contact: Option<String>,
    /// The brokers whose visas are taken.
    pub brokers: Vec<PolicyBroker>,
    /// The network whose word about advertisements counts, if one's does.
    pub ads: Option<AdNetwork>,
    /// Whether claims of the version 1.0 are taken.
    pub is_v10_allowed: bool,
    /// What an agent wants that says who it is by Web Bot Auth, which knows no purposes.
    pub bot_purpose: Purpose,
    /// Where the content comes from.
    pub origin: ContentOrigin,
    defaults: AccessTerms,
    rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    /// For paths in lower case.
    pattern: PathPattern,
    /// Empty for all.
    purposes: Vec<Purpose>,
    terms: AccessTerms,
}

impl Policy {
    /// What holds for a path and a purpose; without a purpose, what holds for visitors who name none. The case of ASCII
    /// letters makes no difference.
    ///
    /// Of the rules that match, the one with the longest pattern counts; of those that are as long, one that names the
    /// purpose before one that does not; of those, the first.
    pub fn terms(&self, path: &str, purpose: Option<Purpose>) -> &AccessTerms {
        self.terms_folded(&path_folded(path), purpose)
    }

    /// What holds for a path and each of the purposes.
    pub fn terms_all(&self, path: &str) -> [&AccessTerms; Purpose::ALL.len()] {
        let path = path_folded(path);
        Purpose::ALL.map(|purpose| self.terms_folded(&path, Some(purpose)))
    }

    fn terms_folded(&self, path: &str, purpose: Option<Purpose>) -> &AccessTerms {
        let names = |rule: &Rule| purpose.is_some_and(|purpose| rule.purposes.contains(&purpose));
        let is_meant = |rule: &&Rule| {
            (rule.purposes.is_empty() || purpose.is_none() || names(rule)) && rule.pattern.matches_normal(path)
        };
        let mut best: Option<(&Rule, (usize, bool))> = None;
        for rule in self.rules.iter().filter(is_meant) {
            // Who names no purpose meets the rule for everybody before one for some.
            let is_exact = if purpose.is_some() {
                names(rule)
            } else {
                rule.purposes.is_empty()
            };
            let rank = (rule.pattern.specificity(), is_exact);
            if best.is_none_or(|(_, known)| rank > known) {
                best = Some((rule, rank));
            }
        }
        best.map_or(&self.defaults, |(rule, _)| &rule.terms)
    }

    /// The patterns of all rules, in their order, each once.
    pub fn patterns(&self) -> Vec<&PathPattern> {
        let mut patterns: Vec<&PathPattern> = Vec::new();
        for rule in &self.rules {
            if !patterns.contains(&&rule.pattern) {
                patterns.push(&rule.pattern);
            }
        }
        patterns
    }

    /// The broker that a visa names as its issuer, if its visas are taken.
    pub fn broker(&self, issuer: &str) -> Option<&PolicyBroker> {
        self.brokers.iter().find(|broker| broker.issuer == issuer)
    }

    /// The brokers whose visas are taken, as the visas name them.
    pub fn issuers(&self) -> Vec<String> {
        self.brokers.iter().map(|broker| broker.issuer.clone()).collect()
    }

    /// Those of them of which visas are taken that name neither the publisher nor a key.
    pub fn bearer_issuers(&self) -> Vec<String> {
        let bearers = self.brokers.iter().filter(|broker| broker.bearer);
        bearers.map(|broker| broker.issuer.clone()).collect()
    }
}

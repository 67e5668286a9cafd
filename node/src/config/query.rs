use std::ops::RangeInclusive;

use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

/// What answers questions.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueryConfig {
    /// For how many days it is kept what was told about people: receipts, the askers' declarations, and copies of the
    /// askers' logs.
    pub evidence_days: u32,
    /// A language model, besides the engine without one that every node has.
    pub engine: EngineConfig,
}

/// The fewest days: whoever was told something has to be able to say so, and the person to compare.
pub(super) const EVIDENCE_DAYS_MIN: u32 = 30;

/// The shortest and the longest time for an answer: the shortest leaves room for the node's own work, the longest is as
/// long as money may well be held for a question that a dead node had taken.
pub(super) const TIMEOUT_SECONDS: RangeInclusive<u32> = 5..=600;

/// A language model besides the engine that every node has, and how long an answer may take.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineConfig {
    /// Where its `chat/completions` is, `http://localhost:11434/v1`; empty: none.
    pub url: Option<Url>,
    /// The model.
    pub model: Option<String>,
    /// What the endpoint wants as `Authorization: Bearer`.
    pub key: Option<SecretString>,
    /// How many seconds an answer may take. A model may be silent for a third of them; a question without an answer is
    /// given up after three times as many.
    pub timeout_seconds: u32,
}

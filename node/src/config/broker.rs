use imajin_did::Did;
use serde::Deserialize;

/// The broker that this node runs itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokerServiceConfig {
    /// How long an agent can object before a publisher is paid, in seconds.
    pub dispute_window_seconds: u32,
    /// How long a publisher can answer an agent that objects, in seconds; then the agent has its money back.
    pub dispute_answer_seconds: u32,
    /// How long the arbiter can decide what the rules leave open, in seconds; then it goes by what the publisher has
    /// shown.
    pub dispute_arbiter_seconds: u32,
    /// Who decides what the rules leave open: a DID; empty: the operator.
    pub arbiter: Option<Did>,
    /// How long after its end a visa can still be redeemed, in seconds; then the agent has back what is left.
    pub redeem_seconds: u32,
    /// The most visas of one agent that can still be redeemed at once.
    pub open_visas_max: u32,
}

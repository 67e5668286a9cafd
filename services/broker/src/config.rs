use imajin_kernel::Span;
use imajin_web::Reach;

/// How the broker behaves. The defaults are what a node runs with.
#[derive(Debug, Clone)]
pub struct BrokerConfig {
    /// The name of this process' chain in the mutation log: processes that share one database need different names.
    pub chain: String,
    /// How far it reaches for the documents of agents and publishers.
    pub reach: Reach,
    /// How long an agent can object before a publisher is paid.
    pub dispute_window: Span,
    /// How long after its end a visa can still be redeemed; then the agent has back what is left.
    pub redeem_for: Span,
    /// The most visas of one agent that are open at once.
    pub open_visas_max: i64,
    /// How often what is due is looked for.
    pub sweep_every: Span,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        Self {
            chain: "broker".to_owned(),
            reach: Reach::Public,
            dispute_window: Span::days(1),
            redeem_for: Span::days(7),
            open_visas_max: 1_000,
            sweep_every: Span::seconds(20),
        }
    }
}

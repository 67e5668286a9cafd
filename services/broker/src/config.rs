use imajin_did::Did;
use imajin_kernel::Span;
use imajin_web::Reach;

/// How the broker behaves. The defaults are what a node runs with.
#[derive(Debug, Clone)]
pub struct BrokerConfig {
    /// The name of the chain in the mutation log. Processes that share one database share it, and wait for each other.
    pub chain: String,
    /// What the node calls itself; empty: the host of its address.
    pub node_name: String,
    /// Whether the node takes nothing but test money: its pages say so.
    pub test_money: bool,
    /// How far it reaches for the documents of agents and publishers.
    pub reach: Reach,
    /// How long an agent can object before a publisher is paid.
    pub dispute_window: Span,
    /// How long a publisher can answer who objects; then the agent has its money back.
    pub answer_for: Span,
    /// How long the arbiter can decide what the rules leave open; then the publisher is paid, if it has shown the
    /// agent's claim.
    pub arbiter_for: Span,
    /// Who decides what the rules leave open; nobody: the operator of the node.
    pub arbiter: Option<Did>,
    /// How long after its end a visa can still be redeemed; then the agent has back what is left.
    pub redeem_for: Span,
    /// The most visas of one agent that can still be redeemed at once. One that is used up is none of them.
    pub open_visas_max: u32,
    /// How often what is due is looked for.
    pub sweep_every: Span,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        Self {
            chain: "broker".to_owned(),
            node_name: String::new(),
            test_money: false,
            reach: Reach::Public,
            dispute_window: Span::days(1),
            answer_for: Span::days(3),
            arbiter_for: Span::days(7),
            arbiter: None,
            redeem_for: Span::days(7),
            open_visas_max: 1_000,
            sweep_every: Span::seconds(20),
        }
    }
}

use imajin_kernel::Span;
use imajin_web::Reach;
use url::Url;

/// How publisher behaves. The defaults are what a node runs with.
#[derive(Debug, Clone)]
pub struct PublisherConfig {
    /// The name of this process' chain in the mutation log: processes that share one database need different names.
    pub chain: String,
    /// How far it reaches for manifests of other nodes.
    pub reach: Reach,
    /// Nodes that are asked for what is not here, besides those that a manifest hints at.
    pub peers: Vec<Url>,
    /// The registry that knows where a node is reached, `https://registry.example/registry`.
    pub registry: Option<Url>,
    /// How often used nonces are forgotten, and copies of other nodes' manifests looked at.
    pub sweep_every: Span,
    /// After how long a copy's home is asked for new countersignatures.
    pub copy_fresh_for: Span,
}

impl Default for PublisherConfig {
    fn default() -> Self {
        Self {
            chain: "publisher".to_owned(),
            reach: Reach::Public,
            peers: Vec::new(),
            registry: None,
            sweep_every: Span::minutes(1),
            copy_fresh_for: Span::hours(1),
        }
    }
}

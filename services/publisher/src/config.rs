use std::path::PathBuf;

use imajin_kernel::Span;
use imajin_web::Reach;
use url::Url;

/// How publisher behaves. The defaults are what a node runs with.
#[derive(Debug, Clone)]
pub struct PublisherConfig {
    /// The name of the chain in the mutation log. Processes that share one database share it, and wait for each other.
    pub chain: String,
    /// The node's name on pages; its host, when nothing is said.
    pub node_name: String,
    /// Whether money here is for trying out.
    pub test_money: bool,
    /// How far it reaches for manifests of other nodes.
    pub reach: Reach,
    /// Nodes that are asked for what is not here, besides those that a manifest hints at.
    pub peers: Vec<Url>,
    /// The registry that knows where a node is reached, `https://registry.example/registry`.
    pub registry: Option<Url>,
    /// The brokers whose visas pay here, as their visas name them: they are asked for disputes.
    pub brokers: Vec<Url>,
    /// How often.
    pub disputes_every: Span,
    /// How often used nonces are forgotten, and copies of other nodes' manifests looked at.
    pub sweep_every: Span,
    /// After how long a copy's home is asked for new countersignatures.
    pub copy_fresh_for: Span,
    /// The works that are read here.
    pub works: WorksConfig,
}

/// How works are kept.
#[derive(Debug, Clone)]
pub struct WorksConfig {
    /// Where their bytes are; without it, this node keeps none.
    pub dir: Option<PathBuf>,
    /// The largest file.
    pub file_bytes_max: u64,
    /// The longest article: it is in memory while it is shown.
    pub article_bytes_max: u64,
    /// What the works of one author may have together.
    pub owner_bytes_max: u64,
    /// What all works may have together.
    pub works_bytes_max: u64,
    /// How much of the disk stays free for the node's other work: its databases stop when it is full.
    pub free_bytes_min: u64,
}

impl Default for WorksConfig {
    fn default() -> Self {
        Self {
            dir: None,
            file_bytes_max: 2 * 1024 * 1024 * 1024,
            article_bytes_max: 1024 * 1024,
            owner_bytes_max: 20 * 1024 * 1024 * 1024,
            works_bytes_max: 100 * 1024 * 1024 * 1024,
            free_bytes_min: 1024 * 1024 * 1024,
        }
    }
}

impl Default for PublisherConfig {
    fn default() -> Self {
        Self {
            chain: "publisher".to_owned(),
            node_name: String::new(),
            test_money: false,
            reach: Reach::Public,
            peers: Vec::new(),
            registry: None,
            brokers: Vec::new(),
            disputes_every: Span::minutes(1),
            sweep_every: Span::minutes(1),
            copy_fresh_for: Span::hours(1),
            works: WorksConfig::default(),
        }
    }
}

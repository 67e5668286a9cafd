use imajin_kernel::Span;

/// How connections behaves. The defaults are what a node runs with.
#[derive(Debug, Clone)]
pub struct ConnectionsConfig {
    /// The name of the chain in the mutation log. Processes that share one database share it, and wait for each other.
    pub chain: String,
    /// How often the graph looks for what another process has written. What this one writes it follows at once.
    pub follow_every: Span,
    /// How often used nonces are forgotten.
    pub sweep_every: Span,
    /// How many clients may watch at once.
    pub watchers_max: usize,
}

impl Default for ConnectionsConfig {
    fn default() -> Self {
        Self {
            chain: "connections".to_owned(),
            follow_every: Span::millis(100),
            sweep_every: Span::minutes(1),
            watchers_max: 256,
        }
    }
}

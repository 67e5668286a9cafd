use std::time::Duration;

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
    /// How many of these streams one identity may have.
    pub watchers_each_max: usize,
    /// How many of them one remote address may have.
    pub watchers_address_max: usize,
    /// How often a watcher's session or key is asked for again.
    pub watcher_check_every: Duration,
    /// How long a stream goes on; then the watcher asks again.
    pub watch_max: Duration,
}

impl Default for ConnectionsConfig {
    fn default() -> Self {
        Self {
            chain: "connections".to_owned(),
            follow_every: Span::millis(100),
            sweep_every: Span::minutes(1),
            watchers_max: 256,
            watchers_each_max: 4,
            watchers_address_max: 16,
            watcher_check_every: Duration::from_mins(1),
            watch_max: Duration::from_mins(15),
        }
    }
}

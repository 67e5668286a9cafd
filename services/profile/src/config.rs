use imajin_kernel::Span;

/// How profile behaves. The defaults are what a node runs with.
#[derive(Debug, Clone)]
pub struct ProfileConfig {
    /// The name of the chain in the mutation log. Processes that share one database share it, and wait for each other.
    pub chain: String,
    /// How many pictures are decoded at once. Each takes up to about 200 MB for a moment.
    pub decodes_max: usize,
    /// How many pictures are on their way in at once; more are asked to come back.
    pub uploads_max: usize,
    /// How often used nonces and old answers are forgotten.
    pub sweep_every: Span,
}

impl Default for ProfileConfig {
    fn default() -> Self {
        Self {
            chain: "profile".to_owned(),
            decodes_max: 1,
            uploads_max: 4,
            sweep_every: Span::minutes(1),
        }
    }
}

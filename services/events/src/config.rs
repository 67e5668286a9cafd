use imajin_kernel::Span;

/// How events behaves. The defaults are what a node runs with.
#[derive(Debug, Clone)]
pub struct EventsConfig {
    /// The name of the chain in the mutation log. Processes that share one database share it, and wait for each other.
    pub chain: String,
    /// How long places are reserved for a buyer who has not paid yet.
    pub hold: Span,
    /// The longest that places are ever reserved, however long the checkout stays open.
    pub hold_max: Span,
    /// How many unpaid orders one buyer may have for one event.
    pub open_holds_max: u32,
    /// For how long places that a buyer has reserved and not paid for still count as theirs.
    pub hold_pause: Span,
    /// How often lapsed reservations are looked for. They count as free before they are found.
    pub sweep_every: Span,
}

impl Default for EventsConfig {
    fn default() -> Self {
        Self {
            chain: "events".to_owned(),
            hold: Span::minutes(15),
            hold_max: Span::minutes(45),
            open_holds_max: 5,
            hold_pause: Span::hours(1),
            sweep_every: Span::seconds(30),
        }
    }
}

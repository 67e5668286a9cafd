use imajin_kernel::Span;
use imajin_web::Reach;

/// How paid questions behave. The defaults are what a node runs with.
#[derive(Debug, Clone)]
pub struct QueryConfig {
    /// The name of the chain in the mutation log. Processes that share one database share it, and wait for each other.
    pub chain: String,
    /// How often what was left is looked for, and used nonces are forgotten.
    pub sweep_every: Span,
    /// How long a quote is good.
    pub quote_good_for: Span,
    /// How long an engine may take for an answer.
    pub engine_timeout: Span,
    /// How long an answer waits for somebody who reads along, all in all. After that they count as gone: an engine that
    /// ran out of time because of them would cost them nothing.
    pub reader_patience: Span,
    /// After how long a question without an answer is given up: longer than an engine may take.
    pub answer_within: Span,
    /// How long it is kept what was told about people, what their askers said of it elsewhere, and what leaders have
    /// removed of their documents.
    pub evidence_kept: Span,
    /// How many passages are found for a question.
    pub passages_max: usize,
    /// How many documents a leader may have.
    pub documents_max: u64,
    /// How many bytes they may have together, with their manifests: whoever answers has their words in memory as an
    /// index.
    pub documents_bytes_max: i64,
    /// How many times as much their documents may be with those that they have removed.
    pub removed_times: u64,
    /// Which addresses the logs of other nodes are read from.
    pub reach: Reach,
    /// Where a test cuts the power.
    pub interrupt: Interrupt,
}

impl Default for QueryConfig {
    fn default() -> Self {
        Self {
            chain: "query".to_owned(),
            sweep_every: Span::seconds(5),
            quote_good_for: Span::minutes(10),
            engine_timeout: Span::seconds(60),
            reader_patience: Span::seconds(10),
            answer_within: Span::minutes(3),
            evidence_kept: Span::days(1_095),
            passages_max: 5,
            documents_max: 1_000,
            documents_bytes_max: 8 * 1024 * 1024,
            removed_times: 4,
            reach: Reach::Public,
            interrupt: Interrupt::default(),
        }
    }
}

/// How often it is looked for what need not be kept any more.
pub(crate) const FORGET_EVERY: Span = Span::hours(1);

/// The places between two durable steps of a question, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// The question is written down; pay was not asked.
    Placed,
    /// Pay holds the money; nothing of it is noted here.
    HoldAnswered,
    /// The hold is noted; the engine was not asked.
    Held,
    /// The engine has answered; nothing of it is written down.
    EngineAnswered,
    /// The answer is written down; pay was not told.
    Answered,
    /// Pay has taken what it cost; the receipt is not noted here.
    Captured,
}

impl Step {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Placed,
        Self::HoldAnswered,
        Self::Held,
        Self::EngineAnswered,
        Self::Answered,
        Self::Captured,
    ];
}

/// Cuts the power at a step of a question.
pub type Interrupt = imajin_store::Interrupt<Step>;

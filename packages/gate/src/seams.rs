use async_trait::async_trait;
use imajin_fair::{ManifestId, Terms};
use imajin_imagxp::visa::VisaName;
use imajin_imagxp::{Binding, ClaimShown, Feedback, Purpose, Refusal, VisitorType};
use imajin_kernel::{Problem, Timestamp};
use imajin_money::Money;
use serde::Serialize;
use serde_json::Value;

/// Where claims are spent, so that each is good once.
#[async_trait]
pub trait Replays: Send + Sync {
    /// Spends what makes a claim of an agent good only once; `false` when it was spent before.
    ///
    /// # Errors
    /// When it cannot be said: then the claim does not count.
    async fn spend(&self, agent: &str, key: &str, kept_until: Timestamp, now: Timestamp) -> Result<bool, Problem>;
}

/// What an agent wants to pay for one answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// The visa, as it was sent.
    pub visa: String,
    /// The thumbprint of the key that has signed the claim: the visa must be promised to it.
    pub holder: String,
    /// Whether the visa may name neither the publisher nor a key instead.
    pub takes_bearer: bool,
    /// The agent.
    pub agent: String,
    /// What for.
    pub purpose: Purpose,
    /// How much.
    pub price: Money,
    /// The whole URL.
    pub url: String,
    /// What the agent has signed: SHA-256, in hex.
    pub claim_digest: String,
    /// Along which manifest the money is split; the publisher's own when nothing is said.
    pub fair: Option<ManifestId>,
    /// The claim as it came: what shows later that the agent has asked for exactly this. There is none of agents that
    /// say who they are by Web Bot Auth.
    pub claim: Option<ClaimShown>,
    /// What makes the request safe to repeat: the same agent, URL and key are charged once.
    pub retry_key: Option<String>,
}

/// What was paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charged {
    /// The receipt.
    pub receipt: String,
    /// Whether it had been paid by an earlier request.
    pub is_repeated: bool,
}

/// Where the manifest of a work is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestShown {
    /// Its address.
    pub url: String,
    /// SHA-256 of its RFC 8785 bytes, in hex.
    pub digest: String,
}

/// Where the money goes, and what the works say about it.
#[async_trait]
pub trait Till: Send + Sync {
    /// The terms of the work behind a path, where they are known.
    ///
    /// # Errors
    /// When they cannot be looked up.
    async fn terms(&self, path: &str, fair: Option<&ManifestId>) -> Result<Option<Terms>, Problem>;

    /// Where the manifest along which the money is split is read, if it is anywhere.
    ///
    /// # Errors
    /// When it cannot be looked up.
    async fn manifest(&self, fair: &ManifestId) -> Result<Option<ManifestShown>, Problem>;

    /// Whether a charge would succeed now. Nothing moves.
    ///
    /// # Errors
    /// Why not.
    async fn check(&self, charge: &Charge) -> Result<(), Problem>;

    /// Charges, durably, before it returns.
    ///
    /// # Errors
    /// Why nothing was charged.
    async fn charge(&self, charge: &Charge) -> Result<Charged, Problem>;

    /// The signed receipt for a charge, for the agent that has paid it; nothing for everybody else.
    ///
    /// # Errors
    /// When it cannot be looked up.
    async fn receipt(&self, receipt: &str, agent: &str) -> Result<Option<Value>, Problem>;
}

/// Where goes what agents say about what they have paid for.
#[async_trait]
pub trait Feedbacks: Send + Sync {
    /// Keeps what an agent has said, durably, to pass it on to the broker whose visa has paid. Its signature was
    /// checked. Said again, it is kept once. The page waits for this: nobody far away is asked.
    ///
    /// # Errors
    /// Why it is not kept. [`imajin_kernel::Code::NotFound`]: the agent has paid for nothing here by that claim.
    async fn keep(&self, agent: &str, feedback: &Feedback) -> Result<(), Problem>;
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessRecord {
    /// When.
    pub at: Timestamp,
    /// Who, as far as it is proven.
    pub agent: Option<String>,
    /// The key that has signed.
    pub thumbprint: Option<String>,
    /// The whole URL.
    pub url: String,
    /// What for.
    pub purpose: Option<Purpose>,
    /// What the visitor turned out to be.
    pub visitor: VisitorType,
    /// How it was refused; nothing when it passed.
    pub refusal: Option<Refusal>,
    /// Why, in one sentence.
    pub reason: String,
    /// How closely what the agent has signed is bound to the URL.
    pub binding: Option<Binding>,
    /// What the agent has signed: SHA-256, in hex.
    pub claim_digest: Option<String>,
    /// The visa that has paid. Where an earlier request has, its record names the visa.
    pub visa: Option<VisaName>,
    /// What was paid.
    pub paid: Option<Money>,
    /// The receipt for it.
    pub receipt: Option<String>,
    /// The status of the answer.
    pub status: u16,
    /// Whether it was only said what would have happened.
    pub is_dry: bool,
}

/// Where decisions are written down.
#[async_trait]
pub trait Records: Send + Sync {
    /// Writes one down. The request was answered: an error is the keeper's own to report.
    async fn record(&self, record: AccessRecord);
}

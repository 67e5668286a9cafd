use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_kernel::id::{InviteId, StatementId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::pods::PodCard;
use crate::statement::{FlagLevel, Proven, StatementKind};

/// Who may see somebody's ties.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Audience {
    /// Only the two who are joined by each.
    Nobody,
    /// Those whom the person is connected with.
    Connections,
    /// Those within three steps of the person.
    #[default]
    Reach,
    /// Everybody, strangers among them.
    Everybody,
}

impl Audience {
    /// All of them, from the fewest people to the most.
    pub const ALL: [Self; 4] = [Self::Nobody, Self::Connections, Self::Reach, Self::Everybody];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Connections => "connections",
            Self::Reach => "reach",
            Self::Everybody => "everybody",
        }
    }
}

/// An invitation as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InviteView {
    /// `inv_…`: not the code, which nobody but its owner and those invited know.
    #[schema(value_type = String)]
    pub id: InviteId,
    /// A word to whoever gets it.
    pub note: Option<String>,
    /// How many have taken it up.
    pub uses: i64,
    /// How many may.
    pub max_uses: i64,
    /// When it ends by itself.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// Whether somebody can take it up.
    pub open: bool,
}

/// Everything that this node keeps of somebody in the trust graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TrustRecord {
    /// What stands.
    pub own: OwnConnections,
    /// Everything that was signed by them or about them, as it was signed; flags of others are not in it.
    pub statements: Vec<Proven>,
    /// Their invitations.
    pub invites: Vec<InviteView>,
    /// The pods that they are in or invited to.
    pub pods: Vec<PodCard>,
}

/// How a statement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StatementStatus {
    /// The other has not signed yet.
    Pending,
    /// It counts.
    Active,
    /// Its time is over.
    Expired,
    /// It was taken back, refused or withdrawn.
    Revoked,
    /// A later one has taken its place.
    Replaced,
}

/// A statement with what was signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatementView {
    /// `stm_…`: the first 16 bytes of the digest.
    #[schema(value_type = String)]
    pub id: StatementId,
    /// What acceptances and revocations name: the SHA-256 of the document's canonical JSON, in hex.
    pub digest: String,
    /// What it says.
    pub kind: StatementKind,
    /// Who has said it.
    #[schema(value_type = String)]
    pub from: Did,
    /// Of whom.
    #[schema(value_type = String)]
    pub to: Did,
    /// How much a vouch is worth, in millionths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_millionths: Option<u32>,
    /// How bad a flag is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<FlagLevel>,
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// How it stands.
    pub status: StatementStatus,
    /// When this node got it.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// The documents.
    pub proof: Proven,
    /// What this node had seen when it answered, for `token` of a question.
    pub token: String,
}

/// Somebody one is connected with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionRow {
    /// Who.
    #[schema(value_type = String)]
    pub did: Did,
    /// Since when, as this node knows it.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// What proves it.
    #[schema(value_type = String)]
    pub statement: StatementId,
    /// What a revocation names.
    pub digest: String,
}

/// Everything of one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnConnections {
    /// Both have signed.
    pub connections: Vec<ConnectionRow>,
    /// Others ask; oneself can accept.
    pub requests_received: Vec<StatementView>,
    /// Oneself has asked.
    pub requests_sent: Vec<StatementView>,
    /// Vouches for others.
    pub vouches_given: Vec<StatementView>,
    /// Vouches of others.
    pub vouches_received: Vec<StatementView>,
    /// Flags that oneself has raised. Who has raised flags against oneself is told to nobody.
    pub flags_given: Vec<StatementView>,
    /// Events at which one was with somebody, signed by both.
    pub co_presences: Vec<StatementView>,
    /// Who may see it.
    pub audience: Audience,
    /// Whose requests are not shown.
    #[schema(value_type = Vec<String>)]
    pub blocked: Vec<Did>,
    /// What this node had seen when it answered.
    pub token: String,
}

/// A question about two people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TrustAsk {
    /// Who trusts.
    pub from: Did,
    /// Whom.
    pub to: Did,
    /// Within how many steps, 1 to 6.
    pub hops: u8,
    /// The least that a vouch must be worth to be a step, in millionths; 0: no vouch is a step.
    pub vouch_least: u32,
    /// Whether to have been at the same event is a step.
    pub co_presence: bool,
    /// What the answer must have seen.
    pub token: Option<String>,
}

impl TrustAsk {
    /// Within three steps, along connections and vouches of any weight.
    pub fn near(from: Did, to: Did) -> Self {
        Self {
            from,
            to,
            hops: 3,
            vouch_least: 1,
            co_presence: false,
            token: None,
        }
    }
}

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckAnswer {
    /// Steps; `null` when it is further than asked for.
    pub hops: Option<u8>,
    /// What this node had seen when it answered.
    pub token: String,
}

/// A step of a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PathStep {
    /// Who trusts.
    #[schema(value_type = String)]
    pub from: Did,
    /// Whom.
    #[schema(value_type = String)]
    pub to: Did,
    /// By what.
    pub kind: StatementKind,
    /// What was signed: anybody can check it.
    pub proof: Proven,
}

/// Why there is no path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", tag = "reason")]
pub enum WhyNotView {
    /// There is no tie by or of one of them, not even one that has ended by itself.
    Unknown {
        /// Of whom.
        #[schema(value_type = String)]
        did: Did,
    },
    /// The one who asks has flagged the other red.
    Flagged,
    /// There is a path, but a longer one.
    Far {
        /// How long.
        hops: u8,
    },
    /// Something on the way has ended.
    Lapsed,
    /// A vouch on the way is worth too little.
    Weak,
    /// There is no path.
    Apart,
}

/// A path, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PathAnswer {
    /// How many steps it has; `null` without a path.
    pub hops: Option<u8>,
    /// The path; left out where somebody on it does not show their ties.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<Vec<PathStep>>,
    /// Whom both know, as far as they show it.
    #[schema(value_type = Vec<String>)]
    pub mutual: Vec<Did>,
    /// Why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_not: Option<WhyNotView>,
    /// What this node had seen when it answered.
    pub token: String,
}

/// What others have said of somebody, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StandingView {
    /// People connected with them.
    pub connections: u32,
    /// People who vouch for them.
    pub vouches: u32,
    /// The sum of those vouches, in millionths.
    pub vouched_millionths: u64,
    /// People for whom they vouch.
    pub vouching: u32,
    /// Yellow flags raised against them.
    pub yellow: u32,
    /// Amber ones.
    pub amber: u32,
    /// Red ones.
    pub red: u32,
}

/// Somebody, and how far they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Neighbour {
    /// Who.
    #[schema(value_type = String)]
    pub did: Did,
    /// How many steps away.
    pub hops: u8,
}

/// Who is one step from somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NeighbourhoodView {
    /// Around whom.
    #[schema(value_type = String)]
    pub did: Did,
    /// Whether the reader may see who is around them.
    pub is_shown: bool,
    /// The people, in the order of their DIDs.
    pub people: Vec<Neighbour>,
    /// How far the reader is from the one in the middle.
    pub hops: Option<u8>,
    /// What others have said of the one in the middle, counted; only where the rest is shown.
    pub standing: Option<StandingView>,
    /// What this node had seen when it answered.
    pub token: String,
}

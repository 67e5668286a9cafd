use imajin_kernel::{Code, Problem, Span, Timestamp};
use imajin_proof::ProofError;
use imajin_registry_api::directory::DirectoryError;
use imajin_store::StoreError;

use crate::SERVICE;
use crate::names::NameError;

/// Why the registry refused something. Knows no HTTP: [`RegistryError::code`] is mapped to it elsewhere, once.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The database refused, or a row in it is damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A member of the document is missing, too long or impossible.
    #[error("{member}: {problem}.")]
    Shape {
        /// The member.
        member: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The name cannot be given to anybody.
    #[error("hostname: {0}.")]
    Name(#[from] NameError),
    /// The DID is not that of the key, and its key log does not list the key.
    #[error("nodeId: it is not the DID of publicKey, and its key log does not list that key.")]
    NotItsKey,
    /// The document carries no signature.
    #[error("The document carries no signature.")]
    Unsigned,
    /// The signature or its age is wrong.
    #[error("{0}.")]
    Proof(#[from] ProofError),
    /// The key was the node's, and its key log has replaced it.
    #[error("This key does not count any more: the node's key log has replaced it.")]
    KeyReplaced,
    /// The node's key log says that nobody signs for it now, or it could not be asked.
    #[error("{}", .0.detail)]
    KeyLog(Problem),
    /// Not newer than what was accepted last.
    #[error("{what} with this or a later timestamp was accepted before.")]
    Replayed {
        /// What was sent again.
        what: &'static str,
    },
    /// Somebody else has the name.
    #[error("The name `{name}` is taken.")]
    Taken {
        /// The name.
        name: String,
    },
    /// People would take it for a name that somebody else has.
    #[error("The name `{name}` looks like `{other}`, which somebody else has.")]
    LooksTaken {
        /// The name.
        name: String,
        /// What it looks like.
        other: String,
    },
    /// The zone has records there that are not the registry's.
    #[error("The name `{name}` has records in the zone that this registry has not made.")]
    Occupied {
        /// The name.
        name: String,
    },
    /// Somebody else had the name until recently and may come back to it.
    #[error("The name `{name}` is reserved for its former holder until {until}.")]
    InGrace {
        /// The name.
        name: String,
        /// When it becomes free.
        until: Timestamp,
    },
    /// The node has moved from name to name and still reserves the others.
    #[error("This node still reserves {held} other names that it has left.")]
    TooManyNames {
        /// How many.
        held: i64,
        /// How long until one of them is free again.
        wait: Span,
    },
    /// No such node.
    #[error("No such node is registered.")]
    Unknown,
    /// The node's registration ran out.
    #[error("The registration of this node ran out at {0}.")]
    Expired(Timestamp),
    /// The operator took the node off.
    #[error("This node was taken off the registry: {reason}.")]
    Revoked {
        /// The published reason.
        reason: String,
    },
    /// The node was not taken off.
    #[error("This node was not taken off the registry.")]
    NotRevoked,
    /// The registry does not take this build.
    #[error("This registry does not take this build: {reason}.")]
    BuildRefused {
        /// Why.
        reason: String,
    },
    /// Not one of the release keys that are trusted.
    #[error("This registry does not trust that release key.")]
    NoReleaseKey,
    /// The node calls too often.
    #[error("This node calls too often.")]
    Limited {
        /// When to come back.
        retry_after_seconds: u32,
    },
    /// Too many nodes that nobody knows come from one address.
    #[error("Too many new nodes were registered from this address.")]
    TooManyNew {
        /// When to come back.
        retry_after_seconds: u32,
    },
    /// The user and password of a name are wrong or missing.
    #[error("The user or the password is wrong.")]
    Credentials,
    /// It is stored, and not yet in DNS.
    #[error("It is stored, and will be in DNS as soon as the DNS provider answers.")]
    Unpublished,
    /// What a source shows as a registry's directory is not what that registry has signed.
    #[error("{0}.")]
    Untrue(DirectoryError),
    /// The database is older than what this registry has signed.
    #[error("This registry is being put back from a backup, and takes no new nodes and names until that is done.")]
    Behind,
    /// The directory was signed while it was to be put back.
    #[error("The directory was signed in this moment.")]
    SignedMeanwhile,
    /// A fault of ours; the text goes to the log only.
    #[error("{0}")]
    Fault(String),
}

impl From<diesel::result::Error> for RegistryError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<DirectoryError> for RegistryError {
    fn from(error: DirectoryError) -> Self {
        Self::Fault(error.to_string())
    }
}

impl RegistryError {
    /// A member is wrong.
    pub(crate) fn shape(member: &'static str, problem: impl Into<String>) -> Self {
        Self::Shape {
            member,
            problem: problem.into(),
        }
    }

    /// A row holds something that this program never writes.
    pub(crate) fn damaged(table: &str, row: &str, problem: &str) -> Self {
        Self::Store(StoreError::damaged(SERVICE, table, &row, problem))
    }

    /// Passes over a row that was changed outside the node, with a line in the log: one damaged row must not hold up
    /// what is due for all others.
    pub(crate) fn damage_pass<T>(done: Result<T, Self>) -> Result<Option<T>, Self> {
        match done {
            Err(Self::Store(StoreError::Damaged(finding))) => {
                tracing::error!(%finding, "a damaged row is passed over");
                Ok(None)
            }
            done => done.map(Some),
        }
    }

    /// The closed code for the wire.
    pub fn code(&self) -> Code {
        match self {
            Self::Store(error) => error.code(),
            Self::Shape { .. } | Self::Name(_) | Self::NotItsKey => Code::InvalidRequest,
            Self::Unsigned | Self::Credentials => Code::Unauthenticated,
            Self::Unpublished | Self::Behind => Code::Unavailable,
            Self::Proof(error) => error.code(),
            Self::KeyReplaced | Self::Untrue(_) => Code::BadSignature,
            Self::KeyLog(problem) => problem.code,
            Self::Replayed { .. } => Code::Replayed,
            Self::Taken { .. }
            | Self::LooksTaken { .. }
            | Self::Occupied { .. }
            | Self::InGrace { .. }
            | Self::NotRevoked
            | Self::SignedMeanwhile => Code::Conflict,
            Self::Unknown => Code::NotFound,
            Self::Expired(_) | Self::Revoked { .. } | Self::BuildRefused { .. } | Self::NoReleaseKey => Code::Forbidden,
            Self::Limited { .. } | Self::TooManyNew { .. } | Self::TooManyNames { .. } => Code::RateLimited,
            Self::Fault(_) => Code::Internal,
        }
    }

    fn hint(&self) -> &'static str {
        match self {
            Self::Shape { .. } => "Correct this member, sign the document again and send it.",
            Self::Name(_) => "Choose another name, for example `alice` or `blue-note`.",
            Self::NotItsKey => {
                "Use did:mjn, did:key or did:imajin of the key in publicKey, or show the key log to this node first: \
                 POST /auth/api/mirror."
            }
            Self::KeyReplaced => "Sign with a key that the node's key log lists now.",
            Self::KeyLog(_) => "Settle the node's key log, show it to this node, and sign again.",
            Self::Unsigned => "Sign the envelope {from, type, timestamp, payload} and put the signature in.",
            Self::Proof(ProofError::TooOld | ProofError::FromTheFuture) => "Check the node's clock, and sign again.",
            Self::Proof(_) => "Sign with the key that the node was registered with.",
            Self::Replayed { .. } => "Sign a new document with the current time.",
            Self::Taken { .. } | Self::LooksTaken { .. } | Self::Occupied { .. } => "Choose another name.",
            Self::InGrace { .. } => "Choose another name, or wait until it is free.",
            Self::TooManyNames { .. } => "Keep the present name until one of the others is free.",
            Self::Unknown => "Register the node first: POST /api/node/register.",
            Self::Expired(_) => "Register again: POST /api/node/register.",
            Self::Revoked { .. } => "Ask the operator of this registry.",
            Self::NotRevoked => "Look at the list of nodes that were taken off.",
            Self::BuildRefused { .. } => "Run a release of those that GET /api/builds calls verified or approved.",
            Self::NoReleaseKey => "Use a key of those that GET /api/builds lists, or have the operator add it.",
            Self::Limited { .. } | Self::TooManyNew { .. } | Self::Behind => "Come back after the time in Retry-After.",
            Self::Credentials => {
                "Use those that the registry gave out with the name, or let the node ask for new ones."
            }
            Self::Untrue(_) => "Ask another source, or the registry itself.",
            Self::Store(_) | Self::Fault(_) | Self::Unpublished | Self::SignedMeanwhile => "Try again in a moment.",
        }
    }
}

/// When to ask again for what the DNS provider has not taken yet.
const UNPUBLISHED_RETRY_SECONDS: u32 = 10;
/// When to ask again for what waits for the operator.
const BEHIND_RETRY_SECONDS: u32 = 600;

/// The seconds that a span still takes, rounded up.
pub(crate) fn seconds_up(span: Span) -> u32 {
    u32::try_from(span.as_seconds()).unwrap_or(u32::MAX).saturating_add(1)
}

impl From<RegistryError> for Problem {
    fn from(error: RegistryError) -> Self {
        let problem = Self::new(error.code(), error.to_string()).hint(error.hint());
        match error {
            RegistryError::Store(error) => error.into(),
            RegistryError::KeyLog(cause) => cause,
            RegistryError::Fault(cause) => {
                tracing::error!(%cause, "the registry met a fault");
                Self::internal()
            }
            RegistryError::Shape { member, .. } => problem.with("member", member),
            RegistryError::InGrace { until, .. } => problem.with("freeAt", until.as_millis()),
            RegistryError::TooManyNames { wait, .. } => problem.retry_after_seconds(seconds_up(wait)),
            RegistryError::Limited { retry_after_seconds } | RegistryError::TooManyNew { retry_after_seconds } => {
                problem.retry_after_seconds(retry_after_seconds)
            }
            RegistryError::Behind => problem.retry_after_seconds(BEHIND_RETRY_SECONDS),
            RegistryError::Unpublished => problem.retry_after_seconds(UNPUBLISHED_RETRY_SECONDS),
            RegistryError::Expired(_) => {
                problem.with("actions", serde_json::json!([{"type": "renew", "expiresIn": 0}]))
            }
            _ => problem,
        }
    }
}

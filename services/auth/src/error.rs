use imajin_did::SealError;
use imajin_kernel::{Code, Problem};
use imajin_proof::ProofError;
use imajin_proof::attestation::AttestationError;
use imajin_proof::token::TokenError;
use imajin_store::StoreError;

use crate::key_log::KeyRefusal;

/// Why auth refused. Use it everywhere in this crate; a handler turns it into a [`Problem`] with `?`.
///
/// Nothing in here tells an unknown identity from a known one before its key has proven itself.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The database did not do what it was asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A signature or signed document does not count.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// A key that the node holds cannot be opened.
    #[error("a sealed key cannot be opened: {0}")]
    Seal(#[from] SealError),
    /// A token could not be made.
    #[error("a session token could not be made: {0}")]
    Token(TokenError),
    /// A row holds what this program never writes.
    #[error("the row {0} cannot be understood")]
    Row(String),
    /// Another part of the node refused.
    #[error("{0}")]
    Refused(Problem),

    /// The public key cannot be read or used.
    #[error("The public key cannot be used: {0}.")]
    KeyForm(String),
    /// The recovery key cannot be read or used.
    #[error("The recovery key cannot be used: {0}.")]
    RecoveryKeyForm(String),
    /// The signature cannot be read.
    #[error("The signature must be 128 lower-case hexadecimal digits.")]
    SignatureForm,
    /// The kind of actor is none of ours.
    #[error("The type must be one of human, agent, device, org, event, service, node, presence or actor.")]
    KindUnknown,
    /// The display name is too long, empty, or holds control or invisible characters.
    #[error("The name must have 1 to 80 characters, without control or invisible characters.")]
    NameForm,
    /// The handle has the wrong form.
    #[error("The handle must have 3 to 30 characters: a–z, 0–9 and the underscore.")]
    HandleForm,
    /// The handle is kept back.
    #[error("This handle is reserved.")]
    HandleReserved,
    /// Somebody else has the handle.
    #[error("This handle is taken, was somebody's until a short time ago, or looks like one of these.")]
    HandleTaken,
    /// The handle was changed a short time ago.
    #[error("You have changed your handle a short time ago: it can be changed once in seven days.")]
    HandleTooSoon {
        /// When it can be changed again.
        retry_after_seconds: u32,
    },
    /// The request is signed by another key than the one it registers.
    #[error("The request is signed by another key than the one that it registers.")]
    OtherSigner,

    /// The answer to a challenge does not count. The same for an unknown identity, a wrong key and a wrong challenge.
    #[error("The signature does not answer this challenge with a current key of this identity.")]
    LoginFailed,
    /// The challenge was given out too long ago.
    #[error("The challenge has expired.")]
    ChallengeExpired,
    /// The challenge was answered before.
    #[error("The challenge was answered before.")]
    ChallengeUsed,
    /// The key has proven itself, but is not registered here.
    #[error("This identity is not registered at this node.")]
    NotRegistered,
    /// There is no such identity.
    #[error("There is no such identity.")]
    IdentityUnknown,
    /// Its owner has ended it.
    #[error("This identity was deactivated by its owner.")]
    IdentityDeactivated,
    /// Nothing is known that could check a signature of this DID.
    #[error("No key is known for this DID.")]
    CallerUnknown,
    /// Its keys are of a kind that signs no requests here.
    #[error("The keys of this DID are P-256 keys, which sign no requests to a node.")]
    KeyKindOther,
    /// A did:email has no key of its own.
    #[error("A mailbox identity does not sign for itself.")]
    MailboxCaller,

    /// Something about keys and devices.
    #[error(transparent)]
    Keys(#[from] KeyRefusal),

    /// The session is unknown, expired or revoked.
    #[error("The session has ended.")]
    SessionEnded,
    /// The caller has no such session.
    #[error("You have no such session.")]
    SessionUnknown,
    /// The identity holds its own key.
    #[error("This identity holds its own key; the node cannot sign for it.")]
    NotCustodial,
    /// The request to sign is for somewhere else.
    #[error("The node signs for its mailbox identities only requests to itself.")]
    ForeignTarget,

    /// The text is no mailbox.
    #[error("This is not a mailbox; write it like name@example.org.")]
    MailboxForm,
    /// The way back leads away from this node.
    #[error("The address to go to afterwards must be a path of this node, such as /me.")]
    NextForm,
    /// Enough links were sent.
    #[error("Enough links were sent for now.")]
    MailboxLimit {
        /// When the next one may be asked for.
        retry_after_seconds: u32,
    },
    /// Too many messages wait for the mail server.
    #[error("too many messages wait for the mail server")]
    MailQueueFull,
    /// The link is unknown, expired or used: which of them is nobody's business.
    #[error("This link has expired or was used before.")]
    LinkGone,

    /// The token is not the one that the node gave out.
    #[error("This setup link is not valid.")]
    SetupTokenWrong,
    /// There is an operator already.
    #[error("This node has an operator already.")]
    SetupDone,

    /// The document is no attestation, or no revocation, that counts.
    #[error("{0}")]
    Attestation(#[from] AttestationError),
    /// It was taken back, and does not come back.
    #[error("This attestation was revoked.")]
    AttestationRevoked,
    /// Nobody has said this here.
    #[error("There is no such attestation.")]
    AttestationUnknown,
    /// The attester has said enough for now.
    #[error("So many attestations are too many: at most {hour_max} in an hour and {all_max} in all.")]
    AttestationLimit {
        /// In an hour.
        hour_max: i64,
        /// In all.
        all_max: i64,
    },
    /// The keys of session tokens were replaced so often that the old ones would not fit into the published set.
    #[error(
        "The keys that sign sessions were replaced too often today; wait until tokens of the old ones have expired."
    )]
    RotationTooOften,
    /// The mailbox is the signer's already.
    #[error("This mailbox belongs to your identity already.")]
    ClaimDone,
    /// The mailbox is somebody else's.
    #[error("This mailbox belongs to another identity already.")]
    ClaimTaken,
    /// Too many mailboxes for one identity.
    #[error("An identity can claim {0} mailboxes at most.")]
    ClaimLimit(i64),
    /// A list was asked for in a way that it cannot be given.
    #[error("{0}")]
    ListForm(&'static str),
}

impl From<diesel::result::Error> for AuthError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<imajin_key_log::KeyLogError> for AuthError {
    fn from(error: imajin_key_log::KeyLogError) -> Self {
        Self::Keys(error.into())
    }
}

impl From<Problem> for AuthError {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

impl AuthError {
    /// The closed code for the wire.
    pub fn code(&self) -> Code {
        match self {
            Self::Store(error) => error.code(),
            Self::Proof(error) => error.code(),
            Self::Refused(problem) => problem.code,
            Self::Keys(refusal) => refusal.code(),
            Self::Seal(_) | Self::Token(_) | Self::Row(_) => Code::Internal,
            Self::KeyForm(_)
            | Self::RecoveryKeyForm(_)
            | Self::SignatureForm
            | Self::KindUnknown
            | Self::NameForm
            | Self::HandleForm
            | Self::HandleReserved
            | Self::ForeignTarget
            | Self::MailboxForm
            | Self::NextForm
            | Self::ListForm(_) => Code::InvalidRequest,
            Self::Attestation(error) => error.code(),
            Self::AttestationRevoked
            | Self::ClaimDone
            | Self::ClaimTaken
            | Self::ClaimLimit(_)
            | Self::HandleTaken
            | Self::SetupDone => Code::Conflict,
            Self::OtherSigner | Self::LoginFailed => Code::BadSignature,
            Self::ChallengeExpired => Code::StaleSignature,
            Self::ChallengeUsed => Code::Replayed,
            Self::NotRegistered | Self::NotCustodial | Self::SetupTokenWrong => Code::Forbidden,
            Self::IdentityUnknown | Self::SessionUnknown | Self::AttestationUnknown => Code::NotFound,
            Self::IdentityDeactivated | Self::LinkGone => Code::Gone,
            Self::CallerUnknown | Self::KeyKindOther | Self::MailboxCaller | Self::SessionEnded => {
                Code::Unauthenticated
            }
            Self::MailboxLimit { .. }
            | Self::AttestationLimit { .. }
            | Self::HandleTooSoon { .. }
            | Self::RotationTooOften => Code::RateLimited,
            Self::MailQueueFull => Code::Unavailable,
        }
    }

    /// What to do about it.
    const fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::KeyForm(_) => "Send the Ed25519 public key as 64 lower-case hexadecimal digits.",
            Self::RecoveryKeyForm(_) => "Send the Multikey (z6Mk…) of a second key, kept apart from the first.",
            Self::HandleReserved | Self::HandleTaken => "Choose another one.",
            Self::OtherSigner => "Sign with the key that you register, or send the request unsigned.",
            Self::LoginFailed => "Sign the text of the challenge itself, as UTF-8, with the key of this identity.",
            Self::ChallengeExpired | Self::ChallengeUsed => {
                "Ask for a new challenge and answer it within five minutes."
            }
            Self::NotRegistered => "Register it first: in the browser at /join, or with `imajin login`.",
            Self::CallerUnknown => "Sign with a did:mjn or did:key, or register the identity at this node.",
            Self::KeyKindOther => "Sign with an Ed25519 key; P-256 keys are for IMAGXP alone.",
            Self::MailboxCaller => "Log in through the mailbox; the node then signs for this identity.",
            Self::SessionEnded => "Log in at /login, or with `imajin login`.",
            Self::NotCustodial => "Sign the request with your own key.",
            Self::MailboxLimit { .. } => "Look into the mailbox, or try again later.",
            Self::Keys(refusal) => return refusal.hint(),
            Self::LinkGone => "Ask for a new link at /login.",
            Self::SetupTokenWrong => "Use the link that the node printed when it started last.",
            Self::SetupDone => "Ask the operator.",
            Self::ClaimTaken => "Sign in with the key that has claimed it.",
            Self::AttestationRevoked => "Sign a new one, with a new timestamp.",
            _ => return None,
        })
    }
}

impl From<AuthError> for Problem {
    /// Logs what a caller may not see, and keeps it out of the answer.
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Store(error) => error.into(),
            AuthError::Refused(problem) => problem,
            AuthError::Seal(_) | AuthError::Token(_) | AuthError::Row(_) => {
                tracing::error!(%error, "auth could not use its own data");
                Self::internal()
            }
            AuthError::MailQueueFull => {
                tracing::warn!("too many messages wait for the mail server");
                Self::unavailable("The mail server")
            }
            AuthError::Proof(error) => Self::new(error.code(), error.to_string()),
            _ => {
                let mut problem = Self::new(error.code(), error.to_string());
                problem.hint = error.hint().map(str::to_owned);
                if let AuthError::MailboxLimit { retry_after_seconds }
                | AuthError::Keys(KeyRefusal::MirrorsFull { retry_after_seconds })
                | AuthError::HandleTooSoon { retry_after_seconds } = error
                {
                    problem.retry_after_seconds = Some(retry_after_seconds);
                }
                problem
            }
        }
    }
}

use imajin_kernel::Code;
use imajin_proof::ProofError;

/// Why documents prove nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// The document is of another type.
    #[error("the document must be of the type trust.connection, trust.co-presence, trust.vouch or trust.flag")]
    Kind,
    /// A member of the payload is missing, unknown or impossible.
    #[error("{member}: {problem}")]
    Member {
        /// Which.
        member: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Nobody can be joined with themselves.
    #[error("nobody can say this of themselves")]
    Oneself,
    /// A did:email names a mailbox, and these documents are shown to others.
    #[error("a did:email cannot be in it: it names a mailbox, and others get to see the document")]
    Mailbox,
    /// The acceptance is of something else or by somebody else.
    #[error("the acceptance is of another document, or not by the one whom the document names")]
    OtherAcceptance,
    /// The acceptance lacks the proof that its signer holds the code.
    #[error("the acceptance does not prove that its signer was invited")]
    NotInvited,
    /// The invitation had ended when it was taken up.
    #[error("the invitation had ended when it was taken up")]
    InviteOver,
    /// There is an acceptance where none is needed.
    #[error("a vouch and a flag are not accepted by anybody")]
    NeedlessAcceptance,
    /// The revocation is of something else or by somebody else.
    #[error("the revocation is of another document, or by somebody who did not sign it")]
    OtherRevocation,
    /// A signature does not count.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl StatementError {
    /// The closed code for the wire.
    pub const fn code(&self) -> Code {
        match self {
            Self::Proof(error) => error.code(),
            _ => Code::InvalidRequest,
        }
    }
}

pub(super) const fn member(member: &'static str, problem: &'static str) -> StatementError {
    StatementError::Member { member, problem }
}

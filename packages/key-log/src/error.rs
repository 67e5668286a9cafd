use imajin_kernel::Code;
use imajin_proof::ProofError;

/// Why an entry or a log does not count. Each message says what was wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyLogError {
    /// Not 64 lower-case hexadecimal digits.
    #[error("a hash is 64 lower-case hexadecimal digits")]
    HashForm,
    /// The text is no entry.
    #[error("the entry cannot be read: {0}")]
    Malformed(String),
    /// Another version of the format.
    #[error("the entry has another version; this program knows version 1")]
    Version,
    /// The DID is no did:mjn.
    #[error("a key log belongs to a did:mjn")]
    DidForm,
    /// The canonical text is too long.
    #[error("the entry is larger than 8 KiB")]
    TooLarge,
    /// Too many entries, receipts, keys or proofs, or none where one is needed.
    #[error("{0}")]
    Limit(&'static str),
    /// Two keys of an entry are the same, or the recovery key is among the keys.
    #[error("the keys of an entry, its recovery key and its next key must all differ")]
    SameKey,

    /// The entry belongs to another identity.
    #[error("the entry belongs to another identity")]
    OtherDid,
    /// The log already has this entry.
    #[error("the log has this entry already")]
    Known,
    /// The predecessor is not in the log.
    #[error("the entry before this one is not in the log")]
    PrevUnknown,
    /// The number does not follow the predecessor's.
    #[error("the entry's number does not follow that of the entry before it")]
    Seq,
    /// It does not follow the head.
    #[error("the log has gone on since: another entry follows the same one")]
    Forked,
    /// The time is before the predecessor's.
    #[error("the entry's time is before that of the entry before it")]
    BackDated,
    /// The time is too far from the acceptor's clock.
    #[error("the entry's time is more than five minutes away from now")]
    WrongTime,
    /// The first entry does not say what a first entry must.
    #[error("the first entry must list exactly the key that the DID is")]
    Inception,
    /// It changes nothing.
    #[error("the entry changes nothing")]
    NothingChanges,
    /// The identity has ended.
    #[error("the identity was deactivated; nothing can follow")]
    Deactivated,
    /// A deactivation still names keys.
    #[error("a deactivation names no next key and no recovery key")]
    DeactivationForm,
    /// A recovery that leaves the keys as they are.
    #[error("a recovery must change the keys")]
    RecoveryForm,

    /// A proof does not verify.
    #[error("a proof of the entry does not count: {0}")]
    Proof(ProofError),
    /// A proof says something else than it should.
    #[error("a proof of the entry is for another purpose, or by a key that has nothing to do with the entry")]
    ProofForm,
    /// No current key has signed.
    #[error("none of the identity's current keys has signed the entry")]
    NotByCurrentKey,
    /// The key that was kept back has not signed.
    #[error("the key that was kept back for the next change has not signed the entry, or is not in it")]
    NoPreRotation,
    /// The same hidden key is announced again.
    #[error("the next key must be a new one")]
    NextKeyUsed,
    /// What a recovery would displace has stood for too long.
    #[error("it is too late: what this recovery would displace has counted for 72 hours")]
    RecoveryTooLate,

    /// A receipt's signature does not fit.
    #[error("a witness's receipt is not valid")]
    Receipt,
    /// A receipt is for an entry that the log does not have.
    #[error("a witness's receipt is for an entry that is not in the log")]
    ReceiptOfNothing,
    /// The head that was seen before is not in the log.
    #[error("the log does not contain the entry that was its head when it was seen first")]
    PinLost,
}

impl KeyLogError {
    /// The closed code for the wire.
    pub const fn code(&self) -> Code {
        match self {
            Self::Proof(_) | Self::ProofForm | Self::NotByCurrentKey | Self::NoPreRotation | Self::Receipt => {
                Code::BadSignature
            }
            Self::WrongTime => Code::StaleSignature,
            Self::Known
            | Self::PrevUnknown
            | Self::Seq
            | Self::Forked
            | Self::RecoveryTooLate
            | Self::NothingChanges
            | Self::PinLost => Code::Conflict,
            Self::Deactivated => Code::Gone,
            _ => Code::InvalidRequest,
        }
    }
}

impl From<ProofError> for KeyLogError {
    fn from(error: ProofError) -> Self {
        Self::Proof(error)
    }
}

use imajin_did::{Did, PublicKey, SecretKey};
use imajin_kernel::{Code, Timestamp};
use imajin_proof::{ProofError, SignedMessage};
use serde::{Deserialize, Serialize};

use crate::{Manifest, ManifestError, ManifestId};

/// A node's signature beside the author's: it has seen this very document, and that its author's signature holds.
///
/// A [`SignedMessage`] of the type `endorsement`. It is kept beside the manifest, not in it, because the author's
/// signature covers the whole of the manifest. It says nothing about whether the split is just.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Endorsement(pub SignedMessage<EndorsementPayload>);

/// What an endorsement says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndorsementPayload {
    /// The manifest that is endorsed.
    pub manifest: ManifestId,
    /// SHA-256 of its RFC 8785 bytes, the author's signature included: 64 lower-case hex digits.
    pub sha256: String,
}

/// Why an endorsement does not count.
#[derive(Debug, thiserror::Error)]
pub enum EndorsementError {
    /// It speaks of another manifest, or of other bytes of this one.
    #[error("the endorsement is for another manifest, or for another version of this one")]
    OtherManifest,
    /// There is nothing to endorse: the author has not signed.
    #[error("the manifest is not signed by its author: that comes first")]
    Unsigned,
    /// The manifest has no digest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The signature is not good.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl EndorsementError {
    /// What this refusal is called on the wire.
    pub fn code(&self) -> Code {
        match self {
            Self::OtherManifest | Self::Unsigned => Code::InvalidRequest,
            Self::Manifest(error) => error.code(),
            Self::Proof(error) => error.code(),
        }
    }
}

impl Endorsement {
    /// The type of the message.
    pub const KIND: &'static str = "endorsement";

    /// Endorses a signed manifest. The caller has verified the author's signature.
    pub fn sign(key: &SecretKey, from: Did, manifest: &Manifest, now: Timestamp) -> Result<Self, EndorsementError> {
        if manifest.signature.is_none() {
            return Err(EndorsementError::Unsigned);
        }
        let payload = EndorsementPayload {
            manifest: manifest.id.clone(),
            sha256: manifest.digest_hex()?,
        };
        Ok(Self(SignedMessage::sign(key, from, Self::KIND, None, now, payload)?))
    }

    /// Who endorses.
    pub fn endorser(&self) -> &Did {
        &self.0.from
    }

    /// When, as the endorser says.
    pub fn signed_at(&self) -> Timestamp {
        Timestamp::from_millis(self.0.timestamp)
    }

    /// Checks that the holder of `key` endorses exactly this document.
    pub fn verify(&self, manifest: &Manifest, key: &PublicKey) -> Result<(), EndorsementError> {
        let payload = &self.0.payload;
        if payload.manifest != manifest.id || payload.sha256 != manifest.digest_hex()? {
            return Err(EndorsementError::OtherManifest);
        }
        Ok(self.0.verify(Self::KIND, key)?)
    }
}

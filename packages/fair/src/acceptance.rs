use imajin_did::{Did, PublicKey, SecretKey};
use imajin_kernel::{Code, Timestamp};
use imajin_proof::{ProofError, SignedMessage};
use serde::{Deserialize, Serialize};

use crate::{Manifest, ManifestId, Payee};

/// A contributor's countersignature: the signed statement that this split is right.
///
/// A [`SignedMessage`] of the type `acceptance`. Without one, a contributor's share is held.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Acceptance(pub SignedMessage<AcceptancePayload>);

/// What an acceptance says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptancePayload {
    /// The manifest that is accepted.
    pub manifest: ManifestId,
}

/// Why an acceptance does not count.
#[derive(Debug, thiserror::Error)]
pub enum AcceptanceError {
    /// It speaks of another manifest.
    #[error("the acceptance is for the manifest {accepted}, not for {wanted}")]
    OtherManifest {
        /// The manifest that it names.
        accepted: ManifestId,
        /// The manifest that it was to be for.
        wanted: ManifestId,
    },
    /// Who signed it has no share.
    #[error("{did} has no entry in the manifest: only a contributor can accept it")]
    NotAContributor {
        /// Who signed.
        did: Did,
    },
    /// The signature is not good.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl AcceptanceError {
    /// What this refusal is called on the wire.
    pub fn code(&self) -> Code {
        match self {
            Self::OtherManifest { .. } => Code::InvalidRequest,
            Self::NotAContributor { .. } => Code::Forbidden,
            Self::Proof(error) => error.code(),
        }
    }
}

impl Acceptance {
    /// The type of the message.
    pub const KIND: &'static str = "acceptance";

    /// Accepts a manifest in the name of a contributor.
    pub fn sign(key: &SecretKey, from: Did, manifest: ManifestId, now: Timestamp) -> Result<Self, AcceptanceError> {
        let payload = AcceptancePayload { manifest };
        Ok(Self(SignedMessage::sign(key, from, Self::KIND, None, now, payload)?))
    }

    /// Who accepts.
    pub fn contributor(&self) -> &Did {
        &self.0.from
    }

    /// When, as the contributor says.
    pub fn signed_at(&self) -> Timestamp {
        Timestamp::from_millis(self.0.timestamp)
    }

    /// The manifest that is accepted.
    pub fn manifest(&self) -> &ManifestId {
        &self.0.payload.manifest
    }

    /// Checks that a contributor of `manifest`, whose key is `key`, accepts this very manifest. It holds for as long as
    /// the manifest is there, so its age does not matter.
    pub fn verify(&self, manifest: &Manifest, key: &PublicKey) -> Result<(), AcceptanceError> {
        if *self.manifest() != manifest.id {
            return Err(AcceptanceError::OtherManifest {
                accepted: self.manifest().clone(),
                wanted: manifest.id.clone(),
            });
        }
        let payee = Payee::Did(self.contributor().canonical());
        if !manifest
            .contributors
            .iter()
            .any(|entry| entry.payee.canonical() == payee)
        {
            return Err(AcceptanceError::NotAContributor {
                did: self.contributor().clone(),
            });
        }
        Ok(self.0.verify(Self::KIND, key)?)
    }
}

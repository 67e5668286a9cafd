use std::collections::BTreeMap;

use imajin_did::{Did, PublicKey, SecretKey};
use imajin_kernel::{Code, Timestamp};
use imajin_proof::{ProofError, SignedMessage};
use serde::{Deserialize, Serialize};

const CLAIMS_MAX: usize = 10_000;

/// Which DID an e-mail address in a history belongs to: the word of whoever signs the manifest.
///
/// A [`SignedMessage`] of the type `commit-claims`. An address in a commit proves nothing, so the one who answers for
/// the manifest answers for this too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Claims(pub SignedMessage<ClaimsPayload>);

/// What the claims say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimsPayload {
    /// One entry for each address.
    pub claims: Vec<Claim>,
}

/// An address and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The e-mail address as in the commits; upper and lower case are the same.
    pub email: String,
    /// Whose it is. One DID may have many addresses.
    pub did: Did,
}

/// Why claims do not count.
#[derive(Debug, thiserror::Error)]
pub enum ClaimsError {
    /// One address is said to belong to two.
    #[error("{email} is claimed twice, for different DIDs: decide for one")]
    Twice {
        /// The address.
        email: String,
    },
    /// More than a history has authors.
    #[error("there are more than {CLAIMS_MAX} claims")]
    TooMany,
    /// Somebody else than the manifest's author signed.
    #[error("{signer} signed the claims, not {author}, who answers for the manifest")]
    NotTheAuthor {
        /// Who signed.
        signer: Did,
        /// The manifest's author.
        author: Did,
    },
    /// The signature is not good.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl ClaimsError {
    /// What this refusal is called on the wire.
    pub fn code(&self) -> Code {
        match self {
            Self::Twice { .. } | Self::TooMany => Code::InvalidRequest,
            Self::NotTheAuthor { .. } => Code::Forbidden,
            Self::Proof(error) => error.code(),
        }
    }
}

impl Claims {
    /// The type of the message.
    pub const KIND: &'static str = "commit-claims";

    /// Signs claims.
    pub fn sign(key: &SecretKey, from: Did, claims: Vec<Claim>, now: Timestamp) -> Result<Self, ClaimsError> {
        let signed = Self(SignedMessage::sign(
            key,
            from,
            Self::KIND,
            None,
            now,
            ClaimsPayload { claims },
        )?);
        signed.by_email()?;
        Ok(signed)
    }

    /// Whose DID each address is, if `author`, whose key this is, signed it.
    pub fn verify(&self, author: &Did, key: &PublicKey) -> Result<BTreeMap<String, Did>, ClaimsError> {
        if self.0.from.canonical() != author.canonical() {
            return Err(ClaimsError::NotTheAuthor {
                signer: self.0.from.clone(),
                author: author.clone(),
            });
        }
        self.0.verify(Self::KIND, key)?;
        self.by_email()
    }

    fn by_email(&self) -> Result<BTreeMap<String, Did>, ClaimsError> {
        let claims = &self.0.payload.claims;
        if claims.len() > CLAIMS_MAX {
            return Err(ClaimsError::TooMany);
        }
        let mut by_email = BTreeMap::new();
        for claim in claims {
            let email = claim.email.trim().to_lowercase();
            let did = claim.did.canonical();
            let before = by_email.insert(email.clone(), did.clone());
            if before.is_some_and(|before| before != did) {
                return Err(ClaimsError::Twice { email });
            }
        }
        Ok(by_email)
    }
}

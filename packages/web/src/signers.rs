//! Signatures that stay: which keys of an identity counted when one was made.

use imajin_did::{Did, PublicKey};
use imajin_kernel::{Code, Timestamp};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::CallerKeys;

/// Whose signature is to be checked, and when it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignerAsked {
    /// Any accepted form of the DID.
    pub did: Did,
    /// When the signature was made, as it says itself; now, where it does not say.
    pub at: Option<Timestamp>,
    /// Whether others are asked about a signer of whom nothing is known here.
    pub follow: bool,
    /// The node that shows what was signed: it may know the signer.
    pub shown_by: Option<Url>,
}

/// The keys of a signer, told apart by whether they counted at that moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignerKeys {
    /// The native form of the DID.
    pub did: Did,
    /// The moment; `None` for now.
    pub at: Option<Timestamp>,
    /// Keys whose signatures of that moment count.
    pub keys: Vec<PublicKey>,
    /// Keys that the identity has had, and whose signatures of that moment do not count.
    pub others: Vec<PublicKey>,
}

/// Why a signature of a known signer does not count, although nothing is wrong with what was signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignerError {
    /// There is no key to check it with.
    #[error("the key of {did} is not to be found, so what it signed cannot be checked")]
    NoKey {
        /// Who signed.
        did: Did,
    },
    /// Its key was replaced, or was not yet one of the signer's.
    #[error("{did} has signed this with a key that did not count {}", moment_text(*at))]
    Outdated {
        /// Who signed.
        did: Did,
        /// When; `None` where the signature does not say, and the keys of today count.
        at: Option<Timestamp>,
    },
}

fn moment_text(at: Option<Timestamp>) -> String {
    at.map_or_else(
        || "any more; when it was signed it does not say".to_owned(),
        |at| format!("at {at}, when it was signed"),
    )
}

impl SignerError {
    /// What this refusal is called on the wire.
    pub fn code(&self) -> Code {
        Code::BadSignature
    }
}

impl SignerKeys {
    /// Of somebody whose earlier keys are not known.
    pub fn of_caller(caller: CallerKeys, at: Option<Timestamp>) -> Self {
        Self {
            did: caller.did,
            at,
            keys: caller.keys,
            others: Vec::new(),
        }
    }

    /// Accepts what one of the keys that counted has signed. `verify` checks one signature with one key.
    ///
    /// # Errors
    /// [`SignerError`], or what `verify` says for the last key.
    pub fn check<E, R>(&self, verify: impl Fn(&PublicKey) -> Result<(), E>) -> Result<(), R>
    where
        R: From<E> + From<SignerError>,
    {
        let did = || self.did.clone();
        let mut last = Err(SignerError::NoKey { did: did() }.into());
        for key in &self.keys {
            match verify(key) {
                Ok(()) => return Ok(()),
                Err(error) => last = Err(error.into()),
            }
        }
        if self.others.iter().any(|key| verify(key).is_ok()) {
            last = Err(SignerError::Outdated {
                did: did(),
                at: self.at,
            }
            .into());
        }
        last
    }
}

use std::collections::{BTreeMap, BTreeSet};

use imajin_did::{Did, PublicKey, SecretKey};
use imajin_kernel::Timestamp;
use imajin_proof::SignedMessage;
use imajin_proof::digest::sha256_hex;
use serde::{Deserialize, Serialize};

use crate::{FIELDS_MAX, FieldPath, GrantError, Purpose};

/// The most purposes that a profile names.
pub const PURPOSES_MAX: usize = 32;
/// The furthest that somebody whom the subject trusts may be away.
const HOPS_MAX: u8 = 6;

/// What a person's node may disclose about them at all, switched on field by field for each purpose.
///
/// A [`SignedMessage`] of the type `consent-profile`, signed by the person whom it is about. The last one counts. What
/// is not in it is off, also where a grant allows it; what is in it goes to those alone to whom a grant allows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConsentProfile(pub SignedMessage<ProfilePayload>);

/// What a profile says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProfilePayload {
    /// What is on, for each purpose.
    pub purposes: BTreeMap<Purpose, BTreeSet<FieldPath>>,
    /// Within how many steps of the subject somebody is [trusted](crate::GranteeClass::Trusted): 1 to 6.
    pub trusted_hops: u8,
}

impl Default for ProfilePayload {
    /// Nothing is on.
    fn default() -> Self {
        Self {
            purposes: BTreeMap::new(),
            trusted_hops: 2,
        }
    }
}

impl ProfilePayload {
    /// Whether all of a field is on for a purpose.
    pub fn permits(&self, purpose: &Purpose, field: &FieldPath) -> bool {
        let on = self.purposes.get(purpose);
        on.is_some_and(|fields| fields.iter().any(|one| one.covers(field)))
    }

    fn check(&self) -> Result<(), GrantError> {
        let wrong = |name, reason: String| Err(GrantError::Member { name, reason });
        if self.purposes.len() > PURPOSES_MAX {
            return wrong("purposes", format!("must be at most {PURPOSES_MAX}"));
        }
        if self.purposes.values().any(|fields| fields.len() > FIELDS_MAX) {
            return wrong("fields", format!("must be at most {FIELDS_MAX} for a purpose"));
        }
        if !(1..=HOPS_MAX).contains(&self.trusted_hops) {
            return wrong("trustedHops", format!("must be 1 to {HOPS_MAX}"));
        }
        Ok(())
    }
}

impl ConsentProfile {
    /// The type of the message.
    pub const KIND: &'static str = "consent-profile";

    /// Says what the node of the owner of `key` may disclose about them.
    ///
    /// # Errors
    /// [`GrantError::Member`] with what is wrong.
    pub fn sign(key: &SecretKey, from: Did, now: Timestamp, payload: ProfilePayload) -> Result<Self, GrantError> {
        payload.check()?;
        Ok(Self(SignedMessage::sign(key, from, Self::KIND, None, now, payload)?))
    }

    /// What it says.
    pub const fn payload(&self) -> &ProfilePayload {
        &self.0.payload
    }

    /// SHA-256 of its canonical bytes, in hex: what a receipt names.
    ///
    /// # Errors
    /// [`GrantError::Proof`] when it has no canonical form.
    pub fn digest(&self) -> Result<String, GrantError> {
        Ok(sha256_hex(&self.0.canonical_bytes()?))
    }

    /// Checks that its signer has signed it, with one of the keys. It holds until another takes its place.
    ///
    /// # Errors
    /// [`GrantError`].
    pub fn verify(&self, keys: &[PublicKey]) -> Result<(), GrantError> {
        self.payload().check()?;
        Ok(self.0.verify_any(Self::KIND, keys)?)
    }
}

use std::collections::BTreeSet;

use imajin_did::{Did, Method, PublicKey, SecretKey};
use imajin_kernel::Timestamp;
use imajin_proof::{DataIntegrityProof, jcs};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::{ENTRY_BYTES_MAX, EntryHash, KEYS_MAX, KeyHash, KeyLogError, KeyState, PROOFS_MAX, Status};

/// The version of the format.
pub(crate) const VERSION: u8 = 1;
/// What the proofs of an entry are for.
const PURPOSE: &str = "assertionMethod";

/// One state of an identity's keys, with the proofs that it may follow the one before. What kind of change it is
/// follows from the difference between the two: see [`Change`](crate::Change).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entry {
    /// 1.
    pub version: u8,
    /// Whose keys: a did:mjn, which is the first key.
    pub did: Did,
    /// 0 for the first entry, then one more than the entry before.
    pub seq: u32,
    /// The entry before.
    #[serde(deserialize_with = "present")]
    pub prev: Option<EntryHash>,
    /// The keys whose signatures count from now on; none when the identity ends.
    pub keys: Vec<PublicKey>,
    /// The hash of a key that is kept back, and without which the next rotation does not count.
    #[serde(deserialize_with = "present")]
    pub next_key_hash: Option<KeyHash>,
    /// The key that can take the identity back.
    #[serde(deserialize_with = "present")]
    pub recovery: Option<PublicKey>,
    /// When it was made, in milliseconds since the Unix epoch, as its maker says.
    pub at: i64,
    /// Who agreed.
    pub proof: Vec<DataIntegrityProof>,
}

/// A member that must be there, though it may be null: one content has one text.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

impl Entry {
    /// Reads an entry from outside; refuses what two readers could read differently.
    ///
    /// # Errors
    /// [`KeyLogError::Malformed`] or [`KeyLogError::TooLarge`].
    pub fn from_slice(text: &[u8]) -> Result<Self, KeyLogError> {
        // White space and escapes make a text longer than its canonical form, but not without end.
        if text.len() > ENTRY_BYTES_MAX.saturating_mul(2) {
            return Err(KeyLogError::TooLarge);
        }
        jcs::from_slice(text).map_err(|error| KeyLogError::Malformed(error.to_string()))
    }

    /// Reads an entry that was a part of a larger document.
    ///
    /// # Errors
    /// [`KeyLogError::Malformed`].
    pub fn from_value(value: Value) -> Result<Self, KeyLogError> {
        serde_json::from_value(value).map_err(|error| KeyLogError::Malformed(error.to_string()))
    }

    /// The canonical text of the whole entry, as it is stored and passed on.
    ///
    /// # Errors
    /// [`KeyLogError::Malformed`] when a number in it has no canonical form.
    pub fn to_text(&self) -> Result<String, KeyLogError> {
        jcs::to_string(self).map_err(|error| KeyLogError::Malformed(error.to_string()))
    }

    /// The entry's name. The proofs have no part in it: one content has one hash, whoever signed it.
    ///
    /// # Errors
    /// [`KeyLogError::Malformed`] when a number in it has no canonical form.
    pub fn hash(&self) -> Result<EntryHash, KeyLogError> {
        Ok(EntryHash::of_content(&canonical(&self.content()?)?))
    }

    /// The entry without its proofs: what is signed.
    pub(crate) fn content(&self) -> Result<Value, KeyLogError> {
        let unsigned = Self {
            proof: Vec::new(),
            ..self.clone()
        };
        let mut value = serde_json::to_value(&unsigned).map_err(|error| KeyLogError::Malformed(error.to_string()))?;
        if let Value::Object(members) = &mut value {
            members.remove("proof");
        }
        Ok(value)
    }

    /// The state of the keys after this entry, as far as the entry alone can say.
    ///
    /// # Errors
    /// As for [`Entry::hash`].
    pub fn state(&self) -> Result<KeyState, KeyLogError> {
        Ok(KeyState {
            did: self.did.clone(),
            head: Some(self.hash()?),
            seq: self.seq,
            keys: self.keys.clone(),
            next_key_hash: self.next_key_hash,
            recovery: self.recovery,
            status: if self.keys.is_empty() {
                Status::Deactivated
            } else {
                Status::Active
            },
            at: self.at,
            since: None,
        })
    }

    /// The entry's own time.
    pub fn at(&self) -> Timestamp {
        Timestamp::from_millis(self.at)
    }

    /// Adds a proof by a key.
    pub(crate) fn sign(&mut self, key: &SecretKey) -> Result<(), KeyLogError> {
        let method = method_of(&self.did, &key.public());
        self.proof.push(DataIntegrityProof::create(
            &self.content()?,
            key,
            &method,
            PURPOSE,
            None,
        )?);
        Ok(())
    }

    /// Everything about an entry that can be checked without the others, but for the proofs.
    pub(crate) fn form_check(&self) -> Result<(), KeyLogError> {
        if self.version != VERSION {
            return Err(KeyLogError::Version);
        }
        if self.did.method() != Method::Mjn {
            return Err(KeyLogError::DidForm);
        }
        if self.keys.len() > KEYS_MAX {
            return Err(KeyLogError::Limit("an entry has at most 16 keys"));
        }
        if self.proof.is_empty() || self.proof.len() > PROOFS_MAX {
            return Err(KeyLogError::Limit("an entry has one to four proofs"));
        }
        if self.at < 0 {
            return Err(KeyLogError::BackDated);
        }
        if self.to_text()?.len() > ENTRY_BYTES_MAX {
            return Err(KeyLogError::TooLarge);
        }
        let distinct: BTreeSet<&PublicKey> = self.keys.iter().chain(&self.recovery).collect();
        let listed = self.keys.len().saturating_add(usize::from(self.recovery.is_some()));
        let is_revealed = |next: KeyHash| distinct.iter().any(|key| KeyHash::of(key) == next);
        if distinct.len() != listed || self.next_key_hash.is_some_and(is_revealed) {
            return Err(KeyLogError::SameKey);
        }
        if self.keys.is_empty() && (self.next_key_hash.is_some() || self.recovery.is_some()) {
            return Err(KeyLogError::DeactivationForm);
        }
        Ok(())
    }

    /// The keys whose proofs verify: all of them must.
    pub(crate) fn signers(&self) -> Result<Vec<PublicKey>, KeyLogError> {
        let content = self.content()?;
        let mut signers = Vec::with_capacity(self.proof.len());
        for proof in &self.proof {
            let multikey = proof
                .verification_method
                .strip_prefix(self.did.as_str())
                .and_then(|rest| rest.strip_prefix('#'))
                .ok_or(KeyLogError::ProofForm)?;
            let key = PublicKey::from_multikey(multikey).or(Err(KeyLogError::ProofForm))?;
            let is_plain = proof.proof_purpose == PURPOSE
                && proof.context.is_none()
                && proof.created.is_none()
                && proof.expires.is_none()
                && proof.extra.is_empty();
            if !is_plain || signers.contains(&key) {
                return Err(KeyLogError::ProofForm);
            }
            proof.verify(&content, &key)?;
            signers.push(key);
        }
        Ok(signers)
    }
}

fn canonical(content: &Value) -> Result<Vec<u8>, KeyLogError> {
    jcs::value_to_bytes(content).map_err(|error| KeyLogError::Malformed(error.to_string()))
}

/// The name of a key in the proofs and in the DID document.
fn method_of(did: &Did, key: &PublicKey) -> String {
    format!("{did}#{}", key.multikey())
}

use imajin_did::{Did, SecretKey};
use imajin_kernel::{Env, Timestamp};
use imajin_proof::jcs;
use serde_json::{Map, Value};

use crate::{ConsentError, ContentRef, Declaration, IntendedUse};

/// A declaration that is not signed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclarationDraft {
    /// Who will use the content, and signs.
    pub consumer: Did,
    /// What is used.
    pub content: ContentRef,
    /// What for.
    pub intended_use: IntendedUse,
    /// To which part of it the consumer keeps; see [`Declaration::scope`].
    pub scope: Option<String>,
    /// When the use ends.
    pub expires: Option<Timestamp>,
    /// When it is signed; the wire has milliseconds.
    pub timestamp: Timestamp,
    /// Unique for this consumer: 1 to 128 visible characters.
    pub nonce: String,
}

impl DeclarationDraft {
    /// A declaration made now, with a fresh nonce of 128 bits.
    pub fn now(consumer: Did, content: ContentRef, intended_use: IntendedUse, env: &Env) -> Self {
        Self {
            consumer,
            content,
            intended_use,
            scope: None,
            expires: None,
            timestamp: env.now(),
            nonce: hex::encode(env.random_bytes::<16>()),
        }
    }

    /// Signs it with a key of the consumer.
    ///
    /// # Errors
    /// [`ConsentError::Member`] when a member has the wrong form.
    pub fn sign(&self, key: &SecretKey) -> Result<Declaration, ConsentError> {
        let millis = Timestamp::from_millis(self.timestamp.as_millis());
        let mut members = Map::new();
        let required = [
            ("version", "1.0".to_owned()),
            ("consumer", self.consumer.as_str().to_owned()),
            ("content", self.content.to_string()),
            ("intendedUse", self.intended_use.as_str().to_owned()),
            ("timestamp", millis.to_string()),
            ("nonce", self.nonce.clone()),
        ];
        let optional = [
            ("scope", self.scope.clone()),
            ("expires", self.expires.map(|expires| expires.to_string())),
        ];
        let optional = optional.into_iter().filter_map(|(name, value)| Some((name, value?)));
        for (name, value) in required.into_iter().chain(optional) {
            members.insert(name.to_owned(), Value::String(value));
        }
        let unsigned = Value::Object(members.clone());
        let bytes = jcs::value_to_bytes(&unsigned).map_err(|error| ConsentError::NotJson(error.to_string()))?;
        members.insert("signature".to_owned(), key.sign(&bytes).to_hex().into());
        Declaration::from_value(Value::Object(members))
    }
}

use imajin_did::{Did, Signature, Verify};
use imajin_kernel::Timestamp;
use imajin_proof::digest::sha256;
use imajin_proof::{ProofError, jcs};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::members::{Members, text_check, wrong};
use crate::{ConsentError, ContentRef, DECLARATION_BYTES_MAX, IntendedUse, NONCE_KEPT_FOR};

const VERSION: &str = "1.0";
const SCOPE_CHARS_MAX: usize = 500;
const NONCE_LENGTH_MAX: usize = 128;

/// A consumer's signed statement of what will be used, and for what.
///
/// The signature covers the RFC 8785 bytes of the whole document without `signature`. It is kept as it was read: what
/// is logged is what was signed. Holding one proves nothing; [`Declaration::verify`] does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct Declaration {
    consumer: Did,
    content: ContentRef,
    intended_use: IntendedUse,
    scope: Option<String>,
    expires: Option<Timestamp>,
    timestamp: Timestamp,
    nonce: String,
    signature: Signature,
    /// The document's own members.
    document: Map<String, Value>,
}

impl Declaration {
    /// Reads a declaration from JSON.
    ///
    /// # Errors
    /// [`ConsentError`] with the member that is wrong.
    pub fn parse(json: &[u8]) -> Result<Self, ConsentError> {
        if json.len() > DECLARATION_BYTES_MAX {
            return Err(ConsentError::TooLarge);
        }
        let value: Value = jcs::from_slice(json).map_err(|error| ConsentError::NotJson(error.to_string()))?;
        Self::from_value(value)
    }

    /// Reads a declaration from a JSON value.
    ///
    /// # Errors
    /// [`ConsentError`] with the member that is wrong.
    pub fn from_value(value: Value) -> Result<Self, ConsentError> {
        let Value::Object(document) = value else {
            return Err(ConsentError::NotJson("it must be an object".to_owned()));
        };
        let mut members = Members::of(document.clone());
        if members.require::<String>("version")? != VERSION {
            return Err(ConsentError::Version);
        }
        let declaration = Self {
            consumer: members.require("consumer")?,
            content: members.require("content")?,
            intended_use: members.require("intendedUse")?,
            scope: members.take("scope")?,
            expires: members.take("expires")?,
            timestamp: members.require("timestamp")?,
            nonce: members.require("nonce")?,
            signature: members.require("signature")?,
            document,
        };
        members.finish()?;
        if let Some(scope) = &declaration.scope {
            text_check("scope", scope, SCOPE_CHARS_MAX)?;
        }
        let nonce = declaration.nonce.as_bytes();
        if nonce.is_empty() || nonce.len() > NONCE_LENGTH_MAX || !nonce.iter().all(u8::is_ascii_graphic) {
            return Err(wrong("nonce", &"must have 1 to 128 visible ASCII characters"));
        }
        Ok(declaration)
    }

    /// Who will use the content.
    pub const fn consumer(&self) -> &Did {
        &self.consumer
    }

    /// What is used.
    pub const fn content(&self) -> &ContentRef {
        &self.content
    }

    /// What for.
    pub const fn intended_use(&self) -> IntendedUse {
        self.intended_use
    }

    /// To which part of the content the consumer keeps: the declaration then counts for exactly this part, which the
    /// protocol names, such as a path or the SHA-256 of a question. Without one it is about the whole.
    pub fn scope(&self) -> Option<&str> {
        self.scope.as_deref()
    }

    /// When the use ends.
    pub const fn expires(&self) -> Option<Timestamp> {
        self.expires
    }

    /// When it was signed, as the consumer says.
    pub const fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    /// What makes it good only once.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// The document as it was read.
    pub fn to_value(&self) -> Value {
        Value::Object(self.document.clone())
    }

    /// The bytes that the signature covers.
    ///
    /// # Errors
    /// [`ConsentError::NotJson`] when they have no canonical form.
    pub fn signed_bytes(&self) -> Result<Vec<u8>, ConsentError> {
        let mut document = self.document.clone();
        document.remove("signature");
        jcs::value_to_bytes(&Value::Object(document)).map_err(|error| ConsentError::NotJson(error.to_string()))
    }

    /// The canonical bytes of the whole document.
    ///
    /// # Errors
    /// [`ConsentError::NotJson`] when it has no canonical form.
    pub fn canonical_bytes(&self) -> Result<Vec<u8>, ConsentError> {
        jcs::to_bytes(self).map_err(|error| ConsentError::NotJson(error.to_string()))
    }

    /// Checks a declaration that has just arrived: signed by one of the consumer's keys, at most five minutes old and
    /// 30 seconds in the future, not expired.
    ///
    /// # Errors
    /// [`ConsentError::Expired`] or [`ConsentError::Proof`].
    pub fn verify<K: Verify>(self, keys: &[K], now: Timestamp) -> Result<VerifiedDeclaration, ConsentError> {
        if self.timestamp > now.plus(imajin_proof::FUTURE_TOLERANCE) {
            return Err(ProofError::FromTheFuture.into());
        }
        if now.since(self.timestamp) > imajin_proof::FRESH_FOR {
            return Err(ProofError::TooOld.into());
        }
        if self.expires.is_some_and(|expires| expires <= now) {
            return Err(ConsentError::Expired);
        }
        self.verify_stored(keys)
    }

    /// Checks a declaration out of a log, whose window has long passed.
    ///
    /// # Errors
    /// [`ConsentError::Proof`].
    pub fn verify_stored<K: Verify>(self, keys: &[K]) -> Result<VerifiedDeclaration, ConsentError> {
        if keys.is_empty() {
            return Err(ProofError::NoKey.into());
        }
        let bytes = self.signed_bytes()?;
        if !keys
            .iter()
            .any(|key| key.verify_signature(&bytes, &self.signature).is_ok())
        {
            return Err(ProofError::BadSignature.into());
        }
        let digest = sha256(&self.canonical_bytes()?);
        Ok(VerifiedDeclaration {
            declaration: self,
            digest,
        })
    }
}

impl TryFrom<Value> for Declaration {
    type Error = ConsentError;

    fn try_from(value: Value) -> Result<Self, ConsentError> {
        Self::from_value(value)
    }
}

impl From<Declaration> for Value {
    fn from(declaration: Declaration) -> Self {
        Self::Object(declaration.document)
    }
}

/// A declaration whose signature was checked.
///
/// Only [`Declaration::verify`] and [`Declaration::verify_stored`] make one. Its nonce is not spent yet: that happens
/// in the transaction of what it consents to, or in [`crate::SpentNonces`] where there is no database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedDeclaration {
    declaration: Declaration,
    digest: [u8; 32],
}

impl VerifiedDeclaration {
    /// What was declared.
    pub const fn declaration(&self) -> &Declaration {
        &self.declaration
    }

    /// SHA-256 of the canonical document: what a receipt names.
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Who consents, in the form to store and compare.
    pub fn consumer(&self) -> Did {
        self.declaration.consumer.canonical()
    }

    /// Until when the nonce must be remembered.
    pub fn nonce_kept_until(&self) -> Timestamp {
        self.declaration.timestamp.plus(NONCE_KEPT_FOR)
    }
}

use imajin_did::{Did, PublicKey, SecretKey, Signature};
use imajin_kernel::{Span, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{ProofError, jcs};

/// How long after it was made a signature still counts as a request.
pub const FRESH_FOR: Span = Span::minutes(5);
/// How far the signer's clock may be ahead of ours.
pub const FUTURE_TOLERANCE: Span = Span::seconds(30);

/// A statement by a DID: a document that can travel and be checked anywhere.
///
/// The signature covers the RFC 8785 bytes of the whole object without `signature`. A document that came from outside
/// is best kept with a `Value` as its payload, because then members that we do not know stay under the signature; see
/// [`SignedMessage::payload_as`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedMessage<P = Value> {
    /// Who says it.
    pub from: Did,
    /// In a request the sender's kind (human, agent, event, node, …), in a document what it is (ticket, receipt, …).
    #[serde(rename = "type")]
    pub kind: String,
    /// Whom it is for, where a document has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Did>,
    /// When it was signed, in milliseconds since the Unix epoch, as the signer claims.
    pub timestamp: i64,
    /// What is said.
    pub payload: P,
    /// The signature by a key of `from`.
    pub signature: Signature,
}

#[derive(Serialize)]
struct Envelope<'a, P> {
    from: &'a Did,
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a Did>,
    timestamp: i64,
    payload: &'a P,
}

/// The bytes that a [`SignedMessage`] signs, for documents that keep their signature elsewhere.
///
/// # Errors
/// [`ProofError::Jcs`] when the payload has no canonical form.
pub fn envelope_bytes<P: Serialize>(
    from: &Did,
    kind: &str,
    to: Option<&Did>,
    timestamp: i64,
    payload: &P,
) -> Result<Vec<u8>, ProofError> {
    Ok(jcs::to_bytes(&Envelope {
        from,
        kind,
        to,
        timestamp,
        payload,
    })?)
}

impl<P: Serialize> SignedMessage<P> {
    /// Signs `payload` as `from`, whose key this must be.
    ///
    /// # Errors
    /// [`ProofError::Jcs`] when the payload has no canonical form.
    pub fn sign(
        key: &SecretKey,
        from: Did,
        kind: &str,
        to: Option<Did>,
        now: Timestamp,
        payload: P,
    ) -> Result<Self, ProofError> {
        let timestamp = now.as_millis();
        let signature = key.sign(&envelope_bytes(&from, kind, to.as_ref(), timestamp, &payload)?);
        Ok(Self {
            from,
            kind: kind.to_owned(),
            to,
            timestamp,
            payload,
            signature,
        })
    }

    /// As [`SignedMessage::sign`], with the [canonical bytes](SignedMessage::canonical_bytes) of the signed document:
    /// half the work of asking for them afterwards.
    ///
    /// # Errors
    /// As [`SignedMessage::sign`].
    pub fn sign_to_bytes(
        key: &SecretKey,
        from: Did,
        kind: &str,
        to: Option<Did>,
        now: Timestamp,
        payload: P,
    ) -> Result<(Self, Vec<u8>), ProofError> {
        let timestamp = now.as_millis();
        let envelope = Envelope {
            from: &from,
            kind,
            to: to.as_ref(),
            timestamp,
            payload: &payload,
        };
        let mut document = serde_json::to_value(&envelope).or(Err(jcs::JcsError::NotJson))?;
        let signature = key.sign(&jcs::value_to_bytes(&document)?);
        if let Value::Object(members) = &mut document {
            members.insert("signature".to_owned(), Value::String(signature.to_hex()));
        }
        let bytes = jcs::value_to_bytes(&document)?;
        let message = Self {
            from,
            kind: kind.to_owned(),
            to,
            timestamp,
            payload,
            signature,
        };
        Ok((message, bytes))
    }

    /// The bytes that the signature covers.
    ///
    /// # Errors
    /// [`ProofError::Jcs`] when the payload has no canonical form.
    pub fn signed_bytes(&self) -> Result<Vec<u8>, ProofError> {
        envelope_bytes(&self.from, &self.kind, self.to.as_ref(), self.timestamp, &self.payload)
    }

    /// Checks a stored document of the type `kind` with a key of `from`; its age does not matter.
    ///
    /// # Errors
    /// [`ProofError::WrongKind`] or [`ProofError::BadSignature`].
    pub fn verify(&self, kind: &str, key: &PublicKey) -> Result<(), ProofError> {
        self.verify_any(kind, std::slice::from_ref(key))
    }

    /// Checks a stored document with whichever of the signer's keys made it.
    ///
    /// # Errors
    /// [`ProofError::WrongKind`], [`ProofError::NoKey`] or [`ProofError::BadSignature`].
    pub fn verify_any(&self, kind: &str, keys: &[PublicKey]) -> Result<(), ProofError> {
        if self.kind != kind {
            return Err(ProofError::WrongKind {
                expected: kind.to_owned(),
            });
        }
        if keys.is_empty() {
            return Err(ProofError::NoKey);
        }
        let bytes = self.signed_bytes()?;
        let is_signed = keys.iter().any(|key| key.verify(&bytes, &self.signature).is_ok());
        if is_signed {
            Ok(())
        } else {
            Err(ProofError::BadSignature)
        }
    }

    /// Checks a document with the key that its `from` is; it knows of no rotation.
    ///
    /// # Errors
    /// [`ProofError::NoKey`] when `from` is no key, else as for [`SignedMessage::verify`].
    pub fn verify_self_certified(&self, kind: &str) -> Result<(), ProofError> {
        self.verify(kind, &self.from.public_key().ok_or(ProofError::NoKey)?)
    }

    /// Checks a message that is a request: signed within the last five minutes, at most 30 seconds in the future.
    ///
    /// # Errors
    /// [`ProofError::TooOld`] or [`ProofError::FromTheFuture`], else as for [`SignedMessage::verify`].
    pub fn verify_fresh(&self, kind: &str, key: &PublicKey, now: Timestamp) -> Result<(), ProofError> {
        self.verify_fresh_any(kind, std::slice::from_ref(key), now)
    }

    /// The same for whichever of the signer's keys made it.
    ///
    /// # Errors
    /// As for [`SignedMessage::verify_fresh`] and [`SignedMessage::verify_any`].
    pub fn verify_fresh_any(&self, kind: &str, keys: &[PublicKey], now: Timestamp) -> Result<(), ProofError> {
        self.verify_any(kind, keys)?;
        freshness_check(Timestamp::from_millis(self.timestamp), now)
    }

    /// The canonical bytes of the whole document with its signature: what a digest of the document covers.
    ///
    /// # Errors
    /// [`ProofError::Jcs`] when the payload has no canonical form.
    pub fn canonical_bytes(&self) -> Result<Vec<u8>, ProofError> {
        Ok(jcs::to_bytes(self)?)
    }
}

impl SignedMessage<Value> {
    /// Reads a document from outside; refuses what two readers could read differently.
    ///
    /// # Errors
    /// [`ProofError::Jcs`] when the text is no signed message.
    pub fn from_slice(text: &[u8]) -> Result<Self, ProofError> {
        Ok(jcs::from_slice(text)?)
    }

    /// The payload as a type; verify first, because members that the type does not know are lost.
    ///
    /// # Errors
    /// [`ProofError::Jcs`] when the payload is something else.
    pub fn payload_as<T: DeserializeOwned>(&self) -> Result<T, ProofError> {
        T::deserialize(&self.payload).map_err(|error| jcs::JcsError::Malformed(error.to_string()).into())
    }
}

/// Whether something signed at `signed_at` counts as a request at `now`.
pub(crate) fn freshness_check(signed_at: Timestamp, now: Timestamp) -> Result<(), ProofError> {
    if signed_at > now.plus(FUTURE_TOLERANCE) {
        Err(ProofError::FromTheFuture)
    } else if now.since(signed_at) > FRESH_FOR {
        Err(ProofError::TooOld)
    } else {
        Ok(())
    }
}

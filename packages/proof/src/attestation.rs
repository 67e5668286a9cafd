//! Attestations: what one DID says about another, signed, so that anyone can check it anywhere; and their revocation.
//!
//! An attestation is no [`SignedMessage`]: the form is older, and others write it. Its signature is over the RFC 8785
//! bytes of the object without `signature`. Its name is the SHA-256 of the whole object in that form.

use std::fmt;

use imajin_did::{Did, Method, PublicKey, SecretKey, Signature};
use imajin_kernel::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Number, Value};

use crate::digest::sha256_hex;
use crate::message::freshness_check;
use crate::{ProofError, SignedMessage, jcs};

/// The version of the form.
pub const VERSION: u32 = 1;
/// The type of a [`Revocation`].
pub const REVOCATION: &str = "revocation";
/// The canonical bytes of a claim at most.
pub const CLAIM_BYTES_MAX: usize = 4096;
const TYPE_LENGTH_MAX: usize = 64;
const REASON_LENGTH_MAX: usize = 500;
const MILLION: u32 = 1_000_000;

/// Why a document is no attestation that counts, apart from its signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttestationError {
    /// Another version of the form.
    #[error("the version must be {VERSION}")]
    Version,
    /// The type is empty, too long or holds odd characters.
    #[error("attestationType must have 1 to {TYPE_LENGTH_MAX} letters, digits and . _ : - /")]
    Type,
    /// The claim is too long.
    #[error("the claim must not be longer than {CLAIM_BYTES_MAX} bytes of canonical JSON")]
    ClaimTooLong,
    /// A did:email names a mailbox, and an attestation is public.
    #[error("attester and subject must not be a did:email: it names a mailbox, and attestations are public")]
    Mailbox,
    /// The reason of a revocation is too long.
    #[error("the reason must not be longer than {REASON_LENGTH_MAX} characters")]
    ReasonTooLong,
    /// A revocation of something else, or by somebody else.
    #[error("the revocation is not by the attester, or is of another attestation")]
    OtherRevocation,
    /// The proof does not count.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl AttestationError {
    /// The closed code for the wire.
    pub const fn code(&self) -> imajin_kernel::Code {
        match self {
            Self::Proof(error) => error.code(),
            _ => imajin_kernel::Code::InvalidRequest,
        }
    }
}

/// How sure an attester is: 0 to 1 in millionths.
///
/// A JSON number of at most six decimal places, read by its shortest decimal text, so that `0.7` is exactly seven
/// tenths and is signed as `0.7` by everyone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Confidence(u32);

/// The number is no confidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("confidence must be a number from 0 to 1 with at most six decimal places, for example 0.9")]
pub struct ConfidenceError;

impl Confidence {
    /// Certain.
    pub const CERTAIN: Self = Self(MILLION);

    /// The number of millionths, 0 to 1 000 000.
    pub const fn millionths(self) -> u32 {
        self.0
    }

    fn from_number(number: &Number) -> Result<Self, ConfidenceError> {
        match (number.as_u64(), number.as_f64()) {
            (Some(0), _) => Ok(Self(0)),
            (Some(1), _) => Ok(Self::CERTAIN),
            (None, Some(value)) => value.to_string().parse(),
            _ => Err(ConfidenceError),
        }
    }

    fn to_number(self) -> Number {
        match self.0 {
            0 => Number::from(0_u8),
            MILLION => Number::from(1_u8),
            _ => {
                let nearest = self.to_string().parse().ok().and_then(Number::from_f64);
                nearest.unwrap_or_else(|| Number::from(0_u8))
            }
        }
    }
}

impl std::str::FromStr for Confidence {
    type Err = ConfidenceError;

    fn from_str(text: &str) -> Result<Self, ConfidenceError> {
        let (whole, places) = text.split_once('.').unwrap_or((text, ""));
        let digits = places.len() <= 6 && places.bytes().all(|byte| byte.is_ascii_digit()) && !text.ends_with('.');
        let places: u32 = format!("{places:0<6}").parse().map_err(|_error| ConfidenceError)?;
        match (whole, digits, places) {
            ("0", true, millionths) => Ok(Self(millionths)),
            ("1", true, 0) => Ok(Self::CERTAIN),
            _ => Err(ConfidenceError),
        }
    }
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("0"),
            MILLION => f.write_str("1"),
            millionths => f.write_str(format!("0.{millionths:06}").trim_end_matches('0')),
        }
    }
}

impl fmt::Debug for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Confidence {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_number().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Confidence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_number(&Number::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// What one DID says about another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Attestation {
    /// [`VERSION`].
    pub version: u32,
    /// Who says it.
    pub attester: Did,
    /// About whom.
    pub subject: Did,
    /// What kind of statement it is, for example `event.attended`.
    pub attestation_type: String,
    /// What is said.
    pub claim: Value,
    /// How sure the attester is.
    pub confidence: Confidence,
    /// When it was signed, in milliseconds since the Unix epoch, as the attester claims.
    pub timestamp: i64,
    /// The signature by a key of the attester.
    pub signature: Signature,
}

/// What a statement says, before it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// About whom.
    pub subject: Did,
    /// What kind of statement it is.
    pub attestation_type: String,
    /// What is said.
    pub claim: Value,
    /// How sure the attester is.
    pub confidence: Confidence,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Unsigned<'a> {
    version: u32,
    attester: &'a Did,
    subject: &'a Did,
    attestation_type: &'a str,
    claim: &'a Value,
    confidence: Confidence,
    timestamp: i64,
}

impl Attestation {
    /// Signs a statement as `attester`, whose key this must be.
    ///
    /// # Errors
    /// [`AttestationError`] when the statement has no such form.
    pub fn sign(
        key: &SecretKey,
        attester: Did,
        statement: Statement,
        now: Timestamp,
    ) -> Result<Self, AttestationError> {
        let mut attestation = Self {
            version: VERSION,
            attester,
            subject: statement.subject,
            attestation_type: statement.attestation_type,
            claim: statement.claim,
            confidence: statement.confidence,
            timestamp: now.as_millis(),
            signature: Signature::from_bytes([0; 64]),
        };
        attestation.check()?;
        attestation.signature = key.sign(&attestation.signed_bytes()?);
        Ok(attestation)
    }

    /// Reads a document from outside; refuses what two readers could read differently. The members that a node adds to
    /// it in its answers (`id`, `status`, `recordedAt`) are left out.
    ///
    /// # Errors
    /// [`AttestationError`] when it is no attestation.
    pub fn from_slice(text: &[u8]) -> Result<Self, AttestationError> {
        let mut value: Value = jcs::from_slice(text).map_err(ProofError::from)?;
        if let Value::Object(members) = &mut value {
            members.retain(|name, _| !matches!(name.as_str(), "id" | "status" | "recordedAt"));
        }
        let parsed = serde_json::from_value(value);
        let attestation: Self =
            parsed.map_err(|error| ProofError::from(jcs::JcsError::Malformed(error.to_string())))?;
        attestation.check()?;
        Ok(attestation)
    }

    /// The bytes that the signature covers.
    ///
    /// # Errors
    /// [`ProofError::Jcs`] when the claim has no canonical form.
    pub fn signed_bytes(&self) -> Result<Vec<u8>, ProofError> {
        Ok(jcs::to_bytes(&Unsigned {
            version: self.version,
            attester: &self.attester,
            subject: &self.subject,
            attestation_type: &self.attestation_type,
            claim: &self.claim,
            confidence: self.confidence,
            timestamp: self.timestamp,
        })?)
    }

    /// The form, apart from the signature.
    ///
    /// # Errors
    /// [`AttestationError`], saying what is wrong.
    pub fn check(&self) -> Result<(), AttestationError> {
        if self.version != VERSION {
            return Err(AttestationError::Version);
        }
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-' | b'/');
        let length = self.attestation_type.len();
        if length == 0 || length > TYPE_LENGTH_MAX || !self.attestation_type.bytes().all(is_plain) {
            return Err(AttestationError::Type);
        }
        let claim = jcs::value_to_bytes(&self.claim).map_err(ProofError::from)?;
        if claim.len() > CLAIM_BYTES_MAX {
            return Err(AttestationError::ClaimTooLong);
        }
        if [&self.attester, &self.subject]
            .iter()
            .any(|did| did.method() == Method::Email)
        {
            return Err(AttestationError::Mailbox);
        }
        Ok(())
    }

    /// Checks form and signature with whichever of the attester's keys made it; its age does not matter.
    ///
    /// # Errors
    /// [`AttestationError`]; [`ProofError::NoKey`] for no keys at all.
    pub fn verify(&self, keys: &[PublicKey]) -> Result<(), AttestationError> {
        self.check()?;
        if keys.is_empty() {
            return Err(ProofError::NoKey.into());
        }
        let bytes = self.signed_bytes()?;
        if keys.iter().any(|key| key.verify(&bytes, &self.signature).is_ok()) {
            Ok(())
        } else {
            Err(ProofError::BadSignature.into())
        }
    }

    /// Checks it offline with the key that the attester's DID is; knows of no rotation and no revocation.
    ///
    /// # Errors
    /// As [`Attestation::verify`]; [`ProofError::NoKey`] when the DID is no key.
    pub fn verify_self_certified(&self) -> Result<(), AttestationError> {
        let key = self.attester.public_key().ok_or(ProofError::NoKey)?;
        self.verify(&[key])
    }

    /// Whether it was signed just now, as what a request brings must be.
    ///
    /// # Errors
    /// [`ProofError::TooOld`] or [`ProofError::FromTheFuture`].
    pub fn fresh(&self, now: Timestamp) -> Result<(), ProofError> {
        freshness_check(Timestamp::from_millis(self.timestamp), now)
    }

    /// Its name: 64 hexadecimal digits, the SHA-256 of its canonical bytes with the signature.
    ///
    /// # Errors
    /// [`ProofError::Jcs`] when the claim has no canonical form.
    pub fn id(&self) -> Result<String, ProofError> {
        Ok(sha256_hex(&jcs::to_bytes(self)?))
    }
}

/// What a revocation says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Revoked {
    /// [`Attestation::id`].
    pub attestation: String,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The attester takes an attestation back: a [`SignedMessage`] of the type `revocation`.
pub type Revocation = SignedMessage<Revoked>;

/// Signs a revocation as the attester, whose key this must be.
///
/// # Errors
/// [`AttestationError::ReasonTooLong`].
pub fn revoke(
    key: &SecretKey,
    attester: Did,
    attestation: String,
    reason: Option<String>,
    now: Timestamp,
) -> Result<Revocation, AttestationError> {
    let revoked = Revoked { attestation, reason };
    reason_check(&revoked)?;
    Ok(SignedMessage::sign(key, attester, REVOCATION, None, now, revoked)?)
}

fn reason_check(revoked: &Revoked) -> Result<(), AttestationError> {
    let length = revoked.reason.as_deref().map_or(0, |reason| reason.chars().count());
    if length > REASON_LENGTH_MAX {
        return Err(AttestationError::ReasonTooLong);
    }
    Ok(())
}

/// Checks that the attester has revoked this attestation.
///
/// # Errors
/// [`AttestationError::OtherRevocation`], or that the signature does not count.
pub fn revocation_verify(
    attestation: &Attestation,
    revocation: &Revocation,
    keys: &[PublicKey],
) -> Result<(), AttestationError> {
    let is_same = revocation.from.canonical() == attestation.attester.canonical()
        && revocation.payload.attestation == attestation.id()?;
    if !is_same {
        return Err(AttestationError::OtherRevocation);
    }
    reason_check(&revocation.payload)?;
    Ok(revocation.verify_any(REVOCATION, keys)?)
}

use imajin_did::{Did, KeyKind, Signature, Verify};
use imajin_kernel::Timestamp;

use super::base::{lines_of, signature_base};
use super::component::Component;
use super::input::Input;
use super::{FIELD_LENGTH_MAX, LABEL, SignedRequest};
use crate::ProofError;
use crate::digest::content_digest_verify;
use crate::message::freshness_check;

/// What the verifier knows about the request without its signature.
#[derive(Debug, Clone, Copy)]
pub struct Expectation<'a> {
    /// The current time.
    pub now: Timestamp,
    /// The absolute URL that was called, built from the verifier's own configuration.
    pub target_uri: &'a str,
    /// The method that was used.
    pub method: &'a str,
    /// What the signature must be for; `None` demands a signature without a tag.
    pub tag: Option<&'a str>,
}

/// A request whose signature fits one of the signer's keys, the URL, the method, the body and the time.
///
/// Only [`SignedRequest::verify`] makes one. Its nonce is not spent yet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifiedRequest {
    /// Who signed, in the form to store and compare.
    pub did: Did,
    /// Must be unique for this signer for as long as [`super::NONCE_KEPT_FOR`].
    pub nonce: String,
    /// When it was signed, in whole seconds, as the signer claims and within the window.
    pub created: Timestamp,
    /// The text that was signed (RFC 9421, section 2.5), for the log.
    pub base: String,
    /// The signature over the base.
    pub signature: Signature,
    /// SHA-256 of the body.
    pub body_digest: [u8; 32],
}

/// What a signature of ours covers.
pub(super) fn required(request: &SignedRequest) -> Vec<Component> {
    let mut components = vec![Component::METHOD, Component::TARGET_URI, Component::CONTENT_DIGEST];
    if request.idempotency_key.is_some() {
        components.push(Component::IDEMPOTENCY_KEY);
    }
    components
}

impl SignedRequest {
    /// Checks the signature against the signer's current keys and everything else that it must say.
    ///
    /// # Errors
    /// [`ProofError`] with what was wrong; the cheap checks come before the arithmetic.
    pub fn verify<K: Verify>(&self, keys: &[K], expect: &Expectation<'_>) -> Result<VerifiedRequest, ProofError> {
        let input = Input::parse(&self.signature_input)?;
        let (did, created, nonce) = (input.did()?, input.created()?, input.nonce()?.to_owned());
        let signature = input.signature(&self.signature)?;
        if self.method != expect.method {
            return Err(ProofError::WrongMethod);
        }
        if self.target_uri != expect.target_uri {
            return Err(ProofError::WrongTarget);
        }
        if input.tag.as_deref() != expect.tag {
            return Err(ProofError::WrongTag);
        }
        coverage_check(&input, &required(self))?;
        time_check(&input, expect.now)?;
        let header = self.content_digest.as_deref().ok_or(ProofError::ContentDigest)?;
        if header.len() > FIELD_LENGTH_MAX {
            return Err(ProofError::TooLong("Content-Digest"));
        }
        let body_digest = content_digest_verify(header, &self.body)?;
        let base = signature_base(self, &input.components, &input.params)?;
        signature_check(&base, &signature, input.algorithm, keys)?;
        Ok(VerifiedRequest {
            did,
            nonce,
            created,
            base,
            signature,
            body_digest,
        })
    }
}

pub(super) fn coverage_check(input: &Input, required: &[Component]) -> Result<(), ProofError> {
    match required.iter().find(|component| !input.components.contains(component)) {
        Some(missing) => Err(ProofError::NotCovered(missing.name())),
        None => Ok(()),
    }
}

pub(super) fn time_check(input: &Input, now: Timestamp) -> Result<(), ProofError> {
    freshness_check(input.created()?, now)?;
    if input.expires.is_some_and(|expires| expires <= now) {
        return Err(ProofError::TooOld);
    }
    Ok(())
}

/// Whether one of the keys made the signature. The key decides about the algorithm; a signature that names another is
/// not even tried.
pub(super) fn signature_check<K: Verify>(
    base: &str,
    signature: &Signature,
    algorithm: Option<KeyKind>,
    keys: &[K],
) -> Result<(), ProofError> {
    if keys.is_empty() {
        return Err(ProofError::NoKey);
    }
    let mut fitting = keys
        .iter()
        .filter(|key| algorithm.is_none_or(|named| named == key.kind()))
        .peekable();
    if fitting.peek().is_none() {
        return Err(ProofError::Algorithm);
    }
    if fitting.any(|key| key.verify_signature(base.as_bytes(), signature).is_ok()) {
        Ok(())
    } else {
        Err(ProofError::BadSignature)
    }
}

/// What a logged signature base says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audited {
    /// Who signed, in the form to store and compare.
    pub did: Did,
    /// The signature's nonce.
    pub nonce: String,
    /// When it was signed, as the signer claims.
    pub created: Timestamp,
    /// The method.
    pub method: String,
    /// The absolute URL.
    pub target_uri: String,
    /// The idempotency key, if there was one.
    pub idempotency_key: Option<String>,
    /// The `Content-Digest` header field; compare it with the body by [`content_digest_verify`].
    pub content_digest: String,
}

/// Checks a logged request again, long after its window: the signature over the base, and what the base says.
///
/// The body is compared by [`content_digest_verify`] with [`Audited::content_digest`], as long as it is still there.
///
/// # Errors
/// [`ProofError`] when the signature does not fit any of the keys, or the base is none of ours.
pub fn audit<K: Verify>(base: &str, signature: &Signature, keys: &[K]) -> Result<Audited, ProofError> {
    let lines = lines_of(base).ok_or(ProofError::UnknownComponent)?;
    let find = |name: &str| {
        lines
            .iter()
            .find(|(line, _)| *line == name)
            .map(|(_, value)| (*value).to_owned())
    };
    let required = |name: &'static str| find(name).ok_or(ProofError::NotCovered(name));
    let params = find("@signature-params").ok_or(ProofError::UnknownComponent)?;
    let input = Input::parse(&format!("{LABEL}={params}"))?;
    signature_check(base, signature, input.algorithm, keys)?;
    Ok(Audited {
        did: input.did()?,
        nonce: input.nonce()?.to_owned(),
        created: input.created()?,
        method: required("@method")?,
        target_uri: required("@target-uri")?,
        idempotency_key: find("idempotency-key"),
        content_digest: required("content-digest")?,
    })
}

use imajin_did::{Did, PublicKey, Signature};
use imajin_kernel::Timestamp;

use super::base::{Component, lines_of, signature_base};
use super::input::Input;
use super::{LABEL, SignedRequest};
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

impl SignedRequest {
    /// Checks the signature against the signer's current keys and everything else that it must say.
    ///
    /// # Errors
    /// [`ProofError`] with what was wrong; the cheap checks come before the arithmetic.
    pub fn verify(&self, keys: &[PublicKey], expect: &Expectation<'_>) -> Result<VerifiedRequest, ProofError> {
        let input = Input::parse(&self.signature_input)?;
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
        for component in Component::required(self) {
            if !input.components.contains(&component) {
                return Err(ProofError::NotCovered(component.name()));
            }
        }
        freshness_check(input.created, expect.now)?;
        if input.expires.is_some_and(|expires| expires <= expect.now) {
            return Err(ProofError::TooOld);
        }
        let header = self.content_digest.as_deref().ok_or(ProofError::ContentDigest)?;
        let body_digest = content_digest_verify(header, &self.body)?;
        let base = signature_base(self, &input.components, &input.params)?;
        signature_check(&base, &signature, keys)?;
        let Input {
            keyid: did,
            nonce,
            created,
            ..
        } = input;
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

fn signature_check(base: &str, signature: &Signature, keys: &[PublicKey]) -> Result<(), ProofError> {
    if keys.is_empty() {
        return Err(ProofError::NoKey);
    }
    let is_signed = keys.iter().any(|key| key.verify(base.as_bytes(), signature).is_ok());
    if is_signed {
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
pub fn audit(base: &str, signature: &Signature, keys: &[PublicKey]) -> Result<Audited, ProofError> {
    signature_check(base, signature, keys)?;
    let lines = lines_of(base).ok_or(ProofError::UnknownComponent)?;
    let find = |name: &str| {
        lines
            .iter()
            .find(|(line, _)| *line == name)
            .map(|(_, value)| (*value).to_owned())
    };
    let required = |component: Component| find(component.name()).ok_or(ProofError::NotCovered(component.name()));
    let params = find("@signature-params").ok_or(ProofError::UnknownComponent)?;
    let input = Input::parse(&format!("{LABEL}={params}"))?;
    Ok(Audited {
        did: input.keyid,
        nonce: input.nonce,
        created: input.created,
        method: required(Component::Method)?,
        target_uri: required(Component::TargetUri)?,
        idempotency_key: find(Component::IdempotencyKey.name()),
        content_digest: required(Component::ContentDigest)?,
    })
}

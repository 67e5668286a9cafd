use http::HeaderMap;
use http::header::HeaderName;
use imajin_did::{Did, KeyKind, SecretKey, Signature, Verify};
use imajin_kernel::Timestamp;
use serde::{Deserialize, Serialize};

use super::base::signature_base;
use super::component::{Component, Source};
use super::input::{self, Input, Statement, header};
use super::request::joined;
use super::verify::{coverage_check, signature_check, time_check};
use super::{FIELD_LENGTH_MAX, LABEL, SignedRequest};
use crate::digest::{content_digest, content_digest_verify};
use crate::{ProofError, base64_text};

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");
const SIGNATURE: HeaderName = HeaderName::from_static("signature");

/// An answer with its signature, bound to the request that it answers.
///
/// Holding one proves nothing; only [`SignedResponse::verify`] does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignedResponse {
    /// The status code.
    pub status: u16,
    /// The `Content-Digest` header field (RFC 9530).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_digest: Option<String>,
    /// The `Signature-Input` header field.
    pub signature_input: String,
    /// The `Signature` header field.
    pub signature: String,
    /// The body, byte for byte.
    #[serde(with = "base64_text")]
    pub body: Vec<u8>,
}

/// What a signature over an answer says about the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnsweredRequest<'a> {
    /// The method, in upper case.
    pub method: &'a str,
    /// The absolute URL.
    pub target_uri: &'a str,
    /// Its `Content-Digest` header field.
    pub content_digest: Option<&'a str>,
    /// Its `Signature` header field: with it the answer fits this one request and no other.
    pub signature: Option<&'a str>,
}

impl<'a> From<&'a SignedRequest> for AnsweredRequest<'a> {
    fn from(request: &'a SignedRequest) -> Self {
        Self {
            method: &request.method,
            target_uri: &request.target_uri,
            content_digest: request.content_digest.as_deref(),
            signature: Some(&request.signature),
        }
    }
}

impl Source for AnsweredRequest<'_> {
    fn method(&self) -> Option<&str> {
        Some(self.method)
    }

    fn target_uri(&self) -> Option<&str> {
        Some(self.target_uri)
    }

    fn status(&self) -> Option<u16> {
        None
    }

    fn lines(&self, name: &str) -> Result<Vec<&str>, ProofError> {
        let value = match name {
            "content-digest" => self.content_digest,
            "signature" => self.signature,
            _ => return Err(ProofError::UnknownComponent),
        };
        Ok(value.map(str::trim).into_iter().collect())
    }

    fn request(&self) -> Option<&dyn Source> {
        None
    }
}

/// An answer beside its request.
struct Exchange<'a> {
    response: &'a SignedResponse,
    request: AnsweredRequest<'a>,
}

impl Source for Exchange<'_> {
    fn method(&self) -> Option<&str> {
        None
    }

    fn target_uri(&self) -> Option<&str> {
        None
    }

    fn status(&self) -> Option<u16> {
        Some(self.response.status)
    }

    fn lines(&self, name: &str) -> Result<Vec<&str>, ProofError> {
        match name {
            "content-digest" => Ok(self
                .response
                .content_digest
                .as_deref()
                .map(str::trim)
                .into_iter()
                .collect()),
            _ => Err(ProofError::UnknownComponent),
        }
    }

    fn request(&self) -> Option<&dyn Source> {
        Some(&self.request)
    }
}

/// Everything that an answer must cover.
fn required(request: &AnsweredRequest<'_>) -> Result<Vec<Component>, ProofError> {
    let mut components = vec![
        Component::STATUS,
        Component::CONTENT_DIGEST,
        Component::METHOD_OF_REQUEST,
        Component::TARGET_URI_OF_REQUEST,
    ];
    if request.content_digest.is_some() {
        components.push(Component::CONTENT_DIGEST_OF_REQUEST);
    }
    if let Some(signature) = request.signature {
        components.push(Component::signature_of_request(&input::label_of(signature)?));
    }
    Ok(components)
}

/// The parameters of a signature over an answer. It needs no nonce: the signature of its request is covered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseParams {
    /// Who signs.
    pub keyid: Did,
    /// When; the wire has whole seconds.
    pub created: Timestamp,
    /// What the signature is for, where a protocol demands it.
    pub tag: Option<String>,
}

/// Signs an answer to `request`.
///
/// # Errors
/// [`ProofError`] when a value holds characters that a header field cannot, or the request's signature cannot be read.
pub fn sign_response<'a>(
    key: &SecretKey,
    status: u16,
    body: &[u8],
    request: impl Into<AnsweredRequest<'a>>,
    params: &ResponseParams,
) -> Result<SignedResponse, ProofError> {
    let request = request.into();
    let mut response = SignedResponse {
        status,
        content_digest: Some(content_digest(body)),
        signature_input: String::new(),
        signature: String::new(),
        body: body.to_vec(),
    };
    let components = required(&request)?;
    let statement = Statement {
        label: LABEL,
        keyid: params.keyid.as_str(),
        created: params.created,
        expires: None,
        nonce: None,
        kind: KeyKind::Ed25519,
        tag: params.tag.as_deref(),
    };
    let (signature_params, signature_input) = input::write(&components, &statement)?;
    let exchange = Exchange {
        response: &response,
        request,
    };
    let base = signature_base(&exchange, &components, &signature_params)?;
    response.signature_input = signature_input;
    response.signature = input::write_signature(LABEL, &key.sign(base.as_bytes()))?;
    Ok(response)
}

/// What the asker knows about an answer without its signature.
#[derive(Debug, Clone, Copy)]
pub struct ResponseExpectation<'a> {
    /// The current time, or the time when a stored answer arrived.
    pub now: Timestamp,
    /// What the signature must be for; `None` demands a signature without a tag.
    pub tag: Option<&'a str>,
}

/// An answer whose signature fits one of the signer's keys, the request, the status, the body and the time.
///
/// Only [`SignedResponse::verify`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifiedResponse {
    /// Who signed, in the form to store and compare.
    pub did: Did,
    /// When it was signed, in whole seconds, as the signer claims and within the window.
    pub created: Timestamp,
    /// The text that was signed, to be kept as evidence.
    pub base: String,
    /// The signature over the base.
    pub signature: Signature,
    /// SHA-256 of the body.
    pub body_digest: [u8; 32],
}

impl SignedResponse {
    /// Collects the parts of an answer that arrived.
    ///
    /// # Errors
    /// [`ProofError::Header`] when it is not signed, [`ProofError::TooLong`] when a field is longer than we read.
    pub fn from_parts(status: u16, headers: &HeaderMap, body: Vec<u8>) -> Result<Self, ProofError> {
        let missing = |field| header(field, "it is missing, so the answer is not signed");
        Ok(Self {
            status,
            content_digest: joined(headers, &CONTENT_DIGEST)?,
            signature_input: joined(headers, &SIGNATURE_INPUT)?.ok_or(missing("Signature-Input"))?,
            signature: joined(headers, &SIGNATURE)?.ok_or(missing("Signature"))?,
            body,
        })
    }

    /// The header fields that a server adds to the answer.
    pub fn headers(&self) -> Vec<(HeaderName, &str)> {
        let digest = self.content_digest.as_deref().map(|value| (CONTENT_DIGEST, value));
        let always = [
            (SIGNATURE_INPUT, self.signature_input.as_str()),
            (SIGNATURE, self.signature.as_str()),
        ];
        digest.into_iter().chain(always).collect()
    }

    /// Who claims to have signed, in the form to store and compare: for finding the keys, before anything is proven.
    ///
    /// # Errors
    /// [`ProofError::Header`] when `Signature-Input` cannot be read.
    pub fn keyid(&self) -> Result<Did, ProofError> {
        Input::parse(&self.signature_input)?.did()
    }

    /// Checks the signature against the signer's current keys, the request as it was sent, and the time.
    ///
    /// # Errors
    /// [`ProofError`] with what was wrong; the cheap checks come before the arithmetic.
    pub fn verify<'a, K: Verify>(
        &'a self,
        keys: &[K],
        request: impl Into<AnsweredRequest<'a>>,
        expect: &ResponseExpectation<'_>,
    ) -> Result<VerifiedResponse, ProofError> {
        let request = request.into();
        let input = Input::parse(&self.signature_input)?;
        let (did, created) = (input.did()?, input.created()?);
        let signature = input.signature(&self.signature)?;
        if input.tag.as_deref() != expect.tag {
            return Err(ProofError::WrongTag);
        }
        coverage_check(&input, &required(&request)?)?;
        time_check(&input, expect.now)?;
        let field = self.content_digest.as_deref().ok_or(ProofError::ContentDigest)?;
        if field.len() > FIELD_LENGTH_MAX {
            return Err(ProofError::TooLong("Content-Digest"));
        }
        let body_digest = content_digest_verify(field, &self.body)?;
        let exchange = Exchange {
            response: self,
            request,
        };
        let base = signature_base(&exchange, &input.components, &input.params)?;
        signature_check(&base, &signature, input.algorithm, keys)?;
        Ok(VerifiedResponse {
            did,
            created,
            base,
            signature,
            body_digest,
        })
    }
}

use http::HeaderMap;
use http::header::HeaderName;
use imajin_did::Did;
use serde::{Deserialize, Serialize};

use super::FIELD_LENGTH_MAX;
use super::component::Source;
use super::input::Input;
use crate::{ProofError, base64_text};

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");
const SIGNATURE: HeaderName = HeaderName::from_static("signature");

/// A request with its signature, apart from any HTTP library: it can be stored and sent on to another service.
///
/// Holding one proves nothing; only [`SignedRequest::verify`] does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignedRequest {
    /// The method, in upper case.
    pub method: String,
    /// The absolute URL, as the client called it.
    pub target_uri: String,
    /// The `Content-Digest` header field (RFC 9530).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_digest: Option<String>,
    /// The `Idempotency-Key` header field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// The `Signature-Input` header field.
    pub signature_input: String,
    /// The `Signature` header field.
    pub signature: String,
    /// The body, byte for byte.
    #[serde(with = "base64_text")]
    pub body: Vec<u8>,
}

impl SignedRequest {
    /// Collects the parts of a request that arrived.
    ///
    /// # Errors
    /// [`ProofError::Header`] when the request is not signed, or a header field that must be single is there twice.
    pub fn from_parts(method: &str, target_uri: &str, headers: &HeaderMap, body: Vec<u8>) -> Result<Self, ProofError> {
        let missing = |field| ProofError::Header {
            field,
            problem: "it is missing, so the request is not signed",
        };
        Ok(Self {
            method: method.to_owned(),
            target_uri: target_uri.to_owned(),
            content_digest: joined(headers, &CONTENT_DIGEST)?,
            idempotency_key: single(headers)?,
            signature_input: joined(headers, &SIGNATURE_INPUT)?.ok_or(missing("Signature-Input"))?,
            signature: joined(headers, &SIGNATURE)?.ok_or(missing("Signature"))?,
            body,
        })
    }

    /// The header fields that a client adds to the request that it sends.
    pub fn headers(&self) -> Vec<(HeaderName, &str)> {
        let optional = [
            self.content_digest.as_deref().map(|value| (CONTENT_DIGEST, value)),
            self.idempotency_key.as_deref().map(|value| (IDEMPOTENCY_KEY, value)),
        ];
        let always = [
            (SIGNATURE_INPUT, self.signature_input.as_str()),
            (SIGNATURE, self.signature.as_str()),
        ];
        optional.into_iter().flatten().chain(always).collect()
    }

    /// Who claims to have signed, in the form to store and compare: for finding the keys, before anything is proven.
    ///
    /// # Errors
    /// [`ProofError::Header`] when `Signature-Input` cannot be read.
    pub fn keyid(&self) -> Result<Did, ProofError> {
        Input::parse(&self.signature_input)?.did()
    }
}

impl Source for SignedRequest {
    fn method(&self) -> Option<&str> {
        Some(&self.method)
    }

    fn target_uri(&self) -> Option<&str> {
        Some(&self.target_uri)
    }

    fn status(&self) -> Option<u16> {
        None
    }

    /// Of the header only what a request of ours needs is kept; what else is covered cannot be computed.
    fn lines(&self, name: &str) -> Result<Vec<&str>, ProofError> {
        let value = match name {
            "content-digest" => self.content_digest.as_deref(),
            "idempotency-key" => self.idempotency_key.as_deref(),
            "signature-input" => Some(self.signature_input.as_str()),
            "signature" => Some(self.signature.as_str()),
            _ => return Err(ProofError::UnknownComponent),
        };
        Ok(value.map(str::trim).into_iter().collect())
    }

    fn request(&self) -> Option<&dyn Source> {
        None
    }
}

/// All lines of a field as one value (RFC 9421, section 2.1), if they are not too long.
pub(super) fn joined(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, ProofError> {
    let field = match name.as_str() {
        "content-digest" => "Content-Digest",
        "idempotency-key" => "Idempotency-Key",
        "signature-input" => "Signature-Input",
        _ => "Signature",
    };
    let (mut lines, mut length) = (Vec::new(), 0_usize);
    for value in headers.get_all(name) {
        let line = value.to_str().or(Err(ProofError::BadCharacters(field)))?.trim();
        length = length.saturating_add(line.len()).saturating_add(2);
        if length > FIELD_LENGTH_MAX {
            return Err(ProofError::TooLong(field));
        }
        lines.push(line);
    }
    Ok((!lines.is_empty()).then(|| lines.join(", ")))
}

fn single(headers: &HeaderMap) -> Result<Option<String>, ProofError> {
    let field = "Idempotency-Key";
    if headers.get_all(&IDEMPOTENCY_KEY).iter().nth(1).is_some() {
        return Err(ProofError::Header {
            field,
            problem: "it is there more than once",
        });
    }
    joined(headers, &IDEMPOTENCY_KEY)
}

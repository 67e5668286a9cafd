use imajin_did::{Did, KeyKind, SecretKey};
use imajin_kernel::{Env, Timestamp};
use url::Url;

use super::base::signature_base;
use super::component::visible_check;
use super::input::Statement;
use super::verify::required;
use super::{LABEL, SignedRequest, input};
use crate::ProofError;
use crate::digest::content_digest;

/// What a client wants to send.
#[derive(Debug, Clone, Copy)]
pub struct RequestToSign<'a> {
    /// The method, in upper case.
    pub method: &'a str,
    /// The absolute URL that will be called, with its query.
    pub target_uri: &'a str,
    /// The `Idempotency-Key` header field, if it will be sent.
    pub idempotency_key: Option<&'a str>,
    /// The body, byte for byte; may be empty.
    pub body: &'a [u8],
}

/// The parameters of a signature (RFC 9421, section 2.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureParams {
    /// Who signs.
    pub keyid: Did,
    /// When; the wire has whole seconds.
    pub created: Timestamp,
    /// Unique for this signer; 1 to 128 visible characters.
    pub nonce: String,
    /// What the signature is for, where a route demands it.
    pub tag: Option<String>,
}

impl SignatureParams {
    /// A signature by `keyid` made now, with a fresh nonce of 128 bits.
    pub fn now(keyid: Did, env: &Env) -> Self {
        Self {
            keyid,
            created: env.now(),
            nonce: hex::encode(env.random_bytes::<16>()),
            tag: None,
        }
    }

    /// Adds what the signature is for.
    #[must_use]
    pub fn tag(mut self, tag: &str) -> Self {
        self.tag = Some(tag.to_owned());
        self
    }
}

/// Signs a request with the label `sig1`.
///
/// # Errors
/// [`ProofError`] when the URL is not absolute, or a value holds characters that a header field cannot.
pub fn sign(
    key: &SecretKey,
    request: &RequestToSign<'_>,
    params: &SignatureParams,
) -> Result<SignedRequest, ProofError> {
    Url::parse(request.target_uri).or(Err(ProofError::WrongTarget))?;
    visible_check(request.idempotency_key.unwrap_or_default(), "idempotency-key")?;
    let mut signed = SignedRequest {
        method: request.method.to_owned(),
        target_uri: request.target_uri.to_owned(),
        content_digest: Some(content_digest(request.body)),
        idempotency_key: request.idempotency_key.map(|value| value.trim().to_owned()),
        signature_input: String::new(),
        signature: String::new(),
        body: request.body.to_vec(),
    };
    let components = required(&signed);
    let statement = Statement {
        label: LABEL,
        keyid: params.keyid.as_str(),
        created: params.created,
        expires: None,
        nonce: Some(&params.nonce),
        kind: KeyKind::Ed25519,
        tag: params.tag.as_deref(),
    };
    let (signature_params, signature_input) = input::write(&components, &statement)?;
    let base = signature_base(&signed, &components, &signature_params)?;
    signed.signature_input = signature_input;
    signed.signature = input::write_signature(LABEL, &key.sign(base.as_bytes()))?;
    Ok(signed)
}

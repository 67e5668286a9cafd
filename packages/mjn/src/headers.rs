//! The names of the header fields, and how their values are read and written.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use imajin_did::Signature;
use imajin_proof::ProofError;
use imajin_proof::http_sig::MessageView;

use crate::{LABEL, MjnError};

/// Who asks, or who answers.
pub const DID: HeaderName = HeaderName::from_static("x-mjn-did");
/// The asker's declaration of consent: base64 of its JSON.
pub const CONSENT: HeaderName = HeaderName::from_static("x-mjn-consent");
/// What the asker pays, at most and how: base64 of its JSON.
pub const SETTLEMENT: HeaderName = HeaderName::from_static("x-mjn-settlement");
/// When the exchange was signed: RFC 3339 in whole seconds.
pub const TIMESTAMP: HeaderName = HeaderName::from_static("x-mjn-timestamp");
/// The signature once more, for readers without RFC 9421: base64 of its 64 bytes.
pub const SIGNATURE: HeaderName = HeaderName::from_static("x-mjn-signature");
/// The manifest of the answer.
pub const FAIR: HeaderName = HeaderName::from_static("x-mjn-fair");
/// The receipt of the answer; reserved, while it is still streamed.
pub const RECEIPT: HeaderName = HeaderName::from_static("x-mjn-receipt");

pub(crate) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
pub(crate) const RFC_SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");
pub(crate) const RFC_SIGNATURE: HeaderName = HeaderName::from_static("signature");

/// The longest value of one of these headers.
const VALUE_LENGTH_MAX: usize = imajin_proof::http_sig::FIELD_LENGTH_MAX;

/// The name as it is written in prose.
fn spoken(name: &HeaderName) -> &'static str {
    match name.as_str() {
        "x-mjn-did" => "X-MJN-DID",
        "x-mjn-consent" => "X-MJN-Consent",
        "x-mjn-settlement" => "X-MJN-Settlement",
        "x-mjn-timestamp" => "X-MJN-Timestamp",
        "x-mjn-signature" => "X-MJN-Signature",
        "x-mjn-fair" => "X-MJN-Fair",
        "x-mjn-receipt" => "X-MJN-Receipt",
        "content-digest" => "Content-Digest",
        "idempotency-key" => "Idempotency-Key",
        _ => "Signature",
    }
}

/// The one value of a field, if it is there.
pub(crate) fn optional<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, MjnError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(MjnError::Twice(spoken(name)));
    }
    let text = value.to_str().or(Err(ProofError::BadCharacters(spoken(name))))?.trim();
    if text.len() > VALUE_LENGTH_MAX {
        return Err(MjnError::TooLarge(spoken(name)));
    }
    Ok(Some(text))
}

/// The one value of a field that must be there.
pub(crate) fn required<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<&'a str, MjnError> {
    optional(headers, name)?.ok_or(MjnError::Missing(spoken(name)))
}

/// A value that parses.
pub(crate) fn parsed<T>(headers: &HeaderMap, name: &HeaderName) -> Result<T, MjnError>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    required(headers, name)?.parse().map_err(|error| invalid(name, &error))
}

pub(crate) fn invalid(name: &HeaderName, reason: &dyn std::fmt::Display) -> MjnError {
    MjnError::Header {
        name: spoken(name),
        reason: reason.to_string().chars().take(160).collect(),
    }
}

/// The bytes of a value that is base64 (RFC 4648, section 4, with padding).
pub(crate) fn decoded(headers: &HeaderMap, name: &HeaderName) -> Result<Vec<u8>, MjnError> {
    let text = required(headers, name)?;
    let decoded = STANDARD.decode(text);
    decoded.map_err(|_error| invalid(name, &"it must be base64 with padding"))
}

/// Sets a field; a value that a header cannot hold is refused.
pub(crate) fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) -> Result<(), MjnError> {
    let spoken = spoken(&name);
    let value = HeaderValue::from_str(value).or(Err(ProofError::BadCharacters(spoken)))?;
    headers.insert(name, value);
    Ok(())
}

/// What `X-MJN-Signature` says of a signature.
pub(crate) fn repeated(signature: &Signature) -> String {
    STANDARD.encode(signature.as_bytes())
}

/// A field with its identifier in the signature base.
pub(crate) struct Covered {
    pub(crate) identifier: &'static str,
    pub(crate) name: &'static str,
}

pub(crate) const fn covered(identifier: &'static str, name: &'static str) -> Covered {
    Covered { identifier, name }
}

/// Of a request, what an answer to it is bound to: its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestBinding {
    headers: HeaderMap,
    repeated: String,
}

impl RequestBinding {
    /// The identifier of the component that binds an answer (RFC 9421, section 2.4).
    pub(crate) const COVERED: Covered = covered("\"signature\";req;key=\"mjn\"", "the request's signature");

    /// Reads it from the header of a request, before anything of it is proven.
    ///
    /// # Errors
    /// [`MjnError::Proof`] when the request has no readable signature of this protocol.
    pub fn of_request(headers: &HeaderMap) -> Result<Self, MjnError> {
        let nowhere = MessageView::request("", "", headers);
        Self::of_signature(nowhere.signature(LABEL)?.value())
    }

    pub(crate) fn of_signature(signature: &Signature) -> Result<Self, MjnError> {
        let repeated = repeated(signature);
        let mut headers = HeaderMap::new();
        set(&mut headers, RFC_SIGNATURE, &format!("{LABEL}=:{repeated}:"))?;
        Ok(Self { headers, repeated })
    }

    /// The request's signature in base64.
    pub fn as_str(&self) -> &str {
        &self.repeated
    }

    /// The request as far as an answer covers it.
    pub(crate) const fn view(&self) -> MessageView<'_> {
        MessageView::request("", "", &self.headers)
    }
}

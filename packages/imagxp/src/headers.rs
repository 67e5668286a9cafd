use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName};
use imajin_did::{P256Key, Signature};

use crate::{AgentKey, Claim, ClaimError, Names, key_from_spki, key_to_spki};

/// The claim: base64 of its JSON.
pub const PAYLOAD: HeaderName = HeaderName::from_static("x-imagxp-payload");
/// The signature: hex of r and s; base64 and DER are read too.
pub const SIGNATURE: HeaderName = HeaderName::from_static("x-imagxp-signature");
/// The agent's key: base64 of its SPKI. Without it, the agent's manifest says which key it is.
pub const PUBLIC_KEY: HeaderName = HeaderName::from_static("x-imagxp-public-key");

const PAYLOAD_LENGTH_MAX: usize = 8 * 1024;
const SIGNATURE_LENGTH_MAX: usize = 256;
const KEY_LENGTH_MAX: usize = 1_024;

/// A signature as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Written {
    Fixed(Signature),
    Der(Vec<u8>),
}

/// The headers of a claim, read and not yet checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimHeaders {
    /// The claim.
    pub claim: Claim,
    /// The key that the request itself names: believed only if the agent's manifest names it too.
    pub key: Option<P256Key>,
    pub(crate) payload: String,
    pub(crate) signature: Written,
}

impl ClaimHeaders {
    /// Reads the headers of a request.
    ///
    /// # Errors
    /// [`ClaimError::Missing`] when there is no claim, [`ClaimError::Malformed`] when there is half of one.
    pub fn read(headers: &HeaderMap, names: Names) -> Result<Self, ClaimError> {
        let payload = single(headers, &PAYLOAD, PAYLOAD_LENGTH_MAX)?;
        let signature = single(headers, &SIGNATURE, SIGNATURE_LENGTH_MAX)?;
        let (payload, signature) = match (payload, signature) {
            (None, None) => return Err(ClaimError::Missing),
            (Some(payload), Some(signature)) => (payload, signature),
            _ => return Err(ClaimError::Malformed("payload and signature come together")),
        };
        let json = STANDARD.decode(payload);
        let json = json.map_err(|_error| ClaimError::Malformed("the payload is no base64"))?;
        let key = single(headers, &PUBLIC_KEY, KEY_LENGTH_MAX)?;
        Ok(Self {
            claim: Claim::parse(&json, names)?,
            key: key.map(key_from_spki).transpose()?,
            payload: payload.to_owned(),
            signature: signature_read(signature)?,
        })
    }

    /// Signs a claim: the headers that an agent sends.
    ///
    /// # Errors
    /// [`ClaimError::Malformed`] when the claim has no canonical form.
    pub fn sign(key: &AgentKey, claim: &Claim) -> Result<HeaderMap, ClaimError> {
        let bytes = claim.canonical_bytes()?;
        let signature = hex::encode(key.sign(&bytes)?);
        let fields = [
            (PAYLOAD, STANDARD.encode(&bytes)),
            (SIGNATURE, signature),
            (PUBLIC_KEY, key_to_spki(key.public())),
        ];
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let value = value
                .parse()
                .map_err(|_error| ClaimError::Malformed("it does not fit into a header"))?;
            headers.insert(name, value);
        }
        Ok(headers)
    }
}

pub(crate) fn single<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
    length_max: usize,
) -> Result<Option<&'a str>, ClaimError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(ClaimError::Malformed("a header is there more than once"));
    }
    let text = value
        .to_str()
        .or(Err(ClaimError::Malformed("a header is not ASCII")))?
        .trim();
    if text.len() > length_max {
        return Err(ClaimError::TooLong("a header"));
    }
    Ok(Some(text))
}

/// Hex of 64 bytes is what we write; some agents write base64, of the same bytes or of DER.
fn signature_read(text: &str) -> Result<Written, ClaimError> {
    if let Some(signature) = hex::decode(text).ok().and_then(|bytes| Signature::from_slice(&bytes)) {
        return Ok(Written::Fixed(signature));
    }
    let bytes = hex::decode(text).or_else(|_not_hex| STANDARD.decode(text));
    let bytes = bytes.map_err(|_error| ClaimError::Malformed("the signature is neither hex nor base64"))?;
    match (Signature::from_slice(&bytes), bytes.first()) {
        (Some(signature), _) => Ok(Written::Fixed(signature)),
        // A DER sequence of two integers has at least 8 bytes.
        (None, Some(0x30)) if (8..=72).contains(&bytes.len()) => Ok(Written::Der(bytes)),
        _ => Err(ClaimError::Malformed(
            "the signature has neither 64 bytes nor the form DER",
        )),
    }
}

//! The directory of an agent's keys.

use http::HeaderMap;
use imajin_kernel::Timestamp;
use imajin_proof::ProofError;
use imajin_proof::http_sig::{MessageParams, MessageView, Signer};
use imajin_proof::jose::Jwks;
use serde_json::Value;

use super::{LIFETIME, SIGNATURE, SIGNATURE_INPUT, set};
use crate::ClaimError;

/// The media type of a directory of keys.
pub const DIRECTORY_TYPE: &str = "application/http-message-signatures-directory+json";
/// Where a directory is, beneath the agent's origin.
pub const DIRECTORY_PATH: &str = "/.well-known/http-message-signatures-directory";

const DIRECTORY_TAG: &str = "http-message-signatures-directory";

/// The headers by which the holder of keys, with their thumbprints, shows that they belong into the directory that is
/// answered: a signature of each over the authority that was asked.
///
/// # Errors
/// [`ProofError`] when the URL is none.
pub fn directory_sign(keys: &[(&dyn Signer, &str)], url: &str, now: Timestamp) -> Result<HeaderMap, ProofError> {
    let none = HeaderMap::new();
    let request = MessageView::request("GET", url, &none);
    let (mut inputs, mut signatures) = (Vec::new(), Vec::new());
    for (number, (key, thumbprint)) in (1_u32..).zip(keys) {
        let params = MessageParams {
            label: &format!("sig{number}"),
            keyid: thumbprint,
            created: now,
            expires: Some(now.plus(LIFETIME)),
            nonce: None,
            tag: Some(DIRECTORY_TAG),
        };
        let answer = MessageView::response(200, &none, Some(&request));
        let signed = answer.sign(*key, &["\"@authority\";req"], &params)?;
        inputs.push(signed.signature_input);
        signatures.push(signed.signature);
    }
    let mut headers = HeaderMap::new();
    set(&mut headers, SIGNATURE_INPUT, &inputs.join(", "))?;
    set(&mut headers, SIGNATURE, &signatures.join(", "))?;
    Ok(headers)
}

/// Reads a directory of keys. They are found by their thumbprints: a key may have another name, or none.
///
/// # Errors
/// [`ClaimError`].
pub fn directory_parse(json: &[u8]) -> Result<Jwks, ClaimError> {
    if json.len() > crate::MANIFEST_BYTES_MAX {
        return Err(ClaimError::TooLong("the directory"));
    }
    let wrong = ClaimError::Malformed("the directory of keys is not valid");
    let mut document: Value = serde_json::from_slice(json).or(Err(wrong.clone()))?;
    let keys = document.get_mut("keys").and_then(Value::as_array_mut);
    for (index, key) in keys.into_iter().flatten().enumerate() {
        let Some(members) = key.as_object_mut() else { continue };
        members
            .entry("kid")
            .or_insert_with(|| Value::from(format!("unnamed-{index}")));
        // Some write the algorithm's name of RFC 9421. The curve says which it is.
        if members.get("kty").is_some_and(|kind| kind != "RSA") {
            members.remove("alg");
        }
    }
    serde_json::from_value(document).or(Err(wrong))
}

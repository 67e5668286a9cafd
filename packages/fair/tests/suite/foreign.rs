//! The signatures of other software, made here a second time without anything of ours: members sorted by hand, and the
//! Ed25519 of aws-lc-rs.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

/// A key, and the DID that Imajin writes for it.
pub(crate) struct Signer {
    pair: Ed25519KeyPair,
    pub(crate) did: String,
}

impl Signer {
    pub(crate) fn new(seed: u8) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let did = format!("did:imajin:{}", base58(pair.public_key().as_ref()));
        Self { pair, did }
    }

    fn sign(&self, document: &Value) -> Vec<u8> {
        let mut rest = document.clone();
        rest.as_object_mut()
            .unwrap()
            .retain(|name, _| name != "signature" && name != "platformSignature");
        self.pair.sign(canonical(&rest).as_bytes()).as_ref().to_vec()
    }

    /// The form of Imajin 1.0.
    pub(crate) fn hex(&self, document: &Value) -> Value {
        let digits: Vec<String> = self.sign(document).iter().map(|byte| format!("{byte:02x}")).collect();
        let digits = digits.concat();
        json!({"algorithm": "ed25519", "value": digits, "publicKeyRef": self.did})
    }

    /// The form of Imajin 1.1.
    pub(crate) fn base64url(&self, document: &Value) -> Value {
        let text = base64url(&self.sign(document));
        json!({"signer": self.did, "alg": "ed25519", "value": text, "signedAt": "2026-03-01T12:00:00.000Z"})
    }
}

/// Sorted members, no spaces. The strings of these tests need no escapes, their numbers no exponents.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut names: Vec<_> = members.keys().collect();
            names.sort_by_key(|name| name.encode_utf16().collect::<Vec<_>>());
            let parts = names
                .into_iter()
                .map(|name| format!("\"{name}\":{}", canonical(&members[name])));
            format!("{{{}}}", parts.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => {
            let parts = items.iter().map(canonical);
            format!("[{}]", parts.collect::<Vec<_>>().join(","))
        }
        Value::String(text) => format!("\"{text}\""),
        Value::Number(number) => decimal(number),
        other => other.to_string(),
    }
}

/// JavaScript writes small numbers with an exponent, as `5e-7`; Rust's JSON writer does so at other bounds.
fn decimal(number: &serde_json::Number) -> String {
    let value = number.as_f64().unwrap();
    if value != 0.0 && value < 1e-6 {
        format!("{value:e}")
    } else {
        value.to_string()
    }
}

fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let group = |chunk: &[u8]| {
        let bits = (0..3).fold(0_usize, |bits, place| {
            bits << 8 | usize::from(chunk.get(place).copied().unwrap_or(0))
        });
        let digits = (0..=chunk.len()).map(|place| char::from(DIGITS[bits >> (18 - 6 * place) & 63]));
        digits.collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}

fn base58(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut number = num_bigint::BigUint::from_bytes_be(bytes);
    let mut text = Vec::new();
    while number > num_bigint::BigUint::ZERO {
        let digit = usize::try_from(&number % 58_u32).unwrap();
        text.push(DIGITS[digit]);
        number /= 58_u32;
    }
    text.extend(bytes.iter().take_while(|byte| **byte == 0).map(|_| b'1'));
    text.reverse();
    String::from_utf8(text).unwrap()
}

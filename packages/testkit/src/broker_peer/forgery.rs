//! Visas that the broker has not signed, as somebody would make them who knows what it publishes.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use imajin_proof::jose::SigningKey;
use imajin_proof::token::TokenKind as _;
use serde_json::{Value, json};

use super::{BrokerPeer, Naming, VisaClaims, VisaWish, key_make};

/// What stands in front of the point of a P-256 key in its SPKI (RFC 5480, section 2).
const SPKI_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// How a visa is forged.
#[derive(Clone, Copy)]
pub enum Forgery<'a> {
    /// Signed with another key, under the name of the broker's.
    OtherKey,
    /// With this algorithm in its header, `none` in whichever letters, and without a signature.
    Unsigned(&'a str),
    /// HS256, with the broker's public key as the secret, in this form.
    PublicKeyAsSecret(KeyForm),
    /// Signed with a key that nobody publishes, under its own name.
    UnknownKid,
    /// Signed with the key of another broker, under the name that it has there.
    KeyOf(&'a BrokerPeer),
}

/// A form in which a program may have a public key at hand, and take it for a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyForm {
    /// The JSON of a key set.
    Jwk,
    /// The uncompressed point.
    Point,
    /// SPKI.
    Der,
    /// SPKI as text, with a line end.
    Pem,
}

impl KeyForm {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Jwk, Self::Point, Self::Der, Self::Pem];

    fn bytes(self, jwk: &Value) -> Vec<u8> {
        let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(jwk.get(name).and_then(Value::as_str).unwrap_or_default());
        let (x, y) = (coordinate("x").unwrap_or_default(), coordinate("y").unwrap_or_default());
        let point = [[4_u8].as_slice(), &x, &y].concat();
        let der = [SPKI_PREFIX.as_slice(), &point].concat();
        match self {
            Self::Jwk => jwk.to_string().into_bytes(),
            Self::Point => point,
            Self::Der => der,
            Self::Pem => {
                let text = STANDARD.encode(der);
                let (first, rest) = text.split_at(64);
                format!("-----BEGIN PUBLIC KEY-----\n{first}\n{rest}\n-----END PUBLIC KEY-----\n").into_bytes()
            }
        }
    }
}

impl BrokerPeer {
    /// A visa that the broker has not signed, and of which it knows nothing.
    pub fn visa_forged(&self, wish: &VisaWish, forgery: Forgery<'_>) -> String {
        let jti = hex::encode(self.env.random_bytes::<8>());
        let (own, naming) = (self.state().key.clone(), Naming::Both);
        match forgery {
            Forgery::OtherKey => {
                let text = self.visa_sign(&key_make(&self.env), &jti, (wish, naming));
                headed(&text, "ES256", own.kid())
            }
            Forgery::Unsigned(algorithm) => {
                let text = headed(&self.visa_sign(&own, &jti, (wish, naming)), algorithm, own.kid());
                format!("{}.", signed_part(&text))
            }
            Forgery::PublicKeyAsSecret(form) => {
                let text = headed(&self.visa_sign(&own, &jti, (wish, naming)), "HS256", own.kid());
                let secret = form.bytes(&json!(own.jwk()));
                let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
                let signature = hmac::sign(&key, signed_part(&text).as_bytes());
                format!("{}.{}", signed_part(&text), URL_SAFE_NO_PAD.encode(signature))
            }
            Forgery::UnknownKid => self.visa_sign(&key_make(&self.env), &jti, (wish, naming)),
            Forgery::KeyOf(other) => {
                let key: SigningKey = other.state().key.clone();
                self.visa_sign(&key, &jti, (wish, naming))
            }
        }
    }
}

/// The same token with another header; its signature stays as it was.
fn headed(text: &str, algorithm: &str, kid: &str) -> String {
    let header = json!({"typ": VisaClaims::TYP, "alg": algorithm, "kid": kid}).to_string();
    let rest = text.split_once('.').map_or("", |(_header, rest)| rest);
    format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header))
}

/// What is signed of a token: its header and its claims.
fn signed_part(text: &str) -> &str {
    text.rsplit_once('.').map_or("", |(signed, _signature)| signed)
}

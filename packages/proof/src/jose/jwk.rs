use std::fmt;

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use imajin_did::{P256Key, PublicKey, Signature, VerifyingKey};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

use super::{Algorithm, JoseError};
use crate::digest::sha256;

/// The most keys that a set may have: an issuer has a few kinds, and a few generations of each.
pub const KEYS_MAX: usize = 64;
/// 2048 to 4096 bits: shorter is weak, longer makes a verifier work for nothing.
const RSA_MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=512;
/// 65537 has three bytes; larger exponents only cost time.
const RSA_EXPONENT_BYTES_MAX: usize = 4;
const KID_LENGTH_MAX: usize = 256;

/// A public key for signatures with its name (RFC 7517): checked and ready to verify.
#[derive(Clone)]
pub struct Jwk {
    kid: String,
    material: Material,
}

#[derive(Clone)]
enum Material {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
        parsed: Box<ParsedPublicKey>,
    },
    P256(P256Key),
    Ed25519(PublicKey),
}

impl Jwk {
    /// A key of a DID, named by its thumbprint.
    pub fn from_key(key: impl Into<VerifyingKey>) -> Self {
        Self::named_by_thumbprint(match key.into() {
            VerifyingKey::Ed25519(key) => Material::Ed25519(key),
            VerifyingKey::P256(key) => Material::P256(key),
        })
    }

    /// An RSA key by its modulus and exponent, big-endian without leading zeros, named by its thumbprint.
    ///
    /// # Errors
    /// [`JoseError::Jwk`] when they are out of bounds.
    pub fn from_rsa(n: Vec<u8>, e: Vec<u8>) -> Result<Self, JoseError> {
        Ok(Self::named_by_thumbprint(rsa(n, e)?))
    }

    fn named_by_thumbprint(material: Material) -> Self {
        let kid = material.thumbprint();
        Self { kid, material }
    }

    /// The same key under another name, as its issuer publishes it.
    ///
    /// # Errors
    /// [`JoseError::Jwk`] when the name is empty or longer than 256 bytes.
    pub fn with_kid(mut self, kid: &str) -> Result<Self, JoseError> {
        if kid.is_empty() || kid.len() > KID_LENGTH_MAX {
            return Err(JoseError::Jwk);
        }
        kid.clone_into(&mut self.kid);
        Ok(self)
    }

    /// The name; of our own keys the thumbprint.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The one algorithm of this key.
    pub const fn algorithm(&self) -> Algorithm {
        match self.material {
            Material::Rsa { .. } => Algorithm::RS256,
            Material::P256(_) => Algorithm::ES256,
            Material::Ed25519(_) => Algorithm::EdDSA,
        }
    }

    /// The key as one that a DID can have; none for RSA.
    pub fn verifying_key(&self) -> Option<VerifyingKey> {
        match &self.material {
            Material::Rsa { .. } => None,
            Material::P256(key) => Some(key.clone().into()),
            Material::Ed25519(key) => Some((*key).into()),
        }
    }

    /// SHA-256 over the required members (RFC 7638): a name that anyone can compute.
    pub fn thumbprint(&self) -> String {
        self.material.thumbprint()
    }

    /// Whether the owner of this key signed these bytes by the algorithm of the key.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Material::Rsa { parsed, .. } => parsed.verify_sig(message, signature).is_ok(),
            Material::P256(key) => {
                Signature::from_slice(signature).is_some_and(|signature| key.verify(message, &signature).is_ok())
            }
            Material::Ed25519(key) => {
                Signature::from_slice(signature).is_some_and(|signature| key.verify(message, &signature).is_ok())
            }
        }
    }
}

impl Material {
    /// The required members, in the order of their names.
    fn members(&self) -> Vec<(&'static str, String)> {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Rsa { n, e, .. } => vec![("e", text(e)), ("kty", "RSA".to_owned()), ("n", text(n))],
            Self::P256(key) => {
                let (x, y) = key.coordinates();
                vec![
                    ("crv", "P-256".to_owned()),
                    ("kty", "EC".to_owned()),
                    ("x", text(&x)),
                    ("y", text(&y)),
                ]
            }
            Self::Ed25519(key) => vec![
                ("crv", "Ed25519".to_owned()),
                ("kty", "OKP".to_owned()),
                ("x", text(key.as_bytes())),
            ],
        }
    }

    fn thumbprint(&self) -> String {
        // None of these values has a character that JSON would escape.
        let members: Vec<String> = self
            .members()
            .into_iter()
            .map(|(name, value)| format!("\"{name}\":\"{value}\""))
            .collect();
        URL_SAFE_NO_PAD.encode(sha256(format!("{{{}}}", members.join(",")).as_bytes()))
    }
}

fn rsa(n: Vec<u8>, e: Vec<u8>) -> Result<Material, JoseError> {
    if !RSA_MODULUS_BYTES.contains(&n.len()) || e.len() > RSA_EXPONENT_BYTES_MAX {
        return Err(JoseError::Jwk);
    }
    let components = RsaPublicKeyComponents { n: &n, e: &e };
    let parsed = components.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256);
    let parsed = Box::new(parsed.or(Err(JoseError::Jwk))?);
    Ok(Material::Rsa { n, e, parsed })
}

impl PartialEq for Jwk {
    fn eq(&self, other: &Self) -> bool {
        self.kid == other.kid && self.material.members() == other.material.members()
    }
}

impl Eq for Jwk {}

impl fmt::Debug for Jwk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jwk({} {})", self.algorithm(), self.kid)
    }
}

impl Serialize for Jwk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.material.members() {
            map.serialize_entry(name, &value)?;
        }
        map.serialize_entry("kid", &self.kid)?;
        map.serialize_entry("alg", self.algorithm().name())?;
        map.serialize_entry("use", "sig")?;
        map.end()
    }
}

#[derive(Deserialize)]
struct Wire {
    kty: String,
    kid: String,
    crv: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    /// Private members of all kinds of key; a symmetric key has only this one.
    d: Option<Value>,
    k: Option<Value>,
}

impl Wire {
    fn read(self) -> Result<Jwk, JoseError> {
        if self.d.is_some() || self.k.is_some() {
            return Err(JoseError::Published);
        }
        if self.purpose.as_deref().is_some_and(|purpose| purpose != "sig") {
            return Err(JoseError::Jwk);
        }
        let bytes = |member: &Option<String>| member.as_deref().and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        let field = |member: &Option<String>| bytes(member).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let material = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", None) => bytes(&self.n).zip(bytes(&self.e)).and_then(|(n, e)| rsa(n, e).ok()),
            ("EC", Some("P-256")) => field(&self.x)
                .zip(field(&self.y))
                .and_then(|(x, y)| P256Key::from_coordinates(&x, &y).ok())
                .map(Material::P256),
            ("OKP", Some("Ed25519")) => field(&self.x)
                .and_then(|x| PublicKey::from_bytes(&x).ok())
                .map(Material::Ed25519),
            _ => None,
        };
        let material = material.ok_or(JoseError::Jwk)?;
        let key = Jwk::named_by_thumbprint(material).with_kid(&self.kid)?;
        // A key that is meant for another algorithm, such as RSA with PSS, is none of ours.
        if self.alg.is_some_and(|alg| alg != key.algorithm().name()) {
            return Err(JoseError::Jwk);
        }
        Ok(key)
    }
}

impl<'de> Deserialize<'de> for Jwk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Wire::deserialize(deserializer)?.read().map_err(de::Error::custom)
    }
}

/// The keys of one issuer (RFC 7517, section 5), each with a `kid` of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Jwks {
    keys: Vec<Jwk>,
}

impl Jwks {
    /// A set of keys; the same key twice counts once.
    ///
    /// # Errors
    /// [`JoseError::SameKid`] or [`JoseError::TooMany`].
    pub fn new(keys: Vec<Jwk>) -> Result<Self, JoseError> {
        let mut set = Self::default();
        for key in keys {
            match set.find(&key.kid) {
                Some(known) if *known == key => {}
                Some(_) => return Err(JoseError::SameKid),
                None => set.keys.push(key),
            }
        }
        if set.keys.len() > KEYS_MAX {
            return Err(JoseError::TooMany);
        }
        Ok(set)
    }

    /// The key with this name.
    pub fn find(&self, kid: &str) -> Option<&Jwk> {
        self.keys.iter().find(|key| key.kid == kid)
    }

    /// All of them, in their order.
    pub fn keys(&self) -> &[Jwk] {
        &self.keys
    }
}

impl<'de> Deserialize<'de> for Jwks {
    /// Keys that we cannot use are left out, as RFC 7517, section 5 says. A private key or one name for two keys spoils
    /// the whole set: whoever publishes that has lost control of it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct WireSet {
            keys: Vec<Value>,
        }
        let wire = WireSet::deserialize(deserializer)?;
        if wire.keys.len() > KEYS_MAX {
            return Err(de::Error::custom(JoseError::TooMany));
        }
        let mut keys = Vec::with_capacity(wire.keys.len());
        for value in wire.keys {
            match Wire::deserialize(value).map(Wire::read) {
                Ok(Ok(key)) => keys.push(key),
                Ok(Err(JoseError::Published)) => return Err(de::Error::custom(JoseError::Published)),
                Ok(Err(_)) | Err(_) => {}
            }
        }
        Self::new(keys).map_err(de::Error::custom)
    }
}

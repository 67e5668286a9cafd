//! The key in a verification method, in the forms in which documents of others have it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::{Did, DidDocument, MethodReference, P256Key, PublicKey, Service, VerificationMethod, VerifyingKey};

impl VerificationMethod {
    /// The key, if it is of a kind that we check.
    ///
    /// Read are `Multikey`, `JsonWebKey` and the older suites `Ed25519VerificationKey2020`, `JsonWebKey2020`,
    /// `Ed25519VerificationKey2018` and `P256Key2021`, each with the member that its definition names and no other.
    pub fn key(&self) -> Option<VerifyingKey> {
        match self.kind.as_str() {
            "Multikey" => VerifyingKey::from_multikey(self.public_key_multibase.as_deref()?).ok(),
            "Ed25519VerificationKey2020" => {
                let key = PublicKey::from_multikey(self.public_key_multibase.as_deref()?).ok()?;
                Some(key.into())
            }
            "JsonWebKey" | "JsonWebKey2020" => key_of_jwk(self.extra.get("publicKeyJwk")?),
            "Ed25519VerificationKey2018" => {
                let key = PublicKey::from_bytes(&base58(self.extra.get("publicKeyBase58")?)?).ok()?;
                Some(key.into())
            }
            "P256Key2021" => {
                let bytes: [u8; 33] = base58(self.extra.get("publicKeyBase58")?)?;
                Some(P256Key::from_compressed(&bytes).ok()?.into())
            }
            _ => None,
        }
    }
}

impl DidDocument {
    /// The document of a DID that is a key of either kind; of a P-256 key it has no other names.
    pub fn for_verifying_key(did: Did, key: &VerifyingKey, services: Vec<Service>) -> Self {
        match key {
            VerifyingKey::Ed25519(key) => Self::for_key(did, key, services),
            VerifyingKey::P256(_) => Self::with_multikey(did, &key.multikey(), services),
        }
    }

    /// The keys of all kinds that we check that may log in and sign requests for the subject.
    pub fn authentication_verifying_keys(&self) -> Vec<VerifyingKey> {
        self.keys_of(&self.authentication)
    }

    /// The keys of all kinds that we check that may sign documents for the subject.
    pub fn assertion_verifying_keys(&self) -> Vec<VerifyingKey> {
        self.keys_of(&self.assertion_method)
    }

    /// Keys of other controllers and from other documents do not count.
    pub(crate) fn keys_of(&self, references: &[MethodReference]) -> Vec<VerifyingKey> {
        let mut keys = Vec::new();
        for reference in references {
            let found = match reference {
                MethodReference::Embedded(method) => Some(method),
                MethodReference::Id(id) => self
                    .verification_method
                    .iter()
                    .find(|method| self.is_same_id(&method.id, id)),
            };
            let usable = found.filter(|method| method.controller == self.id.as_str());
            let key = usable.and_then(VerificationMethod::key);
            keys.extend(key.filter(|key| !keys.contains(key)));
        }
        keys
    }
}

/// RFC 7518, section 6.2 and RFC 8037, section 2. A document that publishes a private key has published it.
fn key_of_jwk(jwk: &Value) -> Option<VerifyingKey> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    let bytes = |name: &str| <[u8; 32]>::try_from(URL_SAFE_NO_PAD.decode(text(name)?).ok()?).ok();
    if jwk.get("d").is_some() {
        return None;
    }
    match (text("kty")?, text("crv")?) {
        ("OKP", "Ed25519") => Some(PublicKey::from_bytes(&bytes("x")?).ok()?.into()),
        ("EC", "P-256") => Some(P256Key::from_coordinates(&bytes("x")?, &bytes("y")?).ok()?.into()),
        _ => None,
    }
}

fn base58<const N: usize>(value: &Value) -> Option<[u8; N]> {
    let text = value.as_str().filter(|text| text.len() <= 64)?;
    let mut bytes = [0; N];
    (bs58::decode(text).onto(&mut bytes).ok()? == N).then_some(bytes)
}

//! What was imported, as it was, and the signatures of the software that made it.

use data_encoding::{BASE64, BASE64URL_NOPAD};
use imajin_did::{Did, PublicKey, Signature};
use imajin_kernel::Code;
use imajin_proof::digest::sha256_hex;
use imajin_proof::jcs;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

use super::{Format, ImportError, parse};

/// A manifest of another shape, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Original {
    /// Whose shape it has.
    pub format: Format,
    /// The document.
    pub bytes: Vec<u8>,
}

/// In which capacity somebody signed there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SignedAs {
    /// The manifest's own signature.
    Signer,
    /// The endorsement of a platform.
    Platform,
}

/// A signature of the software that made the original.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignSignature {
    /// In which capacity.
    pub signed_as: SignedAs,
    /// Who signed, as written there. It need not be the work's owner: that software often signs with a node's key.
    pub did: Did,
    /// Ed25519 over the canonical document without its signatures.
    pub value: Signature,
}

/// Why the original's signatures do not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForeignSignatureError {
    /// There is no signature.
    #[error("the original is not signed")]
    Unsigned,
    /// A signature has a form that its software does not write.
    #[error("the original's {name} cannot be read: {reason}")]
    Malformed {
        /// Which member.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The key of whoever signed is not to be found.
    #[error("the key of {did}, who signed the original, is not known here")]
    NoKey {
        /// Who signed.
        did: Did,
    },
    /// The signature is not of this key over this content.
    #[error("the original was changed after {did} signed it, or somebody else signed it")]
    Bad {
        /// Who is said to have signed.
        did: Did,
    },
    /// The document cannot be read.
    #[error(transparent)]
    Document(#[from] ImportError),
}

impl ForeignSignatureError {
    /// What this refusal is called on the wire.
    pub fn code(&self) -> Code {
        match self {
            Self::Document(error) => error.code(),
            _ => Code::BadSignature,
        }
    }
}

impl Original {
    /// SHA-256 of the bytes in 64 hex digits: what the converted manifest names it by.
    pub fn sha256(&self) -> String {
        sha256_hex(&self.bytes)
    }

    /// Checks every signature in the document and answers with them. `keys` finds the key of a DID that is not its own.
    pub fn verify(
        &self,
        keys: &dyn Fn(&Did) -> Option<PublicKey>,
    ) -> Result<Vec<ForeignSignature>, ForeignSignatureError> {
        let mut document = parse(&self.bytes)?;
        let signatures = self.signatures(&document)?;
        if let Value::Object(members) = &mut document {
            members.remove("signature");
            members.remove("platformSignature");
        }
        // Sorted members and ECMAScript's numbers and strings are what RFC 8785 writes too.
        let bytes = jcs::value_to_bytes(&document).map_err(|error| ImportError::NotJson(error.to_string()))?;
        for signature in &signatures {
            let did = &signature.did;
            let key = did.public_key().or_else(|| keys(did));
            let key = key.ok_or_else(|| ForeignSignatureError::NoKey { did: did.clone() })?;
            key.verify(&bytes, &signature.value)
                .map_err(|_bad| ForeignSignatureError::Bad { did: did.clone() })?;
        }
        Ok(signatures)
    }

    fn signatures(&self, document: &Value) -> Result<Vec<ForeignSignature>, ForeignSignatureError> {
        let own = document.get("signature").filter(|value| !value.is_null());
        let own = own.ok_or(ForeignSignatureError::Unsigned)?;
        let malformed = |name, reason: String| ForeignSignatureError::Malformed { name, reason };
        if self.format == Format::Rfc0001 {
            let signature = rfc0001(document, own).map_err(|reason| malformed("signature", reason))?;
            return Ok(vec![signature]);
        }
        let read = |value, signed_as, name| imajin(value, signed_as).map_err(|reason| malformed(name, reason));
        let mut signatures = vec![read(own, SignedAs::Signer, "signature")?];
        if let Some(platform) = document.get("platformSignature").filter(|value| !value.is_null()) {
            signatures.push(read(platform, SignedAs::Platform, "platformSignature")?);
        }
        Ok(signatures)
    }
}

/// A text by the key of the document's own DID.
fn rfc0001(document: &Value, own: &Value) -> Result<ForeignSignature, String> {
    let value = own.as_str().ok_or("it must be a text")?;
    Ok(ForeignSignature {
        signed_as: SignedAs::Signer,
        did: did(document, "did")?,
        value: hex_signature(value).or_else(|_hex| base64url_signature(value))?,
    })
}

/// `{algorithm, value, publicKeyRef}` with hex digits, or `{signer, alg, value, signedAt}` with base64url.
fn imajin(value: &Value, signed_as: SignedAs) -> Result<ForeignSignature, String> {
    let text = |name: &str| {
        value
            .get(name)
            .and_then(Value::as_str)
            .ok_or(format!("{name} is missing"))
    };
    let is_new = value.get("alg").is_some();
    let (algorithm, signer) = if is_new {
        ("alg", "signer")
    } else {
        ("algorithm", "publicKeyRef")
    };
    if text(algorithm)? != "ed25519" {
        return Err(format!("{algorithm} must be ed25519"));
    }
    let decode = if is_new { base64url_signature } else { hex_signature };
    Ok(ForeignSignature {
        signed_as,
        did: did(value, signer)?,
        value: decode(text("value")?)?,
    })
}

fn did(value: &Value, name: &str) -> Result<Did, String> {
    let text = value
        .get(name)
        .and_then(Value::as_str)
        .ok_or(format!("{name} is missing"))?;
    text.parse().map_err(|error| format!("{name}: {error}"))
}

fn hex_signature(text: &str) -> Result<Signature, String> {
    Signature::from_hex(text).map_err(|error| error.to_string())
}

fn base64url_signature(text: &str) -> Result<Signature, String> {
    let bytes = BASE64URL_NOPAD.decode(text.trim_end_matches('=').as_bytes()).ok();
    let signature = bytes.and_then(|bytes| Signature::from_slice(&bytes));
    signature.ok_or_else(|| "value must be 64 bytes in base64url".to_owned())
}

#[derive(Serialize, Deserialize)]
struct Wire {
    format: Format,
    sha256: String,
    bytes: String,
}

impl Serialize for Original {
    /// `{format, sha256, bytes}`, the bytes in base64.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let wire = Wire {
            format: self.format,
            sha256: self.sha256(),
            bytes: BASE64.encode(&self.bytes),
        };
        wire.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Original {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = Wire::deserialize(deserializer)?;
        let bytes = BASE64.decode(wire.bytes.as_bytes()).map_err(de::Error::custom)?;
        if sha256_hex(&bytes) != wire.sha256 {
            return Err(de::Error::custom(
                "the bytes of the original are not those of its sha256",
            ));
        }
        Ok(Self {
            format: wire.format,
            bytes,
        })
    }
}

//! Digests, ids and signatures of a manifest.

use imajin_did::{BadSignature, Did, PublicKey, SecretKey, Signature};
use imajin_kernel::{Code, Timestamp};
use imajin_proof::digest::sha256;
use imajin_proof::jcs;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::members::Members;
use crate::{Manifest, ManifestError, ManifestId, MemberError, Payee};

const ALGORITHM: &str = "EdDSA";
const SIGNATURE: &str = "signature";

/// Whose word a manifest is, in one of two forms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub enum ManifestSignature {
    /// Says who signed and when, and covers that too.
    Native(NativeSignature),
    /// 128 hex digits over the manifest without `signature`.
    Hex(Signature),
}

/// The native signature: covers the whole manifest except its own `value`.
#[derive(Debug, Clone, PartialEq)]
pub struct NativeSignature {
    /// Who signed.
    pub did: Did,
    /// When, in RFC 3339, as written.
    pub created: String,
    /// Ed25519 over the RFC 8785 bytes; on the wire 128 hex digits beside `"alg": "EdDSA"`.
    pub value: Signature,
    /// Members that this crate does not know; the signature covers them.
    pub extra: Map<String, Value>,
}

/// Why a manifest is not what its author signed, or cannot be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// There is no signature.
    #[error("the manifest is not signed")]
    Unsigned,
    /// The signature is not of this key over this content.
    #[error("the manifest was changed after it was signed, or somebody else signed it")]
    Bad,
    /// Somebody else than the author signs.
    #[error("{signer} is not the author of the manifest, {author}: the author signs it")]
    NotTheAuthor {
        /// Who signed or wants to.
        signer: Did,
        /// Whom the manifest names as its author.
        author: Did,
    },
    /// The id has the form of a digest and is another content's.
    #[error("the manifest's id belongs to another content")]
    OtherContent,
    /// There is no canonical form to sign or to hash.
    #[error("the manifest has no canonical form (RFC 8785): {0}")]
    NotCanonical(String),
    /// What would be signed is no valid manifest.
    #[error(transparent)]
    Invalid(Box<ManifestError>),
}

impl SignatureError {
    /// What this refusal is called on the wire.
    pub fn code(&self) -> Code {
        match self {
            Self::Unsigned | Self::Bad | Self::OtherContent => Code::BadSignature,
            Self::NotTheAuthor { .. } => Code::Forbidden,
            Self::NotCanonical(_) | Self::Invalid(_) => Code::InvalidRequest,
        }
    }
}

impl From<BadSignature> for SignatureError {
    fn from(_bad: BadSignature) -> Self {
        Self::Bad
    }
}

impl Manifest {
    /// The RFC 8785 bytes of the whole manifest.
    pub fn canonical_bytes(&self) -> Result<Vec<u8>, ManifestError> {
        jcs::value_to_bytes(&self.to_value()).map_err(|error| ManifestError::NotCanonical(error.to_string()))
    }

    /// SHA-256 of the RFC 8785 bytes of the whole manifest, signature included.
    pub fn digest(&self) -> Result<[u8; 32], ManifestError> {
        Ok(sha256(&self.canonical_bytes()?))
    }

    /// [`Manifest::digest`] in 64 hex digits.
    pub fn digest_hex(&self) -> Result<String, ManifestError> {
        self.digest().map(hex::encode)
    }

    /// The id that the content gives the manifest: of the SHA-256 of its RFC 8785 bytes without `id` and `signature`.
    pub fn computed_id(&self) -> Result<ManifestId, ManifestError> {
        let mut value = self.to_value();
        if let Value::Object(members) = &mut value {
            members.remove("id");
            members.remove(SIGNATURE);
        }
        let bytes = jcs::value_to_bytes(&value).map_err(|error| ManifestError::NotCanonical(error.to_string()))?;
        Ok(ManifestId::from_digest(&sha256(&bytes)))
    }

    /// The manifest with the id of its content and the author's native signature. Replaces an earlier signature.
    ///
    /// `did` is whose key it is; where the manifest names an author, it must be that one.
    pub fn sign(mut self, key: &SecretKey, did: Did, now: Timestamp) -> Result<Self, SignatureError> {
        self.check_author(&did)?;
        self.signature = None;
        let mut signed = self
            .with_computed_id()
            .map_err(|error| SignatureError::Invalid(Box::new(error)))?;
        let signature = NativeSignature::make(key, did, now, signed.to_value())?;
        signed.signature = Some(ManifestSignature::Native(signature));
        Ok(signed)
    }

    /// Whether this is what the holder of `key` signed. The caller has found the key of [`Manifest::signer`].
    pub fn verify_signature(&self, key: &PublicKey) -> Result<(), SignatureError> {
        match self.signature.as_ref().ok_or(SignatureError::Unsigned)? {
            ManifestSignature::Native(signature) => {
                self.check_author(&signature.did)?;
                key.verify(&bytes_beneath(self.to_value(), Some(signature))?, &signature.value)?;
            }
            ManifestSignature::Hex(signature) => key.verify(&bytes_beneath(self.to_value(), None)?, signature)?,
        }
        let computed = self
            .computed_id()
            .map_err(|error| SignatureError::Invalid(Box::new(error)))?;
        if self.id.names_a_digest() && self.id != computed {
            return Err(SignatureError::OtherContent);
        }
        Ok(())
    }

    /// Whose key the signature must be of: the signer whom it names; else the author; else the first contributor in the
    /// role `author`.
    pub fn signer(&self) -> Option<&Did> {
        match self.signature.as_ref()? {
            ManifestSignature::Native(signature) => Some(&signature.did),
            ManifestSignature::Hex(_) => self.author.as_ref().or_else(|| {
                let mut authors = self.contributors.iter().filter(|entry| entry.role == "author");
                authors.find_map(|entry| match &entry.payee {
                    Payee::Did(did) => Some(did),
                    Payee::Fair(_) => None,
                })
            }),
        }
    }

    /// When it was signed, as the signer says; the form in hex digits does not say it, only when the work was made.
    pub fn signed_at(&self) -> Option<Timestamp> {
        let created = match self.signature.as_ref()? {
            ManifestSignature::Native(signature) => Some(&signature.created),
            ManifestSignature::Hex(_) => self.created.as_ref(),
        };
        created.and_then(|text| text.parse().ok())
    }

    fn check_author(&self, signer: &Did) -> Result<(), SignatureError> {
        match &self.author {
            Some(author) if author.canonical() != signer.canonical() => Err(SignatureError::NotTheAuthor {
                signer: signer.clone(),
                author: author.clone(),
            }),
            _ => Ok(()),
        }
    }
}

/// The RFC 8785 bytes of a document that this signature covers: everything but its own `value`; for the form in hex
/// digits everything but `signature`.
pub(crate) fn bytes_beneath(
    mut document: Value,
    signature: Option<&NativeSignature>,
) -> Result<Vec<u8>, SignatureError> {
    if let Value::Object(members) = &mut document {
        members.remove(SIGNATURE);
        if let Some(signature) = signature {
            let mut covered = signature.clone().into_members();
            covered.remove("value");
            members.insert(SIGNATURE.to_owned(), covered.into());
        }
    }
    jcs::value_to_bytes(&document).map_err(|error| SignatureError::NotCanonical(error.to_string()))
}

impl NativeSignature {
    /// A signature of `did` made now by `key` over `document`, which has no other.
    pub(crate) fn make(key: &SecretKey, did: Did, now: Timestamp, document: Value) -> Result<Self, SignatureError> {
        let unsealed = Self {
            did,
            created: now.to_string(),
            value: key.sign(&[]),
            extra: Map::new(),
        };
        let value = key.sign(&bytes_beneath(document, Some(&unsealed))?);
        Ok(Self { value, ..unsealed })
    }

    fn into_members(self) -> Map<String, Value> {
        let mut members = self.extra;
        members.insert("did".to_owned(), self.did.as_str().into());
        members.insert("alg".to_owned(), ALGORITHM.into());
        members.insert("created".to_owned(), self.created.into());
        members.insert("value".to_owned(), self.value.to_hex().into());
        members
    }
}

impl TryFrom<Value> for ManifestSignature {
    type Error = MemberError;

    fn try_from(value: Value) -> Result<Self, MemberError> {
        if let Value::String(text) = &value {
            return Signature::from_hex(text)
                .map(Self::Hex)
                .map_err(|error| MemberError::new("", &error));
        }
        let mut members = Members::of(value)?;
        let algorithm: String = members.require("alg")?;
        if algorithm != ALGORITHM {
            return Err(MemberError::new("alg", &"must be EdDSA"));
        }
        let created: String = members.require("created")?;
        let moment: Result<Timestamp, _> = created.parse();
        moment.map_err(|error| MemberError::new("created", &error))?;
        Ok(Self::Native(NativeSignature {
            did: members.require("did")?,
            created,
            value: members.require("value")?,
            extra: members.rest(),
        }))
    }
}

impl From<ManifestSignature> for Value {
    fn from(signature: ManifestSignature) -> Self {
        match signature {
            ManifestSignature::Native(signature) => Self::Object(signature.into_members()),
            ManifestSignature::Hex(signature) => signature.to_hex().into(),
        }
    }
}

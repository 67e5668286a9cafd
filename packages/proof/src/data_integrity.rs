//! W3C Data Integrity proofs with the cryptosuite `eddsa-jcs-2022`: what other software verifies in JSON documents.
//!
//! The signature covers SHA-256 of the RFC 8785 bytes of the proof's options, followed by SHA-256 of those of the
//! document without its proof (W3C `vc-di-eddsa` 1.0, section 3.3).

use imajin_did::{PublicKey, SecretKey, Signature};
use imajin_kernel::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::digest::sha256;
use crate::message::FUTURE_TOLERANCE;
use crate::{ProofError, jcs};

/// The one kind of proof that is made and verified here.
pub const KIND: &str = "DataIntegrityProof";
/// The one cryptosuite that is made and verified here.
pub const CRYPTOSUITE: &str = "eddsa-jcs-2022";

/// A proof as it stands in a document's `proof` member. Its other members are under the signature as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DataIntegrityProof {
    /// The contexts of the document when it was signed, if it has any.
    #[serde(rename = "@context", default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Value>,
    /// `DataIntegrityProof`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `eddsa-jcs-2022`.
    pub cryptosuite: String,
    /// When it was made, as its maker says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Until when it counts, if it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// The DID URL of the key.
    pub verification_method: String,
    /// What the key was used for, for example `assertionMethod`.
    pub proof_purpose: String,
    /// The signature: `z` and base58btc of its 64 bytes.
    pub proof_value: String,
    /// Members that we do not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl DataIntegrityProof {
    /// Signs a document, which is an object; a member `proof` of it is left out.
    ///
    /// # Errors
    /// [`ProofError::Jcs`] when the document is no object or has no canonical form.
    pub fn create(
        document: &Value,
        key: &SecretKey,
        verification_method: &str,
        purpose: &str,
        created: Option<Timestamp>,
    ) -> Result<Self, ProofError> {
        let mut proof = Self {
            context: document.get("@context").cloned(),
            kind: KIND.to_owned(),
            cryptosuite: CRYPTOSUITE.to_owned(),
            // Data Integrity wants times without fractions of a second.
            created: created.map(|moment| Timestamp::from_seconds(moment.as_seconds()).to_string()),
            expires: None,
            verification_method: verification_method.to_owned(),
            proof_purpose: purpose.to_owned(),
            proof_value: String::new(),
            extra: Map::new(),
        };
        let signature = key.sign(&proof.hash_data(document)?);
        proof.proof_value = format!("z{}", bs58::encode(signature.as_bytes()).into_string());
        Ok(proof)
    }

    /// Checks the signature. Whose key it is, what it may be used for and until when is the caller's question; see
    /// [`DataIntegrityProof::verify_at`].
    ///
    /// # Errors
    /// [`ProofError::WrongKind`] for another kind of proof or cryptosuite, [`ProofError::BadSignature`], or
    /// [`ProofError::Jcs`] when the document has no canonical form.
    pub fn verify(&self, document: &Value, key: &PublicKey) -> Result<(), ProofError> {
        if self.kind != KIND || self.cryptosuite != CRYPTOSUITE {
            return Err(ProofError::WrongKind {
                expected: format!("{KIND} with {CRYPTOSUITE}"),
            });
        }
        let signature = self.signature().ok_or(ProofError::BadSignature)?;
        Ok(key.verify(&self.hash_data(document)?, &signature)?)
    }

    /// Checks the signature, its purpose, and that it was made before `now` and has not expired.
    ///
    /// # Errors
    /// [`ProofError::WrongKind`] also for another purpose, [`ProofError::TooOld`], [`ProofError::FromTheFuture`],
    /// otherwise as for [`DataIntegrityProof::verify`].
    pub fn verify_at(
        &self,
        document: &Value,
        key: &PublicKey,
        purpose: &str,
        now: Timestamp,
    ) -> Result<(), ProofError> {
        if self.proof_purpose != purpose {
            return Err(ProofError::WrongKind {
                expected: purpose.to_owned(),
            });
        }
        self.verify(document, key)?;
        let time = |text: &Option<String>| text.as_deref().map(str::parse::<Timestamp>).transpose();
        let created = time(&self.created).or(Err(ProofError::FromTheFuture))?;
        if created.is_some_and(|created| created > now.plus(FUTURE_TOLERANCE)) {
            return Err(ProofError::FromTheFuture);
        }
        let expires = time(&self.expires).or(Err(ProofError::TooOld))?;
        if expires.is_some_and(|expires| expires <= now) {
            return Err(ProofError::TooOld);
        }
        Ok(())
    }

    fn signature(&self) -> Option<Signature> {
        let base58 = self.proof_value.strip_prefix('z')?;
        let mut bytes = [0; 64];
        let length = bs58::decode(base58).onto(&mut bytes).ok()?;
        (length == bytes.len()).then(|| Signature::from_bytes(bytes))
    }

    /// The 64 bytes that are signed: the digest of the options and that of the document.
    fn hash_data(&self, document: &Value) -> Result<Vec<u8>, ProofError> {
        let mut options = serde_json::to_value(self).or(Err(jcs::JcsError::NotJson))?;
        if let Value::Object(members) = &mut options {
            members.remove("proofValue");
        }
        let Value::Object(mut members) = document.clone() else {
            return Err(jcs::JcsError::NotJson.into());
        };
        members.remove("proof");
        if let Some(context) = &self.context {
            let has = members.get("@context").ok_or(ProofError::BadSignature)?;
            if !begins_with(has, context) {
                return Err(ProofError::BadSignature);
            }
            members.insert("@context".to_owned(), context.clone());
        }
        let mut data = sha256(&jcs::value_to_bytes(&options)?).to_vec();
        data.extend_from_slice(&sha256(&jcs::value_to_bytes(&Value::Object(members))?));
        Ok(data)
    }
}

/// Contexts may be added to a document behind those that were signed, and nowhere else.
fn begins_with(contexts: &Value, signed: &Value) -> bool {
    let list = |value: &Value| match value {
        Value::Array(items) => items.clone(),
        one => vec![one.clone()],
    };
    contexts == signed || list(contexts).starts_with(&list(signed))
}

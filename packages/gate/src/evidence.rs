//! What shows one decision to others: the record, and the way from it to what the node has signed.

use imajin_did::{Did, PublicKey};
use imajin_proof::digest::sha256_hex;
use imajin_proof::jcs::{self, JcsError};
use imajin_proof::{ProofError, SignedMessage};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The type of the message with which a node signs the newest record of a site.
pub const RECORDS_KIND: &str = "access-records";
/// The version of the records that can be shown one by one: each names the one before it and its own digest alone, so
/// that nobody has to see the others.
pub const RECORD_VERSION: i64 = 2;

/// What a node says about the newest record of a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordsHead {
    /// What the operator calls the site.
    pub site: String,
    /// The number of the record.
    pub seq: i64,
    /// Its hash.
    pub hash: String,
}

/// What is handed to somebody who asks about one request. The node's public key is all that it takes to check it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordEvidence {
    /// The record, as it was hashed.
    pub record: Value,
    /// The hash of the record before it; empty before the first one.
    pub previous: String,
    /// The digests of the records after it that were signed with it, in their order.
    pub following: Vec<String>,
    /// What the node has signed about the last of these.
    pub head: SignedMessage<RecordsHead>,
}

/// Why something shows nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoRecordEvidence {
    /// The record is not one of a gate, or of a version that is not known.
    #[error("it holds no record of the version {RECORD_VERSION}")]
    Record,
    /// The record has no canonical form.
    #[error("the record: {0}")]
    Canonical(#[from] JcsError),
    /// The signed record is another one.
    #[error("the record is not among those that the node has signed")]
    OtherRecord,
    /// The node's signature.
    #[error("the signature of the node: {0}")]
    Signature(#[from] ProofError),
    /// The signature is another node's.
    #[error("it is signed by {0}, whose key was not given")]
    OtherNode(Did),
}

/// What names a record alone: SHA-256 of its RFC 8785 bytes, in hex.
///
/// # Errors
/// [`JcsError`] when it has no canonical form.
pub fn record_digest(record: &Value) -> Result<String, JcsError> {
    Ok(sha256_hex(&jcs::value_to_bytes(record)?))
}

/// What names a record and all before it, from the digest of the one and the hash of the others.
///
/// # Errors
/// [`JcsError`], for no digest that this program makes.
pub fn record_link(previous: &str, digest: &str) -> Result<String, JcsError> {
    record_digest(&json!({"previous": previous, "record": digest}))
}

impl RecordEvidence {
    /// Checks that the record is the one that was signed; by whom, is another question.
    ///
    /// # Errors
    /// [`NoRecordEvidence`].
    pub fn link_check(&self) -> Result<(), NoRecordEvidence> {
        let head = &self.head.payload;
        if self.record.get("version").and_then(Value::as_i64) != Some(RECORD_VERSION) {
            return Err(NoRecordEvidence::Record);
        }
        let (site, seq) = (self.record.get("site"), self.record.get("seq"));
        let (Some(site), Some(seq)) = (site.and_then(Value::as_str), seq.and_then(Value::as_i64)) else {
            return Err(NoRecordEvidence::Record);
        };
        let mut hash = record_link(&self.previous, &record_digest(&self.record)?)?;
        for digest in &self.following {
            hash = record_link(&hash, digest)?;
        }
        let last = i64::try_from(self.following.len())
            .ok()
            .and_then(|more| seq.checked_add(more));
        if (site, last, &hash) != (head.site.as_str(), Some(head.seq), &head.hash) {
            return Err(NoRecordEvidence::OtherRecord);
        }
        Ok(())
    }

    /// Checks that the node with this key has signed the record, at the time that `head` says.
    ///
    /// # Errors
    /// [`NoRecordEvidence`].
    pub fn verify(&self, key: &PublicKey) -> Result<(), NoRecordEvidence> {
        self.link_check()?;
        Ok(self.head.verify(RECORDS_KIND, key)?)
    }

    /// As [`RecordEvidence::verify`], with the key that the node's own DID contains.
    ///
    /// # Errors
    /// [`NoRecordEvidence`].
    pub fn verify_by_did(&self) -> Result<(), NoRecordEvidence> {
        let key = self.head.from.public_key();
        self.verify(&key.ok_or_else(|| NoRecordEvidence::OtherNode(self.head.from.clone()))?)
    }
}

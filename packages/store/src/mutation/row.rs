use diesel::prelude::*;
use imajin_kernel::Timestamp;
use imajin_proof::digest::sha256;
use serde::{Serialize, Serializer};

use crate::schema::{mutation_checkpoints, mutation_heads, mutation_log};
use crate::{canon, sealed_row};

/// A row of the log. Text where a service has types: a row that was tampered with must still be readable.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = mutation_log, primary_key(chain, seq))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct LogRow {
    pub(crate) chain: String,
    pub(crate) seq: i64,
    pub(crate) logged_at: Timestamp,
    pub(crate) owner_did: String,
    pub(crate) action: String,
    pub(crate) object: String,
    /// The seal covers whether there is a body; the digest covers the rest.
    #[serde(serialize_with = "presence")]
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) body_digest: Vec<u8>,
    pub(crate) proof: String,
    pub(crate) prev_hash: Vec<u8>,
    pub(crate) hash: Vec<u8>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(LogRow, mutation_log, "mutation_log", key = (chain, seq));

#[expect(clippy::ref_option, reason = "serde calls it with a reference to the field")]
fn presence<S: Serializer>(body: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(body.is_some())
}

/// What the hash of a row covers: all but the body, which may be erased.
#[derive(Serialize)]
struct Hashed<'a> {
    chain: &'a str,
    seq: i64,
    logged_at: Timestamp,
    owner_did: &'a str,
    action: &'a str,
    object: &'a str,
    body_digest: &'a [u8],
    proof: &'a str,
    prev_hash: &'a [u8],
}

impl LogRow {
    /// The hash that the row should have.
    pub(crate) fn computed_hash(&self) -> QueryResult<[u8; 32]> {
        let hashed = Hashed {
            chain: &self.chain,
            seq: self.seq,
            logged_at: self.logged_at,
            owner_did: &self.owner_did,
            action: &self.action,
            object: &self.object,
            body_digest: &self.body_digest,
            proof: &self.proof,
            prev_hash: &self.prev_hash,
        };
        let mut bytes = b"imajin mutation log 1\0".to_vec();
        canon::feed(&hashed, |piece| bytes.extend_from_slice(piece))
            .map_err(|error| diesel::result::Error::SerializationError(Box::new(error)))?;
        Ok(sha256(&bytes))
    }

    /// `chain/seq`.
    pub(crate) fn place(&self) -> String {
        format!("{}/{}", self.chain, self.seq)
    }
}

/// What the first row of a chain follows: the same chain in another service begins differently.
pub(crate) fn genesis(service: &str, chain: &str) -> [u8; 32] {
    sha256(format!("imajin mutation log 1\0genesis\0{service}\0{chain}").as_bytes())
}

/// Where a chain ends.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = mutation_heads, primary_key(chain))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct HeadRow {
    pub(crate) chain: String,
    pub(crate) seq: i64,
    pub(crate) hash: Vec<u8>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(HeadRow, mutation_heads, "mutation_heads", key = (chain));

/// A head that the node has signed.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = mutation_checkpoints, primary_key(chain, seq))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct CheckpointRow {
    pub(crate) chain: String,
    pub(crate) seq: i64,
    pub(crate) hash: Vec<u8>,
    pub(crate) checked_at: Timestamp,
    pub(crate) node_did: String,
    pub(crate) signature: Vec<u8>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(
    CheckpointRow,
    mutation_checkpoints,
    "mutation_checkpoints",
    key = (chain, seq)
);

impl CheckpointRow {
    /// What the node signs.
    pub(crate) fn statement(&self, service: &str) -> String {
        format!(
            "imajin mutation log 1\0checkpoint\0{service}\0{}\0{}\0{}\0{}",
            self.chain,
            self.seq,
            hex::encode(&self.hash),
            self.checked_at.as_micros()
        )
    }
}

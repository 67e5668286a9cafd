use diesel::prelude::*;
use imajin_did::{Did, Keyring, Signature};
use imajin_kernel::Timestamp;
use imajin_store::{Conn, SealedRow};

use crate::encoding::Encoder;
use crate::rows::{CheckpointRow, HeadRow};
use crate::schema::{ledger_checkpoints, ledger_heads};
use crate::{Ledger, LedgerError};

fn signed_bytes(chain: &str, seq: i64, hash: &[u8], checked_at: Timestamp, node: &str) -> Vec<u8> {
    let mut encoder = Encoder::new("imajin ledger checkpoint 1");
    encoder
        .text(chain)
        .number(seq)
        .bytes(hash)
        .number(checked_at.as_micros())
        .text(node);
    encoder.finish()
}

/// Signs where this writer's chain ends, unless that place is signed already; says whether it signed.
///
/// # Errors
/// [`LedgerError`], for example when the head was changed outside the node.
pub fn checkpoint_sign(conn: &mut Conn, ledger: &Ledger, keyring: &Keyring) -> Result<bool, LedgerError> {
    let head: Option<HeadRow> = ledger_heads::table
        .find(&ledger.chain)
        .select(HeadRow::as_select())
        .first(conn)
        .optional()?;
    let Some(head) = head else {
        return Ok(false);
    };
    let head = head.intact(&ledger.sealer)?;
    let last: Option<i64> = ledger_checkpoints::table
        .filter(ledger_checkpoints::chain.eq(&ledger.chain))
        .order_by(ledger_checkpoints::seq.desc())
        .select(ledger_checkpoints::seq)
        .first(conn)
        .optional()?;
    if last.is_some_and(|last| last >= head.seq) || head.seq == 0 {
        return Ok(false);
    }
    let checked_at = ledger.now();
    let node_did = keyring.node_did().to_string();
    let bytes = signed_bytes(&head.chain, head.seq, &head.hash, checked_at, &node_did);
    let row = CheckpointRow {
        signature: keyring.sign(&bytes).to_bytes().to_vec(),
        chain: head.chain,
        seq: head.seq,
        hash: head.hash,
        checked_at,
        node_did,
        row_seal: Vec::new(),
    };
    row.insert(conn, &ledger.sealer)?;
    Ok(true)
}

impl CheckpointRow {
    /// Whether the node that it names signed it.
    pub(crate) fn is_signed(&self) -> bool {
        let key = self.node_did.parse::<Did>().ok().and_then(|did| did.public_key());
        let signature = Signature::from_slice(&self.signature);
        let bytes = signed_bytes(&self.chain, self.seq, &self.hash, self.checked_at, &self.node_did);
        matches!((key, signature), (Some(key), Some(signature)) if key.verify(&bytes, &signature).is_ok())
    }
}

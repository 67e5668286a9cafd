//! From entries and receipts to rows.

use imajin_kernel::Timestamp;
use imajin_key_log::{Entry, Receipt};
use imajin_proof::jcs;

use crate::AuthError;
use crate::rows::{KeyLogEntryRow, KeyLogReceiptRow};

pub(crate) fn entry_row(entry: &Entry, kind: &str, proof: &str, now: Timestamp) -> Result<KeyLogEntryRow, AuthError> {
    Ok(KeyLogEntryRow {
        hash: entry.hash()?.to_string(),
        did: entry.did.clone(),
        seq: i64::from(entry.seq),
        prev: entry.prev.map(|prev| prev.to_string()),
        kind: kind.to_owned(),
        document: entry.to_text()?,
        proof: proof.to_owned(),
        accepted_at: now,
        row_seal: Vec::new(),
    })
}

pub(crate) fn receipt_row(receipt: &Receipt) -> Result<KeyLogReceiptRow, AuthError> {
    let document = jcs::to_string(receipt).map_err(imajin_proof::ProofError::from)?;
    Ok(KeyLogReceiptRow {
        entry: receipt.payload.entry.to_string(),
        witness: receipt.from.clone(),
        did: receipt.payload.did.clone(),
        document,
        row_seal: Vec::new(),
    })
}

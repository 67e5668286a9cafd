use imajin_did::{Did, SecretKey};
use imajin_kernel::Timestamp;
use imajin_proof::SignedMessage;
use serde::{Deserialize, Serialize};

use crate::{Entry, EntryHash, KeyLogError};

/// The type of the document.
pub const RECEIPT_KIND: &str = "key-log-receipt";

/// A witness's statement that it saw an entry, at its own time.
pub type Receipt = SignedMessage<ReceiptBody>;

/// What a witness says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReceiptBody {
    /// Whose log.
    pub did: Did,
    /// The entry's number.
    pub seq: u32,
    /// The entry.
    pub entry: EntryHash,
}

/// Witnesses an entry. A witness signs at most one entry after another one, and at most one recovery that displaces
/// it: that is the caller's to keep, see [`KeyLog::append`](crate::KeyLog::append).
///
/// # Errors
/// When the entry has no canonical form.
pub fn receipt_sign(key: &SecretKey, witness: Did, now: Timestamp, entry: &Entry) -> Result<Receipt, KeyLogError> {
    let body = ReceiptBody {
        did: entry.did.clone(),
        seq: entry.seq,
        entry: entry.hash()?,
    };
    Ok(SignedMessage::sign(key, witness, RECEIPT_KIND, None, now, body)?)
}

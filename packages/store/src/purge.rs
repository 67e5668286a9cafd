use imajin_kernel::Timestamp;

use crate::{Db, StoreError, idempotency, nonce};

/// Forgets what has served its time in the tables that every service has: spent nonces and answers kept for repeats.
/// That they are still there harms nobody, so a failure is only logged.
pub async fn purge(db: &Db, now: Timestamp) {
    let purged: Result<(), StoreError> = db
        .write(move |conn| {
            nonce::purge(conn, now)?;
            idempotency::purge(conn, now)?;
            Ok(())
        })
        .await;
    if let Err(error) = purged {
        tracing::warn!(%error, "old nonces were not forgotten");
    }
}

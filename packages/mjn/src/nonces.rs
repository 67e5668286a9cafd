use async_trait::async_trait;
use imajin_kernel::{Problem, Timestamp};
use imajin_store::{Db, Sealer, StoreError, nonce};

use crate::{NonceUse, Nonces};

/// Nonces in the database of a service: each is good once, also after a restart and beside other processes.
#[derive(Debug, Clone)]
pub struct DbNonces {
    db: Db,
    sealer: Sealer,
}

impl DbNonces {
    /// In this database, sealed as the service seals.
    pub const fn new(db: Db, sealer: Sealer) -> Self {
        Self { db, sealer }
    }
}

#[async_trait]
impl Nonces for DbNonces {
    async fn spend(&self, nonces: &[NonceUse<'_>], now: Timestamp) -> Result<bool, Problem> {
        let sealer = self.sealer.clone();
        let wanted: Vec<_> = nonces
            .iter()
            .map(|one| (one.did.clone(), one.nonce.to_owned(), one.kept_until))
            .collect();
        let spent: Result<(), StoreError> = self
            .db
            .write(move |conn| {
                for (did, nonce, kept_until) in &wanted {
                    nonce::spend(conn, &sealer, did, nonce, now, kept_until.since(now))?;
                }
                Ok(())
            })
            .await;
        match spent {
            Ok(()) => Ok(true),
            Err(StoreError::Replayed) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

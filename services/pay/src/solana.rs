//! Solana as pay runs it: its records in pay's database, its tick, its wallet.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use imajin_did::Keyring;
use imajin_kernel::{Problem, Timestamp};
use imajin_rails::{
    RailError, RailMessage, SolanaConfig, SolanaDesk, SolanaRecord, SolanaRecordKind, SolanaRecords, SolanaTick,
    solana_desk, solana_wallet,
};
use imajin_store::{Conn, Db};
use tokio_util::sync::CancellationToken;

use crate::domain::solana::RecordKeeper;
use crate::{Pay, PayError};

/// The longest wait between two ticks while the server is away.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// The rail's records in pay's database.
struct PayRecords {
    db: Db,
    keeper: RecordKeeper,
}

fn away(error: PayError) -> RailError {
    match error {
        PayError::Rail(error) => error,
        error => RailError::Unavailable(format!("the node's own database: {error}")),
    }
}

impl PayRecords {
    async fn read<T, F>(&self, read: F) -> Result<T, RailError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn, &RecordKeeper) -> Result<T, PayError> + Send + 'static,
    {
        let keeper = self.keeper.clone();
        self.db.read(move |conn| read(conn, &keeper)).await.map_err(away)
    }
}

#[async_trait]
impl SolanaRecords for PayRecords {
    async fn record_save(
        &self,
        before: Option<String>,
        after: SolanaRecord,
        messages: Vec<RailMessage>,
    ) -> Result<bool, RailError> {
        let keeper = self.keeper.clone();
        let save = move |conn: &mut Conn| keeper.record_save(conn, before.as_deref(), &after, &messages);
        self.db.write(save).await.map_err(away)
    }

    async fn record_fetch(&self, kind: SolanaRecordKind, key: &str) -> Result<Option<String>, RailError> {
        let key = key.to_owned();
        self.read(move |conn, keeper| keeper.record_find(conn, kind, &key))
            .await
    }

    async fn records_due(
        &self,
        kind: SolanaRecordKind,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<String>, RailError> {
        self.read(move |conn, keeper| keeper.records_due(conn, kind, now, limit))
            .await
    }

    async fn payouts_signed(&self, since: Timestamp) -> Result<Vec<String>, RailError> {
        self.read(move |conn, keeper| keeper.payouts_signed(conn, since)).await
    }

    async fn records_list(
        &self,
        kind: SolanaRecordKind,
        signed_since: Option<Timestamp>,
        after: String,
        limit: usize,
    ) -> Result<Vec<String>, RailError> {
        self.read(move |conn, keeper| keeper.records_list(conn, kind, signed_since, &after, limit))
            .await
    }
}

/// The rail with the wallet of this node, which is made at the first start.
pub(crate) async fn desk_start(
    config: &SolanaConfig,
    keyring: &Keyring,
    db: &Db,
    keeper: RecordKeeper,
) -> Result<Arc<dyn SolanaDesk>, Problem> {
    let wrong = |error: imajin_rails::RailSetupError| Problem::invalid(format!("{error}."));
    let known = {
        let keeper = keeper.clone();
        db.read(move |conn| keeper.wallet_find(conn)).await?
    };
    let wallet = if let Some(wallet) = known {
        wallet
    } else {
        let new = solana_wallet(config, keyring, &keeper.env).map_err(wrong)?;
        let keeper = keeper.clone();
        db.write(move |conn| keeper.wallet_keep(conn, &new)).await?
    };
    let env = keeper.env.clone();
    let records = Arc::new(PayRecords { db: db.clone(), keeper });
    solana_desk(config, keyring, &wallet, records, env).map_err(wrong)
}

/// Ticks until `stop`, more seldom while the server is away.
pub(crate) async fn ticks_run(pay: &Pay, stop: &CancellationToken) {
    if pay.solana.is_none() {
        return;
    }
    let every = pay.context.config.sweep_every.to_std();
    let mut wait = every;
    loop {
        let went_well = match pay.solana_tick().await {
            Ok(ticked) => {
                for problem in &ticked.problems {
                    tracing::warn!(problem, "Solana");
                }
                ticked.problems.is_empty() || ticked.steps > 0
            }
            Err(problem) => {
                tracing::warn!(%problem, "the payments on Solana could not be looked for");
                false
            }
        };
        wait = if went_well {
            every
        } else {
            wait.saturating_mul(2).min(WAIT_MAX)
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

impl Pay {
    /// Gets on with what is due on Solana: looks for payments, sends payouts. The background calls it, again and again;
    /// a test calls it when it wants to.
    ///
    /// # Errors
    /// The database's. What the chain or its server does not do is in the answer.
    pub async fn solana_tick(&self) -> Result<SolanaTick, Problem> {
        let Some(desk) = &self.solana else {
            return Ok(SolanaTick::default());
        };
        let ticked = desk.tick().await.map_err(PayError::from)?;
        if ticked.steps > 0 {
            self.wake.notify_one();
        }
        Ok(ticked)
    }

    /// Solana, if this node has it.
    pub fn solana(&self) -> Option<&Arc<dyn SolanaDesk>> {
        self.solana.as_ref()
    }
}

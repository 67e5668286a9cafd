//! What the Solana rail has stored: its wallet and its records. Each record is replaced only while it is what the rail
//! has read: of two processes that go one step with it, one is first, and the other has done nothing.

use diesel::prelude::*;
use imajin_kernel::id::OutboxId;
use imajin_kernel::{Env, Timestamp};
use imajin_rails::{RailMessage, SOLANA, SolanaRecord, SolanaRecordKind, SolanaWallet};
use imajin_store::vault::Sealed;
use imajin_store::{
    Conn, SealedRow, Sealer, StoreError, for_update, intact_all, is_unique_violation, outbox, row_insert_missing,
};

use super::message::message_store;
use crate::PayError;
use crate::rows::{RecordRow, WALLET, WalletRow};
use crate::schema::{solana_records, solana_wallets};

/// What the records are written with.
#[derive(Clone)]
pub(crate) struct RecordKeeper {
    pub(crate) env: Env,
    pub(crate) sealer: Sealer,
}

impl RecordKeeper {
    /// The node's wallet, if it has one.
    pub(crate) fn wallet_find(&self, conn: &mut Conn) -> Result<Option<SolanaWallet>, PayError> {
        let row: Option<WalletRow> = solana_wallets::table
            .find(WALLET)
            .select(WalletRow::as_select())
            .first(conn)
            .optional()?;
        let row = row.map(|row| row.intact(&self.sealer)).transpose()?;
        Ok(row.map(|row| SolanaWallet {
            address: row.address,
            sealed: Sealed::from_bytes(row.sealed_key),
        }))
    }

    /// Keeps a new wallet unless another process was faster; answers with the one that there is.
    pub(crate) fn wallet_keep(&self, conn: &mut Conn, wallet: &SolanaWallet) -> Result<SolanaWallet, PayError> {
        let row = WalletRow {
            id: WALLET.to_owned(),
            address: wallet.address.clone(),
            sealed_key: wallet.sealed.as_bytes().to_vec(),
            created_at: self.env.now(),
            row_seal: Vec::new(),
        };
        let row = row.sealed(&self.sealer)?;
        row_insert_missing!(conn, solana_wallets, &row)?;
        self.wallet_find(conn)?
            .ok_or_else(|| PayError::Fault("the wallet is not there".to_owned()))
    }

    /// Replaces a record if it is `before` still, and takes the rail's messages; `false`: it is another one by now.
    pub(crate) fn record_save(
        &self,
        conn: &mut Conn,
        before: Option<&str>,
        after: &SolanaRecord,
        messages: &[RailMessage],
    ) -> Result<bool, PayError> {
        let kind = after.kind.as_str();
        let stored: Option<RecordRow> = for_update!(
            conn,
            solana_records::table.find((kind, &after.key)).select(RecordRow::as_select()) => first
        )
        .optional()?;
        let stored = stored.map(|row| row.intact(&self.sealer)).transpose()?;
        if stored.as_ref().map(|row| row.document.as_str()) != before {
            return Ok(false);
        }
        let row = RecordRow {
            kind: kind.to_owned(),
            key: after.key.clone(),
            document: after.document.clone(),
            next_at: after.next_at,
            signed_at: after.signed_at,
            row_seal: Vec::new(),
        };
        if stored.is_some() {
            row.save(conn, &self.sealer)?;
        } else {
            // Another process may store it at this moment.
            match conn.transaction(|conn| row.insert(conn, &self.sealer)) {
                Ok(_row) => {}
                Err(error) if is_unique_violation(&error) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        for message in messages {
            message_store(conn, &self.env, &self.sealer, SOLANA, &message.event, &message.body)?;
        }
        if after.kind == SolanaRecordKind::Payout && after.next_at.is_none() {
            self.waiting_wake(conn, &after.key)?;
        }
        Ok(true)
    }

    /// Whoever waits for the end of a payout asks again now. Its key ends with the item of the outbox.
    fn waiting_wake(&self, conn: &mut Conn, key: &str) -> Result<(), PayError> {
        let Some(item) = key.rsplit_once('/').and_then(|(_, item)| item.parse::<OutboxId>().ok()) else {
            return Ok(());
        };
        match outbox::expedite(conn, &self.sealer, &item, self.env.now()) {
            Ok(_) | Err(StoreError::Database(diesel::result::Error::NotFound)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// A document.
    pub(crate) fn record_find(
        &self,
        conn: &mut Conn,
        kind: SolanaRecordKind,
        key: &str,
    ) -> Result<Option<String>, PayError> {
        let row: Option<RecordRow> = solana_records::table
            .find((kind.as_str(), key))
            .select(RecordRow::as_select())
            .first(conn)
            .optional()?;
        let row = row.map(|row| row.intact(&self.sealer)).transpose()?;
        Ok(row.map(|row| row.document))
    }

    /// Documents that are due, the longest waiting first.
    pub(crate) fn records_due(
        &self,
        conn: &mut Conn,
        kind: SolanaRecordKind,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<String>, PayError> {
        let rows: Vec<RecordRow> = solana_records::table
            .filter(solana_records::kind.eq(kind.as_str()))
            .filter(solana_records::next_at.le(now))
            .order_by((solana_records::next_at, solana_records::key))
            .limit(i64::try_from(limit).unwrap_or(i64::MAX))
            .select(RecordRow::as_select())
            .load(conn)?;
        Ok(self.intact(rows))
    }

    /// Payouts that were signed after a moment.
    pub(crate) fn payouts_signed(&self, conn: &mut Conn, since: Timestamp) -> Result<Vec<String>, PayError> {
        let rows: Vec<RecordRow> = solana_records::table
            .filter(solana_records::kind.eq(SolanaRecordKind::Payout.as_str()))
            .filter(solana_records::signed_at.gt(since))
            .order_by(solana_records::signed_at)
            .select(RecordRow::as_select())
            .load(conn)?;
        // What was tampered with must not make room below the limit.
        let rows = intact_all(rows, &self.sealer)?;
        Ok(rows.into_iter().map(|row| row.document).collect())
    }

    /// Documents by key, from the one after `after` on; of payouts those that were signed after a moment.
    pub(crate) fn records_list(
        &self,
        conn: &mut Conn,
        kind: SolanaRecordKind,
        signed_since: Option<Timestamp>,
        after: &str,
        limit: usize,
    ) -> Result<Vec<String>, PayError> {
        let mut query = solana_records::table
            .filter(solana_records::kind.eq(kind.as_str()))
            .filter(solana_records::key.gt(after))
            .order_by(solana_records::key)
            .select(RecordRow::as_select())
            .limit(i64::try_from(limit).unwrap_or(i64::MAX))
            .into_boxed();
        if let Some(since) = signed_since {
            query = query.filter(solana_records::signed_at.gt(since));
        }
        Ok(self.intact(query.load(conn)?))
    }

    /// One row that was tampered with does not stop all others; `imajin verify` names it.
    fn intact(&self, rows: Vec<RecordRow>) -> Vec<String> {
        let intact = rows.into_iter().filter_map(|row| match row.intact(&self.sealer) {
            Ok(row) => Some(row.document),
            Err(error) => {
                tracing::error!(%error, "a record of the Solana rail is left alone");
                None
            }
        });
        intact.collect()
    }
}

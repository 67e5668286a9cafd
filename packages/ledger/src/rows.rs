use diesel::prelude::*;
use imajin_kernel::Timestamp;
use imajin_money::{Amount, Asset, Money};
use imajin_store::{Finding, SealedRow, sealed_row};
use serde::Serialize;

use crate::account::UnknownText;
use crate::entry::Hashed;
use crate::schema::{
    ledger_accounts, ledger_checkpoints, ledger_entries, ledger_heads, ledger_holds, ledger_lines, ledger_trees,
};
use crate::{AccountKey, Hold, LedgerError};

#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = ledger_accounts, treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct AccountRow {
    pub(crate) id: String,
    pub(crate) owner: String,
    pub(crate) asset: String,
    pub(crate) purpose: String,
    pub(crate) balance: i64,
    pub(crate) legs: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    /// When its limits were last set; none where there are none.
    pub(crate) limited_at: Option<Timestamp>,
    pub(crate) balance_min: Option<i64>,
    pub(crate) balance_max: Option<i64>,
    pub(crate) entry_max: Option<i64>,
    pub(crate) day_max: Option<i64>,
    /// The day, counted from 1970 in UTC, of `day_out`.
    pub(crate) day: Option<i64>,
    /// What has left by choice on that day; counted only where a day has a limit.
    pub(crate) day_out: Option<i64>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(AccountRow, ledger_accounts, "ledger_accounts", key = (id));

impl AccountRow {
    /// An account that nothing was posted to.
    pub(crate) fn empty(key: &AccountKey, now: Timestamp) -> Self {
        Self {
            id: key.id().to_string(),
            owner: key.owner.to_string(),
            asset: key.asset.to_string(),
            purpose: key.purpose.to_string(),
            balance: 0,
            legs: 0,
            created_at: now,
            updated_at: now,
            limited_at: None,
            balance_min: None,
            balance_max: None,
            entry_max: None,
            day_max: None,
            day: None,
            day_out: None,
            row_seal: Vec::new(),
        }
    }

    pub(crate) fn key(&self) -> Result<AccountKey, UnknownText> {
        let asset: Result<Asset, _> = self.asset.parse();
        Ok(AccountKey {
            owner: self.owner.parse()?,
            asset: asset.map_err(|_unknown| UnknownText(self.asset.clone(), "currency"))?,
            purpose: self.purpose.parse()?,
        })
    }
}

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = ledger_entries, treat_none_as_default_value = false)]
pub(crate) struct EntryRow {
    pub(crate) chain: String,
    pub(crate) seq: i64,
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) key: String,
    pub(crate) reference: String,
    pub(crate) hold_id: Option<String>,
    pub(crate) legs: String,
    pub(crate) content_digest: Vec<u8>,
    pub(crate) posted_at: Timestamp,
    pub(crate) prev_hash: Vec<u8>,
    pub(crate) hash: Vec<u8>,
}

impl EntryRow {
    /// The hash that the columns give.
    pub(crate) fn computed_hash(&self) -> [u8; 32] {
        let hashed = Hashed {
            chain: &self.chain,
            seq: self.seq,
            id: &self.id,
            kind: &self.kind,
            key: &self.key,
            reference: &self.reference,
            hold_id: self.hold_id.as_deref(),
            legs: &self.legs,
            content_digest: &self.content_digest,
            posted_at: self.posted_at,
            prev_hash: &self.prev_hash,
        };
        hashed.hash()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = ledger_lines, treat_none_as_default_value = false)]
pub(crate) struct LineRow {
    pub(crate) account_id: String,
    pub(crate) account_seq: i64,
    pub(crate) chain: String,
    pub(crate) entry_seq: i64,
    pub(crate) leg: i32,
}

#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = ledger_holds, treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct HoldRow {
    pub(crate) id: String,
    pub(crate) account_id: String,
    pub(crate) source_id: String,
    pub(crate) owner: String,
    pub(crate) asset: String,
    pub(crate) amount: i64,
    pub(crate) captured: i64,
    pub(crate) released: i64,
    pub(crate) state: String,
    pub(crate) reference: String,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(HoldRow, ledger_holds, "ledger_holds", key = (id));

impl HoldRow {
    pub(crate) fn view(&self, service: &str) -> Result<Hold, LedgerError> {
        let damaged = || LedgerError::Damaged(Finding::changed(service, Self::TABLE, self.id.as_str()));
        let amount = |units: i64| Amount::from_micros(units).map_err(|_negative| damaged());
        let asset: Result<Asset, _> = self.asset.parse();
        Ok(Hold {
            id: self.id.parse().map_err(|_unknown| damaged())?,
            owner: self.owner.parse().map_err(|_unknown| damaged())?,
            source: self.source_id.parse().map_err(|_unknown| damaged())?,
            amount: Money::new(amount(self.amount)?, asset.map_err(|_unknown| damaged())?),
            captured: amount(self.captured)?,
            released: amount(self.released)?,
            state: self.state.parse().map_err(|_unknown| damaged())?,
            reference: self.reference.clone(),
            expires_at: self.expires_at,
            created_at: self.created_at,
        })
    }

    /// What is still set aside; never negative in a row whose seal fits.
    pub(crate) const fn remaining(&self) -> i64 {
        self.amount.saturating_sub(self.captured).saturating_sub(self.released)
    }
}

#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = ledger_heads, primary_key(chain))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct HeadRow {
    pub(crate) chain: String,
    pub(crate) seq: i64,
    pub(crate) hash: Vec<u8>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(HeadRow, ledger_heads, "ledger_heads", key = (chain));

#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = ledger_checkpoints, primary_key(chain, seq))]
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
    ledger_checkpoints,
    "ledger_checkpoints",
    key = (chain, seq)
);

#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = ledger_trees, primary_key(chain, last_seq))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct TreeRow {
    pub(crate) chain: String,
    pub(crate) last_seq: i64,
    pub(crate) first_seq: i64,
    /// The signed root, as JSON.
    pub(crate) document: String,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(TreeRow, ledger_trees, "ledger_trees", key = (chain, last_seq));

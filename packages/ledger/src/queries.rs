//! What is asked of the ledger. Every list has a bound and an index.

use diesel::prelude::*;
use imajin_kernel::Timestamp;
use imajin_kernel::id::{EntryId, HoldId};
use imajin_store::{Conn, Finding, Literal, SealedRow, Sealer, for_update};

use crate::rows::{AccountRow, EntryRow, HoldRow, LineRow};
use crate::schema::{ledger_accounts, ledger_entries, ledger_holds, ledger_lines};
use crate::{AccountKey, EntryKind, Hold, LedgerError, Leg, Limits, Owner};

/// More accounts than anyone has: one per asset and purpose.
const ACCOUNTS_MAX: i64 = 500;
/// How many accounts one query asks for.
const KEYS_PER_QUERY: usize = 500;

/// An account as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub key: AccountKey,
    /// Smallest units; below zero for rails only.
    pub balance_units: i64,
    /// How many legs it has.
    pub legs: i64,
    /// When something was last posted to it.
    pub updated_at: Timestamp,
    /// What it may do at most.
    pub limits: Limits,
}

/// An entry as it was booked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The entry.
    pub id: EntryId,
    /// The writer's chain.
    pub chain: String,
    /// Its place in the chain, from 1.
    pub seq: i64,
    /// Why.
    pub kind: EntryKind,
    /// What for.
    pub reference: String,
    /// The hold that it is about.
    pub hold: Option<HoldId>,
    /// What moved.
    pub legs: Vec<Leg>,
    /// When.
    pub posted_at: Timestamp,
    /// Its hash, which covers all of it and the entry before it.
    pub hash: [u8; 32],
}

/// A line of an account's statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementLine {
    /// The line's number within the account, from 1: where the next page starts.
    pub number: i64,
    /// The entry.
    pub entry: EntryId,
    /// Why.
    pub kind: EntryKind,
    /// What for.
    pub reference: String,
    /// When.
    pub posted_at: Timestamp,
    /// Units that came in, or went out below zero.
    pub units: i64,
    /// The balance afterwards.
    pub balance_after: i64,
}

pub(crate) fn account_of(row: AccountRow, sealer: &Sealer) -> Result<Account, LedgerError> {
    let row = row.intact(sealer)?;
    let damaged = || LedgerError::Damaged(Finding::changed(sealer.service(), AccountRow::TABLE, row.id.clone()));
    let key = row.key().map_err(|_unknown| damaged())?;
    Ok(Account {
        key,
        balance_units: row.balance,
        legs: row.legs,
        updated_at: row.updated_at,
        limits: row.limits(),
    })
}

/// The accounts of an owner, by asset and purpose.
///
/// # Errors
/// [`LedgerError::Damaged`] rather than a balance that somebody wrote into the table.
pub fn account_list(conn: &mut Conn, sealer: &Sealer, owner: &Owner) -> Result<Vec<Account>, LedgerError> {
    let rows: Vec<AccountRow> = ledger_accounts::table
        .filter(ledger_accounts::owner.eq(owner.to_string()))
        .order_by((ledger_accounts::asset, ledger_accounts::purpose))
        .limit(ACCOUNTS_MAX)
        .select(AccountRow::as_select())
        .load(conn)?;
    rows.into_iter().map(|row| account_of(row, sealer)).collect()
}

/// Purpose, asset and balance of accounts, at most `limit`: for sums. Their seals are not checked: the audit does that.
///
/// # Errors
/// Diesel's.
pub fn balance_lines(conn: &mut Conn, limit: i64) -> Result<Vec<(String, String, i64)>, LedgerError> {
    Ok(ledger_accounts::table
        .order_by((ledger_accounts::purpose, ledger_accounts::id))
        .limit(limit)
        .select((
            ledger_accounts::purpose,
            ledger_accounts::asset,
            ledger_accounts::balance,
        ))
        .load(conn)?)
}

/// A page of the accounts of a purpose, by identifier, from the one after `after` on.
///
/// # Errors
/// As [`account_list`].
pub fn account_page(
    conn: &mut Conn,
    sealer: &Sealer,
    purpose: crate::Purpose,
    after: &str,
    limit: i64,
) -> Result<Vec<Account>, LedgerError> {
    let rows: Vec<AccountRow> = ledger_accounts::table
        .filter(ledger_accounts::purpose.eq(purpose.as_str()))
        .filter(ledger_accounts::id.gt(after))
        .order_by(ledger_accounts::id)
        .limit(limit)
        .select(AccountRow::as_select())
        .load(conn)?;
    rows.into_iter().map(|row| account_of(row, sealer)).collect()
}

/// One account, if anything was ever posted to it.
///
/// # Errors
/// As [`account_list`].
pub fn account_fetch(conn: &mut Conn, sealer: &Sealer, key: &AccountKey) -> Result<Option<Account>, LedgerError> {
    let row: Option<AccountRow> = ledger_accounts::table
        .find(key.id().to_string())
        .select(AccountRow::as_select())
        .first(conn)
        .optional()?;
    row.map(|row| account_of(row, sealer)).transpose()
}

/// One account, locked until the transaction ends.
///
/// # Errors
/// As [`account_list`].
pub fn account_lock(conn: &mut Conn, sealer: &Sealer, key: &AccountKey) -> Result<Option<Account>, LedgerError> {
    let row: Option<AccountRow> = for_update!(
        conn,
        ledger_accounts::table.find(key.id().to_string()).select(AccountRow::as_select()) => first
    )
    .optional()?;
    row.map(|row| account_of(row, sealer)).transpose()
}

/// Those of these accounts that exist, in few statements.
///
/// # Errors
/// As [`account_list`].
pub fn accounts_fetch(conn: &mut Conn, sealer: &Sealer, keys: &[AccountKey]) -> Result<Vec<Account>, LedgerError> {
    let ids: Vec<String> = keys.iter().map(|key| key.id().to_string()).collect();
    let mut found = Vec::new();
    for chunk in ids.chunks(KEYS_PER_QUERY) {
        let rows: Vec<AccountRow> = ledger_accounts::table
            .filter(ledger_accounts::id.eq_any(chunk))
            .select(AccountRow::as_select())
            .load(conn)?;
        for row in rows {
            found.push(account_of(row, sealer)?);
        }
    }
    Ok(found)
}

/// The accounts of a purpose that these owners have with at least `least` units in them.
///
/// # Errors
/// As [`account_list`].
pub fn accounts_above(
    conn: &mut Conn,
    sealer: &Sealer,
    owners: &[Owner],
    purpose: crate::Purpose,
    least: i64,
) -> Result<Vec<Account>, LedgerError> {
    let owners: Vec<String> = owners.iter().map(ToString::to_string).collect();
    let mut found = Vec::new();
    for chunk in owners.chunks(KEYS_PER_QUERY) {
        let rows: Vec<AccountRow> = ledger_accounts::table
            .filter(ledger_accounts::owner.eq_any(chunk))
            .filter(ledger_accounts::purpose.eq(purpose.as_str()))
            .filter(ledger_accounts::balance.ge(least))
            .select(AccountRow::as_select())
            .load(conn)?;
        for row in rows {
            found.push(account_of(row, sealer)?);
        }
    }
    Ok(found)
}

/// One account by its identifier, as the legs of entries name it.
///
/// # Errors
/// As [`account_list`].
pub fn account_find(conn: &mut Conn, sealer: &Sealer, id: crate::AccountId) -> Result<Option<Account>, LedgerError> {
    let row: Option<AccountRow> = ledger_accounts::table
        .find(id.to_string())
        .select(AccountRow::as_select())
        .first(conn)
        .optional()?;
    row.map(|row| account_of(row, sealer)).transpose()
}

/// The statement of an account, newest first; `before` is the number of the last line of the page before.
///
/// # Errors
/// [`LedgerError::Damaged`] when an entry is not as it was booked.
pub fn statement_list(
    conn: &mut Conn,
    sealer: &Sealer,
    account: &AccountKey,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<StatementLine>, LedgerError> {
    let rows: Vec<(LineRow, EntryRow)> = ledger_lines::table
        .inner_join(
            ledger_entries::table.on(ledger_entries::chain
                .eq(ledger_lines::chain)
                .and(ledger_entries::seq.eq(ledger_lines::entry_seq))),
        )
        .filter(ledger_lines::account_id.eq(account.id().to_string()))
        .filter(ledger_lines::account_seq.lt(before.unwrap_or(i64::MAX)))
        .order_by(ledger_lines::account_seq.desc())
        .limit(limit)
        .select((LineRow::as_select(), EntryRow::as_select()))
        .load(conn)?;
    rows.into_iter()
        .map(|(line, entry)| statement_line(sealer, &line, entry))
        .collect()
}

pub(crate) fn statement_line(sealer: &Sealer, line: &LineRow, row: EntryRow) -> Result<StatementLine, LedgerError> {
    let entry = entry_of(sealer, row)?;
    let leg = usize::try_from(line.leg).ok().and_then(|index| entry.legs.get(index));
    let leg = leg.filter(|leg| leg.account().to_string() == line.account_id && leg.account_seq() == line.account_seq);
    let Some(leg) = leg else {
        let row = format!("{}/{}", line.account_id, line.account_seq);
        return Err(LedgerError::Damaged(Finding::changed(
            sealer.service(),
            "ledger_lines",
            row,
        )));
    };
    Ok(StatementLine {
        number: line.account_seq,
        entry: entry.id,
        kind: entry.kind,
        reference: entry.reference,
        posted_at: entry.posted_at,
        units: leg.units(),
        balance_after: leg.balance_after(),
    })
}

pub(crate) fn entry_of(sealer: &Sealer, row: EntryRow) -> Result<Entry, LedgerError> {
    let damaged = || LedgerError::Damaged(Finding::changed(sealer.service(), "ledger_entries", row.id.as_str()));
    let hash = row.computed_hash();
    if row.hash != hash {
        return Err(damaged());
    }
    Ok(Entry {
        id: row.id.parse().map_err(|_unreadable| damaged())?,
        seq: row.seq,
        kind: row.kind.parse().map_err(|_unknown| damaged())?,
        hold: row
            .hold_id
            .as_deref()
            .map(str::parse)
            .transpose()
            .map_err(|_unreadable| damaged())?,
        legs: serde_json::from_str(&row.legs).map_err(|_unreadable| damaged())?,
        posted_at: row.posted_at,
        hash,
        chain: row.chain,
        reference: row.reference,
    })
}

/// An entry.
///
/// # Errors
/// [`LedgerError::Damaged`] when it is not as it was booked.
pub fn entry_fetch(conn: &mut Conn, sealer: &Sealer, id: EntryId) -> Result<Option<Entry>, LedgerError> {
    let row: Option<EntryRow> = ledger_entries::table
        .filter(ledger_entries::id.eq(id.to_string()))
        .select(EntryRow::as_select())
        .first(conn)
        .optional()?;
    row.map(|row| entry_of(sealer, row)).transpose()
}

/// What was booked under a command's key.
///
/// # Errors
/// [`LedgerError::Damaged`] when it is not as it was booked.
pub fn entry_find(conn: &mut Conn, sealer: &Sealer, key: &str) -> Result<Option<Entry>, LedgerError> {
    let row: Option<EntryRow> = ledger_entries::table
        .filter(ledger_entries::key.eq(key))
        .select(EntryRow::as_select())
        .first(conn)
        .optional()?;
    row.map(|row| entry_of(sealer, row)).transpose()
}

/// How many entries of a kind there are. Reads the whole ledger: for audits only.
///
/// # Errors
/// Diesel's.
pub fn entry_count(conn: &mut Conn, kind: EntryKind) -> Result<i64, LedgerError> {
    let of_kind = ledger_entries::table.filter(ledger_entries::kind.eq(kind.as_str()));
    Ok(of_kind.count().get_result(conn)?)
}

/// A hold.
///
/// # Errors
/// [`LedgerError::Damaged`] when its row was changed.
pub fn hold_fetch(conn: &mut Conn, sealer: &Sealer, id: HoldId) -> Result<Option<Hold>, LedgerError> {
    let row: Option<HoldRow> = ledger_holds::table
        .find(id.to_string())
        .select(HoldRow::as_select())
        .first(conn)
        .optional()?;
    row.map(|row| row.intact(sealer)?.view(sealer.service())).transpose()
}

/// Open holds whose time has passed, the longest overdue first; those that come `after` one of them.
///
/// # Errors
/// Diesel's.
pub fn hold_expired_list(
    conn: &mut Conn,
    now: Timestamp,
    after: Option<(Timestamp, HoldId)>,
    limit: i64,
) -> Result<Vec<(Timestamp, HoldId)>, LedgerError> {
    let (since, last) = after.map_or((Timestamp::from_micros(i64::MIN), String::new()), |(since, last)| {
        (since, last.to_string())
    });
    let expires_at = ledger_holds::expires_at.assume_not_null();
    let rows: Vec<(Timestamp, String)> = ledger_holds::table
        .filter(ledger_holds::state.eq(Literal("open")))
        .filter(ledger_holds::expires_at.is_not_null())
        .filter(ledger_holds::expires_at.le(now))
        .filter(
            expires_at
                .gt(since)
                .or(expires_at.eq(since).and(ledger_holds::id.gt(last))),
        )
        .order_by((ledger_holds::expires_at, ledger_holds::id))
        .limit(limit)
        .select((expires_at, ledger_holds::id))
        .load(conn)?;
    let named = rows.into_iter().filter_map(|(at, id)| Some((at, id.parse().ok()?)));
    Ok(named.collect())
}

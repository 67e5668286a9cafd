//! The rows that a batch of commands touches: read once, changed in memory, written back in a few statements.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use diesel::prelude::*;
use imajin_kernel::Timestamp;
use imajin_kernel::id::HoldId;
use imajin_store::{Conn, Finding, SealedRow, for_update, row_insert_missing, rows_insert, rows_update, sealed_all};

use crate::entry::GENESIS;
use crate::rows::{AccountRow, EntryRow, HeadRow, HoldRow, LineRow};
use crate::schema::{ledger_accounts, ledger_entries, ledger_heads, ledger_holds, ledger_lines};
use crate::{AccountId, AccountKey, Command, Ledger, LedgerError, Owner, Purpose};

/// How many keys one query asks for: well below the limit of parameters of either database.
const KEYS_PER_QUERY: usize = 1_000;

/// An account as it stands within the batch.
#[derive(Clone)]
pub(crate) struct AccountState {
    pub(crate) row: AccountRow,
    /// Whether the row is in the database already.
    pub(crate) stored: bool,
    pub(crate) dirty: bool,
    pub(crate) may_be_negative: bool,
}

#[derive(Clone)]
pub(crate) struct HoldSlot {
    pub(crate) row: HoldRow,
    /// Whether the row is in the database already.
    pub(crate) stored: bool,
    pub(crate) dirty: bool,
}

pub(crate) struct Book<'a> {
    pub(crate) ledger: &'a Ledger,
    pub(crate) now: Timestamp,
    pub(crate) head: HeadRow,
    pub(crate) accounts: HashMap<AccountId, AccountState>,
    pub(crate) holds: HashMap<String, HoldSlot>,
    /// What was booked under the keys of this batch, earlier or within it.
    pub(crate) known: HashMap<String, EntryRow>,
    pub(crate) entries: Vec<EntryRow>,
    pub(crate) lines: Vec<LineRow>,
}

impl<'a> Book<'a> {
    /// Reads and locks everything that the commands may touch. Accounts are locked in the order of their ids, after the
    /// head of the chain, so that two processes never wait for each other in a circle.
    pub(crate) fn load(ledger: &'a Ledger, conn: &mut Conn, commands: &[&Command]) -> Result<Self, LedgerError> {
        let mut book = Self {
            ledger,
            now: ledger.now(),
            head: load_head(ledger, conn)?,
            accounts: HashMap::new(),
            holds: HashMap::new(),
            known: load_known(conn, commands)?,
            entries: Vec::with_capacity(commands.len()),
            lines: Vec::with_capacity(commands.len().saturating_mul(4)),
        };
        book.load_holds(conn, commands)?;
        book.load_accounts(conn, commands)?;
        Ok(book)
    }

    fn load_holds(&mut self, conn: &mut Conn, commands: &[&Command]) -> Result<(), LedgerError> {
        let mut ids: BTreeSet<String> = commands
            .iter()
            .filter_map(|command| hold_of(command))
            .map(|id| id.to_string())
            .collect();
        ids.extend(self.known.values().filter_map(|entry| entry.hold_id.clone()));
        if ids.is_empty() {
            return Ok(());
        }
        let rows: Vec<HoldRow> = for_update!(
            conn,
            ledger_holds::table
                .filter(ledger_holds::id.eq_any(&ids))
                .order_by(ledger_holds::id)
                .select(HoldRow::as_select()) => load
        )?;
        for row in rows {
            let row = row.intact(&self.ledger.sealer)?;
            let slot = HoldSlot {
                row,
                stored: true,
                dirty: false,
            };
            self.holds.insert(slot.row.id.clone(), slot);
        }
        Ok(())
    }

    fn load_accounts(&mut self, conn: &mut Conn, commands: &[&Command]) -> Result<(), LedgerError> {
        let mut wanted: BTreeMap<AccountId, Option<AccountKey>> = BTreeMap::new();
        for command in commands {
            self.accounts_of(command, &mut wanted);
        }
        let ids: Vec<String> = wanted.keys().map(ToString::to_string).collect();
        for chunk in ids.chunks(KEYS_PER_QUERY) {
            let rows: Vec<AccountRow> = for_update!(
                &mut *conn,
                ledger_accounts::table
                    .filter(ledger_accounts::id.eq_any(chunk))
                    .order_by(ledger_accounts::id)
                    .select(AccountRow::as_select()) => load
            )?;
            for row in rows {
                self.insert_stored(row)?;
            }
        }
        for (id, key) in wanted {
            if let (Some(key), false) = (key, self.accounts.contains_key(&id)) {
                self.insert_new(id, &key);
            }
        }
        Ok(())
    }

    /// The accounts of a command; those that a hold names are there already, by their id alone.
    pub(crate) fn accounts_of(&self, command: &Command, wanted: &mut BTreeMap<AccountId, Option<AccountKey>>) {
        let mut want = |key: &AccountKey| {
            wanted.insert(key.id(), Some(key.clone()));
        };
        match command {
            Command::Post(posting) => posting.movements.iter().for_each(|movement| want(&movement.account)),
            Command::Place(place) => {
                want(&place.source);
                want(&AccountKey::new(place.owner.clone(), place.source.asset, Purpose::Held));
            }
            Command::Capture(capture) => capture.credits.iter().for_each(|credit| want(&credit.account)),
            Command::Note(_) | Command::Release(_) => {}
        }
        let hold = hold_of(command).and_then(|id| self.holds.get(&id.to_string()));
        for id in hold
            .into_iter()
            .flat_map(|slot| [&slot.row.account_id, &slot.row.source_id])
        {
            if let Ok(id) = id.parse() {
                wanted.entry(id).or_insert(None);
            }
        }
    }

    fn insert_stored(&mut self, row: AccountRow) -> Result<(), LedgerError> {
        let sealer = &self.ledger.sealer;
        let row = row.intact(sealer)?;
        let damaged = || LedgerError::Damaged(Finding::changed(sealer.service(), AccountRow::TABLE, row.id.clone()));
        let id: AccountId = row.id.parse().map_err(|_unknown| damaged())?;
        let may_be_negative = Owner::text_may_be_negative(&row.owner, &row.purpose);
        self.accounts.insert(
            id,
            AccountState {
                row,
                stored: true,
                dirty: false,
                may_be_negative,
            },
        );
        Ok(())
    }

    fn insert_new(&mut self, id: AccountId, key: &AccountKey) {
        let row = AccountRow::empty(key, self.now);
        let may_be_negative = key.may_be_negative();
        self.accounts.insert(
            id,
            AccountState {
                row,
                stored: false,
                dirty: false,
                may_be_negative,
            },
        );
    }

    /// Writes everything back. `false`: another process opened one of the new accounts meanwhile, nothing was written,
    /// and the batch has to start again.
    pub(crate) fn flush(self, conn: &mut Conn) -> Result<bool, LedgerError> {
        if self.entries.is_empty() {
            return Ok(true);
        }
        let sealer = &self.ledger.sealer;
        let (stored, new): (Vec<_>, Vec<_>) = self
            .accounts
            .into_values()
            .filter(|account| account.dirty)
            .partition(|account| account.stored);
        let rows = |accounts: Vec<AccountState>| accounts.into_iter().map(|account| account.row).collect();
        if !accounts_open(conn, &sealed_all(rows(new), sealer)?)? {
            return Ok(false);
        }
        rows_update!(
            conn,
            ledger_accounts,
            key = id,
            set = (balance, legs, updated_at, day, day_out, row_seal),
            &sealed_all(rows(stored), sealer)?
        )?;
        let (stored, new): (Vec<_>, Vec<_>) = self
            .holds
            .into_values()
            .filter(|hold| hold.dirty)
            .partition(|hold| hold.stored);
        let rows = |holds: Vec<HoldSlot>| holds.into_iter().map(|hold| hold.row).collect();
        HoldRow::insert_all(rows(new), conn, sealer)?;
        rows_update!(
            conn,
            ledger_holds,
            key = id,
            set = (captured, released, state, updated_at, row_seal),
            &sealed_all(rows(stored), sealer)?
        )?;
        rows_insert!(
            conn,
            ledger_entries,
            columns = (
                chain,
                seq,
                id,
                kind,
                key,
                reference,
                hold_id,
                legs,
                content_digest,
                posted_at,
                prev_hash,
                hash
            ),
            &self.entries
        )?;
        rows_insert!(
            conn,
            ledger_lines,
            columns = (account_id, account_seq, chain, entry_seq, leg),
            &self.lines
        )?;
        self.head.save(conn, sealer)?;
        Ok(true)
    }
}

/// Opens accounts, or none of them: `false` when another process has opened one meanwhile.
fn accounts_open(conn: &mut Conn, rows: &[AccountRow]) -> QueryResult<bool> {
    if rows.is_empty() {
        return Ok(true);
    }
    // What was opened before the one that is there must go again: it has the balance of a batch that starts anew.
    let opened = conn.transaction(|conn| {
        // One by one, because "how many of these were there" is not the same question in both dialects; an account is
        // opened once in its life.
        for row in rows {
            if !row_insert_missing!(conn, ledger_accounts, row)? {
                return Err(diesel::result::Error::RollbackTransaction);
            }
        }
        Ok(())
    });
    match opened {
        Ok(()) => Ok(true),
        Err(diesel::result::Error::RollbackTransaction) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The hold that a command names.
fn hold_of(command: &Command) -> Option<HoldId> {
    match command {
        Command::Post(_) | Command::Note(_) | Command::Place(_) => None,
        Command::Capture(capture) => Some(capture.hold),
        Command::Release(release) => Some(release.hold),
    }
}

fn load_head(ledger: &Ledger, conn: &mut Conn) -> Result<HeadRow, LedgerError> {
    if let Some(head) = head_fetch(ledger, conn)? {
        return Ok(head);
    }
    let genesis = HeadRow {
        chain: ledger.chain.clone(),
        seq: 0,
        hash: GENESIS.to_vec(),
        row_seal: Vec::new(),
    };
    let genesis = genesis.sealed(&ledger.sealer)?;
    row_insert_missing!(conn, ledger_heads, &genesis)?;
    head_fetch(ledger, conn)?.ok_or_else(|| diesel::result::Error::NotFound.into())
}

fn head_fetch(ledger: &Ledger, conn: &mut Conn) -> Result<Option<HeadRow>, LedgerError> {
    let head: Option<HeadRow> = for_update!(
        conn,
        ledger_heads::table.find(&ledger.chain).select(HeadRow::as_select()) => first
    )
    .optional()?;
    Ok(head.map(|head| head.intact(&ledger.sealer)).transpose()?)
}

fn load_known(conn: &mut Conn, commands: &[&Command]) -> Result<HashMap<String, EntryRow>, LedgerError> {
    let keys: Vec<&str> = commands.iter().map(|command| command.key()).collect();
    let mut known = HashMap::new();
    for chunk in keys.chunks(KEYS_PER_QUERY) {
        let rows: Vec<EntryRow> = ledger_entries::table
            .filter(ledger_entries::key.eq_any(chunk))
            .select(EntryRow::as_select())
            .load(conn)?;
        known.extend(rows.into_iter().map(|row| (row.key.clone(), row)));
    }
    Ok(known)
}

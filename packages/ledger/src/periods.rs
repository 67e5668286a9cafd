//! Accounts over time: what was there at a moment, and what happened between two.

use diesel::prelude::*;
use imajin_kernel::Timestamp;
use imajin_store::{Conn, Sealer};

use crate::queries::statement_line;
use crate::rows::{EntryRow, LineRow};
use crate::schema::{ledger_entries, ledger_lines};
use crate::{Account, LedgerError, StatementLine};

/// The balance of an account as of a moment: what its last leg until then, that one included, left.
///
/// Takes a number of steps that grows with the logarithm of the account's history.
///
/// # Errors
/// [`LedgerError::Damaged`] when an entry is not as it was booked.
pub fn balance_at(conn: &mut Conn, sealer: &Sealer, account: &Account, at: Timestamp) -> Result<i64, LedgerError> {
    let next = line_from(conn, account, Timestamp::from_micros(at.as_micros().saturating_add(1)))?;
    let last = line_fetch(conn, sealer, account, next.saturating_sub(1))?;
    Ok(last.map_or(0, |line| line.balance_after))
}

/// The lines of an account in `from..until`, oldest first, at most `limit`.
///
/// # Errors
/// [`LedgerError::Damaged`] when an entry is not as it was booked.
pub fn statement_between(
    conn: &mut Conn,
    sealer: &Sealer,
    account: &Account,
    (from, until): (Timestamp, Timestamp),
    limit: i64,
) -> Result<Vec<StatementLine>, LedgerError> {
    let (first, end) = (line_from(conn, account, from)?, line_from(conn, account, until)?);
    let rows: Vec<(LineRow, EntryRow)> = ledger_lines::table
        .inner_join(
            ledger_entries::table.on(ledger_entries::chain
                .eq(ledger_lines::chain)
                .and(ledger_entries::seq.eq(ledger_lines::entry_seq))),
        )
        .filter(ledger_lines::account_id.eq(account.key.id().to_string()))
        .filter(ledger_lines::account_seq.ge(first))
        .filter(ledger_lines::account_seq.lt(end))
        .order_by(ledger_lines::account_seq)
        .limit(limit)
        .select((LineRow::as_select(), EntryRow::as_select()))
        .load(conn)?;
    rows.into_iter()
        .map(|(line, entry)| statement_line(sealer, &line, entry))
        .collect()
}

/// The number of the first line at or after a moment; one more than the last, when there is none.
fn line_from(conn: &mut Conn, account: &Account, at: Timestamp) -> Result<i64, LedgerError> {
    let (mut low, mut high) = (1_i64, account.legs.saturating_add(1));
    while low < high {
        let middle = low.midpoint(high);
        let posted_at: Option<Timestamp> = ledger_lines::table
            .inner_join(
                ledger_entries::table.on(ledger_entries::chain
                    .eq(ledger_lines::chain)
                    .and(ledger_entries::seq.eq(ledger_lines::entry_seq))),
            )
            .filter(ledger_lines::account_id.eq(account.key.id().to_string()))
            .filter(ledger_lines::account_seq.eq(middle))
            .select(ledger_entries::posted_at)
            .first(conn)
            .optional()?;
        if posted_at.is_some_and(|posted_at| posted_at < at) {
            low = middle.saturating_add(1);
        } else {
            high = middle;
        }
    }
    Ok(low)
}

fn line_fetch(
    conn: &mut Conn,
    sealer: &Sealer,
    account: &Account,
    number: i64,
) -> Result<Option<StatementLine>, LedgerError> {
    let found = crate::statement_list(conn, sealer, &account.key, Some(number.saturating_add(1)), 1)?;
    Ok(found.into_iter().next().filter(|line| line.number == number))
}

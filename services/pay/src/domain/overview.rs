//! What the operator sees first: sums and counts. Sums over time come from rows that are kept day by day as receipts
//! are written ([`super::sales`]), so that no view reads the history; counts are of partial indexes, which hold what is
//! open and nothing else.

use std::collections::BTreeMap;

use diesel::prelude::*;
use imajin_ledger::balance_lines;
use imajin_store::{Conn, Literal};

use crate::PayError;
use crate::rows::{FAILED, ShareState, WAITING};
use crate::schema::{differences, disputes, held_shares, payout_parts, rail_messages};

/// Accounts that are summed up: there is one for each owner, asset and purpose, however long their history. A node with
/// more is told that it has more.
const ACCOUNTS_MAX: i64 = 50_000;

/// What waits for somebody.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overview {
    pub(crate) differences: i64,
    pub(crate) disputes: i64,
    pub(crate) debts: i64,
    pub(crate) messages: i64,
    pub(crate) payouts_failed: i64,
    pub(crate) payouts_waiting: i64,
    pub(crate) shares: i64,
}

impl Overview {
    /// Whether the operator has nothing to do.
    pub(crate) const fn is_calm(&self) -> bool {
        self.differences == 0 && self.disputes == 0 && self.messages == 0
    }
}

pub(crate) fn overview(conn: &mut Conn) -> Result<Overview, PayError> {
    let open = differences::table.filter(differences::resolved_at.is_null());
    let debts = differences::table
        .filter(differences::resolved_at.is_null())
        .filter(differences::kind.eq("debt_open"));
    let disputed = disputes::table.filter(disputes::state.eq(Literal("open")));
    let told = rail_messages::table.filter(rail_messages::processed_at.is_null());
    let failed = payout_parts::table.filter(payout_parts::state.eq(Literal(FAILED)));
    let waiting = payout_parts::table.filter(payout_parts::state.eq(Literal(WAITING)));
    let shares = held_shares::table.filter(held_shares::state.eq(Literal(ShareState::Waiting.as_str())));
    Ok(Overview {
        differences: open.count().get_result(conn)?,
        disputes: disputed.count().get_result(conn)?,
        debts: debts.count().get_result(conn)?,
        messages: told.count().get_result(conn)?,
        payouts_failed: failed.count().get_result(conn)?,
        payouts_waiting: waiting.count().get_result(conn)?,
        shares: shares.count().get_result(conn)?,
    })
}

/// The balances of all accounts, by purpose and currency.
#[derive(Debug, Clone, Default)]
pub(crate) struct Balances {
    /// Purpose, currency, sum in the smallest units, how many accounts.
    pub(crate) lines: Vec<(String, String, i64, u64)>,
    /// Whether every account is in them.
    pub(crate) is_complete: bool,
}

pub(crate) fn balances(conn: &mut Conn) -> Result<Balances, PayError> {
    let accounts = balance_lines(conn, ACCOUNTS_MAX.saturating_add(1))?;
    let is_complete = i64::try_from(accounts.len()).is_ok_and(|count| count <= ACCOUNTS_MAX);
    let mut sums: BTreeMap<(String, String), (i64, u64)> = BTreeMap::new();
    for (purpose, asset, units) in accounts {
        let sum = sums.entry((purpose, asset)).or_default();
        *sum = (sum.0.saturating_add(units), sum.1.saturating_add(1));
    }
    let line = |((purpose, asset), (units, count))| (purpose, asset, units, count);
    Ok(Balances {
        lines: sums.into_iter().map(line).collect(),
        is_complete,
    })
}

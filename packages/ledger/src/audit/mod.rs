//! Recomputes everything: hashes, balances, holds, lines, checkpoints.

mod lines;
mod trees;

use std::collections::{BTreeMap, HashMap};

use diesel::prelude::*;
use imajin_money::Asset;
use imajin_store::{Conn, Finding, SealedRow, Sealer, StoreError};

use crate::entry::GENESIS;
use crate::rows::{AccountRow, CheckpointRow, EntryRow, HeadRow, HoldRow, TreeRow};
use crate::schema::{ledger_accounts, ledger_checkpoints, ledger_entries, ledger_heads, ledger_holds};
use crate::{AccountId, HoldState, Leg, Owner, Purpose};

const PAGE: i64 = 500;

/// Checks every row of the ledger and adds a finding for each one that is not as it was booked.
///
/// Run it in a transaction, so that it looks at one moment. Its memory grows with the number of accounts and of holds,
/// not with the number of entries.
///
/// # Errors
/// [`StoreError`] for what stopped the audit.
pub fn audit(conn: &mut Conn, sealer: &Sealer, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    AccountRow::audit(conn, sealer, findings)?;
    HoldRow::audit(conn, sealer, findings)?;
    HeadRow::audit(conn, sealer, findings)?;
    CheckpointRow::audit(conn, sealer, findings)?;
    TreeRow::audit(conn, sealer, findings)?;
    let mut auditor = Auditor {
        service: sealer.service(),
        findings,
        accounts: HashMap::new(),
        early: BTreeMap::new(),
        holds: HashMap::new(),
        legs: 0,
    };
    auditor.accounts_read(conn)?;
    auditor.chains_walk(conn)?;
    auditor.lines_check(conn)?;
    auditor.holds_check(conn)?;
    auditor.accounts_check();
    auditor.checkpoints_check(conn)?;
    auditor.trees_check(conn, sealer)
}

/// What an account's row says, and what the legs say.
struct AccountTally {
    asset: Option<Asset>,
    is_held: bool,
    may_be_negative: bool,
    row_balance: i64,
    row_legs: i64,
    balance: i64,
    legs: i64,
    held: i64,
}

/// What the entries say about a hold.
#[derive(Default)]
struct HoldTally {
    account: Option<AccountId>,
    placed: i64,
    remaining: i64,
}

struct Auditor<'a> {
    service: &'static str,
    findings: &'a mut Vec<Finding>,
    accounts: HashMap<AccountId, AccountTally>,
    /// Legs that another chain's legs of the same account come before.
    early: BTreeMap<(AccountId, i64), (Leg, String)>,
    holds: HashMap<String, HoldTally>,
    legs: i64,
}

impl Auditor<'_> {
    fn find(&mut self, table: &str, row: impl Into<String>, problem: impl Into<String>) {
        self.findings.push(Finding::new(self.service, table, row, problem));
    }

    fn accounts_read(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        let mut last = String::new();
        loop {
            let page: Vec<AccountRow> = ledger_accounts::table
                .filter(ledger_accounts::id.gt(&last))
                .order_by(ledger_accounts::id)
                .limit(PAGE)
                .select(AccountRow::as_select())
                .load(conn)?;
            let Some(end) = page.last() else { return Ok(()) };
            last.clone_from(&end.id);
            for row in page {
                self.account_read(&row);
            }
        }
    }

    fn account_read(&mut self, row: &AccountRow) {
        let is_named = row.key().is_ok_and(|key| key.id().to_string() == row.id);
        let Some(id) = row.id.parse().ok().filter(|_id: &AccountId| is_named) else {
            self.find(
                "ledger_accounts",
                &row.id,
                "the identifier does not follow from owner, asset and purpose",
            );
            return;
        };
        let tally = AccountTally {
            asset: row.asset.parse().ok(),
            is_held: row.purpose == Purpose::Held.as_str(),
            may_be_negative: Owner::text_may_be_negative(&row.owner, &row.purpose),
            row_balance: row.balance,
            row_legs: row.legs,
            balance: 0,
            legs: 0,
            held: 0,
        };
        self.accounts.insert(id, tally);
    }

    fn chains_walk(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        let heads: Vec<HeadRow> = ledger_heads::table.select(HeadRow::as_select()).load(conn)?;
        let mut chains: Vec<String> = ledger_entries::table
            .select(ledger_entries::chain)
            .distinct()
            .load(conn)?;
        chains.extend(heads.iter().map(|head| head.chain.clone()));
        chains.sort_unstable();
        chains.dedup();
        for chain in chains {
            let end = self.chain_walk(conn, &chain)?;
            match heads.iter().find(|head| head.chain == chain) {
                None => self.find("ledger_heads", &chain, "the head of this chain is missing"),
                Some(head) if (head.seq, &head.hash) != (end.0, &end.1) => {
                    self.find("ledger_heads", &chain, "the chain does not end where its head says");
                }
                Some(_) => {}
            }
        }
        let left: Vec<String> = self.early.values().map(|(_, entry)| entry.clone()).collect();
        for entry in left {
            self.find("ledger_entries", entry, "a leg is not the next one of its account");
        }
        Ok(())
    }

    fn chain_walk(&mut self, conn: &mut Conn, chain: &str) -> Result<(i64, Vec<u8>), StoreError> {
        let mut end = (0, GENESIS.to_vec());
        let mut last = i64::MIN;
        loop {
            let page: Vec<EntryRow> = ledger_entries::table
                .filter(ledger_entries::chain.eq(chain))
                .filter(ledger_entries::seq.gt(last))
                .order_by(ledger_entries::seq)
                .limit(PAGE)
                .select(EntryRow::as_select())
                .load(conn)?;
            if page.is_empty() {
                return Ok(end);
            }
            for row in page {
                last = row.seq;
                self.entry_check(&row, &end);
                end = (row.seq, row.hash);
            }
        }
    }

    fn entry_check(&mut self, row: &EntryRow, before: &(i64, Vec<u8>)) {
        let table = "ledger_entries";
        if row.seq != before.0.saturating_add(1) {
            self.find(
                table,
                &row.id,
                format!("the entries before number {} are missing", row.seq),
            );
        }
        if row.prev_hash != before.1 {
            self.find(table, &row.id, "it does not follow the entry before it");
        }
        if row.computed_hash().as_slice() != row.hash {
            self.find(table, &row.id, "the entry was changed after it was booked");
        }
        let Ok(legs) = serde_json::from_str::<Vec<Leg>>(&row.legs) else {
            return self.find(table, &row.id, "the legs cannot be read");
        };
        self.balance_check(row, &legs);
        for leg in &legs {
            self.legs = self.legs.saturating_add(1);
            self.hold_tally(row, leg);
            self.early
                .insert((leg.account(), leg.account_seq()), (leg.clone(), row.id.clone()));
            self.leg_tally(leg.account());
        }
    }

    fn balance_check(&mut self, row: &EntryRow, legs: &[Leg]) {
        let mut sums: BTreeMap<Option<Asset>, i128> = BTreeMap::new();
        for leg in legs {
            let asset = self.accounts.get(&leg.account()).and_then(|account| account.asset);
            let sum = sums.entry(asset).or_default();
            *sum = sum.saturating_add(i128::from(leg.units()));
        }
        if sums.contains_key(&None) {
            self.find("ledger_entries", &row.id, "an account of a leg is missing");
        }
        if sums.values().any(|sum| *sum != 0) {
            self.find("ledger_entries", &row.id, "the legs do not sum to zero");
        }
    }

    fn hold_tally(&mut self, row: &EntryRow, leg: &Leg) {
        let Some(hold) = &row.hold_id else { return };
        let tally = self.holds.entry(hold.clone()).or_default();
        let is_held = self.accounts.get(&leg.account()).is_some_and(|account| account.is_held);
        if !is_held {
            return;
        }
        if tally.account.is_none() && leg.units() > 0 {
            tally.account = Some(leg.account());
            tally.placed = leg.units();
        }
        tally.remaining = tally.remaining.saturating_add(leg.units());
    }

    /// Takes the legs of an account in the account's own order, whatever chain they are in.
    fn leg_tally(&mut self, id: AccountId) {
        loop {
            let Some(account) = self.accounts.get_mut(&id) else {
                return;
            };
            let next = account.legs.saturating_add(1);
            let Some((leg, entry)) = self.early.remove(&(id, next)) else {
                return;
            };
            account.legs = next;
            account.balance = account.balance.saturating_add(leg.units());
            let (wrong, negative) = (
                account.balance != leg.balance_after(),
                account.balance < 0 && !account.may_be_negative,
            );
            if wrong {
                self.find(
                    "ledger_entries",
                    &entry,
                    "the balance after a leg is not what the legs before it give",
                );
            }
            if negative {
                self.find("ledger_entries", &entry, "a leg takes a user's account below zero");
            }
        }
    }

    fn holds_check(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        let mut last = String::new();
        loop {
            let page: Vec<HoldRow> = ledger_holds::table
                .filter(ledger_holds::id.gt(&last))
                .order_by(ledger_holds::id)
                .limit(PAGE)
                .select(HoldRow::as_select())
                .load(conn)?;
            let Some(end) = page.last() else { break };
            last.clone_from(&end.id);
            for row in page {
                self.hold_check(&row);
            }
        }
        let left: Vec<String> = self.holds.keys().cloned().collect();
        for hold in left {
            self.find("ledger_holds", hold, "the hold that entries name is missing");
        }
        Ok(())
    }

    fn hold_check(&mut self, row: &HoldRow) {
        let tally = self.holds.remove(&row.id).unwrap_or_default();
        let account = tally.account.map(|id| id.to_string());
        if account.as_ref() != Some(&row.account_id) || tally.placed != row.amount || tally.remaining != row.remaining()
        {
            self.find("ledger_holds", &row.id, "the hold is not what its entries give");
        }
        let is_open = row.state == HoldState::Open.as_str();
        if is_open != (row.remaining() > 0) || row.captured < 0 || row.released < 0 || row.remaining() < 0 {
            self.find(
                "ledger_holds",
                &row.id,
                "the state of the hold does not fit what is left of it",
            );
        }
        if let Some(account) = tally.account.and_then(|id| self.accounts.get_mut(&id)) {
            account.held = account.held.saturating_add(row.remaining());
        }
    }

    fn accounts_check(&mut self) {
        let mut wrong = Vec::new();
        for (id, account) in &self.accounts {
            if account.row_legs != account.legs || account.row_balance != account.balance {
                wrong.push((id.to_string(), "the balance is not the sum of the legs"));
            }
            if account.is_held && account.held != account.balance {
                wrong.push((id.to_string(), "the balance is not what its holds set aside"));
            }
        }
        wrong.sort_unstable();
        for (id, problem) in wrong {
            self.find("ledger_accounts", id, problem);
        }
    }

    fn checkpoints_check(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        let rows: Vec<CheckpointRow> = ledger_checkpoints::table
            .select(CheckpointRow::as_select())
            .load(conn)?;
        for row in rows {
            let name = row.row_key();
            if !row.is_signed() {
                self.find("ledger_checkpoints", &name, "the node did not sign this");
            }
            let hash: Option<Vec<u8>> = ledger_entries::table
                .find((&row.chain, row.seq))
                .select(ledger_entries::hash)
                .first(conn)
                .optional()?;
            if hash.as_ref() != Some(&row.hash) {
                self.find("ledger_checkpoints", &name, "the chain does not hold what was signed");
            }
        }
        Ok(())
    }
}

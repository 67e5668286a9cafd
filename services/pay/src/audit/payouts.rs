use diesel::prelude::*;
use imajin_ledger::{EntryKind, entry_count, entry_find};
use imajin_store::{Conn, SealedRow, StoreError};

use super::{Auditor, PAGE, from_ledger};
use crate::rows::{FAILED, PartRow, PayoutRow};
use crate::schema::{payout_parts, payouts};

impl Auditor {
    /// Each payout left its balance, and is the sum of its parts; what came back of them is in the ledger.
    pub(super) fn payouts_check(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        let (mut last, mut due) = (String::new(), 0_i64);
        loop {
            let ids: Vec<String> = payouts::table
                .filter(payouts::id.gt(&last))
                .order_by(payouts::id)
                .limit(PAGE)
                .select(payouts::id)
                .load(conn)?;
            let Some(end) = ids.last() else { break };
            last.clone_from(end);
            for id in &ids {
                let row = payouts::table.find(id).select(PayoutRow::as_select()).first(conn);
                if let Some(row) = self.readable::<PayoutRow>(row)? {
                    due = due.saturating_add(self.payout_check(conn, &row)?);
                }
            }
        }
        let entries = match entry_count(conn, EntryKind::Payout) {
            Ok(entries) => entries,
            Err(error) => return from_ledger::<()>(Err(error)).map(drop),
        };
        let parts: i64 = payout_parts::table.count().get_result(conn)?;
        if parts != self.payout_parts && self.findings.is_empty() {
            self.find(PartRow::TABLE, "-", "a transfer belongs to no payout");
        }
        // Something may come back of one transfer in several steps.
        if (entries < due || (due == 0 && entries > 0)) && self.findings.is_empty() {
            let problem = format!("{due} entries are due, and {entries} are booked");
            self.find(PayoutRow::TABLE, "-", problem);
        }
        Ok(())
    }

    /// Checks one payout; returns how many entries it must have at least.
    fn payout_check(&mut self, conn: &mut Conn, row: &PayoutRow) -> Result<i64, StoreError> {
        let id = row.id.to_string();
        if !self.is_booked(conn, &row.ledger_key(), row.amount)? {
            self.find(PayoutRow::TABLE, &id, "the ledger has booked something else for it");
        }
        let numbers: Vec<i64> = payout_parts::table
            .filter(payout_parts::payout_id.eq(&id))
            .order_by(payout_parts::part)
            .select(payout_parts::part)
            .load(conn)?;
        let (mut sum, mut due) = (0_i64, 1_i64);
        for number in numbers {
            let part = payout_parts::table
                .find((&id, number))
                .select(PartRow::as_select())
                .first(conn);
            let Some(part) = self.readable::<PartRow>(part)? else {
                return Ok(due);
            };
            sum = sum.saturating_add(part.amount);
            self.payout_parts = self.payout_parts.saturating_add(1);
            if let Some(back) = part.reversed {
                due = due.saturating_add(1);
                let booked = from_ledger(entry_find(conn, &self.sealer, &part.back_key(back)))?;
                if booked.is_none_or(|entry| entry.kind != EntryKind::Payout) {
                    self.find(
                        PartRow::TABLE,
                        part.row_key(),
                        "what came back of it is not in the ledger",
                    );
                }
            } else if part.state == FAILED {
                self.find(
                    PartRow::TABLE,
                    part.row_key(),
                    "it failed, and its money did not come back",
                );
            }
        }
        if sum != row.amount {
            self.find(PayoutRow::TABLE, &id, "its parts do not add up to it");
        }
        Ok(due)
    }

    fn is_booked(&self, conn: &mut Conn, key: &str, units: i64) -> Result<bool, StoreError> {
        let entry = from_ledger(entry_find(conn, &self.sealer, key))?;
        Ok(entry.is_some_and(|entry| {
            let came = entry
                .legs
                .iter()
                .map(imajin_ledger::Leg::units)
                .filter(|units| *units > 0);
            entry.kind == EntryKind::Payout && came.sum::<i64>() == units
        }))
    }
}

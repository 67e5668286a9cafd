//! Every line stands for a leg, and every leg has its line.

use diesel::prelude::*;
use imajin_store::{Conn, StoreError};

use super::{Auditor, PAGE};
use crate::rows::LineRow;
use crate::schema::{ledger_entries, ledger_lines};
use crate::{AccountId, Leg};

impl Auditor<'_> {
    /// Every line names the leg that it stands for; when there are fewer lines than legs, the missing ones are sought.
    pub(super) fn lines_check(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        let mut last = (String::new(), 0_i64);
        let mut count: i64 = 0;
        loop {
            let page: Vec<(LineRow, Option<String>)> = ledger_lines::table
                .left_join(
                    ledger_entries::table.on(ledger_entries::chain
                        .eq(ledger_lines::chain)
                        .and(ledger_entries::seq.eq(ledger_lines::entry_seq))),
                )
                .filter(
                    ledger_lines::account_id.gt(&last.0).or(ledger_lines::account_id
                        .eq(&last.0)
                        .and(ledger_lines::account_seq.gt(last.1))),
                )
                .order_by((ledger_lines::account_id, ledger_lines::account_seq))
                .limit(PAGE)
                .select((LineRow::as_select(), ledger_entries::legs.nullable()))
                .load(conn)?;
            let Some((end, _)) = page.last() else { break };
            last = (end.account_id.clone(), end.account_seq);
            for (line, legs) in page {
                count = count.saturating_add(1);
                self.line_check(&line, legs.as_deref());
            }
        }
        if count < self.legs {
            self.lines_missing_find(conn)?;
        }
        Ok(())
    }

    fn line_check(&mut self, line: &LineRow, legs: Option<&str>) {
        let legs: Vec<Leg> = legs
            .and_then(|legs| serde_json::from_str(legs).ok())
            .unwrap_or_default();
        let leg = usize::try_from(line.leg).ok().and_then(|index| legs.get(index));
        let fits = leg
            .is_some_and(|leg| leg.account().to_string() == line.account_id && leg.account_seq() == line.account_seq);
        if !fits {
            let row = format!("{}/{}", line.account_id, line.account_seq);
            self.find(
                "ledger_lines",
                row,
                "the line does not stand for a leg of the entry that it names",
            );
        }
    }

    fn lines_missing_find(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        let accounts: Vec<(AccountId, i64)> = self.accounts.iter().map(|(id, tally)| (*id, tally.legs)).collect();
        for (id, legs) in accounts {
            let numbers: Vec<i64> = ledger_lines::table
                .filter(ledger_lines::account_id.eq(id.to_string()))
                .order_by(ledger_lines::account_seq)
                .select(ledger_lines::account_seq)
                .load(conn)?;
            for missing in (1..=legs).filter(|number| numbers.binary_search(number).is_err()) {
                self.find(
                    "ledger_lines",
                    format!("{id}/{missing}"),
                    "the line of this leg is missing",
                );
            }
        }
        Ok(())
    }
}

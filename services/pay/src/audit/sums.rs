use std::collections::BTreeMap;

use diesel::prelude::*;
use imajin_rails::FactKind;
use imajin_store::{Conn, SealedRow, StoreError};

use super::{Auditor, PAGE};
use crate::domain::reconcile::facts::sums_with;
use crate::rows::{FactRow, SumRow};
use crate::schema::{rail_facts, rail_sums};

impl Auditor {
    /// The sums of the rails are those of what they have listed.
    pub(super) fn sums_check(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        let before = self.findings.len();
        let mut sums: BTreeMap<(String, String), (i64, i64)> = BTreeMap::new();
        let mut last = (String::new(), String::new(), String::new());
        loop {
            let after = rail_facts::rail.gt(&last.0).or(rail_facts::rail.eq(&last.0).and(
                rail_facts::kind
                    .gt(&last.1)
                    .or(rail_facts::kind.eq(&last.1).and(rail_facts::reference.gt(&last.2))),
            ));
            let keys: Vec<(String, String, String)> = rail_facts::table
                .filter(after)
                .order_by((rail_facts::rail, rail_facts::kind, rail_facts::reference))
                .limit(PAGE)
                .select((rail_facts::rail, rail_facts::kind, rail_facts::reference))
                .load(conn)?;
            let Some(end) = keys.last() else { break };
            last.clone_from(end);
            for key in &keys {
                let row = rail_facts::table
                    .find((&key.0, &key.1, &key.2))
                    .select(FactRow::as_select())
                    .first(conn);
                if let Some(row) = self.readable::<FactRow>(row)? {
                    self.fact_add(&row, &mut sums);
                }
            }
        }
        let rows: Vec<(String, String)> = rail_sums::table
            .select((rail_sums::rail, rail_sums::asset))
            .load(conn)?;
        for (rail, asset) in rows {
            let row = rail_sums::table
                .find((&rail, &asset))
                .select(SumRow::as_select())
                .first(conn);
            let Some(row) = self.readable::<SumRow>(row)? else {
                continue;
            };
            let due = sums.remove(&(rail, asset)).unwrap_or_default();
            // With a finding above, a fact may be missing from the sum for that reason.
            if due != (row.held, row.withdrawn) && before == self.findings.len() {
                self.find(
                    SumRow::TABLE,
                    row.row_key(),
                    "what the rail has listed sums up to something else",
                );
            }
        }
        if !sums.is_empty() && self.findings.is_empty() {
            self.find(SumRow::TABLE, "-", "the sum of a rail is missing");
        }
        Ok(())
    }

    fn fact_add(&mut self, row: &FactRow, sums: &mut BTreeMap<(String, String), (i64, i64)>) {
        let kind = FactKind::ALL.into_iter().find(|kind| kind.as_str() == row.kind);
        let Some((held, withdrawn)) = kind.and_then(|kind| sums_with(row, kind).ok()) else {
            self.find(FactRow::TABLE, row.row_key(), "it is nothing that a rail does");
            return;
        };
        let sum = sums.entry((row.rail.clone(), row.asset.clone())).or_default();
        *sum = (sum.0.saturating_add(held), sum.1.saturating_add(withdrawn));
    }
}

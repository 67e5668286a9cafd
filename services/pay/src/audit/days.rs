use diesel::prelude::*;
use imajin_store::{Conn, SealedRow, StoreError};

use super::Auditor;
use crate::rows::SalesDayRow;
use crate::schema::sales_days;

impl Auditor {
    /// The sums of each day are those of its receipts.
    pub(super) fn days_check(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        let keys: Vec<(i64, String)> = sales_days::table
            .order_by((sales_days::day, sales_days::asset))
            .select((sales_days::day, sales_days::asset))
            .load(conn)?;
        for key in keys {
            let row = sales_days::table
                .find((key.0, &key.1))
                .select(SalesDayRow::as_select())
                .first(conn);
            let due = self.days.remove(&key);
            let Some(mut row) = self.readable::<SalesDayRow>(row)? else {
                continue;
            };
            row.row_seal.clear();
            if due.as_ref() != Some(&row) {
                self.find(
                    SalesDayRow::TABLE,
                    row.row_key(),
                    "the sums are not those of the day's receipts",
                );
            }
        }
        let missing: Vec<(i64, String)> = self.days.keys().cloned().collect();
        for (day, asset) in missing {
            self.find(
                SalesDayRow::TABLE,
                format!("{day}/{asset}"),
                "the sums of the day are missing",
            );
        }
        Ok(())
    }
}

//! Fee schedules: each is what the operator signed, and none is missing.

use diesel::prelude::*;
use imajin_store::mutation;
use imajin_store::{Conn, SealedRow, StoreError};

use super::{Auditor, PAGE};
use crate::domain::fees::{FEES_SET, FeesWish, fees_object};
use crate::rows::FeesRow;
use crate::schema::fee_schedules;

impl Auditor {
    pub(super) fn fees_check(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        let versions: Vec<i64> = fee_schedules::table
            .order_by(fee_schedules::version)
            .select(fee_schedules::version)
            .load(conn)?;
        let mut due = versions.first().copied();
        for version in versions {
            if due != Some(version) {
                self.find(FeesRow::TABLE, version.to_string(), "a schedule before it is missing");
            }
            due = Some(version.saturating_add(1));
            let row = fee_schedules::table
                .find(version)
                .select(FeesRow::as_select())
                .first(conn);
            if let Some(row) = self.readable::<FeesRow>(row)? {
                self.schedule_check(conn, &row)?;
            }
        }
        self.logged_check(conn, "fees/", FeesRow::TABLE, |conn, version| {
            let version: i64 = version.parse().unwrap_or_default();
            fee_schedules::table
                .filter(fee_schedules::version.eq(version))
                .count()
                .get_result(conn)
        })
    }

    /// Every object with a prefix that the mutation log knows has its row; `count` says how many there are by the rest
    /// of the object's name.
    pub(super) fn logged_check(
        &mut self,
        conn: &mut Conn,
        prefix: &str,
        table: &str,
        count: impl Fn(&mut Conn, &str) -> QueryResult<i64>,
    ) -> Result<(), StoreError> {
        let mut after: Option<String> = None;
        loop {
            let page = match mutation::last_bodies(conn, prefix, after.as_deref(), PAGE) {
                Ok(page) => page,
                // A row of the log that cannot be read is a finding of the log's own audit.
                Err(diesel::result::Error::DeserializationError(_)) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.object.clone());
            for logged in page {
                let name = logged.object.strip_prefix(prefix).unwrap_or_default();
                if count(conn, name)? != 1 {
                    self.find(table, name, "the log knows of it, and it is missing");
                }
            }
        }
    }

    fn schedule_check(&mut self, conn: &mut Conn, row: &FeesRow) -> Result<(), StoreError> {
        let logged = match mutation::last_body(conn, &fees_object(row.version)) {
            Ok(logged) => logged.filter(|logged| logged.action == FEES_SET),
            // A row of the log that cannot be read is a finding of the log's own audit.
            Err(diesel::result::Error::DeserializationError(_)) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let Some(logged) = logged else {
            self.find(FeesRow::TABLE, row.row_key(), "the log does not know of it");
            return Ok(());
        };
        let Some(body) = logged.body else { return Ok(()) };
        let wish: Option<FeesWish> = serde_json::from_slice(&body).ok();
        let fits = wish.zip(row.schedule().ok()).is_some_and(|(wish, schedule)| {
            wish.lines == schedule.lines
                && i64::from(schedule.version) == row.version
                && wish.effective_at.is_none_or(|from| from == row.effective_at)
                && row.announced_at <= row.effective_at
        });
        if !fits {
            self.find(FeesRow::TABLE, row.row_key(), "it is not the schedule that was logged");
        }
        Ok(())
    }
}

use diesel::prelude::*;
use imajin_ledger::{EntryKind, entry_count, entry_find};
use imajin_pay_api::ReceiptBody;
use imajin_rails::RailOutcome;
use imajin_store::{Conn, SealedRow, StoreError};

use super::{Auditor, PAGE, from_ledger};
use crate::rows::{DisputeRow, MessageRow, PaymentRow, ReceiptRow};
use crate::schema::{disputes, rail_messages, rail_payments};

impl Auditor {
    /// Each payment is the one that its message brought.
    pub(super) fn payments_check(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        let mut last = (String::new(), String::new());
        loop {
            let keys: Vec<(String, String)> = rail_payments::table
                .filter(
                    rail_payments::rail.gt(&last.0).or(rail_payments::rail
                        .eq(&last.0)
                        .and(rail_payments::reference.gt(&last.1))),
                )
                .order_by((rail_payments::rail, rail_payments::reference))
                .limit(PAGE)
                .select((rail_payments::rail, rail_payments::reference))
                .load(conn)?;
            let Some(end) = keys.last() else { return Ok(()) };
            last.clone_from(end);
            for (rail, reference) in &keys {
                let row = rail_payments::table
                    .find((rail, reference))
                    .select(PaymentRow::as_select())
                    .first(conn);
                if let Some(row) = self.readable::<PaymentRow>(row)? {
                    self.payment_check(conn, &row)?;
                }
            }
        }
    }

    fn payment_check(&mut self, conn: &mut Conn, row: &PaymentRow) -> Result<(), StoreError> {
        let message = rail_messages::table
            .find(row.message_id)
            .select(MessageRow::as_select())
            .first(conn);
        if matches!(message, Err(diesel::result::Error::NotFound)) {
            self.find(PaymentRow::TABLE, row.row_key(), "its message is missing");
        }
        let Some(message) = self.readable::<MessageRow>(message)? else {
            return Ok(());
        };
        let fits = message.rail == row.rail
            && message.reference == row.reference
            && message.checkout_id == row.checkout_id
            && message.outcome == RailOutcome::Paid.as_str()
            && (&message.asset, message.amount) == (&row.asset, row.amount);
        if !fits {
            self.find(PaymentRow::TABLE, row.row_key(), "its message says something else");
        }
        Ok(())
    }

    /// What disputes took and gave back is in the ledger.
    pub(super) fn disputes_check(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        let rows: Vec<(String, String)> = disputes::table
            .order_by((disputes::rail, disputes::reference))
            .select((disputes::rail, disputes::reference))
            .load(conn)?;
        let mut due: i64 = 0;
        for (rail, reference) in &rows {
            let row = disputes::table
                .find((rail, reference))
                .select(DisputeRow::as_select())
                .first(conn);
            let Some(row) = self.readable::<DisputeRow>(row)? else {
                continue;
            };
            let given_back = row.given_back.filter(|units| *units > 0);
            let booked = [
                (row.taken_key(), Some(row.taken).filter(|units| *units > 0)),
                (row.given_back_key(), given_back),
            ];
            for (key, units) in booked {
                due = due.saturating_add(i64::from(units.is_some()));
                let entry = from_ledger(entry_find(conn, &self.sealer, &key))?;
                let rail_leg = entry
                    .filter(|entry| entry.kind == EntryKind::Dispute)
                    .and_then(|entry| {
                        let sums = entry
                            .legs
                            .iter()
                            .map(imajin_ledger::Leg::units)
                            .filter(|units| *units > 0);
                        Some(sums.sum::<i64>()).filter(|sum| *sum > 0)
                    });
                if rail_leg != units {
                    self.find(
                        DisputeRow::TABLE,
                        row.row_key(),
                        "the ledger has booked something else for it",
                    );
                }
            }
        }
        let entries = match entry_count(conn, EntryKind::Dispute) {
            Ok(entries) => entries,
            Err(error) => return from_ledger::<()>(Err(error)).map(drop),
        };
        if entries != due && self.findings.is_empty() {
            self.find(
                DisputeRow::TABLE,
                "-",
                format!("{due} entries are due, and {entries} are booked"),
            );
        }
        Ok(())
    }

    /// What a receipt says that the rail has kept is what the rail has said.
    pub(super) fn rail_fee_check(&mut self, conn: &mut Conn, id: &str, body: &ReceiptBody) -> Result<(), StoreError> {
        let row = rail_payments::table
            .find((&body.rail, &body.rail_reference))
            .select(PaymentRow::as_select())
            .first(conn);
        let known = self.readable::<PaymentRow>(row)?.and_then(|row| row.fee);
        let kept = body.rail_fee.map(imajin_money::Amount::micros);
        if known.map(|fee| fee.min(body.gross.amount.micros())) != kept {
            self.find(ReceiptRow::TABLE, id, "the rail has kept something else");
        }
        Ok(())
    }
}

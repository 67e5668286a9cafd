use diesel::prelude::*;
use imajin_pay_api::ReceiptBody;
use imajin_rails::RailOutcome;
use imajin_store::{Conn, SealedRow, StoreError};

use super::{Auditor, PAGE};
use crate::rows::{MessageRow, PaymentRow, ReceiptRow};
use crate::schema::{rail_messages, rail_payments};

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

use std::collections::BTreeSet;

use diesel::prelude::*;
use diesel::result::Error;
use imajin_kernel::Timestamp;
use imajin_ledger::entry_find;
use imajin_pay_api::CheckoutState;
use imajin_store::{Conn, SealedRow, StoreError, mutation, outbox};

use super::{Auditor, PAGE, from_ledger};
use crate::domain::balance::{is_paid_here, paid_key, returned_key};
use crate::domain::checkout::{CHECKOUT_OPEN, CheckoutOpened};
use crate::domain::free::FREE;
use crate::domain::measured::{is_measured, rest_key};
use crate::domain::message::DELIVER;
use crate::rows::{CheckoutRow, MessageResult, MessageRow, SplitRow, state_parse};
use crate::schema::{checkouts, rail_messages, receipts, splits};

impl Auditor {
    pub(super) fn checkouts_check(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        let deliveries = deliveries_waiting(conn)?;
        let mut last = String::new();
        loop {
            let ids: Vec<String> = checkouts::table
                .filter(checkouts::id.gt(&last))
                .order_by(checkouts::id)
                .limit(PAGE)
                .select(checkouts::id)
                .load(conn)?;
            let Some(end) = ids.last() else { break };
            last.clone_from(end);
            for id in &ids {
                let row = checkouts::table.find(id).select(CheckoutRow::as_select()).first(conn);
                if let Some(row) = self.readable::<CheckoutRow>(row)? {
                    self.checkout_check(conn, &row, deliveries.as_ref())?;
                }
            }
        }
        self.splits_check(conn)
    }

    fn checkout_check(
        &mut self,
        conn: &mut Conn,
        row: &CheckoutRow,
        deliveries: Option<&BTreeSet<String>>,
    ) -> Result<(), StoreError> {
        let id = row.id.to_string();
        let split: i64 = splits::table
            .filter(splits::id.eq(&row.split_id))
            .count()
            .get_result(conn)?;
        if split != 1 {
            self.find(SplitRow::TABLE, &row.split_id, format!("the split of {id} is missing"));
        }
        self.opened_check(conn, row)?;
        let Some(state) = state_parse(&row.state) else {
            self.find(CheckoutRow::TABLE, id, "the state is none");
            return Ok(());
        };
        let message = self.message_result(conn, row)?;
        self.balance_check(conn, row, state)?;
        if (row.rail == FREE) != (row.price == 0) || (row.rail == FREE && row.hold_id.is_some()) {
            self.find(
                CheckoutRow::TABLE,
                &id,
                "what costs nothing is not paid, and all else is",
            );
        }
        match state {
            CheckoutState::Paid => {
                if (row.hold_id.is_none() && row.rail != FREE) || row.receipt_id.is_none() {
                    self.find(CheckoutRow::TABLE, &id, "it is paid, and names no payment");
                }
                if deliveries.is_some_and(|waiting| !waiting.contains(&id)) {
                    self.find(CheckoutRow::TABLE, &id, "it is paid, and no delivery is under way");
                }
            }
            CheckoutState::Settled => {
                let receipt: i64 = receipts::table
                    .filter(receipts::checkout_id.eq(&id))
                    .count()
                    .get_result(conn)?;
                if receipt != 1 {
                    self.find(CheckoutRow::TABLE, &id, "it is settled, and has no receipt");
                }
                let has_message = !is_paid_here(&row.rail) && row.rail != FREE;
                if has_message && message.as_deref() != Some(MessageResult::Booked.as_str()) {
                    self.find(CheckoutRow::TABLE, &id, "it is settled without a payment");
                }
            }
            CheckoutState::Refunded => {
                if message.is_some_and(|result| result != MessageResult::Refunded.as_str()) {
                    self.find(CheckoutRow::TABLE, &id, "it is refunded, and its payment is not");
                }
            }
            CheckoutState::Open | CheckoutState::Cancelled | CheckoutState::Expired => {
                if row.hold_id.is_some() && message.is_none_or(|result| result != MessageResult::Refunded.as_str()) {
                    self.find(CheckoutRow::TABLE, &id, "it is not paid, and names a payment");
                }
            }
        }
        Ok(())
    }

    /// What was paid from a balance, or with a visa, was set aside there, and went back if the goods could not be had.
    fn balance_check(&mut self, conn: &mut Conn, row: &CheckoutRow, state: CheckoutState) -> Result<(), StoreError> {
        if !is_paid_here(&row.rail) {
            return Ok(());
        }
        let id = row.id.to_string();
        let entry = from_ledger(entry_find(conn, &self.sealer, &paid_key(&row.rail, row.id)))?;
        let held = entry.map(|entry| {
            let units = entry
                .legs
                .iter()
                .map(imajin_ledger::Leg::units)
                .filter(|units| *units > 0);
            (entry.hold, units.sum::<i64>())
        });
        // What was held and not used went back when the rest was split.
        let rest = from_ledger(entry_find(conn, &self.sealer, &rest_key(row.id)))?;
        let rest =
            rest.filter(|entry| entry.hold == row.hold_id && is_measured(row) && state == CheckoutState::Settled);
        let unused = rest.map_or(0, |entry| {
            entry
                .legs
                .iter()
                .map(imajin_ledger::Leg::units)
                .filter(|units| *units > 0)
                .sum()
        });
        let due = row.hold_id.map(|hold| (Some(hold), row.price.saturating_add(unused)));
        if held != due || row.message_id.is_some() {
            self.find(
                CheckoutRow::TABLE,
                &id,
                "the ledger has set something else aside for it",
            );
        }
        let returned = from_ledger(entry_find(conn, &self.sealer, &returned_key(row.id)))?;
        let is_due = state == CheckoutState::Refunded;
        if returned.is_some_and(|entry| entry.hold == row.hold_id) != is_due {
            self.find(
                CheckoutRow::TABLE,
                &id,
                "the ledger does not agree that its money went back",
            );
        }
        Ok(())
    }

    /// What became of the message with the payment that counts.
    fn message_result(&self, conn: &mut Conn, row: &CheckoutRow) -> Result<Option<String>, StoreError> {
        let Some(message) = row.message_id else { return Ok(None) };
        let message = rail_messages::table
            .find(message)
            .select(MessageRow::as_select())
            .first(conn);
        Ok(self.readable::<MessageRow>(message)?.map(|message| message.result))
    }

    /// The row is what the node logged when it opened the checkout.
    fn opened_check(&mut self, conn: &mut Conn, row: &CheckoutRow) -> Result<(), StoreError> {
        let id = row.id.to_string();
        let logged = match mutation::last_body(conn, &id) {
            Ok(logged) => logged,
            // A row of the log that cannot be read is a finding of the log's own audit.
            Err(Error::DeserializationError(_)) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let Some(logged) = logged.filter(|logged| logged.action == CHECKOUT_OPEN) else {
            self.find(CheckoutRow::TABLE, id, "the log does not know of it");
            return Ok(());
        };
        let Some(body) = logged.body else { return Ok(()) };
        let opened: Option<CheckoutOpened> = serde_json::from_slice(&body).ok();
        let due = row.price().ok().map(|price| CheckoutOpened::of(row, price));
        if opened.is_none() || opened != due {
            self.find(CheckoutRow::TABLE, &id, "it is not the checkout that was logged");
        }
        Ok(())
    }

    /// Each split has the name that its content gives it.
    fn splits_check(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        let mut last = String::new();
        loop {
            let ids: Vec<String> = splits::table
                .filter(splits::id.gt(&last))
                .order_by(splits::id)
                .limit(PAGE)
                .select(splits::id)
                .load(conn)?;
            let Some(end) = ids.last() else { return Ok(()) };
            last.clone_from(end);
            for id in &ids {
                let row = splits::table.find(id).select(SplitRow::as_select()).first(conn);
                if self.readable::<SplitRow>(row)?.is_some_and(|row| row.parse().is_err()) {
                    self.find(SplitRow::TABLE, id, "the document is not the one of this name");
                }
            }
        }
    }
}

/// The checkouts whose delivery is in the outbox; `None` when the outbox cannot be read, which is a finding already.
fn deliveries_waiting(conn: &mut Conn) -> Result<Option<BTreeSet<String>>, StoreError> {
    match outbox::due(conn, Timestamp::from_micros(i64::MAX), i64::MAX) {
        Ok(items) => Ok(Some(
            items
                .into_iter()
                .filter(|item| item.topic == DELIVER)
                .map(|item| item.key)
                .collect(),
        )),
        Err(Error::DeserializationError(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

//! Refunds and disputes: what they took of each line of a split, and the credit notes about it.

use std::collections::BTreeMap;

use diesel::prelude::*;
use imajin_kernel::id::CheckoutId;
use imajin_ledger::{EntryKind, Leg, entry_count, entry_fetch, entry_find};
use imajin_pay_api::{CreditNoteBody, ReceiptBody};
use imajin_proof::SignedMessage;
use imajin_store::mutation;
use imajin_store::{Conn, SealedRow, StoreError};

use super::{Auditor, PAGE, from_ledger};
use crate::domain::credit_note::{CREDIT_NOTE_KIND, note_lines};
use crate::domain::sale::{Line, held_back};
use crate::refunds::REFUND_REQUEST;
use crate::rows::{CaptureState, DisputeRow, ReceiptRow, RefundRow, RefundState, Reversal, ReversalRow};
use crate::schema::{disputes, receipts, refunds, reversals, visa_captures};

impl Auditor {
    /// The reversals of a checkout, in the order in which they were booked; a damaged one is a finding already.
    fn reversals_of(&self, conn: &mut Conn, checkout: CheckoutId) -> Result<Vec<(ReversalRow, Reversal)>, StoreError> {
        let keys: Vec<String> = reversals::table
            .filter(reversals::checkout_id.eq(checkout))
            .order_by((reversals::booked_at, reversals::key))
            .select(reversals::key)
            .load(conn)?;
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            let row = reversals::table.find(key).select(ReversalRow::as_select()).first(conn);
            let row = self.readable::<ReversalRow>(row)?;
            found.extend(row.and_then(|row| Some((row.clone(), row.reversal().ok()?))));
        }
        Ok(found)
    }

    /// What of a share was sent back while it waited.
    pub(super) fn returned_of(&self, conn: &mut Conn, body: &ReceiptBody, leg: i64) -> Result<i64, StoreError> {
        let all = self.reversals_of(conn, body.checkout)?;
        Ok(held_back(all.iter().map(|(_, reversal)| reversal), body, leg))
    }

    /// Each reversal is booked, is some refund's or dispute's, and no line gave more than it had.
    pub(super) fn reversals_check(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        let mut last = String::new();
        loop {
            let page: Vec<String> = reversals::table
                .filter(reversals::key.gt(&last))
                .order_by(reversals::key)
                .limit(PAGE)
                .select(reversals::key)
                .load(conn)?;
            let Some(end) = page.last() else { break };
            last.clone_from(end);
            for key in page {
                let row = reversals::table.find(key).select(ReversalRow::as_select()).first(conn);
                if let Some(row) = self.readable::<ReversalRow>(row)? {
                    self.reversal_check(conn, &row)?;
                }
            }
        }
        let entries = match entry_count(conn, EntryKind::Refund) {
            Ok(entries) => entries,
            Err(error) => return from_ledger::<()>(Err(error)).map(drop),
        };
        if entries != self.refund_entries && self.findings.is_empty() {
            let problem = format!("{} entries are due, and {entries} are booked", self.refund_entries);
            self.find(RefundRow::TABLE, "-", problem);
        }
        Ok(())
    }

    fn reversal_check(&mut self, conn: &mut Conn, row: &ReversalRow) -> Result<(), StoreError> {
        let name = row.row_key();
        let Ok(reversal) = row.reversal() else {
            self.find(ReversalRow::TABLE, name, "the document cannot be read");
            return Ok(());
        };
        let entry = from_ledger(entry_find(conn, &self.sealer, &row.key))?;
        let kind = match row.key.split_once('/') {
            Some(("dispute", _)) => EntryKind::Dispute,
            Some(("unpaid", _)) => EntryKind::Unpaid,
            _ => EntryKind::Refund,
        };
        if kind == EntryKind::Refund {
            self.refund_entries = self.refund_entries.saturating_add(1);
        }
        let lines = reversal.lines.iter().map(|back| back.units);
        let sum = lines.fold(reversal.extra, i64::saturating_add);
        let reference = row.checkout_id.to_string();
        let booked = entry.filter(|entry| entry.kind == kind && entry.reference == reference);
        let moved = booked.as_ref().map(|entry| side_of(&entry.legs, row.units));
        if moved != Some(row.units) || sum != row.units {
            self.find(ReversalRow::TABLE, &name, "the ledger has booked something else for it");
        }
        if booked.is_some_and(|entry| entry.posted_at != row.booked_at) && !is_of_before(conn, row)? {
            self.find(ReversalRow::TABLE, &name, "it was booked at another time");
        }
        if !self.reversal_is_known(conn, &row.key)? {
            self.find(ReversalRow::TABLE, &name, "no refund and no dispute asked for it");
        }
        for flow in &reversal.flows {
            let key = (
                flow.profile.to_string(),
                flow.label.clone(),
                flow.recipient.to_string(),
                row.asset.clone(),
            );
            let tally = self.flows.entry(key).or_default();
            tally.0 = tally.0.saturating_add(flow.total);
            tally.1 = tally.1.saturating_add(flow.waiting);
        }
        self.lines_check(conn, row)
    }

    fn reversal_is_known(&self, conn: &mut Conn, key: &str) -> Result<bool, StoreError> {
        let mut parts = key.splitn(2, '/');
        let (kind, rest) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        if kind == "refund" {
            let id = rest.strip_suffix("/back").unwrap_or(rest);
            let refund: i64 = refunds::table.filter(refunds::id.eq(id)).count().get_result(conn)?;
            return Ok(refund == 1);
        }
        if kind == "unpaid" {
            let captures: i64 = visa_captures::table
                .find(rest)
                .filter(visa_captures::state.eq(CaptureState::Unpaid.as_str()))
                .count()
                .get_result(conn)?;
            return Ok(captures == 1);
        }
        let rows: Vec<(String, String)> = disputes::table
            .select((disputes::rail, disputes::reference))
            .load(conn)?;
        for (rail, reference) in rows {
            let row = disputes::table
                .find((rail, reference))
                .select(DisputeRow::as_select())
                .first(conn);
            if let Some(row) = self.readable::<DisputeRow>(row)?
                && (row.taken_key() == key || row.given_back_key() == key)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// After all reversals of a sale, every line has given between nothing and all of it.
    fn lines_check(&mut self, conn: &mut Conn, row: &ReversalRow) -> Result<(), StoreError> {
        let receipt: Option<String> = receipts::table
            .filter(receipts::checkout_id.eq(row.checkout_id))
            .select(receipts::id)
            .first(conn)
            .optional()?;
        let receipt = match receipt {
            Some(id) => receipts::table.find(id).select(ReceiptRow::as_select()).first(conn),
            None => Err(diesel::result::Error::NotFound),
        };
        let Some(body) = self.readable::<ReceiptRow>(receipt)?.and_then(|row| row.message().ok()) else {
            self.find(ReversalRow::TABLE, row.row_key(), "its sale has no receipt");
            return Ok(());
        };
        let body = body.payload;
        let lines = lines_of(&body);
        let asset = body.gross.asset.to_string();
        let mut taken: BTreeMap<usize, i64> = BTreeMap::new();
        let mut fits = asset == row.asset;
        for (_, reversal) in self.reversals_of(conn, row.checkout_id)? {
            for back in &reversal.lines {
                let sum = taken.entry(back.line).or_default();
                *sum = sum.saturating_add(back.units);
            }
        }
        let has = |line: &usize| lines.get(*line).map_or(0, |(_, units)| *units);
        fits &= taken.iter().all(|(line, units)| (0..=has(line)).contains(units));
        if !fits {
            self.find(
                ReversalRow::TABLE,
                row.row_key(),
                "a line gave more than it had, or got more than it gave",
            );
        }
        Ok(())
    }

    /// Each refund was asked for, is booked, and has its credit note.
    pub(super) fn refunds_check(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        let mut last = String::new();
        loop {
            let ids: Vec<String> = refunds::table
                .filter(refunds::id.gt(&last))
                .order_by(refunds::id)
                .limit(PAGE)
                .select(refunds::id)
                .load(conn)?;
            let Some(end) = ids.last() else { break };
            last.clone_from(end);
            for id in &ids {
                let row = refunds::table.find(id).select(RefundRow::as_select()).first(conn);
                if let Some(row) = self.readable::<RefundRow>(row)? {
                    self.refund_check(conn, &row)?;
                }
            }
        }
        self.logged_check(conn, "rfd_", RefundRow::TABLE, |conn, name| {
            let id = format!("rfd_{name}");
            refunds::table.filter(refunds::id.eq(id)).count().get_result(conn)
        })
    }

    fn refund_check(&mut self, conn: &mut Conn, row: &RefundRow) -> Result<(), StoreError> {
        let id = row.id.to_string();
        let all = self.reversals_of(conn, row.checkout_id)?;
        let units_of = |key: &str| all.iter().find(|(each, _)| each.key == key).map(|(each, _)| each.units);
        if units_of(&row.ledger_key()) != Some(row.amount) {
            self.find(RefundRow::TABLE, &id, "what it took is not in the books");
        }
        let back = units_of(&row.back_key());
        let undone = row.is(RefundState::Failed).then_some(row.amount.saturating_neg());
        if back != undone {
            self.find(RefundRow::TABLE, &id, "what came back of it is not in the books");
        }
        if row.is(RefundState::Returned) {
            self.refund_entries = self.refund_entries.saturating_add(1);
            let entry = from_ledger(entry_find(conn, &self.sealer, &row.back_key()))?;
            let returned = entry.is_some_and(|entry| {
                entry.kind == EntryKind::Refund && side_of(&entry.legs, row.amount.saturating_neg()) == -row.amount
            });
            if !returned {
                self.find(RefundRow::TABLE, &id, "it came back, and the ledger does not know");
            }
        }
        let is_sent = row.is(RefundState::Sent) || row.is(RefundState::Returned);
        if is_sent {
            let tally = self.sales.entry(row.asset.clone()).or_default();
            tally.refunds = tally.refunds.saturating_add(1);
        }
        if is_sent != row.document.is_some() || is_sent != row.reference.is_some() {
            self.find(RefundRow::TABLE, &id, "its credit note does not fit its state");
        }
        self.refund_logged_check(conn, row)?;
        let reversal = all.iter().find(|(each, _)| each.key == row.ledger_key());
        if let (Ok(Some(message)), Some((_, reversal))) = (row.note(), reversal) {
            self.note_check(conn, row, &message, reversal)?;
        } else if is_sent {
            self.find(RefundRow::TABLE, id, "the credit note cannot be read");
        }
        Ok(())
    }

    /// Somebody has signed for it, and for no more.
    fn refund_logged_check(&mut self, conn: &mut Conn, row: &RefundRow) -> Result<(), StoreError> {
        let id = row.id.to_string();
        let logged = match mutation::last_body(conn, &id) {
            Ok(logged) => logged.filter(|logged| logged.action == REFUND_REQUEST && logged.owner_did == row.owner_did),
            // A row of the log that cannot be read is a finding of the log's own audit.
            Err(diesel::result::Error::DeserializationError(_)) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let Some(logged) = logged else {
            self.find(RefundRow::TABLE, id, "the log does not know who asked for it");
            return Ok(());
        };
        let Some(body) = logged.body else { return Ok(()) };
        let Ok(body) = serde_json::from_slice::<serde_json::Value>(&body) else {
            self.find(RefundRow::TABLE, id, "what was asked for cannot be read");
            return Ok(());
        };
        let named = |member: &str, value: &str| body.get(member).and_then(serde_json::Value::as_str) == Some(value);
        let sale = named("receipt", row.receipt_id.as_str()) || named("checkout", row.checkout_id.as_str());
        let amount = body.get("amount").filter(|amount| !amount.is_null());
        let amount = amount.map(|amount| serde_json::from_value(amount.clone()).ok());
        if !sale || amount.is_some_and(|amount| amount != row.money().ok()) {
            self.find(RefundRow::TABLE, id, "it is not what was asked for");
        }
        Ok(())
    }

    fn note_check(
        &mut self,
        conn: &mut Conn,
        row: &RefundRow,
        message: &SignedMessage<CreditNoteBody>,
        reversal: &Reversal,
    ) -> Result<(), StoreError> {
        let id = row.id.to_string();
        let node = self.keyring.node_public();
        if message.from != *self.keyring.node_did() || message.verify(CREDIT_NOTE_KIND, &node).is_err() {
            self.find(
                RefundRow::TABLE,
                &id,
                "the credit note does not carry the node's signature",
            );
        }
        let receipt = receipts::table
            .find(row.receipt_id)
            .select(ReceiptRow::as_select())
            .first(conn);
        let Some(receipt) = self.readable::<ReceiptRow>(receipt)?.and_then(|row| row.message().ok()) else {
            self.find(RefundRow::TABLE, id, "its receipt is missing");
            return Ok(());
        };
        let (said, body) = (&message.payload, &receipt.payload);
        let entry = from_ledger(entry_fetch(conn, &self.sealer, said.ledger_entry.id))?;
        let (fees, legs, borne) = note_lines(body, &lines_of(body), reversal);
        let fits = said.id == row.id
            && said.receipt == row.receipt_id
            && said.checkout == row.checkout_id
            && (&said.goods, &said.title, &said.seller) == (&body.goods, &body.title, &body.seller)
            && said.seller.as_str() == row.seller_did
            && said.gross == body.gross
            && row.money().is_ok_and(|money| money == said.refunded)
            && (said.fees == fees && said.legs == legs && said.rail_fee_borne.unwrap_or_default() == borne)
            && (&said.reason, &said.rail) == (&row.reason, &row.rail)
            && row.rail == body.rail
            && row.payment == body.rail_reference
            && Some(&said.rail_reference) == row.reference.as_ref()
            && Some(said.time) == row.ended_at
            && message.to == receipt.to
            && entry.is_some_and(|entry| hex::encode(entry.hash) == said.ledger_entry.hash)
            && message
                .canonical_bytes()
                .is_ok_and(|bytes| Some(bytes.as_slice()) == row.document.as_deref().map(str::as_bytes));
        if !fits {
            self.find(RefundRow::TABLE, id, "the credit note says something else");
        }
        Ok(())
    }
}

/// What the other side of a reversal moved: the one leg that goes the other way than all others.
fn side_of(legs: &[Leg], sign_of: i64) -> i64 {
    let same = legs
        .iter()
        .map(Leg::units)
        .filter(|units| units.signum() == sign_of.signum());
    same.fold(0, i64::saturating_add)
}

/// The lines of a receipt, with what each of them is worth.
fn lines_of(body: &ReceiptBody) -> Vec<(Line, i64)> {
    let fees = body
        .fees
        .iter()
        .enumerate()
        .map(|(place, fee)| (Line::Fee(place), fee.amount.micros()));
    let legs = body
        .legs
        .iter()
        .enumerate()
        .map(|(place, leg)| (Line::Leg(place), leg.amount.micros()));
    let rail = body
        .rail_fee
        .filter(|fee| !fee.is_zero())
        .map(|fee| (Line::Rail, fee.micros()));
    fees.chain(legs).chain(rail).collect()
}

/// Whether it was written down later, for a dispute of the time before reversals were kept.
fn is_of_before(conn: &mut Conn, row: &ReversalRow) -> Result<bool, StoreError> {
    let opened: i64 = disputes::table
        .filter(disputes::checkout_id.eq(row.checkout_id.to_string()))
        .filter(disputes::opened_at.eq(row.booked_at))
        .count()
        .get_result(conn)?;
    Ok(opened > 0)
}

use diesel::prelude::*;
use imajin_kernel::Env;
use imajin_ledger::{EntryKind, entry_count, entry_find};
use imajin_rails::{Rail, RailEvent, RailOutcome, SANDBOX, SOLANA, SandboxRail, SolanaMessages};
use imajin_store::{Conn, SealedRow, StoreError};

use super::{Auditor, PAGE, from_ledger};
use crate::rows::{MessageResult, MessageRow};
use crate::schema::rail_messages;

impl Auditor {
    pub(super) fn messages_check(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        let own = OwnRails {
            sandbox: SandboxRail::new(&self.keyring, Env::system(), String::new()),
            solana: SolanaMessages::new(&self.keyring, Env::system()),
        };
        let mut last = String::new();
        let before = self.findings.len();
        loop {
            let ids: Vec<String> = rail_messages::table
                .filter(rail_messages::id.gt(&last))
                .order_by(rail_messages::id)
                .limit(PAGE)
                .select(rail_messages::id)
                .load(conn)?;
            let Some(end) = ids.last() else { break };
            last.clone_from(end);
            for id in &ids {
                let row = rail_messages::table
                    .find(id)
                    .select(MessageRow::as_select())
                    .first(conn);
                if let Some(row) = self.readable::<MessageRow>(row)? {
                    self.message_check(conn, &row, &own)?;
                }
            }
        }
        let booked = entry_count(conn, EntryKind::Payment);
        let unmatched = entry_count(conn, EntryKind::Unmatched);
        let entries = match (booked, unmatched) {
            (Ok(booked), Ok(unmatched)) => booked.saturating_add(unmatched),
            (Err(error), _) | (_, Err(error)) => return from_ledger::<()>(Err(error)).map(drop),
        };
        // With a finding above, a message may be missing from the count for that reason.
        if entries != self.money_messages && before == self.findings.len() && self.findings.is_empty() {
            let problem = format!(
                "{} messages brought money, and {entries} payments are booked",
                self.money_messages
            );
            self.find(MessageRow::TABLE, "-", problem);
        }
        Ok(())
    }

    fn message_check(&mut self, conn: &mut Conn, row: &MessageRow, own: &OwnRails) -> Result<(), StoreError> {
        let id = row.id.to_string();
        if !own.has_signed(row) {
            self.find(MessageRow::TABLE, &id, "it is not what the rail has signed");
        }
        if row.processed_at.is_none() {
            return Ok(());
        }
        let entry = from_ledger(entry_find(conn, &self.sealer, &row.ledger_key()))?;
        let is_money = MessageResult::is_money(&row.result);
        if is_money {
            self.money_messages = self.money_messages.saturating_add(1);
        }
        if row.result == MessageResult::Refunded.as_str() {
            let tally = self.sales.entry(row.asset.clone()).or_default();
            tally.refunds = tally.refunds.saturating_add(1);
            let back = from_ledger(entry_find(conn, &self.sealer, &format!("refund/{id}/back")))?;
            let entries = 1_i64.saturating_add(i64::from(back.is_some()));
            self.refund_entries = self.refund_entries.saturating_add(entries);
            let refund = entry_find(conn, &self.sealer, &format!("refund/{id}"));
            if from_ledger(refund)?.is_none_or(|entry| entry.kind != EntryKind::Refund) {
                self.find(MessageRow::TABLE, &id, "it is refunded, and the ledger has no refund");
            }
        }
        let Some(entry) = entry else {
            if is_money {
                self.find(MessageRow::TABLE, &id, "its money is not in the ledger");
            }
            return Ok(());
        };
        let units: i64 = entry
            .legs
            .iter()
            .map(imajin_ledger::Leg::units)
            .filter(|units| *units > 0)
            .sum();
        if !is_money || units != row.amount || entry.hold != row.hold_id {
            self.find(MessageRow::TABLE, &id, "the ledger has booked something else for it");
        }
        Ok(())
    }
}

/// The rails whose messages this node signs itself: they can be verified again, from the master key alone.
struct OwnRails {
    sandbox: SandboxRail,
    solana: SolanaMessages,
}

impl OwnRails {
    /// Whether a message is what its rail has signed; those of other rails cannot be told.
    fn has_signed(&self, row: &MessageRow) -> bool {
        let event = match row.rail.as_str() {
            SANDBOX => self.sandbox.verify(&row.body, &[]).ok().flatten(),
            SOLANA => self.solana.read(&row.body).ok().map(|(event, _direct)| event),
            _ => return true,
        };
        event.is_some_and(|event| fits(row, &event))
    }
}

fn fits(row: &MessageRow, event: &RailEvent) -> bool {
    let money = row.money();
    event.id == row.event_id
        && event
            .checkout
            .is_some_and(|checkout| checkout.to_string() == row.checkout_id)
        && event.outcome.as_str() == row.outcome
        && money.is_ok_and(|money| money == event.amount)
        && event.reference == row.reference
        && event.time == row.occurred_at
        && (row.hold_id.is_none() || event.outcome == RailOutcome::Paid)
}

//! Held shares: one for each held leg of a receipt, and booked as their state says.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_ledger::{AccountId, AccountKey, EntryKind, Purpose, account_fetch, credits, entry_find};
use imajin_pay_api::ReceiptBody;
use imajin_store::{Conn, SealedRow, StoreError};

use super::contracts::Said;
use super::{Auditor, from_ledger};
use crate::domain::plan::Split;
use crate::domain::receipt::legs_of;
use crate::domain::shares::{share_plan, shares_of};
use crate::rows::{CheckoutRow, ShareOutcome, ShareRow, ShareState};
use crate::schema::{checkouts, held_shares};

/// Which account, and how much comes in or goes out.
type Booked = Vec<(AccountId, i64)>;

impl Auditor {
    /// The held legs of a receipt have their rows, and each row is where its state says.
    pub(super) fn shares_due(&mut self, conn: &mut Conn, body: &ReceiptBody, split: &Split) -> Result<(), StoreError> {
        for due in shares_of(body, split) {
            self.shares = self.shares.saturating_add(1);
            let row = held_shares::table
                .find((due.receipt_id, due.leg))
                .select(ShareRow::as_select())
                .first(conn);
            if matches!(row, Err(diesel::result::Error::NotFound)) {
                self.find(ShareRow::TABLE, due.row_key(), "the held leg of the receipt has no row");
            }
            let Some(row) = self.readable::<ShareRow>(row)? else {
                continue;
            };
            let begun = ShareRow {
                state: due.state.clone(),
                to_did: None,
                outcome: None,
                ended_at: None,
                asked_at: due.asked_at,
                row_seal: Vec::new(),
                ..row.clone()
            };
            if begun != due {
                self.find(ShareRow::TABLE, due.row_key(), "it is not the held leg of the receipt");
                continue;
            }
            self.share_check(conn, body, &row)?;
        }
        Ok(())
    }

    fn share_check(&mut self, conn: &mut Conn, body: &ReceiptBody, row: &ShareRow) -> Result<(), StoreError> {
        let name = row.row_key();
        let returned = self.returned_of(conn, body, row.leg)?;
        let left = row.amount.saturating_sub(returned);
        let entry = from_ledger(entry_find(conn, &self.sealer, &row.ledger_key()))?;
        let booked: Option<Booked> = entry.filter(|entry| entry.kind == EntryKind::Release).map(|entry| {
            let legs = entry.legs.iter().map(|leg| (leg.account(), leg.units()));
            legs.collect()
        });
        if row.is(ShareState::Waiting) {
            let sum = self
                .pending
                .entry((row.payee_did.clone(), row.asset.clone()))
                .or_default();
            *sum = sum.saturating_add(left);
            if booked.is_some() || left <= 0 {
                self.find(ShareRow::TABLE, name, "it waits, and the ledger has moved it");
            }
            return Ok(());
        }
        if row.is(ShareState::Returned) {
            if booked.is_some() || left != 0 || row.ended_at.is_none() || row.outcome.is_some() || row.to_did.is_some()
            {
                self.find(
                    ShareRow::TABLE,
                    name,
                    "it went back to the buyer, and the books say something else",
                );
            }
            return Ok(());
        }
        let Some(due) = self.movements_due(conn, body, row, returned)? else {
            self.find(ShareRow::TABLE, name, "where it went cannot be read");
            return Ok(());
        };
        if booked != Some(due) {
            self.find(ShareRow::TABLE, name, "the ledger has booked something else for it");
        }
        Ok(())
    }

    /// What the ledger must have booked for a share that has ended.
    fn movements_due(
        &mut self,
        conn: &mut Conn,
        body: &ReceiptBody,
        row: &ShareRow,
        returned: i64,
    ) -> Result<Option<Booked>, StoreError> {
        let Some(plan) = share_plan(body, row.leg, returned) else {
            return Ok(None);
        };
        let Ok(payee) = row.payee() else { return Ok(None) };
        let asset = plan.gross.asset;
        let pending = AccountKey::of(&payee, asset, Purpose::Pending).id();
        let left = plan.gross.amount.micros();
        let mut due = vec![(pending, left.saturating_neg())];
        if row.is(ShareState::PassedOn) {
            let to: Option<Did> = row.to_did.as_ref().and_then(|did| did.parse().ok());
            let is_over = row.ended_at.is_some_and(|ended| ended >= row.held_until);
            let to = to.filter(|_to| is_over && row.outcome.is_none());
            let account = to.map(|to| AccountKey::of(&to, asset, Purpose::Available).id());
            return Ok(account.map(|account| {
                due.push((account, left));
                due
            }));
        }
        let outcome = row.outcome.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let Some(outcome) = outcome.filter(|_outcome: &ShareOutcome| row.to_did.is_none()) else {
            return Ok(None);
        };
        let checkout = checkouts::table
            .find(body.checkout)
            .select(CheckoutRow::as_select())
            .first(conn);
        let Some(checkout) = self.readable::<CheckoutRow>(checkout)? else {
            return Ok(None);
        };
        let said = Said {
            table: ShareRow::TABLE,
            row: &row.row_key(),
            legs: &outcome.legs,
            releases: &outcome.releases,
            at: checkout.paid_at.unwrap_or(body.time),
            key: &row.ledger_key(),
            reference: body.id.as_str(),
            direct: &[],
        };
        let Some(distribution) = self.distribution_again(conn, &said, &plan)? else {
            return Ok(None);
        };
        let recipients = imajin_ledger::Recipients {
            protocol: payee.clone(),
            node: payee.clone(),
            payer: payee,
        };
        let parts = credits(&plan, &distribution, &recipients);
        due.extend(parts.iter().map(|part| (part.account.id(), part.units)));
        Ok(Some(due).filter(|_due| legs_of(&plan, &distribution, &[]) == outcome.legs))
    }

    /// No row without a held leg, and the payees' pending accounts hold what waits.
    pub(super) fn shares_check(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        let rows: i64 = held_shares::table.count().get_result(conn)?;
        if rows > self.shares {
            self.find(
                ShareRow::TABLE,
                "-",
                "there are more held shares than held legs of receipts",
            );
        }
        for ((did, asset), units) in std::mem::take(&mut self.pending) {
            let (Ok(did), Ok(asset)) = (did.parse::<Did>(), asset.parse()) else {
                continue;
            };
            let account = AccountKey::of(&did, asset, Purpose::Pending);
            let found = from_ledger(account_fetch(conn, &self.sealer, &account))?;
            if found.map_or(0, |account| account.balance_units) != units {
                let problem = format!("{did} has another sum pending than the shares that wait");
                self.find(ShareRow::TABLE, format!("{did}/{asset}"), problem);
            }
        }
        Ok(())
    }
}

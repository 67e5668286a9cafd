//! Shares of contributors who had not accepted when it was paid: taken from where they are now.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_ledger::{AccountKey, Purpose};
use imajin_pay_api::ReceiptLeg;
use imajin_store::{Conn, SealedRow, for_update};

use super::Draft;
use crate::PayError;
use crate::domain::sale::{apportion, held_back, profiles_of};
use crate::rows::{ShareOutcome, ShareRow, ShareState};
use crate::schema::held_shares;

impl Draft<'_> {
    /// The share of a held leg, locked until the transaction ends; as it stands within this entry.
    pub(super) fn share_lock(&mut self, conn: &mut Conn, number: usize) -> Result<ShareRow, PayError> {
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        if let Some(place) = self.shares.iter().position(|row| row.leg == number) {
            return Ok(self.shares.swap_remove(place));
        }
        let key = (self.sale.body.id, number);
        let row: Option<ShareRow> = for_update!(
            conn,
            held_shares::table.find(key).select(ShareRow::as_select()) => first
        )
        .optional()?;
        let missing = || PayError::damaged(ShareRow::TABLE, &format!("{}/{number}", key.0), "the share is missing");
        Ok(row.ok_or_else(missing)?.intact(&self.context.sealer)?)
    }

    /// What of a share was sent back before its contributor had accepted, with what this entry has moved so far.
    fn share_back(&self, number: usize) -> i64 {
        let all = self.sale.reversals.iter().map(|(_, reversal)| reversal);
        let leg = i64::try_from(number).unwrap_or(i64::MAX);
        held_back(all.chain([&self.reversal]), &self.sale.body, leg)
    }

    /// Takes from a share: while it waits, from what waits; afterwards from whoever got it.
    pub(super) fn share_move(
        &mut self,
        conn: &mut Conn,
        line: usize,
        number: usize,
        leg: &ReceiptLeg,
        units: i64,
    ) -> Result<(), PayError> {
        let row = self.share_lock(conn, number)?;
        if row.is(ShareState::Waiting) {
            self.held_move(&row, leg, units);
            self.note(line, None, units, 0, true);
            self.share_keep(row, number);
            return Ok(());
        }
        if row.is(ShareState::Released) {
            let outcome = outcome_of(&row)?;
            self.flows
                .load(conn, self.context, &profiles_of(&outcome.legs), self.sale.asset())?;
            let taken = self.sale.taken();
            let left_of = |part: usize, leg: &ReceiptLeg| {
                let gone = taken.get(&(line, Some(part))).copied().unwrap_or(0);
                leg.amount.micros().saturating_sub(gone).max(0)
            };
            let mut left: Vec<i64> = outcome
                .legs
                .iter()
                .enumerate()
                .map(|(part, leg)| left_of(part, leg))
                .collect();
            let whole = self.sale.left().get(line).copied().unwrap_or(0);
            // What came back to the contributor after the release is theirs, along no contract.
            let sum = left.iter().copied().fold(0, i64::saturating_add);
            left.push(whole.saturating_sub(sum).max(0));
            let parts = apportion(units, &left);
            for ((part, leg), units) in outcome
                .legs
                .iter()
                .enumerate()
                .zip(&parts)
                .filter(|(_, units)| **units > 0)
            {
                let accrued = self.leg_move(conn, leg, *units, i64::MAX)?;
                self.note(line, Some(part), *units, accrued, false);
            }
            let direct = parts.last().copied().unwrap_or(0);
            if direct > 0 {
                let payee = self.available(&row.payee()?);
                self.spendable_move(conn, &payee, direct)?;
                self.note(line, None, direct, 0, false);
            }
            return Ok(());
        }
        let to = self.available(&ended_at(&row)?);
        self.spendable_move(conn, &to, units)?;
        self.note(line, None, units, 0, false);
        Ok(())
    }

    pub(super) fn held_move(&mut self, row: &ShareRow, leg: &ReceiptLeg, units: i64) {
        debug_assert_eq!(row.payee_did, leg.did.to_string(), "the share is the leg's");
        let pending = AccountKey::of(&leg.did, self.sale.asset(), Purpose::Pending);
        self.moves
            .add(pending, units.saturating_mul(self.sign).saturating_neg());
    }

    /// Keeps a share whose waiting part has changed: with nothing left of it, it is over; with something, it waits.
    pub(super) fn share_keep(&mut self, mut row: ShareRow, number: usize) {
        let left = row.amount.saturating_sub(self.share_back(number));
        let state = if left > 0 {
            ShareState::Waiting
        } else {
            ShareState::Returned
        };
        row.ended_at = (left <= 0).then(|| self.context.now());
        state.as_str().clone_into(&mut row.state);
        self.shares.push(row);
    }
}

pub(super) fn outcome_of(row: &ShareRow) -> Result<ShareOutcome, PayError> {
    let damaged = || PayError::damaged(ShareRow::TABLE, &row.row_key(), "where it went cannot be read");
    let text = row.outcome.as_deref().ok_or_else(damaged)?;
    serde_json::from_str(text).map_err(|_unreadable| damaged())
}

/// Who got a share that its contributor never accepted.
pub(super) fn ended_at(row: &ShareRow) -> Result<Did, PayError> {
    let damaged = || PayError::damaged(ShareRow::TABLE, &row.row_key(), "nobody got it");
    let to = row.to_did.as_deref().ok_or_else(damaged)?;
    to.parse().map_err(|_unreadable| damaged())
}

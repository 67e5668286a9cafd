use std::collections::BTreeMap;

use diesel::prelude::*;
use imajin_kernel::id::CheckoutId;
use imajin_ledger::{Entry, EntryKind, entry_count, entry_find};
use imajin_pay_api::CheckoutState;
use imajin_store::{Conn, SealedRow, StoreError};

use super::{Auditor, PAGE, from_ledger};
use crate::domain::visa::VISA;
use crate::rows::{CaptureRow, CaptureState, CheckoutRow, PLEDGE_OPEN, PledgeRow, VisaRow};
use crate::schema::{checkouts, pledges, visa_captures, visas};

/// What was spent of each visa, and how often.
type Spent = BTreeMap<(String, String), (i64, i64)>;

/// How many entries of each kind there must be.
#[derive(Default)]
struct Due {
    pledges: i64,
    collections: i64,
    unpaid: i64,
}

impl Auditor {
    /// Each payment by visa is booked as its state says, no visa pays more than it promises, and the shares that wait
    /// are those of the payments that nobody has made good.
    pub(super) fn visas_check(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        let before = self.findings.len();
        let (mut spent, mut due, mut last) = (Spent::new(), Due::default(), String::new());
        loop {
            let ids: Vec<String> = visa_captures::table
                .filter(visa_captures::checkout_id.gt(&last))
                .order_by(visa_captures::checkout_id)
                .limit(PAGE)
                .select(visa_captures::checkout_id)
                .load(conn)?;
            let Some(end) = ids.last() else { break };
            last.clone_from(end);
            for id in &ids {
                let row = visa_captures::table
                    .find(id)
                    .select(CaptureRow::as_select())
                    .first(conn);
                if let Some(row) = self.readable::<CaptureRow>(row)? {
                    self.capture_check(conn, &row, &mut spent, &mut due)?;
                }
            }
        }
        self.spent_check(conn, spent)?;
        let paid: i64 = checkouts::table
            .filter(checkouts::rail.eq(VISA))
            .count()
            .get_result(conn)?;
        let captures: i64 = visa_captures::table.count().get_result(conn)?;
        // With a finding above, something may be missing from a count for that reason.
        if before != self.findings.len() {
            return Ok(());
        }
        if paid != captures {
            let problem = format!("{paid} checkouts were paid with visas, and {captures} payments are known");
            self.find(CaptureRow::TABLE, "-", problem);
        }
        let kinds = [
            (EntryKind::Pledge, due.pledges),
            (EntryKind::Collection, due.collections),
            (EntryKind::Unpaid, due.unpaid),
        ];
        for (kind, due) in kinds {
            let entries = match entry_count(conn, kind) {
                Ok(entries) => entries,
                Err(error) => return from_ledger::<()>(Err(error)).map(drop),
            };
            if entries != due {
                let problem = format!("{due} entries `{kind}` are due, and {entries} are booked");
                self.find(CaptureRow::TABLE, "-", problem);
            }
        }
        Ok(())
    }

    fn capture_check(
        &mut self,
        conn: &mut Conn,
        row: &CaptureRow,
        spent: &mut Spent,
        due: &mut Due,
    ) -> Result<(), StoreError> {
        // The message of a rail brings money, and so does a promise.
        self.money_messages = self.money_messages.saturating_add(1);
        let name = row.row_key();
        let Ok(state) = row.state() else {
            self.find(CaptureRow::TABLE, name, "the state is none");
            return Ok(());
        };
        if state != CaptureState::Freed {
            let sum = spent.entry((row.issuer.clone(), row.jti.clone())).or_default();
            *sum = (sum.0.saturating_add(row.amount), sum.1.saturating_add(1));
        }
        let checkout = checkouts::table
            .find(row.checkout_id)
            .select(CheckoutRow::as_select())
            .first(conn);
        if matches!(checkout, Err(diesel::result::Error::NotFound)) {
            self.find(CaptureRow::TABLE, &name, "its checkout is missing");
        }
        if let Some(checkout) = self.readable::<CheckoutRow>(checkout)?
            && !checkout_fits(row, state, &checkout)
        {
            self.find(CaptureRow::TABLE, &name, "its checkout says something else");
        }
        let is_split = !matches!(state, CaptureState::Held | CaptureState::Freed);
        let is_open = state == CaptureState::Owed;
        let pledged = self.pledges_check(conn, row, is_split, is_open)?;
        let has = |conn: &mut Conn, sealer, key: &str, kind| -> Result<Option<Entry>, StoreError> {
            let entry = from_ledger(entry_find(conn, sealer, key))?;
            Ok(entry.filter(|entry| entry.kind == kind))
        };
        let set_aside = has(
            conn,
            &self.sealer,
            &CaptureRow::pledge_key(row.checkout_id),
            EntryKind::Pledge,
        )?;
        let given = has(conn, &self.sealer, &row.collect_key(), EntryKind::Collection)?;
        let back = has(conn, &self.sealer, &row.unpaid_key(), EntryKind::Unpaid)?;
        let moved = |entry: &Option<Entry>| entry.as_ref().map_or(0, units_in);
        let given_due = if is_open { 0 } else { pledged };
        let fits = moved(&set_aside) == pledged
            && moved(&given) == given_due
            && back.is_some() == (state == CaptureState::Unpaid);
        if !fits {
            self.find(CaptureRow::TABLE, &name, "the ledger has booked something else for it");
        }
        due.pledges = due.pledges.saturating_add(i64::from(pledged > 0));
        due.collections = due.collections.saturating_add(i64::from(given_due > 0));
        due.unpaid = due.unpaid.saturating_add(i64::from(state == CaptureState::Unpaid));
        Ok(())
    }

    /// The shares of a payment; answers with their sum.
    fn pledges_check(
        &mut self,
        conn: &mut Conn,
        row: &CaptureRow,
        is_split: bool,
        is_open: bool,
    ) -> Result<i64, StoreError> {
        let keys: Vec<(CheckoutId, String, String)> = pledges::table
            .filter(pledges::checkout_id.eq(row.checkout_id))
            .select((pledges::checkout_id, pledges::did, pledges::purpose))
            .load(conn)?;
        let mut sum = 0_i64;
        for key in keys {
            let pledge = pledges::table.find(key).select(PledgeRow::as_select()).first(conn);
            let Some(pledge) = self.readable::<PledgeRow>(pledge)? else {
                continue;
            };
            sum = sum.saturating_add(pledge.units);
            if is_open {
                let waits = self
                    .pending
                    .entry((pledge.did.clone(), pledge.asset.clone()))
                    .or_default();
                *waits = waits.saturating_add(pledge.units);
            }
            if !is_split || (pledge.state == PLEDGE_OPEN) != is_open || pledge.asset != row.asset {
                self.find(PledgeRow::TABLE, pledge.row_key(), "it is not as its payment stands");
            }
        }
        Ok(sum)
    }

    fn spent_check(&mut self, conn: &mut Conn, mut spent: Spent) -> Result<(), StoreError> {
        let keys: Vec<(String, String)> = visas::table
            .order_by((visas::issuer, visas::jti))
            .select((visas::issuer, visas::jti))
            .load(conn)?;
        for key in keys {
            let row = visas::table
                .find((&key.0, &key.1))
                .select(VisaRow::as_select())
                .first(conn);
            let sum = spent.remove(&key).unwrap_or_default();
            let Some(row) = self.readable::<VisaRow>(row)? else {
                continue;
            };
            if (row.units, row.uses) != sum || row.units > row.units_max || row.uses > row.uses_max {
                self.find(VisaRow::TABLE, row.row_key(), "something else was spent of it");
            }
        }
        for (issuer, jti) in spent.into_keys() {
            self.find(
                VisaRow::TABLE,
                format!("{issuer}/{jti}"),
                "it was spent, and is missing",
            );
        }
        Ok(())
    }
}

fn checkout_fits(row: &CaptureRow, state: CaptureState, checkout: &CheckoutRow) -> bool {
    let due = match state {
        CaptureState::Held => CheckoutState::Paid,
        CaptureState::Freed => CheckoutState::Refunded,
        CaptureState::Owed | CaptureState::Accepted | CaptureState::Paid | CaptureState::Unpaid => {
            CheckoutState::Settled
        }
    };
    let receipt = Some(row.receipt_id).filter(|_| state != CaptureState::Freed);
    checkout.rail == VISA
        && checkout.state().is_ok_and(|state| state == due)
        && checkout.receipt_id == receipt
        && checkout.rail_reference.as_ref() == Some(&row.jti)
        && (checkout.price, &checkout.asset) == (row.amount, &row.asset)
}

fn units_in(entry: &Entry) -> i64 {
    let units = entry.legs.iter().map(imajin_ledger::Leg::units);
    units.filter(|units| *units > 0).fold(0, i64::saturating_add)
}

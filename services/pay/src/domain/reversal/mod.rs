//! A split walked backwards, and forwards again: for refunds and for disputes alike.
//!
//! Each line gives back its part of what it has left, from where the money is now: from what still waits for a
//! contributor or for the minimum of a contract, from whoever got it instead, else from the payee's balance; and what
//! is not there becomes a debt. What the rail kept for itself is the seller's to bear.

mod shares;

use std::collections::BTreeMap;

use imajin_did::Did;
use imajin_fair::distribution::AccrualKey;
use imajin_ledger::{AccountKey, Command, EntryKind, Movement, Outcome, Posting, Purpose};
use imajin_pay_api::ReceiptLeg;
use imajin_store::{Conn, SealedRow};

use self::shares::{ended_at, outcome_of};
use super::debts::Moves;
use super::distribute::Flows;
use super::notices::debts_owe;
use super::sale::{Line, PartKey, Sale, apportion, profiles_of};
use crate::PayError;
use crate::context::Context;
use crate::rows::{FlowBack, LineBack, Reversal, ReversalRow, ShareRow, ShareState, json_text};

/// An entry that walks a split backwards or forwards.
#[derive(Debug, Clone)]
pub(crate) struct Walk {
    /// The ledger's key.
    pub(crate) key: String,
    pub(crate) kind: EntryKind,
    /// The other side: where it goes to, or comes from.
    pub(crate) with: AccountKey,
    /// Whether what is not there any more may become somebody's debt. What a debt stands for leaves the node all the
    /// same, so nobody decides that about their own sales.
    pub(crate) may_owe: bool,
}

/// Takes `units` of what is left of the lines, and `extra` from the seller alone.
pub(crate) fn sale_take(
    conn: &mut Conn,
    context: &Context,
    sale: &Sale,
    walk: Walk,
    units: i64,
    extra: i64,
) -> Result<Outcome, PayError> {
    let mut draft = Draft::begin(conn, context, sale, walk, 1)?;
    let parts = apportion(units, &sale.left());
    for (line, part) in parts.into_iter().enumerate().filter(|(_, part)| *part > 0) {
        draft.line_move(conn, line, part)?;
    }
    draft.seller_move(conn, extra)?;
    draft.book(conn)
}

/// Gives back of what the entries under these keys have taken: `units` of it, in proportion.
pub(crate) fn sale_give(
    conn: &mut Conn,
    context: &Context,
    sale: &Sale,
    walk: Walk,
    taken_by: &[String],
    units: i64,
) -> Result<Outcome, PayError> {
    let theirs = sale.reversals.iter().filter(|(key, _)| taken_by.contains(key));
    let mut extra: i64 = 0;
    let mut taken: BTreeMap<PartKey, LineBack> = BTreeMap::new();
    for (_, reversal) in theirs {
        extra = extra.saturating_add(reversal.extra);
        for back in &reversal.lines {
            let sum = taken.entry((back.line, back.part)).or_insert_with(|| LineBack {
                units: 0,
                accrued: 0,
                ..back.clone()
            });
            sum.units = sum.units.saturating_add(back.units);
            sum.accrued = sum.accrued.saturating_add(back.accrued);
        }
    }
    let mut draft = Draft::begin(conn, context, sale, walk, -1)?;
    let weights: Vec<i64> = taken.values().map(|back| back.units).chain([extra]).collect();
    let parts = apportion(units, &weights);
    for (back, part) in taken.values().zip(&parts).filter(|(_, part)| **part > 0) {
        draft.part_give(conn, back, *part)?;
    }
    draft.seller_move(conn, parts.last().copied().unwrap_or(0))?;
    draft.book(conn)
}

/// An entry under construction.
struct Draft<'a> {
    context: &'a Context,
    sale: &'a Sale,
    walk: Walk,
    /// 1 takes, -1 gives.
    sign: i64,
    moves: Moves,
    flows: Flows,
    shares: Vec<ShareRow>,
    reversal: Reversal,
}

impl<'a> Draft<'a> {
    fn begin(conn: &mut Conn, context: &'a Context, sale: &'a Sale, walk: Walk, sign: i64) -> Result<Self, PayError> {
        let mut flows = Flows::default();
        flows.load(conn, context, &sale.profiles(), sale.asset())?;
        Ok(Self {
            context,
            sale,
            walk,
            sign,
            moves: Moves::new(sale.asset()),
            flows,
            shares: Vec::new(),
            reversal: Reversal::default(),
        })
    }

    fn available(&self, did: &Did) -> AccountKey {
        AccountKey::of(did, self.sale.asset(), Purpose::Available)
    }

    /// Moves units of an account that its owner may spend.
    fn spendable_move(&mut self, conn: &mut Conn, key: &AccountKey, units: i64) -> Result<(), PayError> {
        if self.sign > 0 {
            self.moves.take(conn, self.context, key, units)
        } else {
            self.moves.give(conn, self.context, key, units)
        }
    }

    fn seller_move(&mut self, conn: &mut Conn, units: i64) -> Result<(), PayError> {
        self.reversal.extra = units.saturating_mul(self.sign);
        if units == 0 {
            return Ok(());
        }
        let seller = self.available(&self.sale.seller);
        self.spendable_move(conn, &seller, units)
    }

    /// Takes a line's part from where it is now.
    fn line_move(&mut self, conn: &mut Conn, line: usize, units: i64) -> Result<(), PayError> {
        let sale = self.sale;
        let Some((kind, account)) = sale.lines.get(line).map(|(kind, _)| *kind).zip(sale.accounts.get(line)) else {
            return Ok(());
        };
        match kind {
            Line::Fee(_) => {
                self.spendable_move(conn, account, units)?;
                self.note(line, None, units, 0, false);
            }
            Line::Rail => {
                let seller = self.available(&sale.seller);
                self.spendable_move(conn, &seller, units)?;
                self.note(line, None, units, 0, false);
            }
            Line::Leg(number) => {
                let Some(leg) = sale.leg(number) else { return Ok(()) };
                if leg.held {
                    return self.share_move(conn, line, number, leg, units);
                }
                let accrued = self.leg_move(conn, leg, units, i64::MAX)?;
                self.note(line, None, units, accrued, false);
            }
        }
        Ok(())
    }

    /// Moves units of a leg; of those, at most `accrued_max` between the waiting sum of its contract and what waits.
    /// Answers with how many waited.
    fn leg_move(&mut self, conn: &mut Conn, leg: &ReceiptLeg, units: i64, accrued_max: i64) -> Result<i64, PayError> {
        let asset = self.sale.asset();
        let next = leg.contracts.iter().skip(1).map(|hop| &hop.profile).chain([&leg.did]);
        let hops: Vec<(Did, String, Did)> = leg
            .contracts
            .iter()
            .zip(next)
            .map(|(hop, to)| (hop.profile.clone(), hop.label.clone(), to.clone()))
            .collect();
        let mut accrued = 0;
        if let (true, Some((profile, label, recipient))) = (leg.accrued, hops.last()) {
            let key = AccrualKey {
                profile: profile.clone(),
                label: label.clone(),
                recipient: recipient.clone(),
            };
            let there = if self.sign > 0 {
                self.flows.waiting(&key, asset).micros()
            } else {
                units
            };
            accrued = units.min(there).min(accrued_max).max(0);
        }
        let last = hops.len().saturating_sub(1);
        for (place, (profile, label, recipient)) in hops.into_iter().enumerate() {
            let waiting = if place == last { accrued } else { 0 };
            self.flow_change(FlowBack {
                profile,
                label,
                recipient,
                total: units.saturating_mul(self.sign).saturating_neg(),
                waiting: waiting.saturating_mul(self.sign).saturating_neg(),
            })?;
        }
        let waits = AccountKey::of(&leg.did, asset, Purpose::Accrued);
        self.moves
            .add(waits, accrued.saturating_mul(self.sign).saturating_neg());
        if units > accrued {
            let account = self.available(&leg.did);
            self.spendable_move(conn, &account, units.saturating_sub(accrued))?;
        }
        Ok(accrued)
    }

    fn flow_change(&mut self, change: FlowBack) -> Result<(), PayError> {
        let key = (
            change.profile.to_string(),
            change.label.clone(),
            change.recipient.to_string(),
            self.sale.asset().to_string(),
        );
        self.flows
            .apply([(key, (change.total, change.waiting))].into_iter().collect())?;
        self.reversal.flows.push(change);
        Ok(())
    }

    /// Gives back a part of what was taken, to where that is now.
    fn part_give(&mut self, conn: &mut Conn, back: &LineBack, units: i64) -> Result<(), PayError> {
        let sale = self.sale;
        let Some((kind, account)) = sale
            .lines
            .get(back.line)
            .map(|(kind, _)| *kind)
            .zip(sale.accounts.get(back.line))
        else {
            return Ok(());
        };
        let leg = match kind {
            Line::Leg(number) => sale.leg(number).map(|leg| (number, leg)),
            Line::Fee(_) | Line::Rail => None,
        };
        let Some((number, leg)) = leg else {
            let seller = self.available(&sale.seller);
            let account = if kind == Line::Rail { &seller } else { account };
            self.spendable_move(conn, account, units)?;
            self.note(back.line, None, units, 0, false);
            return Ok(());
        };
        if !leg.held {
            let accrued = self.leg_move(conn, leg, units, back.accrued)?;
            self.note(back.line, None, units, accrued, false);
            return Ok(());
        }
        let row = self.share_lock(conn, number)?;
        if back.held && (row.is(ShareState::Waiting) || row.is(ShareState::Returned)) {
            self.held_move(&row, leg, units);
            self.note(back.line, None, units, 0, true);
            self.share_keep(row, number);
            return Ok(());
        }
        if let Some(part) = back.part {
            let outcome = outcome_of(&row)?;
            self.flows
                .load(conn, self.context, &profiles_of(&outcome.legs), sale.asset())?;
            if let Some(leg) = outcome.legs.get(part) {
                let accrued = self.leg_move(conn, leg, units, back.accrued)?;
                self.note(back.line, Some(part), units, accrued, false);
                return Ok(());
            }
        }
        let to = if row.is(ShareState::PassedOn) {
            ended_at(&row)?
        } else {
            row.payee()?
        };
        let account = self.available(&to);
        self.spendable_move(conn, &account, units)?;
        self.note(back.line, None, units, 0, false);
        Ok(())
    }

    fn note(&mut self, line: usize, part: Option<usize>, units: i64, accrued: i64, held: bool) {
        self.reversal.lines.push(LineBack {
            line,
            part,
            units: units.saturating_mul(self.sign),
            held,
            accrued: accrued.saturating_mul(self.sign),
        });
    }

    fn book(self, conn: &mut Conn) -> Result<Outcome, PayError> {
        let lines = self.reversal.lines.iter().map(|back| back.units);
        let units = lines.fold(self.reversal.extra, i64::saturating_add);
        let indebted = self.moves.indebted();
        if !self.walk.may_owe && !indebted.is_empty() {
            return Err(PayError::State {
                detail: "Some of this payment has left the balances that it was split among.".to_owned(),
                hint: "Top up your balance first, or ask the operator of the node to send it back.",
            });
        }
        debts_owe(conn, self.context, self.sale.asset(), &indebted)?;
        let mut movements = self.moves.finish();
        if units != 0 {
            // A leg of its own, also when it is the account of somebody who gives something back: the audit finds it.
            movements.push(Movement::new(self.walk.with.clone(), units));
        }
        let posting = Posting {
            key: self.walk.key.clone(),
            kind: self.walk.kind,
            reference: self.sale.checkout.id.to_string(),
            movements,
        };
        let context = self.context;
        let outcome = context.ledger.execute_one(conn, &Command::Post(posting))??;
        self.flows.write(conn, context)?;
        for share in self.shares {
            share.save(conn, &context.sealer)?;
        }
        let row = ReversalRow {
            key: self.walk.key,
            checkout_id: self.sale.checkout.id,
            asset: self.sale.asset().to_string(),
            units,
            document: json_text(&self.reversal)?,
            booked_at: outcome.entry.posted_at,
            row_seal: Vec::new(),
        };
        row.insert(conn, &context.sealer)?;
        Ok(outcome)
    }
}

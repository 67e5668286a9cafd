//! A rail against what is booked here, thing by thing.

use diesel::prelude::*;
use imajin_kernel::{Span, Timestamp};
use imajin_ledger::entry_find;
use imajin_pay_api::CheckoutState;
use imajin_rails::{FACT_FAILED, FactKind};
use imajin_store::{Conn, SealedRow};

use super::facts::{amount_text, fact_find};
use super::kind::Kind;
use super::note::Difference;
use super::{GRACE, PAGE};
use crate::PayError;
use crate::context::Context;
use crate::domain::checkout_find;
use crate::domain::payment::payment_find;
use crate::domain::refund::returned_key;
use crate::domain::refund_by_hand::BY_HAND;
use crate::rows::{
    DisputeRow, FactRow, MessageResult, MessageRow, PartRow, PaymentRow, RefundRow, RefundState, RoundRow,
};
use crate::schema::{disputes, payout_parts, payouts, rail_messages, refunds};

/// A rail's payment is at most so much older than the message about it.
const EDGE: Span = Span::days(2);
/// How long a rail may take to say what it keeps.
pub(crate) const FEE_WAIT: Span = Span::days(2);

/// What is different about one thing of a rail; `None` when it cannot be said now.
pub(crate) fn differences_of(
    conn: &mut Conn,
    context: &Context,
    round: &RoundRow,
    rail: &str,
    subject: (&str, &str),
) -> Result<Option<Vec<Difference>>, PayError> {
    let look = Look { context, round, rail };
    match subject {
        ("payment", reference) => look.payment(conn, reference),
        ("refund", reference) => look.refund(conn, reference),
        ("dispute", reference) => look.dispute(conn, reference),
        ("transfer", reference) => look.transfer(conn, reference),
        ("arrival", reference) => super::wallet::differences_of(conn, context, rail, (FactKind::Arrival, reference)),
        ("departure", reference) => {
            super::wallet::differences_of(conn, context, rail, (FactKind::Departure, reference))
        }
        _ => Ok(None),
    }
}

struct Look<'a> {
    context: &'a Context,
    round: &'a RoundRow,
    rail: &'a str,
}

/// A payment as it is booked.
struct Booked {
    amount: i64,
    asset: String,
    fee: Option<i64>,
    checkout: String,
    at: Timestamp,
}

type Found = Result<Option<Vec<Difference>>, PayError>;

impl Look<'_> {
    /// Whether something of the rail is so young that its message may be on its way.
    fn is_young(&self, at: Timestamp) -> bool {
        at.plus(GRACE) > self.round.started_at
    }

    /// Something of ours that the rail does not have: nothing can be said of what the rail was not asked about.
    fn missing(&self, kind: Kind, at: Timestamp, asset: &str, units: i64, detail: String) -> Option<Vec<Difference>> {
        let since = self.round.since;
        if since > Timestamp::EPOCH && at < since.plus(EDGE) {
            return None;
        }
        if self.is_young(at) {
            return Some(Vec::new());
        }
        Some(vec![Difference::between(kind, asset, Some(units), None, detail)])
    }

    fn payment(&self, conn: &mut Conn, reference: &str) -> Found {
        let fact = fact_find(conn, self.context, self.rail, FactKind::Payment, reference)?;
        let booked = self.booked(conn, reference)?;
        let (fact, booked) = match (fact, booked) {
            (None, None) => return Ok(Some(Vec::new())),
            (Some(fact), None) => return Ok(Some(self.unknown(Kind::PaymentUnknownHere, &fact))),
            (None, Some(booked)) => {
                let money = amount_text(booked.amount, &booked.asset);
                let detail = format!(
                    "{money} is booked for {}, and the rail has no such payment.",
                    booked.checkout
                );
                let kind = Kind::PaymentMissingAtRail;
                return Ok(self.missing(kind, booked.at, &booked.asset, booked.amount, detail));
            }
            (Some(fact), Some(booked)) => (fact, booked),
        };
        let mut found = Vec::new();
        if (fact.amount, &fact.asset) != (booked.amount, &booked.asset) {
            let (there, here) = (
                amount_text(fact.amount, &fact.asset),
                amount_text(booked.amount, &booked.asset),
            );
            let detail = format!("The rail took {there}; {here} is booked.");
            let kind = Kind::PaymentAmountDiffers;
            found.push(Difference::between(
                kind,
                &fact.asset,
                Some(fact.amount),
                Some(booked.amount),
                detail,
            ));
        }
        found.extend(self.fee(conn, &fact, &booked)?);
        Ok(Some(found))
    }

    fn fee(&self, conn: &mut Conn, fact: &FactRow, booked: &Booked) -> Result<Option<Difference>, PayError> {
        let Some(there) = fact.extra else { return Ok(None) };
        let asset = &fact.asset;
        let text = amount_text(there, asset);
        let between = |kind, here, detail| Some(Difference::between(kind, asset, Some(there), here, detail));
        let Some(here) = booked.fee else {
            let detail = format!("The rail keeps {text} of this payment, and that is not noted here.");
            let young = self.is_young(fact.happened_at);
            return Ok(between(Kind::FeeNotNoted, None, detail).filter(|_| !young));
        };
        if here != there {
            let detail = format!("The rail keeps {text}; {} is noted here.", amount_text(here, asset));
            return Ok(between(Kind::FeeDiffers, Some(here), detail));
        }
        if here == 0 || self.is_borne(conn, fact, booked)? {
            return Ok(None);
        }
        let detail = format!("The payment went back, and the rail keeps its fee of {text}.");
        Ok(between(Kind::FeeUnbooked, Some(0), detail))
    }

    /// Whether the fee came off a split, or still may.
    fn is_borne(&self, conn: &mut Conn, fact: &FactRow, booked: &Booked) -> Result<bool, PayError> {
        let Ok(id) = booked.checkout.parse() else {
            return Ok(false);
        };
        let Some(checkout) = checkout_find(conn, self.context, id)? else {
            return Ok(false);
        };
        let counts = checkout.rail_reference.as_deref() == Some(&fact.reference);
        Ok(counts && matches!(checkout.state()?, CheckoutState::Paid | CheckoutState::Settled))
    }

    /// What is booked of a payment: of a rail that takes something, its own row; of another, the entry of its message.
    fn booked(&self, conn: &mut Conn, reference: &str) -> Result<Option<Booked>, PayError> {
        if let Some(row) = payment_find(conn, self.context, self.rail, reference)? {
            return Ok(Some(Booked {
                amount: row.amount,
                asset: row.asset,
                fee: row.fee,
                checkout: row.checkout_id,
                at: row.paid_at,
            }));
        }
        let messages: Vec<MessageRow> = rail_messages::table
            .filter(rail_messages::reference.eq(reference))
            .filter(rail_messages::rail.eq(self.rail))
            .order_by(rail_messages::id)
            .limit(PAGE)
            .select(MessageRow::as_select())
            .load(conn)?;
        let Some(row) = messages.into_iter().find(|row| MessageResult::is_money(&row.result)) else {
            return Ok(None);
        };
        let row = row.intact(&self.context.sealer)?;
        let entry = entry_find(conn, &self.context.sealer, &row.ledger_key())?;
        let came_in = entry.map(|entry| {
            entry
                .legs
                .iter()
                .map(imajin_ledger::Leg::units)
                .filter(|units| *units > 0)
                .sum()
        });
        Ok(came_in.map(|amount| Booked {
            amount,
            asset: row.asset,
            fee: None,
            checkout: row.checkout_id,
            at: row.received_at,
        }))
    }

    fn unknown(&self, kind: Kind, fact: &FactRow) -> Vec<Difference> {
        if self.is_young(fact.happened_at) || fact.state == FACT_FAILED {
            return Vec::new();
        }
        let money = amount_text(fact.amount, &fact.asset);
        let about = if fact.about.is_empty() {
            "nothing that it names"
        } else {
            &fact.about
        };
        let detail = format!(
            "The rail has a {} of {money} for {about}; nothing is booked for it.",
            fact.kind
        );
        vec![Difference::between(kind, &fact.asset, Some(fact.amount), None, detail)]
    }

    fn refund(&self, conn: &mut Conn, reference: &str) -> Found {
        let fact = fact_find(conn, self.context, self.rail, FactKind::Refund, reference)?;
        let booked = refund_booked(conn, self.context, self.rail, reference)?;
        let (fact, (asset, units, _at, is_returned)) = match (fact, booked) {
            (None, None) => return Ok(Some(Vec::new())),
            (Some(fact), None) => return Ok(Some(self.unknown(Kind::RefundUnknownHere, &fact))),
            (None, Some((asset, units, at, _))) => {
                let detail = format!(
                    "{} went back here, and the rail has no such refund.",
                    amount_text(units, &asset)
                );
                return Ok(self.missing(Kind::RefundMissingAtRail, at, &asset, units, detail));
            }
            (Some(fact), Some(booked)) => (fact, booked),
        };
        let mut found = Vec::new();
        let there = amount_text(fact.amount, &fact.asset);
        if fact.state == FACT_FAILED && is_returned {
            return Ok(Some(found));
        }
        if fact.state == FACT_FAILED {
            let detail = format!("The buyer's bank did not take the refund of {there}.");
            found.push(Difference::between(
                Kind::RefundFailed,
                &fact.asset,
                Some(units),
                Some(0),
                detail,
            ));
        } else if (fact.amount, &fact.asset) != (units, &asset) {
            let detail = format!("The rail sent {there} back; {} is booked.", amount_text(units, &asset));
            let kind = Kind::RefundAmountDiffers;
            found.push(Difference::between(
                kind,
                &fact.asset,
                Some(fact.amount),
                Some(units),
                detail,
            ));
        }
        Ok(Some(found))
    }

    fn dispute(&self, conn: &mut Conn, reference: &str) -> Found {
        let fact = fact_find(conn, self.context, self.rail, FactKind::Dispute, reference)?;
        let row: Option<DisputeRow> = disputes::table
            .find((self.rail, reference))
            .select(DisputeRow::as_select())
            .first(conn)
            .optional()?;
        let row = row.map(|row| row.intact(&self.context.sealer)).transpose()?;
        let (fact, row) = match (fact, row) {
            (None, None) => return Ok(Some(Vec::new())),
            // An enquiry that has taken nothing is not booked.
            (Some(fact), None) if fact.extra.unwrap_or(0) == 0 => return Ok(Some(Vec::new())),
            (Some(fact), None) => return Ok(Some(self.unknown(Kind::DisputeUnknownHere, &fact))),
            (None, Some(row)) => {
                let detail = format!("A dispute of {} is booked, and the rail has none.", row.payment);
                let kind = Kind::DisputeMissingAtRail;
                return Ok(self.missing(kind, row.opened_at, &row.asset, row.amount, detail));
            }
            (Some(fact), Some(row)) => (fact, row),
        };
        if fact.state == row.state && fact.amount == row.amount {
            return Ok(Some(Vec::new()));
        }
        let (there, here) = (
            amount_text(fact.amount, &fact.asset),
            amount_text(row.amount, &row.asset),
        );
        let detail = format!(
            "At the rail it is {} over {there}; here {} over {here}.",
            fact.state, row.state
        );
        let kind = Kind::DisputeDiffers;
        let found = Difference::between(kind, &fact.asset, Some(fact.amount), Some(row.amount), detail);
        Ok(Some(vec![found]))
    }

    fn transfer(&self, conn: &mut Conn, reference: &str) -> Found {
        let fact = fact_find(conn, self.context, self.rail, FactKind::Transfer, reference)?;
        let row: Option<PartRow> = payout_parts::table
            .filter(payout_parts::reference.eq(reference))
            .select(PartRow::as_select())
            .first(conn)
            .optional()?;
        let row = row.map(|row| row.intact(&self.context.sealer)).transpose()?;
        let (fact, row) = match (fact, row) {
            (None, None) => return Ok(Some(Vec::new())),
            (Some(fact), None) => return Ok(Some(self.unknown(Kind::TransferUnknownHere, &fact))),
            (None, Some(row)) => {
                let asset: String = payouts::table.find(row.payout_id).select(payouts::asset).first(conn)?;
                let detail = format!(
                    "A transfer of payout {} counts as sent, and the rail has none.",
                    row.payout_id
                );
                let kind = Kind::TransferMissingAtRail;
                return Ok(self.missing(kind, row.updated_at, &asset, row.amount, detail));
            }
            (Some(fact), Some(row)) => (fact, row),
        };
        let back = (fact.extra.unwrap_or(0), row.reversed.unwrap_or(0));
        if fact.amount == row.amount && back.0 == back.1 {
            return Ok(Some(Vec::new()));
        }
        let text = |units| amount_text(units, &fact.asset);
        let detail = format!(
            "At the rail {} was sent and {} came back; here {} and {}.",
            text(fact.amount),
            text(back.0),
            text(row.amount),
            text(back.1)
        );
        let (there, here) = (fact.amount.saturating_sub(back.0), row.amount.saturating_sub(back.1));
        let found = Difference::between(Kind::TransferDiffers, &fact.asset, Some(there), Some(here), detail);
        Ok(Some(vec![found]))
    }
}

/// What is booked of a refund, by the rail's reference of it: currency, amount, when, and whether it is known that the
/// buyer's bank did not take it.
fn refund_booked(
    conn: &mut Conn,
    context: &Context,
    rail: &str,
    reference: &str,
) -> Result<Option<(String, i64, Timestamp, bool)>, PayError> {
    // The rail does not know of it.
    if reference.starts_with(BY_HAND) {
        return Ok(None);
    }
    let sale: Option<RefundRow> = refunds::table
        .filter(refunds::reference.eq(reference))
        .filter(refunds::rail.eq(rail))
        .select(RefundRow::as_select())
        .first(conn)
        .optional()?;
    if let Some(sale) = sale.map(|row| row.intact(&context.sealer)).transpose()? {
        let is_returned = sale.is(RefundState::Returned);
        return Ok(Some((
            sale.asset,
            sale.amount,
            sale.ended_at.unwrap_or(sale.created_at),
            is_returned,
        )));
    }
    let row: Option<MessageRow> = rail_messages::table
        .filter(rail_messages::refund_reference.eq(reference))
        .filter(rail_messages::rail.eq(rail))
        .select(MessageRow::as_select())
        .first(conn)
        .optional()?;
    let row = row.map(|row| row.intact(&context.sealer)).transpose()?;
    // The rail had paid it back before: to the bank.
    let Some(row) = row.filter(|_| !reference.starts_with("dispute of ")) else {
        return Ok(None);
    };
    let returned = entry_find(conn, &context.sealer, &returned_key(row.id))?;
    let at = row.processed_at.unwrap_or(row.received_at);
    Ok(Some((row.asset, row.amount, at, returned.is_some())))
}

/// Payments whose rail has not said for too long what it keeps, by their key.
pub(super) fn fee_overdue(
    conn: &mut Conn,
    context: &Context,
    rail: &str,
    reference: &str,
) -> Result<Vec<Difference>, PayError> {
    let row: Option<PaymentRow> = payment_find(conn, context, rail, reference)?;
    let late = row.filter(|row| row.fee.is_none() && row.paid_at.plus(FEE_WAIT) < context.now());
    let found = late.map(|row| {
        let money = amount_text(row.amount, &row.asset);
        let detail = format!(
            "The rail has not said what it keeps of {money} for {}.",
            row.checkout_id
        );
        Difference::plain(Kind::FeeOverdue, detail)
    });
    Ok(found.into_iter().collect())
}

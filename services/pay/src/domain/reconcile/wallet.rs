//! A rail whose books are those of a wallet: what moved in it, whoever moved it.

use diesel::prelude::*;
use imajin_kernel::{Span, Timestamp};
use imajin_money::Amount;
use imajin_rails::{FACT_FAILED, FactCut, FactKind, RailFact, RailOutcome};
use imajin_store::Conn;

use super::GRACE;
use super::facts::{amount_text, fact_find};
use super::kind::Kind;
use super::note::{Difference, subject_note};
use crate::PayError;
use crate::context::Context;
use crate::rows::RoundRow;
use crate::schema::{rail_facts, rail_messages};

/// For how long a movement that nobody here knows is shown: it can never come in order.
const SHOWN_FOR: Span = Span::days(30);

/// What is left of a movement without what is known of it: nothing of a payment that was told, or of a transfer without
/// costs; of a transfer with costs these. Nothing is said of what is so young that it may be known in a moment.
pub(super) fn without_known(
    conn: &mut Conn,
    context: &Context,
    round: &RoundRow,
    rail: &str,
    fact: &RailFact,
) -> Result<Option<RailFact>, PayError> {
    if !matches!(fact.kind, FactKind::Arrival | FactKind::Departure) {
        return Ok(Some(fact.clone()));
    }
    if fact.time.plus(GRACE) > round.started_at {
        return Ok(None);
    }
    let Some(known) = known_units(conn, rail, fact)? else {
        return Ok(Some(fact.clone()));
    };
    let costs = fact.amount.amount.micros().saturating_sub(known);
    if fact.kind == FactKind::Departure && costs > 0 {
        movement_forget(conn, context, rail, fact)?;
        let mut kept = fact.clone();
        kept.kind = FactKind::Withdrawal;
        kept.amount.amount = Amount::from_micros(costs).unwrap_or(Amount::ZERO);
        return Ok(Some(kept));
    }
    movement_forget(conn, context, rail, fact)?;
    Ok(None)
}

/// How much of a movement's asset the payments, refunds and transfers of its name have moved; `None` when nothing here
/// has its name.
fn known_units(conn: &mut Conn, rail: &str, fact: &RailFact) -> Result<Option<i64>, PayError> {
    let listed: Vec<(String, i64)> = rail_facts::table
        .filter(rail_facts::rail.eq(rail))
        .filter(
            rail_facts::kind.eq_any([FactKind::Payment, FactKind::Refund, FactKind::Transfer].map(FactKind::as_str)),
        )
        .filter(rail_facts::reference.eq(&fact.about))
        .filter(rail_facts::state.ne(FACT_FAILED))
        .select((rail_facts::asset, rail_facts::amount))
        .load(conn)?;
    let told: i64 = rail_messages::table
        .filter(rail_messages::rail.eq(rail))
        .filter(rail_messages::reference.eq(&fact.about))
        .filter(rail_messages::outcome.eq(RailOutcome::Paid.as_str()))
        .count()
        .get_result(conn)?;
    if listed.is_empty() && told == 0 {
        return Ok(None);
    }
    let asset = fact.amount.asset.to_string();
    let same = listed.iter().filter(|(listed, _)| *listed == asset);
    Ok(Some(same.fold(0, |sum: i64, (_, units)| sum.saturating_add(*units))))
}

/// What was a movement that nobody knew is known now: it counts no longer.
fn movement_forget(conn: &mut Conn, context: &Context, rail: &str, fact: &RailFact) -> Result<(), PayError> {
    if fact_find(conn, context, rail, fact.kind, &fact.reference)?.is_none() {
        return Ok(());
    }
    let forgotten = RailFact {
        state: FACT_FAILED,
        ..fact.clone()
    };
    super::facts::fact_keep(conn, context, rail, &forgotten)
}

/// What is to be said of a movement that was kept.
pub(super) fn differences_of(
    conn: &mut Conn,
    context: &Context,
    rail: &str,
    (kind, reference): (FactKind, &str),
) -> Result<Option<Vec<Difference>>, PayError> {
    let fact = fact_find(conn, context, rail, kind, reference)?;
    let is_shown = |at: Timestamp| at.plus(SHOWN_FOR) > context.now();
    let Some(fact) = fact.filter(|fact| fact.state != FACT_FAILED && is_shown(fact.happened_at)) else {
        return Ok(Some(Vec::new()));
    };
    let money = amount_text(fact.amount, &fact.asset);
    let (kind, detail) = if kind == FactKind::Arrival {
        let detail = format!(
            "{money} came into the wallet with {}, and no checkout here is paid by it.",
            fact.about
        );
        (Kind::ArrivalUnknownHere, detail)
    } else {
        let detail = format!(
            "{money} left the wallet with {}, and nothing here has sent it.",
            fact.about
        );
        (Kind::DepartureUnknownHere, detail)
    };
    let found = Difference::between(kind, &fact.asset, None, Some(fact.amount), detail);
    Ok(Some(vec![found]))
}

/// Notes that a list was not read to where the round before has begun: what moved in between is not known.
pub(super) fn cut_note(
    conn: &mut Conn,
    context: &Context,
    round: &RoundRow,
    cut: Option<&FactCut>,
) -> Result<(), PayError> {
    let is_gap = |cut: &&FactCut| round.finished_at.is_none_or(|at| cut.since.plus(GRACE) > at);
    let Some(cut) = cut.filter(is_gap) else {
        return Ok(());
    };
    let detail = format!(
        "The wallet's history of {} is longer than what is read at once: nothing is known of what moved before {}.",
        cut.asset, cut.since
    );
    let found = vec![Difference::plain(Kind::HistoryCut, detail)];
    subject_note(conn, context, round, &format!("history/{}", cut.asset), found)
}

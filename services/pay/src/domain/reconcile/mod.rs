//! Reconciliation: each rail against what is booked here, and the ledger against the rows beside it.
//!
//! A round goes through phases, a page at a time; how far it is stands in the database, so that it goes on after a
//! restart, and two processes do not do the same page twice. What is different about one thing follows from that thing
//! alone, as both sides have it: looking again writes nothing new, and a difference ends when the thing is looked at
//! and is in order.

mod back;
mod balance;
mod broker;
pub(crate) mod facts;
pub(crate) mod kind;
pub(crate) mod list;
mod note;
mod own;
mod peers;
pub(crate) mod phases;
mod rail;
mod rail_pages;
mod wallet;

use diesel::prelude::*;
use imajin_kernel::{Span, Timestamp};
use imajin_rails::{FactPage, RailBalance};
use imajin_store::{Conn, SealedRow, for_update};

use super::notices::differences_owe;
use crate::PayError;
use crate::context::Context;
use crate::rows::RoundRow;
use crate::schema::{differences, reconcile_rounds};
use facts::fact_keep;
use note::subject_note;
use phases::{BALANCE, DONE, FACTS, OPEN, Subjects, broker_of, first_phase, next_phase, rail_of};

/// Things that one step compares.
pub(crate) const PAGE: i64 = 100;
/// How long a message may be on its way before what it is about counts as unknown here.
pub(crate) const GRACE: Span = Span::minutes(15);
/// How far back a rail is asked again: what it has listed may have changed since. Disputes last the longest.
const LOOK_BACK: Span = Span::days(120);

/// How far the reconciliation of a scope is, its seal checked.
pub(crate) fn round_find(conn: &mut Conn, context: &Context, scope: &str) -> Result<Option<RoundRow>, PayError> {
    let row: Option<RoundRow> = reconcile_rounds::table
        .find(scope)
        .select(RoundRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

fn round_lock(conn: &mut Conn, context: &Context, scope: &str) -> Result<Option<RoundRow>, PayError> {
    let row: Option<RoundRow> = for_update!(
        conn,
        reconcile_rounds::table.find(scope).select(RoundRow::as_select()) => first
    )
    .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// Begins a round, unless one is under way, or the last one ended less than `every` ago. The first round of a rail asks
/// for everything that it has ever done.
pub(crate) fn round_begin(conn: &mut Conn, context: &Context, scope: &str, every: Span) -> Result<bool, PayError> {
    let now = context.now();
    let known = round_lock(conn, context, scope)?;
    let finished_at = known.as_ref().and_then(|row| row.finished_at);
    let is_due = finished_at.is_none_or(|at| at.plus(every) <= now);
    if known.as_ref().is_some_and(|row| row.phase != DONE) || !is_due {
        return Ok(false);
    }
    let row = RoundRow {
        scope: scope.to_owned(),
        phase: first_phase(scope).to_owned(),
        cursor: None,
        since: finished_at.map_or(Timestamp::EPOCH, |_| now.minus(LOOK_BACK).max(Timestamp::EPOCH)),
        started_at: now,
        finished_at,
        checked: 0,
        problem: None,
        row_seal: Vec::new(),
    };
    if known.is_some() {
        row.save(conn, &context.sealer)?;
    } else {
        row.insert(conn, &context.sealer)?;
    }
    Ok(true)
}

/// What a rail has answered for a step.
#[derive(Debug, Clone)]
pub(crate) enum Said {
    /// Nothing: the step needs no rail.
    Nothing,
    /// A page of what it has done.
    Facts(FactPage),
    /// What it holds, if it says so.
    Balances(Option<Vec<RailBalance>>),
    /// What was found at the ledger's own things: they were looked at before.
    Compared(Compared),
}

/// A page of the ledger's own things, compared with the rows beside it.
#[derive(Debug, Clone)]
pub(crate) struct Compared {
    /// What is different about each of them.
    found: Vec<(String, Vec<note::Difference>)>,
    /// Where the next page starts.
    next: Option<String>,
}

/// Compares a page of the ledger's own things. It only reads: sums over many rows keep no writer waiting.
pub(crate) fn ledger_compare(conn: &mut Conn, context: &Context, round: &RoundRow) -> Result<Compared, PayError> {
    let cursor = round.cursor.as_deref().unwrap_or_default();
    let page = if round.phase == OPEN {
        open_subjects(conn, round, cursor)?
    } else {
        ledger_subjects(conn, context, &round.phase, cursor)?
    };
    let mut found = Vec::with_capacity(page.subjects.len());
    for subject in page.subjects {
        if let Some(parts) = subject.split_once('/') {
            let different = ledger_differences(conn, context, parts)?;
            found.push((subject, different));
        }
    }
    Ok(Compared { found, next: page.next })
}

/// Makes one step of a round: compares one page. Nothing is done when somebody else has made this step meanwhile.
/// Answers whether the round goes on.
pub(crate) fn round_step(conn: &mut Conn, context: &Context, asked: &RoundRow, said: &Said) -> Result<bool, PayError> {
    let Some(mut round) = round_lock(conn, context, &asked.scope)? else {
        return Ok(false);
    };
    let same = (&round.phase, &round.cursor, round.started_at) == (&asked.phase, &asked.cursor, asked.started_at);
    if !same || round.phase == DONE {
        return Ok(round.phase != DONE);
    }
    let (count, next) = page_compare(conn, context, &round, said)?;
    round.checked = round.checked.saturating_add(i64::try_from(count).unwrap_or(i64::MAX));
    round.problem = None;
    if next.is_none() {
        let phase = next_phase(&round.scope, &round.phase);
        phase.clone_into(&mut round.phase);
    }
    round.cursor = next;
    let goes_on = round.phase != DONE;
    if !goes_on {
        round.finished_at = Some(context.now());
        differences_owe(conn, context, &round)?;
    }
    round.save(conn, &context.sealer)?;
    Ok(goes_on)
}

/// Notes why a round does not get on; it goes on where it is.
pub(crate) fn round_problem(
    conn: &mut Conn,
    context: &Context,
    scope: &str,
    problem: Option<&str>,
) -> Result<(), PayError> {
    if let Some(mut round) = round_lock(conn, context, scope)? {
        round.problem = problem.map(str::to_owned);
        round.save(conn, &context.sealer)?;
    }
    Ok(())
}

/// Compares a page; answers with how many things, and where the phase goes on, if it does.
fn page_compare(
    conn: &mut Conn,
    context: &Context,
    round: &RoundRow,
    said: &Said,
) -> Result<(usize, Option<String>), PayError> {
    let cursor = round.cursor.as_deref().unwrap_or_default();
    let page = match (rail_of(&round.scope), round.phase.as_str(), said) {
        (Some(rail), FACTS, Said::Facts(page)) => {
            wallet::cut_note(conn, context, round, page.cut.as_ref())?;
            let mut subjects = Vec::with_capacity(page.facts.len());
            for fact in &page.facts {
                let Some(fact) = wallet::without_known(conn, context, round, rail, fact)? else {
                    continue;
                };
                fact_keep(conn, context, rail, &fact)?;
                subjects.push(format!("{}/{}", fact.kind.as_str(), fact.reference));
            }
            Subjects {
                subjects,
                next: page.cursor.clone(),
            }
        }
        (Some(rail), BALANCE, Said::Balances(said)) => {
            let compared = balance::balances_compare(conn, context, rail, said.as_deref())?;
            let count = compared.len();
            for (subject, found) in compared {
                subject_note(conn, context, round, &subject, found)?;
            }
            return Ok((count, None));
        }
        (None, BALANCE, Said::Balances(said)) => {
            let issuer = broker_of(&round.scope).unwrap_or_default();
            let compared = broker::broker_compare(conn, context, issuer, said.as_deref().unwrap_or_default())?;
            let count = compared.len();
            for (subject, found) in compared {
                subject_note(conn, context, round, &subject, found)?;
            }
            return Ok((count, None));
        }
        (None, _, Said::Compared(compared)) => {
            for (subject, found) in &compared.found {
                subject_note(conn, context, round, subject, found.clone())?;
            }
            return Ok((compared.found.len(), compared.next.clone()));
        }
        (_, OPEN, _) => open_subjects(conn, round, cursor)?,
        (Some(rail), phase, _) => rail_pages::own_subjects(conn, round, rail, phase, cursor)?,
        // Nothing else is compared with a broker, and the ledger's own things were compared before.
        (None, ..) => return Ok((0, None)),
    };
    for subject in &page.subjects {
        subject_check(conn, context, round, subject)?;
    }
    Ok((page.subjects.len(), page.next))
}

/// A page of what the ledger is compared with.
fn ledger_subjects(conn: &mut Conn, context: &Context, phase: &str, cursor: &str) -> Result<Subjects, PayError> {
    if let Some(subjects) = peers::subjects(conn, context, phase, cursor)? {
        return Ok(subjects);
    }
    if let Some(subjects) = back::subjects(conn, context, phase, cursor)? {
        return Ok(subjects);
    }
    own::subjects(conn, context, phase, cursor)
}

fn ledger_differences(
    conn: &mut Conn,
    context: &Context,
    subject: (&str, &str),
) -> Result<Vec<note::Difference>, PayError> {
    if let Some(found) = peers::differences_of(conn, context, subject)? {
        return Ok(found);
    }
    if let Some(found) = back::differences_of(conn, context, subject)? {
        return Ok(found);
    }
    own::differences_of(conn, context, subject)
}

fn subject_check(conn: &mut Conn, context: &Context, round: &RoundRow, subject: &str) -> Result<(), PayError> {
    let Some(parts) = subject.split_once('/') else {
        return Ok(());
    };
    let found = match rail_of(&round.scope) {
        Some(rail) => rail::differences_of(conn, context, round, rail, parts)?,
        // What a broker holds is compared as a whole, or not at all.
        None => None,
    };
    found.map_or(Ok(()), |found| subject_note(conn, context, round, subject, found))
}

/// What was different before this round and was not looked at in it.
fn open_subjects(conn: &mut Conn, round: &RoundRow, cursor: &str) -> Result<Subjects, PayError> {
    let names: Vec<String> = differences::table
        .filter(differences::scope.eq(&round.scope))
        .filter(differences::subject.gt(cursor))
        .filter(differences::resolved_at.is_null())
        .filter(differences::last_seen_at.lt(round.started_at))
        .order_by(differences::subject)
        .limit(PAGE)
        .select(differences::subject)
        .load(conn)?;
    Ok(Subjects::page(&names, str::to_owned))
}

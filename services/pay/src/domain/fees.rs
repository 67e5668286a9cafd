//! The schedules of fees: announced, in effect from their time on, and kept.

use diesel::prelude::*;
use imajin_fair::plan::{FeeRecipient, FeeRule, FeeSchedule};
use imajin_kernel::{Span, Timestamp};
use imajin_store::{Conn, SealedRow};
use imajin_web::{Authorised, OperatorTier};
use serde::{Deserialize, Serialize};

use crate::PayError;
use crate::context::Context;
use crate::rows::{FeesRow, json_text};
use crate::schema::fee_schedules;

/// The action in the mutation log.
pub(crate) const FEES_SET: &str = "fees.set";

/// The least and the most of each fee, in millionths of the price: 0.25 % and 2 %.
const RATE_MICROS: std::ops::RangeInclusive<u32> = 2_500..=20_000;
/// How long before it takes effect a rise must be announced.
const RISE_NOTICE: Span = Span::hours(24);
/// More fees than anyone can explain.
const LINES_MAX: usize = 8;
/// The longest name of a fee.
const NAME_BYTES_MAX: usize = 40;

/// How a version is called in the mutation log.
pub(crate) fn fees_object(version: i64) -> String {
    format!("fees/{version}")
}

/// A schedule that is asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct FeesWish {
    /// The fees; none, if empty.
    pub(crate) lines: Vec<FeeRule>,
    /// From when on; as soon as possible, if not said.
    pub(crate) effective_at: Option<Timestamp>,
}

/// A schedule with its time.
#[derive(Debug, Clone)]
pub(crate) struct TimedFees {
    pub(crate) schedule: FeeSchedule,
    /// From when on; none for the schedule that the node was configured with.
    pub(crate) effective_at: Option<Timestamp>,
}

/// All schedules, the configured one first.
pub(crate) fn fees_list(conn: &mut Conn, context: &Context) -> Result<Vec<TimedFees>, PayError> {
    let rows: Vec<FeesRow> = fee_schedules::table
        .order_by(fee_schedules::version)
        .select(FeesRow::as_select())
        .load(conn)?;
    let mut all = vec![TimedFees {
        schedule: context.config.fees.clone(),
        effective_at: None,
    }];
    for row in rows {
        let row = row.intact(&context.sealer)?;
        all.push(TimedFees {
            schedule: row.schedule()?,
            effective_at: Some(row.effective_at),
        });
    }
    Ok(all)
}

/// The schedule in force at a moment: of those in effect by then, the one announced last.
pub(crate) fn fees_in_force(conn: &mut Conn, context: &Context, at: Timestamp) -> Result<FeeSchedule, PayError> {
    let row: Option<FeesRow> = fee_schedules::table
        .filter(fee_schedules::effective_at.le(at))
        .order_by(fee_schedules::version.desc())
        .select(FeesRow::as_select())
        .first(conn)
        .optional()?;
    match row {
        Some(row) => row.intact(&context.sealer)?.schedule(),
        None => Ok(context.config.fees.clone()),
    }
}

/// Announces the next schedule. One that takes more of anything needs a day's notice; one that does not may start now.
pub(crate) fn fees_set(
    conn: &mut Conn,
    context: &Context,
    verified: &Authorised<OperatorTier>,
    wish: &FeesWish,
    body: &[u8],
) -> Result<TimedFees, PayError> {
    check(&wish.lines)?;
    let now = context.now();
    let all = fees_list(conn, context)?;
    // Somebody who was told of a coming cut relies on it: a rise is reckoned from the lowest that is announced.
    let is_rise = all
        .iter()
        .skip_while(|timed| timed.schedule != current(&all, now).schedule)
        .any(|timed| rises(&timed.schedule.lines, &wish.lines));
    let earliest = if is_rise { now.plus(RISE_NOTICE) } else { now };
    let effective_at = wish.effective_at.unwrap_or(earliest);
    if effective_at < earliest {
        let problem = if is_rise {
            format!("these fees are higher, so they need 24 hours' notice: {earliest} at the earliest")
        } else {
            "must not lie in the past".to_owned()
        };
        return Err(PayError::invalid("effectiveAt", problem));
    }
    let last = all.iter().map(|timed| timed.schedule.version).max().unwrap_or(0);
    let schedule = FeeSchedule {
        version: last.saturating_add(1),
        lines: wish.lines.clone(),
    };
    let row = FeesRow {
        version: i64::from(schedule.version),
        effective_at,
        announced_at: now,
        owner_did: verified.did().canonical().to_string(),
        document: json_text(&schedule)?,
        row_seal: Vec::new(),
    };
    context.signed_append(conn, verified, FEES_SET, &fees_object(row.version), body)?;
    row.insert(conn, &context.sealer)?;
    Ok(TimedFees {
        schedule,
        effective_at: Some(effective_at),
    })
}

/// The schedule in force among all.
pub(crate) fn current(all: &[TimedFees], at: Timestamp) -> TimedFees {
    let in_force = all
        .iter()
        .rev()
        .find(|timed| timed.effective_at.is_none_or(|from| from <= at));
    in_force.cloned().unwrap_or(TimedFees {
        schedule: FeeSchedule::none(),
        effective_at: None,
    })
}

fn check(lines: &[FeeRule]) -> Result<(), PayError> {
    if lines.len() > LINES_MAX {
        return Err(PayError::invalid("lines", format!("must be at most {LINES_MAX}")));
    }
    for (place, line) in lines.iter().enumerate() {
        if !RATE_MICROS.contains(&line.rate_micros) {
            let member = format!("lines[{place}].rateMicros");
            return Err(PayError::invalid(member, "must be 2500 to 20000: 0.25 % to 2 %"));
        }
        let name = &line.name;
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
            let problem = format!("must have 1 to {NAME_BYTES_MAX} bytes and no control characters");
            return Err(PayError::invalid(format!("lines[{place}].name"), problem));
        }
        if lines.iter().take(place).any(|other| other.name == *name) {
            return Err(PayError::invalid(format!("lines[{place}].name"), "is there twice"));
        }
    }
    Ok(())
}

/// Whether the seller bears more: in all, or for any of the recipients.
fn rises(before: &[FeeRule], after: &[FeeRule]) -> bool {
    let sum = |lines: &[FeeRule], of: Option<FeeRecipient>| -> u64 {
        let lines = lines.iter().filter(|line| of.is_none_or(|of| line.recipient == of));
        lines.map(|line| u64::from(line.rate_micros)).sum()
    };
    let recipients = [FeeRecipient::Protocol, FeeRecipient::Node, FeeRecipient::Buyer];
    let each = recipients.into_iter().map(Some);
    each.chain([None]).any(|of| sum(after, of) > sum(before, of))
}

/// Whether a schedule never governs, because one that was announced later starts no later.
pub(crate) fn is_overtaken(all: &[TimedFees], place: usize) -> bool {
    let Some(from) = all.get(place).and_then(|timed| timed.effective_at) else {
        return false;
    };
    let later = all.iter().skip(place.saturating_add(1));
    later.filter_map(|timed| timed.effective_at).any(|other| other <= from)
}

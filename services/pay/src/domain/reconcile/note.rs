//! Differences as rows: the same difference is one row, however often it is found; a resolved one is kept.

use diesel::prelude::*;
use imajin_money::{Amount, Asset, Money};
use imajin_store::{Conn, SealedRow, intact_all};

use super::kind::Kind;
use crate::PayError;
use crate::context::Context;
use crate::rows::{DifferenceRow, RoundRow};
use crate::schema::differences;

/// More differences than one thing can have.
const OPEN_MAX: i64 = 32;

/// A difference, before it is written down.
#[derive(Debug, Clone)]
pub(crate) struct Difference {
    pub(crate) kind: Kind,
    pub(crate) asset: Option<String>,
    pub(crate) expected: Option<i64>,
    pub(crate) found: Option<i64>,
    pub(crate) detail: String,
}

impl Difference {
    /// One that is about no amount.
    pub(crate) fn plain(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            asset: None,
            expected: None,
            found: None,
            detail: detail.into(),
        }
    }

    /// One between two amounts; `None` where there is none at all.
    pub(crate) fn between(
        kind: Kind,
        asset: &str,
        expected: Option<i64>,
        found: Option<i64>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            asset: Some(asset.to_owned()),
            expected,
            found,
            ..Self::plain(kind, detail)
        }
    }
}

/// Writes down what is different about one thing now: new differences begin, known ones go on, and those that are not
/// among them any more are resolved.
pub(crate) fn subject_note(
    conn: &mut Conn,
    context: &Context,
    round: &RoundRow,
    subject: &str,
    found: Vec<Difference>,
) -> Result<(), PayError> {
    let now = context.now();
    let open: Vec<DifferenceRow> = differences::table
        .filter(differences::scope.eq(&round.scope))
        .filter(differences::subject.eq(subject))
        .filter(differences::resolved_at.is_null())
        .limit(OPEN_MAX)
        .select(DifferenceRow::as_select())
        .load(conn)?;
    let mut open = intact_all(open, &context.sealer)?;
    for difference in found {
        let kind = difference.kind.as_str();
        let known = open.iter().position(|row| row.kind == kind);
        let is_new = known.is_none();
        let mut row = match known {
            Some(place) => open.swap_remove(place),
            None => DifferenceRow {
                scope: round.scope.clone(),
                subject: subject.to_owned(),
                kind: kind.to_owned(),
                first_seen_at: now,
                last_seen_at: now,
                resolved_at: None,
                asset: None,
                expected: None,
                found: None,
                detail: String::new(),
                row_seal: Vec::new(),
            },
        };
        row.last_seen_at = now;
        (row.asset, row.expected, row.found) = (difference.asset, difference.expected, difference.found);
        row.detail = difference.detail;
        if is_new {
            tracing::warn!(
                scope = row.scope,
                subject,
                kind,
                detail = row.detail,
                "a difference was found"
            );
            row.insert(conn, &context.sealer)?;
        } else {
            row.save(conn, &context.sealer)?;
        }
    }
    for mut row in open {
        row.last_seen_at = now;
        row.resolved_at = Some(now);
        tracing::info!(scope = row.scope, subject, kind = row.kind, "a difference is resolved");
        row.save(conn, &context.sealer)?;
    }
    Ok(())
}

/// An amount that may be below zero, for reading: `-1.50 USD`.
pub(crate) fn signed_text(units: i64, asset: &str) -> String {
    let Ok(known) = asset.parse::<Asset>() else {
        return format!("{units} units of {asset}");
    };
    let size = i64::try_from(units.unsigned_abs()).unwrap_or(i64::MAX);
    let size = Money::new(Amount::from_micros(size).unwrap_or(Amount::MAX), known);
    if units < 0 {
        format!("-{size}")
    } else {
        size.to_string()
    }
}

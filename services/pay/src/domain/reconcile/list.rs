//! What a reconciliation has found, for the operator.

use diesel::prelude::*;
use imajin_kernel::Timestamp;
use imajin_money::{Amount, Asset, Money};
use imajin_store::{Conn, SealedRow};
use serde::Serialize;
use utoipa::ToSchema;

use super::kind::Kind;
use super::phases::DONE;
use super::round_find;
use crate::PayError;
use crate::context::Context;
use crate::rows::DifferenceRow;
use crate::schema::differences;

/// Open differences that are shown.
const OPEN_MAX: i64 = 500;
/// Resolved differences that are shown.
const RESOLVED_MAX: i64 = 50;

/// How far the reconciliation of a rail, or of the ledger with itself, is.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RoundView {
    /// `rail:<name>` or `ledger`.
    pub(crate) scope: String,
    /// `never`, `under_way` or `done`.
    pub(crate) state: &'static str,
    /// What is being compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) phase: Option<String>,
    /// When this round began.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(crate) started_at: Option<Timestamp>,
    /// When the last round ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(crate) finished_at: Option<Timestamp>,
    /// How many things were compared.
    pub(crate) checked: i64,
    /// Why it does not get on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
}

/// A difference.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DifferenceView {
    /// Where: `rail:<name>` or `ledger`.
    pub(crate) scope: String,
    /// What it is about, for example `payment/pi_1`.
    pub(crate) subject: String,
    /// What sort of difference.
    pub(crate) kind: String,
    /// What is different, in one sentence.
    pub(crate) detail: String,
    /// What to do about it.
    pub(crate) advice: &'static str,
    /// What the amounts count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) currency: Option<String>,
    /// What it should be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expected: Option<String>,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) found: Option<String>,
    /// When it was found first.
    #[schema(value_type = String)]
    pub(crate) first_seen_at: Timestamp,
    /// When it was found last.
    #[schema(value_type = String)]
    pub(crate) last_seen_at: Timestamp,
    /// When it was found to be in order.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(crate) resolved_at: Option<Timestamp>,
}

/// What the reconciliation has found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Reconciliation {
    /// One line for each rail, and one for the ledger.
    pub(crate) rounds: Vec<RoundView>,
    /// Differences that are open, the oldest first; at most 500.
    pub(crate) open: Vec<DifferenceView>,
    /// Differences that were resolved, the latest first; at most 50.
    pub(crate) resolved: Vec<DifferenceView>,
}

/// How the reconciliation of these scopes stands, and what it has found.
pub(crate) fn reconciliation(
    conn: &mut Conn,
    context: &Context,
    scopes: &[String],
) -> Result<Reconciliation, PayError> {
    let rounds = scopes.iter().map(|scope| round_view(conn, context, scope));
    let rounds = rounds.collect::<Result<Vec<_>, _>>()?;
    let open: Vec<DifferenceRow> = differences::table
        .filter(differences::resolved_at.is_null())
        .filter(differences::scope.eq_any(scopes))
        .order_by((differences::first_seen_at, differences::subject, differences::kind))
        .limit(OPEN_MAX)
        .select(DifferenceRow::as_select())
        .load(conn)?;
    let resolved: Vec<DifferenceRow> = differences::table
        .filter(differences::resolved_at.is_not_null())
        .filter(differences::scope.eq_any(scopes))
        .order_by(differences::resolved_at.desc())
        .limit(RESOLVED_MAX)
        .select(DifferenceRow::as_select())
        .load(conn)?;
    let views = |rows: Vec<DifferenceRow>| {
        let views = rows.into_iter().map(|row| Ok(view(row.intact(&context.sealer)?)));
        views.collect::<Result<Vec<_>, PayError>>()
    };
    Ok(Reconciliation {
        rounds,
        open: views(open)?,
        resolved: views(resolved)?,
    })
}

fn round_view(conn: &mut Conn, context: &Context, scope: &str) -> Result<RoundView, PayError> {
    let Some(row) = round_find(conn, context, scope)? else {
        return Ok(RoundView {
            scope: scope.to_owned(),
            state: "never",
            phase: None,
            started_at: None,
            finished_at: None,
            checked: 0,
            problem: None,
        });
    };
    let is_done = row.phase == DONE;
    Ok(RoundView {
        scope: row.scope,
        state: if is_done { "done" } else { "under_way" },
        phase: Some(row.phase).filter(|_| !is_done),
        started_at: Some(row.started_at),
        finished_at: row.finished_at,
        checked: row.checked,
        problem: row.problem,
    })
}

fn view(row: DifferenceRow) -> DifferenceView {
    let asset: Option<Asset> = row.asset.as_deref().and_then(|asset| asset.parse().ok());
    let decimal = |units: i64| {
        let size = i64::try_from(units.unsigned_abs()).unwrap_or(i64::MAX);
        let size = Amount::from_micros(size).unwrap_or(Amount::MAX);
        let sign = if units < 0 { "-" } else { "" };
        asset.map(|asset| format!("{sign}{}", Money::new(size, asset).decimal()))
    };
    DifferenceView {
        advice: Kind::advice_of(&row.kind),
        expected: row.expected.and_then(decimal),
        found: row.found.and_then(decimal),
        scope: row.scope,
        subject: row.subject,
        kind: row.kind,
        detail: row.detail,
        currency: row.asset,
        first_seen_at: row.first_seen_at,
        last_seen_at: row.last_seen_at,
        resolved_at: row.resolved_at,
    }
}

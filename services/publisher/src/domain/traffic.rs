//! What happens at gates, for the operator's pages.

use diesel::prelude::*;
use imajin_imagxp::Refusal;
use imajin_kernel::Timestamp;
use imajin_kernel::id::ReceiptId;
use imajin_store::{Conn, intact_all};

use crate::PublisherError;
use crate::context::Context;
use crate::rows::{ChargeState, DisputeRow, RecordRow};
use crate::schema::{gate_chains, gate_charges, gate_disputes, gate_records};

/// More than a page can say something about one by one.
pub(crate) const ROWS_MAX: i64 = 20_000;
const DISPUTES_MAX: i64 = 200;

/// A request, as sums need it.
#[derive(Debug, Clone, Queryable)]
pub(crate) struct Asked {
    pub(crate) agent: Option<String>,
    pub(crate) purpose: Option<String>,
    pub(crate) refusal: Option<String>,
    pub(crate) reason: String,
    pub(crate) at: Timestamp,
}

/// A payment, as sums need it.
#[derive(Debug, Clone, Queryable)]
pub(crate) struct Earned {
    pub(crate) agent: String,
    pub(crate) purpose: String,
    pub(crate) url: String,
    pub(crate) fair_id: Option<String>,
    pub(crate) asset: String,
    pub(crate) price: i64,
    pub(crate) receipt: Option<ReceiptId>,
    pub(crate) created_at: Timestamp,
}

/// The sites of which there is anything.
pub(crate) fn sites(conn: &mut Conn) -> Result<Vec<String>, PublisherError> {
    let names = gate_chains::table.order_by(gate_chains::site).select(gate_chains::site);
    Ok(names.load(conn)?)
}

/// The requests at a site since then; the newest of them, when there are very many.
pub(crate) fn asked_since(conn: &mut Conn, site: &str, since: Timestamp) -> Result<Vec<Asked>, PublisherError> {
    Ok(gate_records::table
        .filter(gate_records::site.eq(site))
        .filter(gate_records::at.gt(since))
        .order_by(gate_records::seq.desc())
        .limit(ROWS_MAX)
        .select((
            gate_records::agent,
            gate_records::purpose,
            gate_records::refusal,
            gate_records::reason,
            gate_records::at,
        ))
        .load(conn)?)
}

/// What was paid at a site since then and has not gone back, newest first.
pub(crate) fn earned_since(conn: &mut Conn, site: &str, since: Timestamp) -> Result<Vec<Earned>, PublisherError> {
    Ok(gate_charges::table
        .filter(gate_charges::site.eq(site))
        .filter(gate_charges::created_at.gt(since))
        .filter(gate_charges::state.eq(ChargeState::Paid.as_str()))
        .order_by((gate_charges::created_at.desc(), gate_charges::id.desc()))
        .limit(ROWS_MAX)
        .select((
            gate_charges::agent,
            gate_charges::purpose,
            gate_charges::url,
            gate_charges::fair_id,
            gate_charges::asset,
            gate_charges::price,
            gate_charges::receipt_id,
            gate_charges::created_at,
        ))
        .load(conn)?)
}

/// The disputes about a site, newest first.
pub(crate) fn disputes_of(conn: &mut Conn, context: &Context, site: &str) -> Result<Vec<DisputeRow>, PublisherError> {
    let rows: Vec<DisputeRow> = gate_disputes::table
        .filter(gate_disputes::site.eq(site))
        .order_by(gate_disputes::said_at.desc())
        .limit(DISPUTES_MAX)
        .select(DisputeRow::as_select())
        .load(conn)?;
    Ok(intact_all(rows, &context.sealer)?)
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It got in.
    Passed,
    /// It did not, however.
    Refused,
    /// It was refused in this way.
    RefusedAs(Refusal),
}

/// Which part of a log is wanted.
#[derive(Debug, Clone)]
pub(crate) struct LogWanted {
    pub(crate) site: String,
    /// Only of this agent.
    pub(crate) agent: Option<String>,
    pub(crate) verdict: Option<Verdict>,
    /// Only from the one moment on, and only from before the other.
    pub(crate) during: (Option<Timestamp>, Option<Timestamp>),
    /// Only what is older than this one.
    pub(crate) before: Option<i64>,
    pub(crate) limit: i64,
}

/// Records of a site, newest first.
pub(crate) fn log_of(conn: &mut Conn, context: &Context, wanted: &LogWanted) -> Result<Vec<RecordRow>, PublisherError> {
    let mut query = gate_records::table
        .filter(gate_records::site.eq(&wanted.site))
        .into_boxed();
    if let Some(agent) = &wanted.agent {
        query = query.filter(gate_records::agent.eq(agent));
    }
    query = match wanted.verdict {
        None => query,
        Some(Verdict::Passed) => query.filter(gate_records::refusal.is_null()),
        Some(Verdict::Refused) => query.filter(gate_records::refusal.is_not_null()),
        Some(Verdict::RefusedAs(refusal)) => query.filter(gate_records::refusal.eq(refusal.as_str())),
    };
    let (from, until) = wanted.during;
    if let Some(from) = from {
        query = query.filter(gate_records::at.ge(from));
    }
    if let Some(until) = until {
        query = query.filter(gate_records::at.lt(until));
    }
    if let Some(before) = wanted.before {
        query = query.filter(gate_records::seq.lt(before));
    }
    let rows: Vec<RecordRow> = query
        .order_by(gate_records::seq.desc())
        .limit(wanted.limit)
        .select(RecordRow::as_select())
        .load(conn)?;
    Ok(intact_all(rows, &context.sealer)?)
}

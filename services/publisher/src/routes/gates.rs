use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use imajin_gate::RecordEvidence;
use imajin_imagxp::Refusal;
use imajin_kernel::{Problem, Timestamp};
use imajin_publisher_api::{GateRecord, GateRecordPage};
use imajin_web::{Failure, PathParams, ProblemDocument, QueryParams, Viewer};
use serde::Deserialize;

use super::PublisherState;
use crate::domain::evidence::evidence_of;
use crate::domain::traffic::{self, LogWanted, Verdict};
use crate::pages::site_of;
use crate::rows::RecordRow;
use crate::{Publisher, PublisherError};

/// How many records a page has at most, and when nothing is said.
const LIMIT_MAX: u32 = 100;
const LIMIT: u32 = 50;
/// The name of a request that got in.
const PASS: &str = "PASS";

/// Which records are wanted.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RecordParams {
    /// Only of this agent.
    agent: Option<String>,
    /// Only with this verdict: `PASS`, `REFUSED` (however), or one way of refusing, for example `PAYMENT_REQUIRED`.
    verdict: Option<String>,
    /// Only from this moment on (RFC 3339).
    #[param(value_type = Option<String>)]
    from: Option<Timestamp>,
    /// Only from before this moment (RFC 3339).
    #[param(value_type = Option<String>)]
    until: Option<Timestamp>,
    /// Only records with a smaller number: `next` of the page before.
    before: Option<i64>,
    /// At most so many: 50 by default, 100 at most.
    limit: Option<u32>,
}

/// What a gate has decided
///
/// For the operator: the records of the gate, the newest first.
#[utoipa::path(
    get, path = "/api/gates/{name}/records", tag = "gates",
    params(("name" = String, Path, description = "The gate"), RecordParams),
    responses(
        (status = 200, description = "A page of records", body = GateRecordPage),
        (status = 400, description = "A parameter is wrong", body = ProblemDocument),
        (status = 401, description = "Not logged in", body = ProblemDocument),
        (status = 403, description = "Not the operator", body = ProblemDocument),
        (status = 404, description = "There is no such gate", body = ProblemDocument),
    )
)]
pub(super) async fn record_list(
    State(PublisherState(publisher)): State<PublisherState>,
    PathParams(name): PathParams<String>,
    QueryParams(params): QueryParams<RecordParams>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    viewer.operator_require()?;
    let site = site_require(&publisher, &name).await?;
    let limit = params.limit.unwrap_or(LIMIT);
    if limit == 0 || limit > LIMIT_MAX {
        let problem = PublisherError::invalid("limit", format!("it is 1 to {LIMIT_MAX}"));
        return Err(Problem::from(problem).into());
    }
    let wanted = LogWanted {
        site,
        agent: params.agent,
        verdict: params
            .verdict
            .as_deref()
            .map(verdict_of)
            .transpose()
            .map_err(Problem::from)?,
        during: (params.from, params.until),
        before: params.before,
        limit: i64::from(limit),
    };
    let rows = publisher.read(move |conn, context| traffic::log_of(conn, context, &wanted));
    let rows = rows.await.map_err(Problem::from)?;
    let is_full = u32::try_from(rows.len()).unwrap_or(u32::MAX) >= limit;
    let next = rows.last().filter(|_| is_full).map(|row| row.seq);
    let records: Result<Vec<GateRecord>, PublisherError> = rows.into_iter().map(RecordRow::view).collect();
    let records = records.map_err(Problem::from)?;
    Ok(unshared(Json(GateRecordPage { records, next })))
}

/// What shows one decision to others
///
/// For the operator: the record of one request, the hash of the one before it, the digests of those that were signed
/// with it, and what the node has signed. Whoever has it needs the node's public key alone to check it.
#[utoipa::path(
    get, path = "/api/gates/{name}/records/{seq}/evidence", tag = "gates",
    params(
        ("name" = String, Path, description = "The gate"),
        ("seq" = i64, Path, description = "The number of the record"),
    ),
    responses(
        (status = 200, description = "`{record, previous, following, head}`", body = Object),
        (status = 401, description = "Not logged in", body = ProblemDocument),
        (status = 403, description = "Not the operator", body = ProblemDocument),
        (status = 404, description = "There is no such gate or record", body = ProblemDocument),
        (status = 409, description = "The record is too old to be shown alone", body = ProblemDocument),
    )
)]
pub(super) async fn record_evidence(
    State(PublisherState(publisher)): State<PublisherState>,
    PathParams((name, seq)): PathParams<(String, String)>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    viewer.operator_require()?;
    // Only now: whoever may not read it learns nothing about what it would be called.
    let seq: i64 = seq
        .parse()
        .map_err(|_error| Problem::invalid("The number of a record is a whole number."))?;
    let site = site_require(&publisher, &name).await?;
    let evidence = publisher.read(move |conn, context| evidence_of(conn, context, &site, seq));
    let evidence: RecordEvidence = evidence.await.map_err(Problem::from)?;
    Ok(unshared(Json(evidence)))
}

async fn site_require(publisher: &Publisher, name: &String) -> Result<String, Failure> {
    let (site, _all) = site_of(publisher, Some(name)).await?;
    Ok(site.unwrap_or_default())
}

fn verdict_of(text: &str) -> Result<Verdict, PublisherError> {
    let refusal = Refusal::ALL.into_iter().find(|refusal| refusal.as_str() == text);
    match (text, refusal) {
        (PASS, _) => Ok(Verdict::Passed),
        ("REFUSED", _) => Ok(Verdict::Refused),
        (_, Some(refusal)) => Ok(Verdict::RefusedAs(refusal)),
        (_, None) => {
            let known: Vec<&str> = Refusal::ALL.into_iter().map(Refusal::as_str).collect();
            let problem = format!("it is {PASS}, REFUSED, or one of {}", known.join(", "));
            Err(PublisherError::invalid("verdict", problem))
        }
    }
}

/// An answer that is for whoever has asked, and for no cache.
fn unshared(answer: impl IntoResponse) -> Response {
    let headers = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (headers, answer).into_response()
}

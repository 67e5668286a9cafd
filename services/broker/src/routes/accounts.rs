use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use imajin_broker_api::{AccountView, BalancesView, DepositAsk, DepositView, StatementLine};
use imajin_kernel::Problem;
use imajin_kernel::id::DepositId;
use imajin_pay_api::PurseStatement;
use imajin_web::{Failure, PathParams, ProblemDocument, QueryParams};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::BrokerState;
use super::reader::OwnReader;
use crate::BrokerError;
use crate::caller::Signed;
use crate::context::Change;

/// Lines of a statement when nothing is said, and at most.
const LINES_DEFAULT: u32 = 100;
const LINES_MAX: u32 = 500;

/// The body of `POST /api/agents`: the manifest says everything.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountAsk {}

/// Open an agent's account
///
/// Signed by RFC 9421 with a P-256 key of the agent's manifest, `keyid="did:web:<agent's domain>"`: the account belongs
/// to the domain, and whichever keys its manifest names can use it. Asked again, it answers with the account there is.
#[utoipa::path(
    post, path = "/api/agents", tag = "accounts", request_body = AccountAsk,
    responses(
        (status = 201, description = "The account", body = AccountView),
        (status = 401, description = "The signature is missing, wrong or used, or the manifest cannot be read",
            body = ProblemDocument),
        (status = 403, description = "The caller is no agent", body = ProblemDocument),
    )
)]
pub(super) async fn account_open(
    State(BrokerState(broker)): State<BrokerState>,
    signed: Signed<AccountAsk>,
) -> Result<Response, Failure> {
    let AccountAsk {} = signed.value;
    let change = Change::of(signed.caller, &signed.request).map_err(Problem::from)?;
    let account = broker.account_open(change).await.map_err(Problem::from)?;
    Ok((StatusCode::CREATED, Json(account)).into_response())
}

/// Read one's own balances
///
/// For agents, nodes and people: by a signature, by a token of `/oauth/token`, or logged in.
#[utoipa::path(
    get, path = "/api/accounts/me", tag = "accounts",
    responses(
        (status = 200, description = "What there is", body = BalancesView),
        (status = 401, description = "Nobody says who asks", body = ProblemDocument),
    )
)]
pub(super) async fn account_own(
    State(BrokerState(broker)): State<BrokerState>,
    OwnReader { did, .. }: OwnReader,
) -> Result<Response, Failure> {
    let balances = broker.balances(did).await.map_err(Problem::from)?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(balances)).into_response())
}

/// Which part of a statement, and how.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StatementParams {
    /// The currency; it must be there.
    currency: Option<String>,
    /// Only lines before this one.
    before: Option<i64>,
    /// At most so many: 100 by default, 500 at most.
    limit: Option<u32>,
    /// `json` or `csv`.
    format: Option<String>,
}

/// A part of a statement.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StatementDocument {
    /// Newest first.
    lines: Vec<StatementLine>,
    /// Where the next page starts, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<i64>,
}

/// Read one's own statement
///
/// What came in and went out in one currency, newest first.
#[utoipa::path(
    get, path = "/api/statements", tag = "accounts",
    params(
        ("currency" = String, Query, description = "The currency"),
        ("before" = Option<i64>, Query, description = "Only lines before this one"),
        ("limit" = Option<u32>, Query, description = "At most so many: 100 by default, 500 at most"),
        ("format" = Option<String>, Query, description = "`json` or `csv`"),
    ),
    responses(
        (status = 200, description = "The lines, as JSON or CSV", body = StatementDocument),
        (status = 400, description = "A parameter is wrong", body = ProblemDocument),
        (status = 401, description = "Nobody says who asks", body = ProblemDocument),
    )
)]
pub(super) async fn statement(
    State(BrokerState(broker)): State<BrokerState>,
    QueryParams(params): QueryParams<StatementParams>,
    OwnReader { did, .. }: OwnReader,
) -> Result<Response, Failure> {
    let limit = params.limit.unwrap_or(LINES_DEFAULT).clamp(1, LINES_MAX);
    // Who asks is looked at before what is asked.
    let missing = || Problem::from(BrokerError::invalid("currency", "is missing: USD, for example"));
    let request = PurseStatement {
        owner: did,
        currency: params.currency.ok_or_else(missing)?,
        before: params.before,
        limit,
    };
    let is_csv = match params.format.as_deref() {
        None | Some("json") => false,
        Some("csv") => true,
        Some(_other) => return Err(Problem::from(BrokerError::invalid("format", "is json or csv")).into()),
    };
    let lines = broker.statement(request).await.map_err(Problem::from)?;
    let is_full = u32::try_from(lines.len()).is_ok_and(|count| count == limit);
    if is_csv {
        let name = HeaderValue::from_static("attachment; filename=\"statement.csv\"");
        let kind = HeaderValue::from_static("text/csv; charset=utf-8");
        let headers = [
            (header::CONTENT_TYPE, kind),
            (header::CONTENT_DISPOSITION, name),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ];
        return Ok((headers, csv(&lines)).into_response());
    }
    let before = lines.last().map(|line| line.number).filter(|_| is_full);
    let document = StatementDocument { lines, before };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(document)).into_response())
}

fn csv(lines: &[StatementLine]) -> String {
    let mut text = "number,time,kind,reference,credit,debit,balance,currency,entry\r\n".to_owned();
    for line in lines {
        let amount = |money: Option<imajin_money::Money>| money.map(|money| money.decimal()).unwrap_or_default();
        let cells = [
            line.number.to_string(),
            line.time.to_string(),
            line.kind.clone(),
            cell(&line.reference),
            amount(line.credit),
            amount(line.debit),
            line.balance.decimal(),
            line.balance.asset.to_string(),
            line.entry.clone(),
        ];
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }
    text
}

/// Text in quotes, and never a formula.
fn cell(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        "'"
    } else {
        ""
    };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

/// Put money into an agent's account
///
/// By the agent itself, or by anybody who names it. The answer says where it is paid; the money is in the account once
/// the checkout has settled.
#[utoipa::path(
    post, path = "/api/deposits", tag = "accounts", request_body = DepositAsk,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat for a day")),
    responses(
        (status = 201, description = "The deposit, with the address where it is paid", body = DepositView),
        (status = 400, description = "A member is wrong; `member` names it", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 409, description = "The agent has no account, no rail takes the currency, or the key is of another \
            request", body = ProblemDocument),
    )
)]
pub(super) async fn deposit_ask(
    State(BrokerState(broker)): State<BrokerState>,
    signed: Signed<DepositAsk>,
) -> Result<Response, Failure> {
    let change = Change::of(signed.caller, &signed.request).map_err(Problem::from)?;
    let deposit = broker.deposit_ask(change, signed.value).await.map_err(Problem::from)?;
    Ok((StatusCode::CREATED, Json(deposit)).into_response())
}

/// Look at a deposit
///
/// For its agent, and for who pays.
#[utoipa::path(
    get, path = "/api/deposits/{id}", tag = "accounts",
    params(("id" = String, Path, description = "The deposit")),
    responses(
        (status = 200, description = "The deposit", body = DepositView),
        (status = 401, description = "Nobody says who asks", body = ProblemDocument),
        (status = 404, description = "There is no such deposit of yours", body = ProblemDocument),
    )
)]
pub(super) async fn deposit_fetch(
    State(BrokerState(broker)): State<BrokerState>,
    PathParams(id): PathParams<DepositId>,
    OwnReader { did, .. }: OwnReader,
) -> Result<Json<DepositView>, Failure> {
    Ok(Json(broker.deposit_fetch(id, &did).await.map_err(Problem::from)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_never_a_formula() {
        assert_eq!(cell("=1+1"), "\"'=1+1\"");
        assert_eq!(cell("a \"b\", c"), "\"a \"\"b\"\", c\"");
    }
}

use axum::Json;
use axum::extract::State;
use imajin_web::{Authorised, Failure, OperatorTier, ProblemDocument, QueryParams, SignedBody, Viewer};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::PayRoutes;
use crate::domain::limits::{self, LimitsView, LimitsWish};

/// Where a page of limits begins.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitsQuery {
    /// `account` of the last one of the page before.
    after: Option<String>,
}

/// Accounts with limits.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LimitsPage {
    /// At most a hundred, by identifier.
    limits: Vec<LimitsView>,
}

/// Accounts with limits
///
/// For the operator: every account that may not do everything, a page at a time.
#[utoipa::path(
    get, path = "/api/limits", tag = "accounts", params(LimitsQuery),
    responses(
        (status = 200, description = "The accounts and their limits", body = LimitsPage),
        (status = 401, description = "Not logged in", body = ProblemDocument),
        (status = 403, description = "Not the operator", body = ProblemDocument),
    )
)]
pub(super) async fn limits(
    State(PayRoutes(pay)): State<PayRoutes>,
    viewer: Viewer,
    QueryParams(query): QueryParams<LimitsQuery>,
) -> Result<Json<LimitsPage>, Failure> {
    viewer.operator_require()?;
    let after = query.after.unwrap_or_default();
    let limits = pay.read(move |conn, context| limits::limits_list(conn, context, &after));
    Ok(Json(LimitsPage { limits: limits.await? }))
}

/// Limit an account
///
/// By the operator: what must stay in somebody's balance, what it may come to, what may leave it at once and in a day;
/// what is not said is not limited, and an empty request takes all limits away. They hold for what people choose to do:
/// spending, setting aside, moving, paying out. What has happened already (a payment that came in, a sale that is
/// split, a refund, a dispute) is booked all the same.
#[utoipa::path(
    post, path = "/api/limits", tag = "accounts", request_body = LimitsWish,
    responses(
        (status = 200, description = "The limits that hold now", body = LimitsView),
        (status = 400, description = "An amount is none, or the account has no such limits", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "Only the operator sets limits", body = ProblemDocument),
    )
)]
pub(super) async fn limits_set(
    State(PayRoutes(pay)): State<PayRoutes>,
    signed: SignedBody<LimitsWish, Authorised<OperatorTier>>,
) -> Result<Json<LimitsView>, Failure> {
    Ok(Json(pay.write_signed(signed, limits::limits_set).await?))
}

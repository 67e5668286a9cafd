use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use imajin_did::Did;
use imajin_kernel::id::HoldId;
use imajin_money::Money;
use imajin_web::{Failure, PathParams, ProblemDocument, SignedBody};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{PayRoutes, replayed_headers};
use crate::PayError;
use crate::context::IdempotencyKey;
use crate::domain::holds::{self, CaptureWish, HoldView, MoneyRequest, PlaceWish, positive};

/// The body of `POST /api/holds`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct HoldBody {
    /// How much: `{"amount": "5.00", "currency": "TEST-USD"}`.
    #[schema(value_type = Object)]
    amount: Money,
    /// What it is for.
    reference: Option<String>,
    /// After how many seconds it ends by itself; a week, if not said.
    expires_in_seconds: Option<u32>,
}

/// The body of `POST /api/holds/{id}/capture`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CaptureBody {
    /// Who gets it.
    #[schema(value_type = String)]
    payee: Did,
    /// How much; all that is left, if not said.
    #[schema(value_type = Option<Object>)]
    amount: Option<Money>,
    /// Whether what is left afterwards stays held; it goes back, if not said.
    #[serde(default)]
    keep_rest: bool,
    /// What it is for.
    reference: Option<String>,
}

/// A body without members: `{}`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoMembers {}

pub(super) fn money_request<T>(signed: SignedBody<T>) -> Result<(MoneyRequest, T), PayError> {
    let SignedBody {
        verified,
        value,
        request,
    } = signed;
    let key = IdempotencyKey::demanded(&request)?;
    Ok((
        MoneyRequest {
            verified,
            body: request.body,
            key,
        },
        value,
    ))
}

fn answer(status: StatusCode, (view, replayed): (HoldView, bool)) -> Response {
    (status, replayed_headers(replayed), Json(view)).into_response()
}

/// Set money aside
///
/// Takes a part of the signer's own balance and holds it until it is captured, voided or expired.
#[utoipa::path(
    post, path = "/api/holds", tag = "holds", request_body = HoldBody,
    params(("Idempotency-Key" = String, Header, description = "Makes the request safe to repeat")),
    responses(
        (status = 201, description = "The hold", body = HoldView),
        (status = 400, description = "A member is wrong, or the key is missing", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 402, description = "The balance is too small", body = ProblemDocument),
        (status = 409, description = "The key belongs to another request", body = ProblemDocument),
    )
)]
pub(super) async fn hold_place(
    State(PayRoutes(pay)): State<PayRoutes>,
    signed: SignedBody<HoldBody>,
) -> Result<Response, Failure> {
    let (request, body) = money_request(signed)?;
    let HoldBody {
        amount,
        reference,
        expires_in_seconds,
    } = body;
    let wish = PlaceWish {
        amount: positive("amount", amount)?,
        reference,
        expires_in_seconds,
    };
    pay.holdings_collect(request.verified.did()).await?;
    let placed = pay
        .write(move |conn, context| holds::hold_place(conn, context, &request, &wish))
        .await?;
    Ok(answer(StatusCode::CREATED, placed))
}

/// Pay from a hold
///
/// Pays the payee all or a part of what is held; the rest goes back, unless `keepRest` is said.
#[utoipa::path(
    post, path = "/api/holds/{id}/capture", tag = "holds", request_body = CaptureBody,
    params(
        ("id" = String, Path, description = "The hold"),
        ("Idempotency-Key" = String, Header, description = "Makes the request safe to repeat"),
    ),
    responses(
        (status = 200, description = "The hold as it stands now", body = HoldView),
        (status = 400, description = "A member is wrong, or the key is missing", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "The money belongs to a checkout", body = ProblemDocument),
        (status = 404, description = "There is no such hold of yours", body = ProblemDocument),
        (status = 409, description = "The hold has ended, or holds less", body = ProblemDocument),
        (status = 410, description = "The hold has expired", body = ProblemDocument),
    )
)]
pub(super) async fn hold_capture(
    State(PayRoutes(pay)): State<PayRoutes>,
    PathParams(hold): PathParams<HoldId>,
    signed: SignedBody<CaptureBody>,
) -> Result<Response, Failure> {
    let (request, body) = money_request(signed)?;
    let CaptureBody {
        payee,
        amount,
        keep_rest,
        reference,
    } = body;
    let amount = amount.map(|amount| positive("amount", amount)).transpose()?;
    let wish = CaptureWish {
        hold,
        payee,
        amount,
        keep_rest,
        reference,
    };
    let captured = pay
        .write(move |conn, context| holds::hold_capture(conn, context, &request, &wish))
        .await?;
    Ok(answer(StatusCode::OK, captured))
}

/// Give a hold up
///
/// What is left of it goes back to the signer's balance.
#[utoipa::path(
    post, path = "/api/holds/{id}/void", tag = "holds", request_body = NoMembers,
    params(
        ("id" = String, Path, description = "The hold"),
        ("Idempotency-Key" = String, Header, description = "Makes the request safe to repeat"),
    ),
    responses(
        (status = 200, description = "The hold as it stands now", body = HoldView),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "The money belongs to a checkout", body = ProblemDocument),
        (status = 404, description = "There is no such hold of yours", body = ProblemDocument),
        (status = 409, description = "The hold has ended", body = ProblemDocument),
    )
)]
pub(super) async fn hold_void(
    State(PayRoutes(pay)): State<PayRoutes>,
    PathParams(hold): PathParams<HoldId>,
    signed: SignedBody<Option<NoMembers>>,
) -> Result<Response, Failure> {
    let (request, _none) = money_request(signed)?;
    let voided = pay
        .write(move |conn, context| holds::hold_void(conn, context, &request, hold))
        .await?;
    Ok(answer(StatusCode::OK, voided))
}

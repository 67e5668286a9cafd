use axum::Json;
use axum::extract::State;
use imajin_kernel::id::RailMessageId;
use imajin_web::{Authorised, Failure, OperatorTier, PathParams, ProblemDocument, SignedBody};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::PayRoutes;

/// The body of `POST /api/messages/{id}/retry`: nothing.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetryBody {}

/// What became of a message that was tried again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Retried {
    /// Whether it is processed now; if not, it waits for something else first.
    processed: bool,
}

/// Try a message of a rail again
///
/// By the operator: a message that was stored and could not be processed is processed now, without waiting for the next
/// attempt. One that is processed stays as it is.
#[utoipa::path(
    post, path = "/api/messages/{id}/retry", tag = "rails", request_body = RetryBody,
    params(("id" = String, Path, description = "The message")),
    responses(
        (status = 200, description = "It was tried", body = Retried),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "Not the operator", body = ProblemDocument),
        (status = 404, description = "There is no such message", body = ProblemDocument),
        (status = 503, description = "The rail is away", body = ProblemDocument),
    )
)]
pub(super) async fn message_retry(
    State(PayRoutes(pay)): State<PayRoutes>,
    PathParams(id): PathParams<RailMessageId>,
    signed: SignedBody<RetryBody, Authorised<OperatorTier>>,
) -> Result<Json<Retried>, Failure> {
    let SignedBody { verified, request, .. } = signed;
    let body = request.body;
    pay.write(move |conn, context| {
        crate::domain::message::message_lock(conn, context, id)?;
        context.signed_append(conn, &verified, "message.retry", &id.to_string(), &body)
    })
    .await?;
    let processed = pay.message_process(id).await?;
    pay.wake.notify_one();
    Ok(Json(Retried { processed }))
}

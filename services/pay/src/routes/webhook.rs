use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use imajin_web::{Failure, PathParams, ProblemDocument};

use super::PayRoutes;
use crate::WebhookReceipt;

/// Take a message of a payment rail
///
/// The message is verified and stored before it is acknowledged, and processed once, however often it is sent. A rail
/// that does not get a 200 sends it again.
#[utoipa::path(
    post, path = "/api/webhook/{rail}", tag = "rails",
    request_body(content = String, content_type = "application/json"),
    params(("rail" = String, Path, description = "The rail: `sandbox`, `stripe`")),
    responses(
        (status = 200, description = "It is stored", body = WebhookReceipt),
        (status = 400, description = "It cannot be read", body = ProblemDocument),
        (status = 401, description = "It is not signed by the rail", body = ProblemDocument),
        (status = 404, description = "There is no such rail here", body = ProblemDocument),
        (status = 503, description = "It could not be stored: send it again", body = ProblemDocument),
    )
)]
pub(super) async fn webhook(
    State(PayRoutes(pay)): State<PayRoutes>,
    PathParams(rail): PathParams<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<WebhookReceipt>, Failure> {
    let headers: Vec<(String, String)> = headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect();
    Ok(Json(pay.webhook_receive(&rail, body.to_vec(), &headers).await?))
}

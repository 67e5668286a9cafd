use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use imajin_events_api::{CheckoutRequest, OrderView};
use imajin_web::{Authorised, Failure, ProblemDocument, SignedBody, SoftTier};
use serde_json::Value;

use super::EventsState;
use super::events::created_headers;
use crate::checkout::{CheckoutAnswer, checkout_parse};

/// Reserve places and open a checkout
///
/// The places are reserved for the signer until `holdExpiresAt`; `checkoutUrl` is where to pay. The price comes from
/// the event: a body that names one is refused. With an `Idempotency-Key` the same body gets the same order again.
#[utoipa::path(
    post, path = "/api/checkout", tag = "orders", request_body = CheckoutRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat for a day")),
    responses(
        (status = 201, description = "The order with its checkout", body = OrderView),
        (status = 400, description = "A member is wrong, or a price was named", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 404, description = "There is no such event or tier", body = ProblemDocument),
        (status = 409, description = "Sold out, not on sale, or the key belongs to another request",
            body = ProblemDocument),
        (status = 410, description = "The reservation of the repeated request has expired", body = ProblemDocument),
        (status = 503, description = "The places are reserved, but pay is away: repeat with the same key",
            body = ProblemDocument),
    )
)]
pub(super) async fn checkout(
    State(EventsState(events)): State<EventsState>,
    OriginalUri(uri): OriginalUri,
    signed: SignedBody<Value, Authorised<SoftTier>>,
) -> Result<Response, Failure> {
    let SignedBody {
        verified,
        value,
        request,
    } = signed;
    let wish = checkout_parse(value)?;
    let CheckoutAnswer { order, replayed } = events.checkout_open(verified, wish, &request).await?;
    let base = uri.path().trim_end_matches('/').trim_end_matches("/checkout");
    let headers = created_headers(&format!("{base}/orders/{}", order.id), replayed)?;
    Ok((StatusCode::CREATED, headers, Json(order)).into_response())
}

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use imajin_events_api::OrderView;
use imajin_kernel::Problem;
use imajin_kernel::id::OrderId;
use imajin_web::{Failure, PathParams, ProblemDocument, SignedBody, Viewer, json_cached};

use super::{EventsState, NoMembers};
use crate::Events;
use crate::domain::views;

/// Read an order
///
/// For its buyer, the event's owner and the operator; for everybody else there is none.
#[utoipa::path(
    get, path = "/api/orders/{id}", tag = "orders",
    params(("id" = String, Path, description = "The order, `ord_…`")),
    responses(
        (status = 200, description = "The order", body = OrderView),
        (status = 401, description = "Nobody is logged in", body = ProblemDocument),
        (status = 404, description = "There is no such order for the caller", body = ProblemDocument),
    )
)]
pub(super) async fn order_fetch(
    State(EventsState(events)): State<EventsState>,
    PathParams(id): PathParams<OrderId>,
    viewer: Viewer,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let reader = Events::reader(viewer.session_require()?);
    let view = events
        .read_as_any(&reader, move |conn, context, reader| {
            views::order_fetch(conn, context, id, reader)
        })
        .await?;
    let view = view.ok_or_else(|| Problem::not_found("order"))?;
    Ok(json_cached(&headers, &view)?)
}

/// Give the places of an unpaid order back
#[utoipa::path(
    post, path = "/api/orders/{id}/cancel", tag = "orders",
    params(("id" = String, Path, description = "The order, `ord_…`")),
    request_body = inline(Option<NoMembers>),
    responses(
        (status = 200, description = "The order, which is cancelled or had ended before", body = OrderView),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 404, description = "There is no such order of the caller", body = ProblemDocument),
        (status = 409, description = "The order is paid", body = ProblemDocument),
    )
)]
pub(super) async fn order_cancel(
    State(EventsState(events)): State<EventsState>,
    PathParams(id): PathParams<OrderId>,
    signed: SignedBody<Option<NoMembers>>,
) -> Result<Json<OrderView>, Failure> {
    Ok(Json(
        events.order_cancel(id, signed.verified, signed.request.body).await?,
    ))
}

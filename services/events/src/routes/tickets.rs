use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use imajin_events_api::{TicketList, TicketView};
use imajin_kernel::Problem;
use imajin_kernel::id::{EventId, TicketId};
use imajin_web::{Failure, PathParams, ProblemDocument, Viewer, json_cached};
use serde::Serialize;
use utoipa::ToSchema;

use super::EventsState;
use crate::Events;
use crate::domain::views;

/// How many tickets of one event one answer holds.
pub(super) const TICKETS_MAX: u32 = 100;

/// Read a ticket
///
/// For its holder, the event's owner and the operator; for everybody else there is none.
#[utoipa::path(
    get, path = "/api/tickets/{id}", tag = "tickets",
    params(("id" = String, Path, description = "The ticket, `tkt_…`")),
    responses(
        (status = 200, description = "The ticket: the signed document and the text of its QR code", body = TicketView),
        (status = 401, description = "Nobody is logged in", body = ProblemDocument),
        (status = 404, description = "There is no such ticket for the caller", body = ProblemDocument),
    )
)]
pub(super) async fn ticket_fetch(
    State(EventsState(events)): State<EventsState>,
    PathParams(id): PathParams<TicketId>,
    viewer: Viewer,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let reader = Events::reader(viewer.session_require()?);
    let view = events
        .read_as_any(&reader, move |conn, _context, reader| {
            views::ticket_fetch(conn, id, reader)
        })
        .await?;
    let view = view.ok_or_else(|| Problem::not_found("ticket"))?;
    Ok(json_cached(&headers, &view)?)
}

/// The caller's tickets for an event.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MyTickets {
    /// The newest first; none when the caller has none.
    tickets: Vec<TicketView>,
}

/// Read one's own tickets for an event
#[utoipa::path(
    get, path = "/api/events/{id}/my-ticket", tag = "tickets",
    params(("id" = String, Path, description = "The event, `evt_…`")),
    responses(
        (status = 200, description = "The caller's tickets, the newest 100", body = inline(MyTickets)),
        (status = 401, description = "Nobody is logged in", body = ProblemDocument),
    )
)]
pub(super) async fn my_ticket(
    State(EventsState(events)): State<EventsState>,
    PathParams(id): PathParams<EventId>,
    viewer: Viewer,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let owner = viewer.session_require()?.did.clone();
    let list = TicketList {
        owner,
        event: Some(id),
        before: None,
        limit: TICKETS_MAX,
    };
    let tickets = events.tickets_of(list).await?;
    Ok(json_cached(&headers, &MyTickets { tickets })?)
}

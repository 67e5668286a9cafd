use axum::extract::State;
use axum::response::{IntoResponse, Response};
use imajin_events_api::TicketList;
use imajin_kernel::Problem;
use imajin_kernel::id::EventId;
use imajin_web::{Failure, PathParams, ProblemDocument, Viewer};

use super::EventsState;
use super::events::view_require;
use super::tickets::TICKETS_MAX;
use crate::Events;
use crate::ics::calendar;

/// Read an event as a calendar file
///
/// Where to join it online is in the file of whoever has a ticket.
#[utoipa::path(
    get, path = "/api/events/{id}/ics", tag = "events",
    params(("id" = String, Path, description = "The event, `evt_…`")),
    responses(
        (status = 200, description = "An iCalendar file (RFC 5545)", content_type = "text/calendar", body = String),
        (status = 404, description = "There is no such event", body = ProblemDocument),
    )
)]
pub(super) async fn event_ics(
    State(EventsState(events)): State<EventsState>,
    PathParams(id): PathParams<EventId>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    let mut view = view_require(&events, id, &viewer).await?;
    if view.is_online && view.virtual_url.is_none() {
        view.virtual_url = url_of_ticket(&events, id, &viewer).await?;
    }
    let public = &events.site.public;
    let host = public.0.host_str().unwrap_or("localhost");
    let body = calendar(
        &view,
        host,
        &public.absolute(&format!("/events/{id}")),
        events.context.env.now(),
    );
    let headers = [
        ("content-type", "text/calendar; charset=utf-8".to_owned()),
        ("content-disposition", format!("attachment; filename=\"{id}.ics\"")),
        // Whoever has a ticket reads where to join the event.
        ("cache-control", "private, no-cache".to_owned()),
        ("vary", "cookie, authorization".to_owned()),
    ];
    Ok((headers, body).into_response())
}

/// Where the event is joined, for whoever has a ticket for it that counts.
async fn url_of_ticket(events: &Events, id: EventId, viewer: &Viewer) -> Result<Option<String>, Problem> {
    let Some(session) = &viewer.session else {
        return Ok(None);
    };
    let list = TicketList {
        owner: session.did.clone(),
        event: Some(id),
        before: None,
        limit: TICKETS_MAX,
    };
    let tickets = events.tickets_of(list).await?;
    Ok(tickets.into_iter().find_map(|ticket| ticket.virtual_url))
}

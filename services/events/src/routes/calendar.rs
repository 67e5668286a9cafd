use axum::extract::State;
use axum::response::{IntoResponse, Response};
use imajin_kernel::id::EventId;
use imajin_web::{Failure, PathParams, ProblemDocument, Viewer};

use super::EventsState;
use super::events::view_require;
use crate::ics::calendar;

/// Read an event as a calendar file
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
    let view = view_require(&events, id, &viewer).await?;
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
        ("cache-control", "no-cache".to_owned()),
    ];
    Ok((headers, body).into_response())
}

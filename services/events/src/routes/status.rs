use axum::Json;
use axum::extract::State;
use imajin_events_api::{EventStatus, EventView};
use imajin_kernel::id::EventId;
use imajin_web::{Authorised, Failure, KeyTier, PathParams, ProblemDocument, SignedBody};

use super::{EventsState, NoMembers};

/// Publish an event
///
/// Puts a draft on sale, or a paused event on sale again.
#[utoipa::path(
    post, path = "/api/events/{id}/publish", tag = "events",
    params(("id" = String, Path, description = "The event, `evt_…`")),
    request_body = inline(Option<NoMembers>),
    responses(
        (status = 200, description = "The published event", body = EventView),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "The caller is not the owner", body = ProblemDocument),
        (status = 404, description = "There is no such event", body = ProblemDocument),
        (status = 409, description = "The event is over or was cancelled", body = ProblemDocument),
    )
)]
pub(super) async fn event_publish(
    state: State<EventsState>,
    path: PathParams<EventId>,
    signed: SignedBody<Option<NoMembers>, Authorised<KeyTier>>,
) -> Result<Json<EventView>, Failure> {
    event_move(state, path, signed, EventStatus::Published).await
}

/// Pause the sale of an event
///
/// Nothing new is reserved; what is reserved can still be paid. Publishing it again ends the pause.
#[utoipa::path(
    post, path = "/api/events/{id}/pause", tag = "events",
    params(("id" = String, Path, description = "The event, `evt_…`")),
    request_body = inline(Option<NoMembers>),
    responses(
        (status = 200, description = "The paused event", body = EventView),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "The caller is not the owner", body = ProblemDocument),
        (status = 404, description = "There is no such event", body = ProblemDocument),
        (status = 409, description = "The event is not on sale", body = ProblemDocument),
    )
)]
pub(super) async fn event_pause(
    state: State<EventsState>,
    path: PathParams<EventId>,
    signed: SignedBody<Option<NoMembers>, Authorised<KeyTier>>,
) -> Result<Json<EventView>, Failure> {
    event_move(state, path, signed, EventStatus::Paused).await
}

async fn event_move(
    State(EventsState(events)): State<EventsState>,
    PathParams(id): PathParams<EventId>,
    signed: SignedBody<Option<NoMembers>, Authorised<KeyTier>>,
    to: EventStatus,
) -> Result<Json<EventView>, Failure> {
    Ok(Json(
        events.event_move(id, to, signed.verified, signed.request.body).await?,
    ))
}

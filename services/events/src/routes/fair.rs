use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::HeaderMap;
use axum::response::Response;
use imajin_events_api::EventView;
use imajin_fair::Acceptance;
use imajin_kernel::Problem;
use imajin_kernel::id::EventId;
use imajin_web::{Authorised, Failure, PathParams, ProblemDocument, SignedBody, SoftTier, Viewer, fair};

use super::EventsState;
use super::events::view_require;

/// Read an event's .fair manifest
///
/// As its author signed it. `X-Fair-Digest` is the SHA-256 of its RFC 8785 bytes.
#[utoipa::path(
    get, path = "/api/events/{id}/fair", tag = "events",
    params(("id" = String, Path, description = "The event, `evt_…`")),
    responses(
        (status = 200, description = "The manifest", content_type = "application/fair+json", body = Object),
        (status = 304, description = "It is as the caller knows it"),
        (status = 404, description = "There is no such event", body = ProblemDocument),
    )
)]
pub(super) async fn fair_fetch(
    State(EventsState(events)): State<EventsState>,
    PathParams(id): PathParams<EventId>,
    OriginalUri(uri): OriginalUri,
    viewer: Viewer,
    request: HeaderMap,
) -> Result<Response, Failure> {
    let manifest = view_require(&events, id, &viewer).await?.manifest;
    let canonical = manifest.canonical_bytes().map_err(|error| {
        tracing::error!(%error, event = %id, "a manifest could not be written");
        Problem::internal()
    })?;
    let url = events.site.public.absolute(uri.path());
    Ok(fair::manifest_answer(&request, canonical, &url)?)
}

/// Accept an event's .fair manifest
///
/// The body is a signed message of the type `acceptance` by a contributor, whose payload names the manifest. The
/// contributor sends it, or the event's owner; either signs the request. Until then the contributor's share is held.
#[utoipa::path(
    post, path = "/api/events/{id}/fair/accept", tag = "events",
    params(("id" = String, Path, description = "The event, `evt_…`")),
    request_body = Object,
    responses(
        (status = 200, description = "The event, with the contributor among `accepted`", body = EventView),
        (status = 400, description = "The message is for another manifest", body = ProblemDocument),
        (status = 401, description = "A signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "The signer is no contributor", body = ProblemDocument),
        (status = 404, description = "There is no such event", body = ProblemDocument),
    )
)]
pub(super) async fn fair_accept(
    State(EventsState(events)): State<EventsState>,
    PathParams(id): PathParams<EventId>,
    signed: SignedBody<Acceptance, Authorised<SoftTier>>,
) -> Result<Json<EventView>, Failure> {
    let SignedBody {
        verified,
        value,
        request,
    } = signed;
    Ok(Json(events.acceptance_add(id, value, verified, request.body).await?))
}

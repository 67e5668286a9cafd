use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use imajin_events_api::{EventCreate, EventList, EventPage, EventView};
use imajin_kernel::id::EventId;
use imajin_kernel::{Code, Problem};
use imajin_web::{
    Authorised, Failure, KeyTier, PathParams, ProblemDocument, QueryParams, SignedBody, Tier, Viewer, fair, json_cached,
};
use serde::Deserialize;

use super::EventsState;
use crate::domain::create::Created;
use crate::domain::draft::EventDraft;
use crate::domain::list;

/// Make an event
///
/// The event is a draft until it is published. It gets a DID of its own, whose key stays sealed in the node and signs
/// the tickets.
#[utoipa::path(
    post, path = "/api/events", tag = "events", request_body = EventCreate,
    responses(
        (status = 201, description = "The draft", body = EventView),
        (status = 400, description = "A member is wrong; `member` names it", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "The caller is not registered with a key of their own", body = ProblemDocument),
    )
)]
pub(super) async fn event_create(
    State(EventsState(events)): State<EventsState>,
    OriginalUri(uri): OriginalUri,
    signed: SignedBody<EventCreate, Authorised<KeyTier>>,
) -> Result<Response, Failure> {
    let SignedBody {
        verified,
        value,
        request,
    } = signed;
    let owner = verified.did().clone();
    let draft = EventDraft::of(value)?;
    let (id, replayed) = match events.event_create(verified, draft, &request).await? {
        Created::Fresh(id) => (id, false),
        Created::Replayed(id) => (id, true),
    };
    let view = events
        .read(move |conn, context| list::event_fetch(conn, context, id, Some(&owner)))
        .await?;
    let view = view.ok_or_else(|| Problem::not_found("event"))?;
    let location = format!("{}/{id}", uri.path().trim_end_matches('/'));
    Ok((StatusCode::CREATED, created_headers(&location, replayed)?, Json(view)).into_response())
}

/// `Location`, and whether an earlier request with the same idempotency key made it.
pub(super) fn created_headers(location: &str, replayed: bool) -> Result<HeaderMap, Problem> {
    let mut headers = HeaderMap::new();
    let location = HeaderValue::from_str(location).map_err(|_error| Problem::internal())?;
    headers.insert(header::LOCATION, location);
    if replayed {
        headers.insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    Ok(headers)
}

/// What list is wanted.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    /// The DID of the caller, to get their own events in every state.
    owner: Option<String>,
    /// At most so many: 50 by default, 100 at most.
    limit: Option<u32>,
    /// Where the last page ended.
    cursor: Option<String>,
}

/// List events
///
/// What is published and not over, the soonest first.
#[utoipa::path(
    get, path = "/api/events", tag = "events", params(ListParams),
    responses(
        (status = 200, description = "A page of events", body = EventPage),
        (status = 400, description = "A parameter is wrong", body = ProblemDocument),
        (status = 403, description = "Another owner's drafts", body = ProblemDocument),
    )
)]
pub(super) async fn event_list(
    State(EventsState(events)): State<EventsState>,
    viewer: Viewer,
    headers: HeaderMap,
    QueryParams(params): QueryParams<ListParams>,
) -> Result<Response, Failure> {
    let owner = params
        .owner
        .as_deref()
        .map(|owner| own_did(&viewer, owner))
        .transpose()?;
    let list = EventList {
        owner,
        limit: params.limit,
        cursor: params.cursor,
    };
    let page = events
        .read(move |conn, context| list::event_list(conn, context, &list))
        .await?;
    Ok(json_cached(&headers, &page)?)
}

fn own_did(viewer: &Viewer, owner: &str) -> Result<imajin_did::Did, Problem> {
    let owner: imajin_did::Did = owner
        .parse()
        .map_err(|error: imajin_did::DidError| Problem::invalid(format!("owner: {error}.")))?;
    let session = viewer.session_require()?;
    if session.did.canonical() == owner.canonical() || session.tier == Tier::Operator {
        return Ok(owner);
    }
    Err(Problem::new(
        Code::Forbidden,
        "Only the owner can list all of an owner's events.",
    ))
}

/// Read an event
///
/// `Link` and `X-Fair-Digest` say where its manifest is.
#[utoipa::path(
    get, path = "/api/events/{id}", tag = "events",
    params(("id" = String, Path, description = "The event, `evt_…`")),
    responses(
        (status = 200, description = "The event; a draft for its owner only", body = EventView),
        (status = 304, description = "It is as the caller knows it"),
        (status = 404, description = "There is no such event", body = ProblemDocument),
    )
)]
pub(super) async fn event_fetch(
    State(EventsState(events)): State<EventsState>,
    PathParams(id): PathParams<EventId>,
    OriginalUri(uri): OriginalUri,
    viewer: Viewer,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let view = view_require(&events, id, &viewer).await?;
    let answer = json_cached(&headers, &view)?;
    let digest = view.manifest.digest_hex().map_err(|error| {
        tracing::error!(%error, event = %id, "a manifest has no digest");
        Problem::internal()
    })?;
    let manifest_url = events.site.public.absolute(&format!("{}/fair", uri.path()));
    Ok((fair::headers(&manifest_url, &digest)?, answer).into_response())
}

/// The event, if the viewer may see it.
pub(super) async fn view_require(events: &crate::Events, id: EventId, viewer: &Viewer) -> Result<EventView, Problem> {
    let reader = viewer.session.as_ref().map(|session| session.did.clone());
    let view = events
        .read(move |conn, context| list::event_fetch(conn, context, id, reader.as_ref()))
        .await?;
    view.ok_or_else(|| Problem::not_found("event"))
}

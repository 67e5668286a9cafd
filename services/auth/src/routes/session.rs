use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use imajin_kernel::Timestamp;
use imajin_kernel::id::SessionId;
use imajin_web::{Failure, PathParams, ProblemDocument, SignedBody, Viewer};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::browser::{Caller, cookies_clear};
use super::views::SessionAnswer;
use crate::AuthError;
use crate::auth::Auth;
use crate::sessions::Living;

/// One of the caller's living sessions.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SessionItem {
    /// Names it for `DELETE /api/sessions/{id}`.
    #[schema(value_type = String)]
    id: SessionId,
    /// How it was opened: key, recovery or mailbox.
    method: String,
    /// What the client calls itself.
    client: Option<String>,
    /// When it was opened.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it ends by itself.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// When it was used last, to the quarter of an hour.
    #[schema(value_type = String, format = DateTime)]
    last_seen_at: Timestamp,
    /// Whether it is the one that asks.
    current: bool,
}

/// The caller's living sessions.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionList {
    /// Newest first.
    sessions: Vec<SessionItem>,
}

async fn living(auth: &Auth, viewer: &Viewer) -> Result<Living, Failure> {
    viewer.session_require()?;
    let token = viewer.token.as_deref().unwrap_or_default();
    Ok(auth.session_resolve(token).await?.ok_or(AuthError::SessionEnded)?)
}

/// Who am I?
#[utoipa::path(
    get, path = "/api/session", tag = "session",
    responses(
        (status = 200, description = "The session behind the cookie or the bearer token", body = SessionAnswer),
        (status = 401, description = "Not logged in", body = ProblemDocument),
    )
)]
pub(super) async fn session(State(auth): State<Arc<Auth>>, viewer: Viewer) -> Result<Json<SessionAnswer>, Failure> {
    let living = living(&auth, &viewer).await?;
    Ok(Json(SessionAnswer::new(&living.identity, living.expires_at)))
}

/// End this session.
///
/// A browser must send it from a page of this node. Without a session only the cookies are taken away. A plain form is
/// led back to the start page.
#[utoipa::path(
    post, path = "/api/logout", tag = "session",
    responses(
        (status = 204, description = "Logged out"),
        (status = 303, description = "Logged out; for the form of a page"),
        (status = 403, description = "A foreign page asked", body = ProblemDocument),
    )
)]
pub(super) async fn logout(State(auth): State<Arc<Auth>>, caller: Caller, viewer: Viewer) -> Result<Response, Failure> {
    caller.logout_origin_require()?;
    if viewer.session.is_some() {
        let living = living(&auth, &viewer).await?;
        auth.session_end(living.id).await?;
    }
    if caller.wants_page() {
        return Ok((cookies_clear(), Redirect::to("/")).into_response());
    }
    Ok((StatusCode::NO_CONTENT, cookies_clear()).into_response())
}

/// Where am I logged in?
#[utoipa::path(
    get, path = "/api/sessions", tag = "session",
    responses(
        (status = 200, description = "The living sessions of the caller", body = SessionList),
        (status = 401, description = "Not logged in", body = ProblemDocument),
    )
)]
pub(super) async fn sessions(State(auth): State<Arc<Auth>>, viewer: Viewer) -> Result<Json<SessionList>, Failure> {
    let current = living(&auth, &viewer).await?;
    let rows = auth.sessions_list(&current.identity.did).await?;
    let items = rows.into_iter().map(|row| SessionItem {
        current: row.id == current.id,
        last_seen_at: row.seen_at.unwrap_or(row.created_at),
        id: row.id,
        method: row.method,
        client: row.client,
        created_at: row.created_at,
        expires_at: row.expires_at,
    });
    Ok(Json(SessionList {
        sessions: items.collect(),
    }))
}

/// Which session stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KeepBody {
    /// One of the caller's; without it, none stays.
    #[serde(default)]
    keep: Option<String>,
}

/// How many have ended.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EndedAnswer {
    ended: usize,
}

/// End all of my sessions but one. Signed (RFC 9421).
#[utoipa::path(
    delete, path = "/api/sessions", tag = "session",
    request_body = KeepBody,
    responses(
        (status = 200, description = "The others have ended", body = EndedAnswer),
        (status = 401, description = "Not signed, or not well", body = ProblemDocument),
        (status = 404, description = "The caller has no session such as the one to keep", body = ProblemDocument),
    )
)]
pub(super) async fn sessions_end(
    State(auth): State<Arc<Auth>>,
    signed: SignedBody<KeepBody>,
) -> Result<Json<EndedAnswer>, Failure> {
    let keep = signed.value.keep.as_deref().map(str::parse::<SessionId>).transpose();
    let keep = keep.map_err(|_error| AuthError::SessionUnknown)?;
    let ended = auth
        .sessions_end_signed(keep, &signed.verified, signed.request.body)
        .await?;
    Ok(Json(EndedAnswer { ended }))
}

/// End one of my sessions. Signed (RFC 9421), without a body.
#[utoipa::path(
    delete, path = "/api/sessions/{id}", tag = "session",
    params(("id" = String, Path, description = "The session, as `GET /api/sessions` names it")),
    responses(
        (status = 204, description = "It has ended"),
        (status = 401, description = "Not signed, or not well", body = ProblemDocument),
        (status = 404, description = "The caller has no such session", body = ProblemDocument),
    )
)]
pub(super) async fn session_delete(
    State(auth): State<Arc<Auth>>,
    PathParams(id): PathParams<String>,
    signed: SignedBody<Option<Value>>,
) -> Result<StatusCode, Failure> {
    let id: SessionId = id.parse().map_err(|_error| AuthError::SessionUnknown)?;
    auth.session_end_signed(id, &signed.verified, signed.request.body)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

//! Pages: where I am signed in, and at which applications. Whoever holds a key signs in the browser; for the others the
//! plain forms come here, and the node signs with the key that it keeps.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use imajin_kernel::Problem;
use imajin_kernel::id::{OidcClientId, SessionId};
use imajin_ui::{GrantItem, GrantsPage, SessionItem, SessionsPage, moment, render};
use imajin_web::{Custody, Failure, ProblemDocument, QueryParams, Viewer};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Surroundings;
use super::browser::{Caller, FormBody};
use super::oidc::pages::{living, living_require, shell_for};
use super::passkeys::soft_sign;
use crate::AuthError;
use crate::auth::Auth;
use crate::client_name::client_name;
use crate::federation::arrive::METHOD_FEDERATED;
use crate::oidc::scope::{Scope, Scopes};
use crate::passkeys::METHOD_PASSKEY;
use crate::rows::SessionRow;
use crate::sessions::{METHOD_MAILBOX, METHOD_RECOVERY};

const SESSIONS: &str = "/auth/sessions";
const GRANTS: &str = "/auth/grants";

pub(super) fn routes() -> OpenApiRouter<Surroundings> {
    OpenApiRouter::new()
        .routes(routes!(sessions_page))
        .routes(routes!(session_end_for_soft))
        .routes(routes!(sessions_end_for_soft))
        .routes(routes!(grants_page))
        .routes(routes!(grant_revoke_for_soft))
}

/// Whether the page comes after a form.
#[derive(Debug, Default, Deserialize)]
struct AfterQuery {
    ended: Option<usize>,
    revoked: Option<String>,
}

fn session_item(row: &SessionRow, current: SessionId) -> SessionItem {
    let method = match row.method.as_str() {
        METHOD_RECOVERY => "with your recovery key",
        METHOD_MAILBOX => "through your mailbox",
        METHOD_PASSKEY => "with a passkey",
        METHOD_FEDERATED => "through your home node",
        _ => "with your key",
    };
    SessionItem {
        client: client_name(row.client.as_deref()),
        method: method.to_owned(),
        created: moment(row.created_at),
        seen: moment(row.seen_at.unwrap_or(row.created_at)),
        expires: moment(row.expires_at),
        is_current: row.id == current,
        id: row.id.to_string(),
    }
}

/// Where I am signed in.
#[utoipa::path(
    get, path = "/sessions", tag = "session",
    responses(
        (status = 200, description = "A page that lists the living sessions", content_type = "text/html"),
        (status = 303, description = "To the login page first"),
    )
)]
async fn sessions_page(
    State(auth): State<Arc<Auth>>,
    viewer: Viewer,
    QueryParams(after): QueryParams<AfterQuery>,
) -> Result<Response, Failure> {
    let Some(living) = living(&auth, &viewer).await? else {
        return Ok(Redirect::to("/login?next=%2Fauth%2Fsessions").into_response());
    };
    let rows = auth.sessions_list(&living.identity.did).await?;
    let mut sessions: Vec<SessionItem> = rows.iter().map(|row| session_item(row, living.id)).collect();
    sessions.sort_by_key(|session| !session.is_current);
    let mut shell = shell_for(&auth, "Where you are signed in", &living);
    SESSIONS.clone_into(&mut shell.path);
    Ok(render(&SessionsPage {
        shell,
        sessions,
        ended: after.ended,
    }))
}

/// Whoever holds a key signs; for them these forms do nothing.
pub(super) async fn soft_require(auth: &Auth, caller: &Caller, viewer: &Viewer) -> Result<SessionId, Failure> {
    caller.own_page_require()?;
    let living = living_require(auth, viewer).await?;
    if living.identity.custody == Custody::Own {
        return Err(AuthError::NotCustodial.into());
    }
    Ok(living.id)
}

/// The form of a list.
#[derive(Debug, Deserialize, ToSchema)]
struct IdForm {
    /// Which one.
    id: String,
}

/// End one of my sessions, for whoever's key the node keeps.
#[utoipa::path(
    post, path = "/sessions/end", tag = "session",
    request_body(content = IdForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "It has ended; back to the page"),
        (status = 401, description = "Nobody is logged in", body = ProblemDocument),
        (status = 403, description = "A foreign page asked, or the person must sign", body = ProblemDocument),
        (status = 404, description = "The caller has no such session", body = ProblemDocument),
    )
)]
async fn session_end_for_soft(
    State(state): State<Surroundings>,
    caller: Caller,
    viewer: Viewer,
    FormBody(form): FormBody<IdForm>,
) -> Result<Redirect, Failure> {
    soft_require(&state.auth, &caller, &viewer).await?;
    let id: SessionId = form.id.parse().map_err(|_error| AuthError::SessionUnknown)?;
    let path = format!("/auth/api/sessions/{id}");
    let (verified, raw) = soft_sign(&state, &viewer, "DELETE", &path, String::new()).await?;
    state.auth.session_end_signed(id, &verified, raw).await?;
    Ok(Redirect::to("/auth/sessions?ended=1"))
}

/// End all my other sessions, for whoever's key the node keeps.
#[utoipa::path(
    post, path = "/sessions/end-others", tag = "session",
    responses(
        (status = 303, description = "They have ended; back to the page"),
        (status = 401, description = "Nobody is logged in", body = ProblemDocument),
        (status = 403, description = "A foreign page asked, or the person must sign", body = ProblemDocument),
    )
)]
async fn sessions_end_for_soft(
    State(state): State<Surroundings>,
    caller: Caller,
    viewer: Viewer,
) -> Result<Redirect, Failure> {
    let keep = soft_require(&state.auth, &caller, &viewer).await?;
    let body = json!({"keep": keep}).to_string();
    let (verified, raw) = soft_sign(&state, &viewer, "DELETE", "/auth/api/sessions", body).await?;
    let ended = state.auth.sessions_end_signed(Some(keep), &verified, raw).await?;
    Ok(Redirect::to(&format!("/auth/sessions?ended={ended}")))
}

/// The applications that I signed in to.
#[utoipa::path(
    get, path = "/grants", tag = "openid",
    responses(
        (status = 200, description = "A page that lists what they may know", content_type = "text/html"),
        (status = 303, description = "To the login page first"),
    )
)]
async fn grants_page(
    State(auth): State<Arc<Auth>>,
    viewer: Viewer,
    QueryParams(after): QueryParams<AfterQuery>,
) -> Result<Response, Failure> {
    let Some(living) = living(&auth, &viewer).await? else {
        return Ok(Redirect::to("/login?next=%2Fauth%2Fgrants").into_response());
    };
    let grants = auth.oidc_grants_list(&living.identity.did).await?;
    let item = |standing: crate::oidc::grants::GrantView| GrantItem {
        name: standing.name().to_owned(),
        scopes: Scopes::parse(&standing.row.scope)
            .iter()
            .map(|scope: Scope| scope.sentence().to_owned())
            .collect(),
        created: moment(standing.row.created_at),
        used: standing.used_at.map(moment),
        client_id: standing.row.client_id.to_string(),
    };
    let mut shell = shell_for(&auth, "Applications", &living);
    GRANTS.clone_into(&mut shell.path);
    Ok(render(&GrantsPage {
        shell,
        grants: grants.into_iter().map(item).collect(),
        is_revoked: after.revoked.is_some(),
        has_consent: auth.options.has_consent,
    }))
}

/// Take a consent back, for whoever's key the node keeps.
#[utoipa::path(
    post, path = "/grants/revoke", tag = "openid",
    request_body(content = IdForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "Taken back; to the page"),
        (status = 401, description = "Nobody is logged in", body = ProblemDocument),
        (status = 403, description = "A foreign page asked, or the person must sign", body = ProblemDocument),
        (status = 404, description = "Nothing was allowed", body = ProblemDocument),
    )
)]
async fn grant_revoke_for_soft(
    State(state): State<Surroundings>,
    caller: Caller,
    viewer: Viewer,
    FormBody(form): FormBody<IdForm>,
) -> Result<Redirect, Failure> {
    soft_require(&state.auth, &caller, &viewer).await?;
    let id: OidcClientId = form.id.parse().map_err(|_error| Problem::not_found("consent"))?;
    let path = format!("/auth/api/oidc/grants/{id}");
    let (verified, raw) = soft_sign(&state, &viewer, "DELETE", &path, String::new()).await?;
    state.auth.oidc_grant_revoke(id, &verified, raw).await?;
    Ok(Redirect::to("/auth/grants?revoked=1"))
}

//! Passkeys: the page that lists them, and the ceremonies.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Redirect, Response};
use imajin_auth_api::CustodialSign;
use imajin_kernel::{Problem, Timestamp};
use imajin_ui::{PasskeyItem, PasskeysPage, moment, render};
use imajin_web::{Custody, Failure, JsonBody, PathParams, ProblemDocument, SignedBody, Verified, Viewer};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Surroundings;
use super::browser::{Caller, FormBody};
use super::oidc::pages::{living, living_require, shell_for};
use super::views::SessionAnswer;
use crate::AuthError;
use crate::auth::Auth;
use crate::passkeys::ceremony::LoginCredential;
use crate::passkeys::rows::PasskeyRow;
use crate::passkeys::store::AddBody;

const SIGNED_PATH: &str = "/auth/api/passkeys";
const PAGE_PATH: &str = "/auth/passkeys";

pub(super) fn routes() -> OpenApiRouter<Surroundings> {
    OpenApiRouter::new()
        .routes(routes!(page))
        .routes(routes!(add_options))
        .routes(routes!(list, add))
        .routes(routes!(remove))
        .routes(routes!(add_for_soft))
        .routes(routes!(remove_for_soft))
        .routes(routes!(login_options))
        .routes(routes!(login))
}

/// One of the caller's passkeys.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PasskeyAnswer {
    /// The credential's id.
    id: String,
    /// What its owner calls it.
    name: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    used_at: Option<Timestamp>,
}

impl From<PasskeyRow> for PasskeyAnswer {
    fn from(row: PasskeyRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            created_at: row.created_at,
            used_at: row.used_at,
        }
    }
}

/// The caller's passkeys.
#[derive(Debug, Serialize, ToSchema)]
struct PasskeyList {
    /// Oldest first.
    passkeys: Vec<PasskeyAnswer>,
}

/// What an authenticator is asked, in the form that `PublicKeyCredential.parse…OptionsFromJSON` takes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OptionsAnswer {
    #[schema(value_type = Object)]
    public_key: Value,
}

/// Your passkeys.
#[utoipa::path(
    get, path = "/passkeys", tag = "passkeys",
    responses(
        (status = 200, description = "A page that lists them", content_type = "text/html"),
        (status = 303, description = "To the login page first"),
    )
)]
async fn page(State(auth): State<Arc<Auth>>, viewer: Viewer) -> Result<Response, Failure> {
    let Some(living) = living(&auth, &viewer).await? else {
        return Ok(Redirect::to("/login?next=%2Fauth%2Fpasskeys").into_response());
    };
    let rows = auth.passkeys_list(&living.identity.did).await?;
    let mut shell = shell_for(&auth, "Your passkeys", &living);
    PAGE_PATH.clone_into(&mut shell.path);
    let passkeys = rows.into_iter().map(|row| PasskeyItem {
        id: row.id,
        name: row.name,
        created: moment(row.created_at),
        used: row.used_at.map(moment),
    });
    Ok(render(&PasskeysPage {
        shell,
        passkeys: passkeys.collect(),
        remove_action: "/auth/passkeys/remove".to_owned(),
    }))
}

/// What an authenticator needs to make a passkey for me.
#[utoipa::path(
    get, path = "/api/passkeys/options", tag = "passkeys",
    responses(
        (status = 200, description = "For navigator.credentials.create", body = OptionsAnswer),
        (status = 401, description = "Not logged in", body = ProblemDocument),
    )
)]
async fn add_options(State(auth): State<Arc<Auth>>, viewer: Viewer) -> Result<Json<OptionsAnswer>, Failure> {
    let living = living_require(&auth, &viewer).await?;
    let public_key = auth.passkey_add_options(&living.identity).await?;
    Ok(Json(OptionsAnswer { public_key }))
}

/// Which passkeys do I have?
#[utoipa::path(
    get, path = "/api/passkeys", tag = "passkeys",
    responses(
        (status = 200, description = "The caller's passkeys", body = PasskeyList),
        (status = 401, description = "Not logged in", body = ProblemDocument),
    )
)]
async fn list(State(auth): State<Arc<Auth>>, viewer: Viewer) -> Result<Json<PasskeyList>, Failure> {
    let rows = auth.passkeys_list(&viewer.session_require()?.did).await?;
    Ok(Json(PasskeyList {
        passkeys: rows.into_iter().map(PasskeyAnswer::from).collect(),
    }))
}

/// Add a passkey. Signed (RFC 9421): a session alone adds nothing that opens further sessions.
#[utoipa::path(
    post, path = "/api/passkeys", tag = "passkeys",
    request_body = AddBody,
    responses(
        (status = 200, description = "Added", body = PasskeyAnswer),
        (status = 400, description = "The answer of the authenticator cannot be used", body = ProblemDocument),
        (status = 401, description = "Not signed, or the challenge is not one for this", body = ProblemDocument),
        (status = 409, description = "It is known already", body = ProblemDocument),
    )
)]
async fn add(State(auth): State<Arc<Auth>>, signed: SignedBody<AddBody>) -> Result<Json<PasskeyAnswer>, Failure> {
    let row = auth
        .passkey_add(&signed.verified, &signed.value, signed.request.body)
        .await?;
    Ok(Json(PasskeyAnswer::from(row)))
}

/// Remove a passkey. Signed (RFC 9421).
#[utoipa::path(
    delete, path = "/api/passkeys/{id}", tag = "passkeys",
    params(("id" = String, Path, description = "The credential's id")),
    responses(
        (status = 200, description = "Removed", body = Object),
        (status = 401, description = "Not signed, or not well", body = ProblemDocument),
        (status = 404, description = "The caller has no such passkey", body = ProblemDocument),
    )
)]
async fn remove(
    State(auth): State<Arc<Auth>>,
    PathParams(id): PathParams<String>,
    signed: SignedBody<Option<Value>>,
) -> Result<Json<Value>, Failure> {
    auth.passkey_remove(&id, &signed.verified, signed.request.body).await?;
    Ok(Json(json!({"id": id, "removed": true})))
}

/// Signs with the key that the node keeps for whoever asks, and checks the signature as any other.
pub(super) async fn soft_sign(
    state: &Surroundings,
    viewer: &Viewer,
    method: &str,
    path: &str,
    body: String,
) -> Result<(Verified, Vec<u8>), Failure> {
    let to_sign = CustodialSign {
        token: viewer.token.clone().unwrap_or_default(),
        method: method.to_owned(),
        target_uri: state.auth.public.absolute(path),
        idempotency_key: None,
        body,
    };
    let signed = state.auth.request_sign(&to_sign).await?;
    let verified = state.site.verify(&signed, method, &to_sign.target_uri).await?;
    Ok((verified, signed.body))
}

/// Add a passkey, for whoever's key the node keeps. Only from a page of this node.
#[utoipa::path(
    post, path = "/passkeys/add", tag = "passkeys",
    request_body = AddBody,
    responses(
        (status = 200, description = "Added", body = PasskeyAnswer),
        (status = 401, description = "Nobody is logged in", body = ProblemDocument),
        (status = 403, description = "A foreign page asked, or the person must sign", body = ProblemDocument),
    )
)]
async fn add_for_soft(
    State(state): State<Surroundings>,
    caller: Caller,
    viewer: Viewer,
    JsonBody(body): JsonBody<AddBody>,
) -> Result<Json<PasskeyAnswer>, Failure> {
    caller.own_page_require()?;
    viewer.session_require()?;
    let text = serde_json::to_string(&body).map_err(|_error| Problem::internal())?;
    let (verified, raw) = soft_sign(&state, &viewer, "POST", SIGNED_PATH, text).await?;
    let row = state.auth.passkey_add(&verified, &body, raw).await?;
    Ok(Json(PasskeyAnswer::from(row)))
}

/// The form of the page.
#[derive(Debug, Deserialize, ToSchema)]
struct RemoveForm {
    /// The credential's id.
    id: String,
}

/// Remove a passkey, for whoever's key the node keeps.
#[utoipa::path(
    post, path = "/passkeys/remove", tag = "passkeys",
    request_body(content = RemoveForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "Removed; back to the page"),
        (status = 403, description = "A foreign page asked, or the person must sign", body = ProblemDocument),
        (status = 404, description = "The caller has no such passkey", body = ProblemDocument),
    )
)]
async fn remove_for_soft(
    State(state): State<Surroundings>,
    caller: Caller,
    viewer: Viewer,
    FormBody(form): FormBody<RemoveForm>,
) -> Result<Redirect, Failure> {
    caller.own_page_require()?;
    let session = viewer.session_require()?;
    if session.custody == Custody::Own {
        return Err(AuthError::NotCustodial.into());
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if !form.id.bytes().all(is_plain) {
        return Err(Problem::not_found("passkey").into());
    }
    let path = format!("{SIGNED_PATH}/{}", form.id);
    let (verified, raw) = soft_sign(&state, &viewer, "DELETE", &path, String::new()).await?;
    state.auth.passkey_remove(&form.id, &verified, raw).await?;
    Ok(Redirect::to(PAGE_PATH))
}

/// What an authenticator needs to log somebody in. The same for everybody.
#[utoipa::path(
    post, path = "/api/passkeys/login/options", tag = "passkeys",
    responses((status = 200, description = "For navigator.credentials.get", body = OptionsAnswer))
)]
async fn login_options(State(auth): State<Arc<Auth>>) -> Result<Json<OptionsAnswer>, Failure> {
    Ok(Json(OptionsAnswer {
        public_key: auth.passkey_login_options()?,
    }))
}

/// A passkey's answer.
#[derive(Debug, Deserialize, ToSchema)]
struct LoginBody {
    credential: LoginCredential,
}

/// Log in with a passkey. The session reads; what changes something is signed by the identity's key.
#[utoipa::path(
    post, path = "/api/passkeys/login", tag = "passkeys",
    request_body = LoginBody,
    responses(
        (status = 200, description = "Logged in", body = SessionAnswer),
        (status = 401, description = "Not known here, or not an answer to this", body = ProblemDocument),
        (status = 403, description = "A foreign page asked", body = ProblemDocument),
    )
)]
async fn login(
    State(auth): State<Arc<Auth>>,
    caller: Caller,
    JsonBody(body): JsonBody<LoginBody>,
) -> Result<([(HeaderName, HeaderValue); 1], Json<SessionAnswer>), Failure> {
    caller.login_origin_require()?;
    let opened = auth.passkey_login(&body.credential, caller.client()).await?;
    Ok((caller.session_cookie(&opened.token), Json(SessionAnswer::from(&opened))))
}

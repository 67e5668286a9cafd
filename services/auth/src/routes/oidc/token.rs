use std::sync::Arc;

use axum::Json;
use axum::extract::{RawForm, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded;

use super::{CORS, PREFLIGHT};
use crate::auth::Auth;
use crate::oidc::clients::{Client, ClientProof};
use crate::oidc::error::OauthError;
use crate::oidc::exchange::TokenAnswer;
use crate::oidc::request::Params;

/// A posted form, and the client that has proven itself with it.
struct FromClient {
    client: Client,
    params: Params,
}

impl FromClient {
    fn require(&self, name: &str) -> Result<&str, OauthError> {
        self.params
            .get(name)
            .ok_or_else(|| OauthError::invalid_request(format!("The parameter {name} is missing.")))
    }
}

async fn from_client(auth: &Auth, headers: &HeaderMap, form: &[u8]) -> Result<FromClient, OauthError> {
    let is_form = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|text| {
            text.to_ascii_lowercase()
                .starts_with("application/x-www-form-urlencoded")
        });
    if !is_form {
        return Err(OauthError::invalid_request("The request must be a form."));
    }
    let text = std::str::from_utf8(form).map_err(|_error| OauthError::invalid_request("The form cannot be read."))?;
    let params = Params::parse(text)?;
    let (id, proof) = credentials(headers, &params)?;
    let client = auth.oidc_client_require(&id, &proof).await?;
    Ok(FromClient { client, params })
}

/// RFC 6749, section 2.3.1: one way to prove oneself, not two.
fn credentials(headers: &HeaderMap, params: &Params) -> Result<(String, ClientProof), OauthError> {
    let named = params.get("client_id").map(str::to_owned);
    let posted = params.get("client_secret").map(str::to_owned);
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        if posted.is_some() {
            return Err(OauthError::invalid_request(
                "The client proves itself in two ways; use one.",
            ));
        }
        let (id, secret) = basic(value).ok_or_else(OauthError::invalid_client)?;
        if named.is_some_and(|named| named != id) {
            return Err(OauthError::invalid_client());
        }
        return Ok((id, ClientProof::Basic(secret)));
    }
    let id = named.ok_or_else(OauthError::invalid_client)?;
    Ok((id, posted.map_or(ClientProof::None, ClientProof::Post)))
}

/// Both halves are form-encoded inside.
fn basic(value: &HeaderValue) -> Option<(String, String)> {
    let text = value.to_str().ok()?;
    let (scheme, encoded) = text.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    let plain = |half: &str| -> Option<String> {
        let pair = format!("x={half}");
        let (_name, value) = form_urlencoded::parse(pair.as_bytes()).next()?;
        Some(value.into_owned())
    };
    Some((plain(id)?, plain(secret)?))
}

fn answer(body: impl IntoResponse) -> Response {
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (CORS, no_store, body).into_response()
}

/// A code or a refresh token for tokens (RFC 6749, section 3.2).
#[utoipa::path(
    post, path = "/oidc/token", tag = "openid",
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Tokens", body = TokenAnswer),
        (status = 400, description = "Refused, with the error codes of RFC 6749", body = Object),
        (status = 401, description = "The client has not proven itself", body = Object),
    )
)]
pub(super) async fn token(State(auth): State<Arc<Auth>>, headers: HeaderMap, RawForm(form): RawForm) -> Response {
    match token_give(&auth, &headers, &form).await {
        Ok(tokens) => answer(Json(tokens)),
        Err(error) => answer(error),
    }
}

async fn token_give(auth: &Auth, headers: &HeaderMap, form: &[u8]) -> Result<TokenAnswer, OauthError> {
    let from = from_client(auth, headers, form).await?;
    match from.require("grant_type")? {
        "authorization_code" => {
            let (code, uri) = (from.require("code")?, from.require("redirect_uri")?);
            let verifier = from.require("code_verifier")?;
            auth.oidc_code_exchange(&from.client, code, uri, verifier).await
        }
        "refresh_token" => {
            let token = from.require("refresh_token")?;
            auth.oidc_refresh(&from.client, token, from.params.get("scope")).await
        }
        _ => Err(OauthError::new(
            "unsupported_grant_type",
            "Only codes and refresh tokens are taken.",
        )),
    }
}

/// What a browser asks before an application in it sends its request.
#[utoipa::path(
    method(options), path = "/oidc/token", tag = "openid",
    responses((status = 204, description = "Any origin may"))
)]
pub(super) async fn token_preflight() -> Response {
    (StatusCode::NO_CONTENT, PREFLIGHT).into_response()
}

/// End a token (RFC 7009). The answer is the same for a token that nobody has.
#[utoipa::path(
    post, path = "/oidc/revoke", tag = "openid",
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "It has ended, or never was"),
        (status = 401, description = "The client has not proven itself", body = Object),
    )
)]
pub(super) async fn revoke(State(auth): State<Arc<Auth>>, headers: HeaderMap, RawForm(form): RawForm) -> Response {
    let ended = async {
        let from = from_client(&auth, &headers, &form).await?;
        auth.oidc_token_revoke(from.require("token")?, &from.client).await?;
        Ok::<_, OauthError>(Json(serde_json::json!({})))
    };
    match ended.await {
        Ok(empty) => answer(empty),
        Err(error) => answer(error),
    }
}

/// Whether a token of the caller's is alive (RFC 7662).
#[utoipa::path(
    post, path = "/oidc/introspect", tag = "openid",
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Whether it is, and what it is for", body = Object),
        (status = 401, description = "The client has not proven itself", body = Object),
    )
)]
pub(super) async fn introspect(State(auth): State<Arc<Auth>>, headers: HeaderMap, RawForm(form): RawForm) -> Response {
    let told = async {
        let from = from_client(&auth, &headers, &form).await?;
        let told = auth.oidc_introspect(&from.client, from.require("token")?).await?;
        Ok::<_, OauthError>(Json(told))
    };
    match told.await {
        Ok(told) => answer(told),
        Err(error) => answer(error),
    }
}

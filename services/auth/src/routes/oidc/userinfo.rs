use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::{CORS, PREFLIGHT};
use crate::auth::Auth;
use crate::oidc::error::OauthError;

async fn tell(auth: &Auth, headers: &HeaderMap) -> Response {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _token)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_scheme, token)| token.trim());
    let told = match bearer {
        Some(token) => auth.oidc_userinfo(token).await,
        None => Err(OauthError::invalid_token()),
    };
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    match told {
        Ok(claims) => (CORS, no_store, Json(claims)).into_response(),
        Err(error) => (CORS, error).into_response(),
    }
}

/// Who logged in, as far as they allow it (OpenID Connect Core, section 5.3).
#[utoipa::path(
    get, path = "/oidc/userinfo", tag = "openid",
    responses(
        (status = 200, description = "The claims that were allowed", body = Object),
        (status = 401, description = "The access token is not valid", body = Object),
    )
)]
pub(super) async fn userinfo(State(auth): State<Arc<Auth>>, headers: HeaderMap) -> Response {
    tell(&auth, &headers).await
}

/// The same by POST.
#[utoipa::path(
    post, path = "/oidc/userinfo", tag = "openid",
    responses(
        (status = 200, description = "The claims that were allowed", body = Object),
        (status = 401, description = "The access token is not valid", body = Object),
    )
)]
pub(super) async fn userinfo_post(State(auth): State<Arc<Auth>>, headers: HeaderMap) -> Response {
    tell(&auth, &headers).await
}

/// What a browser asks before an application in it sends its request.
#[utoipa::path(
    method(options), path = "/oidc/userinfo", tag = "openid",
    responses((status = 204, description = "Any origin may"))
)]
pub(super) async fn userinfo_preflight() -> Response {
    (StatusCode::NO_CONTENT, PREFLIGHT).into_response()
}

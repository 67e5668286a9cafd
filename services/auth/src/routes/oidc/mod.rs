//! The routes of the OpenID Provider, beneath `/auth`.

mod authorize;
mod clients;
mod consent;
mod discovery;
mod grants;
mod logout;
pub(super) mod pages;
mod token;
mod userinfo;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Surroundings;

pub(super) fn routes() -> OpenApiRouter<Surroundings> {
    OpenApiRouter::new()
        .routes(routes!(discovery::configuration))
        .routes(routes!(discovery::keys))
        .routes(routes!(authorize::authorize, authorize::authorize_form))
        .routes(routes!(consent::consent_form))
        .routes(routes!(consent::consent))
        .routes(routes!(token::token, token::token_preflight))
        .routes(routes!(token::revoke))
        .routes(routes!(token::introspect))
        .routes(routes!(
            userinfo::userinfo,
            userinfo::userinfo_post,
            userinfo::userinfo_preflight
        ))
        .routes(routes!(logout::logout, logout::logout_form))
        .routes(routes!(clients::client_add, clients::client_list))
        .routes(routes!(clients::client_remove))
        .routes(routes!(clients::client_register))
        .routes(routes!(clients::keys_rotate))
        .routes(routes!(grants::grant_list))
        .routes(routes!(grants::grant_revoke))
}

/// The issuer has a path, so its metadata is also looked for at the root (RFC 8414, section 3).
pub(super) fn root_router() -> Router<Surroundings> {
    Router::new()
        .route(
            "/.well-known/oauth-authorization-server/auth",
            get(discovery::configuration),
        )
        .route("/.well-known/openid-configuration/auth", get(discovery::configuration))
}

/// Applications that run in a browser call from their own origin. No cookie takes part, so any origin may.
const CORS: [(HeaderName, HeaderValue); 2] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("cross-origin"),
    ),
];

/// What a browser asks before it sends the request itself.
const PREFLIGHT: [(HeaderName, HeaderValue); 4] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    (
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("authorization, content-type"),
    ),
    (
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, POST"),
    ),
    (header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600")),
];

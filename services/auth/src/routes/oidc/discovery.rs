use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use imajin_proof::jose::Algorithm;
use imajin_web::Failure;
use serde_json::{Value, json};

use crate::auth::Auth;
use crate::oidc::metadata::AUTH_METHODS;
use crate::oidc::scope::Scope;
use crate::routes::root::cacheable;

fn metadata(auth: &Auth) -> Value {
    let issuer = auth.issuer();
    let at = |path: &str| format!("{issuer}{path}");
    let mut metadata = json!({
        "issuer": issuer,
        "authorization_endpoint": at("/oidc/authorize"),
        "token_endpoint": at("/oidc/token"),
        "userinfo_endpoint": at("/oidc/userinfo"),
        "jwks_uri": at("/.well-known/jwks.json"),
        "revocation_endpoint": at("/oidc/revoke"),
        "introspection_endpoint": at("/oidc/introspect"),
        "end_session_endpoint": at("/oidc/logout"),
        "scopes_supported": Scope::ALL.map(Scope::as_str),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": Algorithm::ALL.map(Algorithm::name),
        "token_endpoint_auth_methods_supported": AUTH_METHODS,
        "revocation_endpoint_auth_methods_supported": AUTH_METHODS,
        "introspection_endpoint_auth_methods_supported": AUTH_METHODS,
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "claims_supported": [
            "iss", "sub", "aud", "iat", "exp", "auth_time", "nonce", "at_hash",
            "name", "handle", "preferred_username", "email", "email_verified",
        ],
        "authorization_response_iss_parameter_supported": true,
        "claims_parameter_supported": false,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "service_documentation": auth.public.absolute("/auth/api/spec"),
    });
    if let (Value::Object(members), true) = (&mut metadata, auth.options.dynamic_clients) {
        members.insert("registration_endpoint".to_owned(), json!(at("/oidc/register")));
    }
    metadata
}

/// What this OpenID Provider serves, and where (OpenID Connect Discovery 1.0, RFC 8414).
#[utoipa::path(
    get, path = "/.well-known/openid-configuration", tag = "openid",
    responses((status = 200, description = "The provider's metadata", body = Object))
)]
pub(in crate::routes) async fn configuration(State(auth): State<Arc<Auth>>, headers: HeaderMap) -> Response {
    cacheable(metadata(&auth).to_string().into_bytes(), "application/json", &headers)
}

/// The keys that sign ID tokens (RFC 7517).
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "openid",
    responses((status = 200, description = "A key set", body = Object))
)]
pub(in crate::routes) async fn keys(State(auth): State<Arc<Auth>>, headers: HeaderMap) -> Result<Response, Failure> {
    let keys = json!(auth.oidc_public_keys().await?);
    Ok(cacheable(keys.to_string().into_bytes(), "application/json", &headers))
}

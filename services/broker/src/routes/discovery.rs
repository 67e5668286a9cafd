use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use imajin_imagxp::broker::discovery_document;
use imajin_kernel::Problem;
use imajin_web::Failure;

use super::BrokerState;

/// Anybody's page may read it, and keep it for a while.
const PUBLIC: [(HeaderName, HeaderValue); 2] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
];

/// The keys that sign visas
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "discovery",
    responses((status = 200, description = "A key set (RFC 7517)", body = Object))
)]
pub(super) async fn keys(State(BrokerState(broker)): State<BrokerState>) -> Result<Response, Failure> {
    let keys = broker.key_set().await.map_err(Problem::from)?;
    Ok((PUBLIC, Json(keys)).into_response())
}

/// The broker's metadata
#[utoipa::path(
    get, path = "/.well-known/openid-configuration", tag = "discovery",
    responses((status = 200, description = "Metadata (OpenID Connect Discovery 1.0, RFC 8414)", body = Object))
)]
pub(super) async fn configuration(State(BrokerState(broker)): State<BrokerState>) -> Response {
    (PUBLIC, Json(discovery_document(&broker.context.issuer))).into_response()
}

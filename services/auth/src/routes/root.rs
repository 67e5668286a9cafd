//! What others look for at the root of a node: its document, its keys, and the resolver.

use std::sync::Arc;

use axum::Router;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use imajin_did::{Did, DidDocument, ResolveError};
use imajin_kernel::Problem;
use imajin_web::resolve::resolve_status;
use imajin_web::{Failure, PathParams, conditional};
use serde_json::{Value, json};

use super::Surroundings;
use crate::auth::Auth;
use crate::documents::Resolved;

const DID_JSON: &str = "application/did+json";
/// The media type of a resolution result (W3C DID Resolution, HTTP binding).
const RESOLUTION: &str = "application/did-resolution";
const RESOLVER_PATH: &str = "/1.0/identifiers/";

pub(super) fn router() -> Router<Surroundings> {
    Router::new()
        .route("/.well-known/did.json", get(node_document))
        .route("/.well-known/jwks.json", get(key_set))
        .route("/1.0/identifiers/{did}", get(resolve))
}

/// Documents and keys are for everybody, pages of other sites included.
const PUBLIC: [(HeaderName, HeaderValue); 3] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("cross-origin"),
    ),
];

/// A DID document, or 304 when the client has it already.
pub(super) fn document_answer(document: &DidDocument, headers: &HeaderMap) -> Result<Response, Failure> {
    let body = serde_json::to_vec(document).map_err(|error| {
        tracing::error!(%error, "a DID document could not be written");
        Problem::internal()
    })?;
    Ok(cacheable(body, DID_JSON, headers))
}

pub(super) fn cacheable(body: Vec<u8>, media_type: &'static str, headers: &HeaderMap) -> Response {
    (PUBLIC, conditional(headers, media_type, body)).into_response()
}

/// The node as a did:web.
async fn node_document(State(auth): State<Arc<Auth>>, headers: HeaderMap) -> Result<Response, Failure> {
    document_answer(&auth.node_document(auth.node_web_did()), &headers)
}

/// The public keys with which this node signs tokens and receipts (RFC 7517).
async fn key_set(State(auth): State<Arc<Auth>>, headers: HeaderMap) -> Result<Response, Failure> {
    let keys = auth.key_set_union().await?;
    Ok(cacheable(keys.to_string().into_bytes(), "application/json", &headers))
}

/// A DID resolution result, as a Universal Resolver driver answers.
async fn resolve(
    State(auth): State<Arc<Auth>>,
    OriginalUri(uri): OriginalUri,
    PathParams(decoded): PathParams<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    // A did:web has percent-encoded characters of its own: the path as it was sent counts, if it is a DID.
    let raw = uri
        .path()
        .strip_prefix(RESOLVER_PATH)
        .filter(|raw| raw.parse::<Did>().is_ok());
    let text = raw.unwrap_or(&decoded);
    let resolved = auth.did_resolve(text).await?;
    if wants_document(&headers) {
        match &resolved {
            Resolved::Document { document, .. } => return document_answer(document, &headers),
            Resolved::Foreign(resolution) => return document_answer(&resolution.document, &headers),
            _ => {}
        }
    }
    let resolved = if wants_unknown(&headers) {
        Resolved::Refused(ResolveError::Representation)
    } else {
        resolved
    };
    let (status, result) = resolution_result(resolved);
    let media_type = [(header::CONTENT_TYPE, HeaderValue::from_static(RESOLUTION))];
    Ok((status, PUBLIC, media_type, result.to_string()).into_response())
}

/// Whether the client asks for the bare document.
fn wants_document(headers: &HeaderMap) -> bool {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    accept.starts_with(DID_JSON) || accept.starts_with("application/did+ld+json")
}

/// Whether the client asks for a representation of documents that this node does not write.
fn wants_unknown(headers: &HeaderMap) -> bool {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    accept.starts_with("application/did+") && !wants_document(headers)
}

fn resolution_result(resolved: Resolved) -> (StatusCode, Value) {
    let (status, document, resolution, metadata) = match resolved {
        Resolved::Document { document, metadata } => (
            StatusCode::OK,
            json!(document),
            json!({"contentType": DID_JSON}),
            metadata,
        ),
        Resolved::Foreign(resolution) => (
            StatusCode::OK,
            json!(resolution.document),
            json!({"contentType": DID_JSON, "stale": resolution.stale}),
            json!({}),
        ),
        Resolved::Refused(error) => (
            resolve_status(&error),
            Value::Null,
            error.code().map_or(json!({}), |code| json!({"error": code})),
            json!({"deactivated": error == ResolveError::Deactivated}),
        ),
        Resolved::Deactivated => (StatusCode::GONE, Value::Null, json!({}), json!({"deactivated": true})),
        Resolved::Invalid => (
            StatusCode::BAD_REQUEST,
            Value::Null,
            json!({"error": "invalidDid"}),
            json!({}),
        ),
        Resolved::Unsupported => (
            StatusCode::NOT_IMPLEMENTED,
            Value::Null,
            json!({"error": "methodNotSupported"}),
            json!({}),
        ),
        Resolved::NotFound => (
            StatusCode::NOT_FOUND,
            Value::Null,
            json!({"error": "notFound"}),
            json!({}),
        ),
    };
    let result = json!({
        "@context": "https://w3id.org/did-resolution/v1",
        "didDocument": document,
        "didResolutionMetadata": resolution,
        "didDocumentMetadata": metadata,
    });
    (status, result)
}

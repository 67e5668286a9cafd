//! Resolvers that ask others: the host of a did:web, another node, a registry.
//!
//! What a stranger says is checked before it counts: a document must be about the DID that was asked for, and of a DID
//! that is a key it must not name others than its key log does, which proves itself. Every request goes through a
//! [`crate::GuardedClient`].

mod cache;
mod chain;
mod key_log;
mod named;
mod peer;
mod registry;
mod web;

use axum::http::{HeaderMap, StatusCode, header};
use imajin_did::{Did, DidDocument, ResolveError};
use url::Url;

pub use cache::CachedResolver;
pub use chain::Chain;
pub use key_log::{KeyLogs, key_log_fetch, key_log_of, key_log_read, key_log_url};
pub use named::{NamedResolver, NodeNames};
pub use peer::PeerResolver;
pub use registry::RegistryResolver;
pub use web::WebResolver;

use crate::{GuardError, GuardedAnswer, Reach};

/// The largest document or resolution result that is read.
const DOCUMENT_BYTES_MAX: usize = 64 * 1024;

/// The status of an HTTP answer with this outcome (W3C DID Resolution, section "HTTP(S) Binding").
pub const fn resolve_status(error: &ResolveError) -> StatusCode {
    match error {
        ResolveError::Invalid => StatusCode::BAD_REQUEST,
        ResolveError::NotFound | ResolveError::Refused => StatusCode::NOT_FOUND,
        ResolveError::Deactivated => StatusCode::GONE,
        ResolveError::Unsupported => StatusCode::NOT_IMPLEMENTED,
        ResolveError::Representation => StatusCode::NOT_ACCEPTABLE,
        ResolveError::Unavailable => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<GuardError> for ResolveError {
    fn from(error: GuardError) -> Self {
        match error {
            GuardError::Refused | GuardError::Blocked => Self::Refused,
            GuardError::Away | GuardError::TooLarge => Self::Unavailable,
        }
    }
}

/// What a status means for the document behind it.
fn status_check(status: StatusCode) -> Result<(), ResolveError> {
    match status {
        StatusCode::OK => Ok(()),
        StatusCode::NOT_FOUND => Err(ResolveError::NotFound),
        StatusCode::GONE => Err(ResolveError::Deactivated),
        StatusCode::NOT_IMPLEMENTED => Err(ResolveError::Unsupported),
        _ => Err(ResolveError::Unavailable),
    }
}

/// JSON, or one of the representations that are JSON.
fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = media_type.unwrap_or_default().split(';').next().unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    essence == "application/json" || essence == "application/did-resolution" || essence.ends_with("+json")
}

/// The document in an answer, if it is one about `did`.
fn document_of(answer: &GuardedAnswer, did: &Did) -> Result<DidDocument, ResolveError> {
    status_check(answer.status)?;
    if !is_json(&answer.headers) {
        return Err(ResolveError::Representation);
    }
    let document: DidDocument = serde_json::from_slice(&answer.body).map_err(|error| {
        tracing::debug!(%error, %did, "a DID document could not be read");
        ResolveError::Unavailable
    })?;
    if document.id != *did {
        tracing::debug!(%did, "a DID document is about somebody else");
        return Err(ResolveError::Unavailable);
    }
    Ok(document)
}

/// Where a host is asked.
fn reachable(url: &str, reach: Reach) -> Result<Url, ResolveError> {
    Ok(reach.url(Url::parse(url).or(Err(ResolveError::Invalid))?))
}

//! Key logs of other nodes' identities.

use async_trait::async_trait;
use axum::http::{HeaderMap, StatusCode};
use imajin_did::{Did, ResolveError};
use imajin_key_log::{KeyLog, KeyState};
use imajin_proof::jcs;
use serde_json::Value;
use url::Url;

use super::{is_json, status_check};
use crate::GuardedClient;

/// The longest log that is read.
const LOG_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Somebody who checks logs from elsewhere and remembers what was seen.
#[async_trait]
pub trait KeyLogs: Send + Sync {
    /// Puts a version of a DID's log to what was seen before, and says which keys count now. Without a version: what
    /// was seen before, else the key that the DID is.
    ///
    /// # Errors
    /// [`ResolveError`] when the DID has no keys, or the version does not count.
    async fn version_take(&self, did: &Did, version: Option<KeyLog>, source: &Url) -> Result<KeyState, ResolveError>;
}

/// Where the node at `base` shows the log of an identity.
pub fn key_log_url(base: &Url, did: &Did) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("/auth/api/identity/{}/log", did.canonical()));
    url.set_query(None);
    url
}

/// Reads the log of an identity from the node at `base`, an address that may come from a stranger; `None` when nothing
/// is published there. Nothing is checked but the form: see [`KeyLog::verify`].
///
/// # Errors
/// [`ResolveError`] when the node is not asked, does not answer, or answers something else.
pub async fn key_log_fetch(http: &GuardedClient, base: &Url, did: &Did) -> Result<Option<KeyLog>, ResolveError> {
    let url = key_log_url(base, did);
    let answer = http.get(url, "application/json", LOG_BYTES_MAX).await?;
    key_log_read(did, answer.status, &answer.headers, &answer.body)
}

/// The log of an identity in a node's answer, as [`key_log_fetch`] gives it.
///
/// # Errors
/// [`ResolveError`] when the answer is something else.
pub fn key_log_read(
    did: &Did,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Option<KeyLog>, ResolveError> {
    match status_check(status) {
        Err(ResolveError::NotFound) => return Ok(None),
        checked => checked?,
    }
    if !is_json(headers) {
        return Err(ResolveError::Representation);
    }
    let unreadable = |error: &dyn std::fmt::Display| {
        tracing::debug!(%error, %did, "another node's key log could not be read");
        ResolveError::Unavailable
    };
    let published: Value = jcs::from_slice(body).map_err(|error| unreadable(&error))?;
    let log = key_log_of(published).map_err(|error| unreadable(&error))?;
    if log.entries.iter().any(|entry| entry.did != did.canonical()) {
        return Err(unreadable(&"it is about somebody else"));
    }
    Ok(Some(log).filter(|log| !log.entries.is_empty()))
}

/// The log in what a node publishes about it, or in a file: of other members it says nothing.
///
/// # Errors
/// When an entry or a receipt cannot be read.
pub fn key_log_of(mut published: Value) -> Result<KeyLog, serde_json::Error> {
    if let Value::Object(members) = &mut published {
        members.retain(|name, _value| name == "entries" || name == "receipts");
    }
    serde_json::from_value(published)
}

//! What takes a request to its host instead of the network: a simulation, in which all hosts are in one process.

use async_trait::async_trait;
use axum::http::Request;
use bytes::Bytes;

use crate::{GuardError, GuardedAnswer};

/// Takes requests to the hosts that it knows. What guards a request happens before, and also counts here: which
/// addresses may be asked, which nodes this one talks to, and how large an answer may be.
#[async_trait]
pub trait Carrier: Send + Sync {
    /// The answer of the host.
    ///
    /// # Errors
    /// [`GuardError::Away`] when there is none.
    async fn carry(&self, request: Request<Bytes>) -> Result<GuardedAnswer, GuardError>;
}

/// The request as a carrier gets it.
pub(crate) fn request_of(request: reqwest::Request) -> Result<Request<Bytes>, GuardError> {
    let request: Request<reqwest::Body> = request.try_into().or(Err(GuardError::Refused))?;
    let (parts, body) = request.into_parts();
    let body = body.as_bytes().map(Bytes::copy_from_slice).unwrap_or_default();
    Ok(Request::from_parts(parts, body))
}

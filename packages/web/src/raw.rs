//! Requests as they came: what [`crate::SignedBody`] checks, and services whose callers no [`crate::Identities`] knows,
//! as agents, whose keys are published at their domains.

use axum::extract::{FromRef, FromRequest, Request};
use axum::http::HeaderMap;
use bytes::Bytes;
use imajin_kernel::Problem;
use imajin_proof::http_sig::SignedRequest;
use serde::de::DeserializeOwned;

use crate::extract::{body_read, json_parse, signed_request, target_uri};
use crate::signed::is_signed;
use crate::{Failure, Site};

/// A request as it was received: nothing of it is proven.
///
/// A service that finds the keys of its callers itself takes [`RawRequest::signed`] and calls [`SignedRequest::verify`]
/// with the method and the URL that are in it: both are those that were really called, from this listener's
/// configuration.
#[derive(Debug)]
pub struct RawRequest {
    /// The headers.
    pub headers: HeaderMap,
    /// The body, within the limit of the route.
    pub body: Bytes,
    method: String,
    target_uri: String,
}

impl RawRequest {
    /// Whether it says that it is signed.
    pub fn is_signed(&self) -> bool {
        is_signed(&self.headers)
    }

    /// The request with its signature, which nobody has checked.
    ///
    /// # Errors
    /// [`imajin_kernel::Code::Unauthenticated`] when it has none, and what is wrong with its form.
    pub fn signed(&self) -> Result<SignedRequest, Problem> {
        signed_request(&self.headers, &self.method, &self.target_uri, &self.body)
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// As [`crate::JsonBody`] refuses it.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        json_parse(&self.headers, &self.body)
    }
}

impl<S> FromRequest<S> for RawRequest
where
    S: Send + Sync,
    Site: FromRef<S>,
{
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let site = Site::from_ref(state);
        let (parts, body) = request.into_parts();
        let target_uri = target_uri(&parts, &site);
        let method = parts.method.as_str().to_owned();
        let headers = parts.headers.clone();
        let body = body_read(Request::from_parts(parts, body), state).await?;
        Ok(Self {
            headers,
            body,
            method,
            target_uri,
        })
    }
}

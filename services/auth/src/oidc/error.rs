//! Refusals in the form that OAuth clients understand (RFC 6749, sections 4.1.2.1 and 5.2; RFC 6750).

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use imajin_kernel::{Code, Problem};
use serde_json::json;

use crate::AuthError;

/// A refusal with one of the registered error codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OauthError {
    pub(crate) error: &'static str,
    pub(crate) description: String,
}

impl OauthError {
    pub(crate) fn new(error: &'static str, description: impl Into<String>) -> Self {
        Self {
            error,
            description: description.into(),
        }
    }

    pub(crate) fn invalid_request(description: impl Into<String>) -> Self {
        Self::new("invalid_request", description)
    }

    pub(crate) fn invalid_grant(description: impl Into<String>) -> Self {
        Self::new("invalid_grant", description)
    }

    /// The same for an unknown client, a wrong secret and a wrong way to send it.
    pub(crate) fn invalid_client() -> Self {
        Self::new(
            "invalid_client",
            "The client is unknown, or did not prove itself as it is registered to.",
        )
    }

    pub(crate) fn invalid_token() -> Self {
        Self::new("invalid_token", "The access token is unknown, expired or revoked.")
    }

    const fn status(&self) -> StatusCode {
        match self.error.as_bytes() {
            b"invalid_client" | b"invalid_token" => StatusCode::UNAUTHORIZED,
            b"insufficient_scope" | b"access_denied" => StatusCode::FORBIDDEN,
            b"server_error" => StatusCode::INTERNAL_SERVER_ERROR,
            b"temporarily_unavailable" => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

impl From<AuthError> for OauthError {
    fn from(error: AuthError) -> Self {
        Problem::from(error).into()
    }
}

impl From<Problem> for OauthError {
    fn from(problem: Problem) -> Self {
        let error = match problem.code {
            Code::Internal => "server_error",
            Code::Unavailable | Code::Timeout | Code::RateLimited => "temporarily_unavailable",
            Code::Forbidden => "access_denied",
            _ => "invalid_request",
        };
        Self::new(error, problem.detail)
    }
}

impl IntoResponse for OauthError {
    fn into_response(self) -> Response {
        let body = json!({"error": self.error, "error_description": self.description});
        let mut response = (self.status(), Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let challenge = match self.error {
            "invalid_client" => Some("Basic realm=\"imajin\""),
            "invalid_token" => Some("Bearer error=\"invalid_token\""),
            "insufficient_scope" => Some("Bearer error=\"insufficient_scope\""),
            _ => None,
        };
        if let Some(challenge) = challenge {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}

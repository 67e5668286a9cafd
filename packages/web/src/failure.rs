use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use imajin_kernel::{Code, Problem};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// The HTTP status of each refusal. The only place where a code meets HTTP.
pub const fn status_of(code: Code) -> StatusCode {
    match code {
        Code::InvalidRequest | Code::MalformedBody => StatusCode::BAD_REQUEST,
        Code::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Code::Unauthenticated | Code::BadSignature | Code::StaleSignature | Code::Replayed => StatusCode::UNAUTHORIZED,
        Code::CrossSite | Code::Forbidden => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Code::Gone | Code::HoldExpired => StatusCode::GONE,
        Code::Conflict | Code::SoldOut | Code::IdempotencyMismatch | Code::IdempotencyInFlight => StatusCode::CONFLICT,
        Code::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        Code::PaymentRequired | Code::PaymentFailed => StatusCode::PAYMENT_REQUIRED,
        Code::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        Code::Timeout => StatusCode::REQUEST_TIMEOUT,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The error type of every handler: a [`Problem`] on its way to the wire.
///
/// Anything that converts into a [`Problem`] converts into this with `?`.
#[derive(Debug, Clone)]
pub struct Failure(pub Problem);

impl<E: Into<Problem>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// An RFC 9457 problem document, `application/problem+json`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProblemDocument {
    /// A relative reference that names the kind of problem, for example `/problems/sold_out`.
    #[serde(rename = "type")]
    pub problem_type: String,
    /// A summary that is the same for every occurrence.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What was wrong with this request.
    pub detail: String,
    /// The machine-readable name of the refusal; `type` ends with it.
    pub code: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The request's id, as in the `x-request-id` header and in the node's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Members of particular refusals.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub extra: Map<String, Value>,
}

impl ProblemDocument {
    /// The document for a problem met while answering the request `request_id`.
    pub fn new(problem: &Problem, request_id: Option<String>) -> Self {
        Self {
            problem_type: format!("/problems/{}", problem.code),
            title: problem.code.title().to_owned(),
            status: status_of(problem.code).as_u16(),
            detail: problem.detail.clone(),
            code: problem.code.as_str().to_owned(),
            hint: problem.hint.clone(),
            request_id,
            extra: problem.extra.clone(),
        }
    }
}

/// The members that only this refusal has, of a problem document that came as JSON.
pub(crate) fn extra_of(mut members: Map<String, Value>) -> Map<String, Value> {
    for known in ["type", "title", "status", "detail", "code", "hint", "requestId"] {
        members.remove(known);
    }
    members
}

/// Renders a problem; the shell calls it again with the request's id.
pub(crate) fn problem_response(problem: Problem, request_id: Option<String>) -> Response {
    let document = ProblemDocument::new(&problem, request_id);
    let mut response = (status_of(problem.code), Json(document)).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(seconds) = problem.retry_after_seconds {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response.extensions_mut().insert(problem);
    response
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        problem_response(self.0, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_an_error_status() {
        for code in Code::ALL {
            assert!(status_of(*code).as_u16() >= 400, "{code} is no error");
        }
    }

    #[test]
    fn the_document_has_the_members_of_rfc_9457_and_ours() {
        let problem = Problem::new(Code::SoldOut, "2 places are left, 3 were asked for.").with("left", 2);
        let document = serde_json::to_value(ProblemDocument::new(&problem, Some("req_1".to_owned()))).unwrap();
        assert_eq!(document["type"], "/problems/sold_out");
        assert_eq!(document["status"], 409);
        assert_eq!(document["left"], 2);
        assert_eq!(document["requestId"], "req_1");
    }
}

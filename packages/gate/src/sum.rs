//! The digest of what is answered (RFC 9530): before the headers leave where the body is short, after it where it is
//! not, and never by holding all of a long one.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_LENGTH, TE, TRAILER};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use http_body_util::BodyExt;
use imajin_imagxp::{PROVENANCE, VisitorType};
use imajin_kernel::{Code, Problem};
use imajin_proof::digest::{Sha256Sum, content_digest, content_digest_read};
use imajin_web::Failure;

use crate::Gate;

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
/// What comes after a long body.
const TRAILERS: HeaderValue = HeaderValue::from_static("content-digest, x-imagxp-provenance-sig");
/// The longest body that is read before its headers leave.
const READ_BYTES_MAX: usize = 64 * 1024;

/// What a request says about the digest of its answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SumWish {
    /// Only the headers are asked for: there is no body, whatever they say.
    is_head: bool,
    /// Whoever asks reads what comes after a body (RFC 9110, section 6.5.1).
    takes_trailers: bool,
}

impl SumWish {
    pub(crate) fn of(request: &Request) -> Self {
        let is_trailers = |value: &HeaderValue| {
            let mut words = value.to_str().unwrap_or_default().split(',');
            words.any(|word| word.trim().eq_ignore_ascii_case("trailers"))
        };
        Self {
            is_head: request.method() == Method::HEAD,
            takes_trailers: request.version() >= Version::HTTP_11
                && request.headers().get_all(TE).iter().any(is_trailers),
        }
    }

    /// An answer with the digest of its body, if that is known before the headers leave. A short body is read for it,
    /// and one that breaks off is an answer that nobody pays for; of a longer one it is what the site says.
    pub(crate) async fn summed(self, response: Response, visitor: VisitorType) -> (Response, Option<String>) {
        // Nothing is signed for others.
        if visitor != VisitorType::VerifiedAgent || !self.is_whole(response.status()) {
            return (response, None);
        }
        let is_short = length_of(&response).is_some_and(|length| length <= READ_BYTES_MAX);
        if !is_short {
            let said = response.headers().get(CONTENT_DIGEST);
            let said = said.and_then(|value| value.to_str().ok()).and_then(content_digest_read);
            return (response, said);
        }
        let (mut parts, body) = response.into_parts();
        let Ok(bytes) = to_bytes(body, READ_BYTES_MAX).await else {
            let problem = Problem::new(Code::Unavailable, "The answer of the site behind the gate breaks off.");
            return (Failure(problem.retry_after_seconds(5)).into_response(), None);
        };
        let digest = content_digest(&bytes);
        if let Ok(value) = HeaderValue::from_str(&digest) {
            parts.headers.insert(CONTENT_DIGEST, value);
        }
        (Response::from_parts(parts, Body::from(bytes)), Some(digest))
    }

    /// Has the digest of a body, and the signature over it, follow the body, for whoever reads that.
    pub(crate) fn trailed(self, gate: &Arc<Gate>, url: String, mut response: Response) -> Response {
        let is_signed = response.headers().contains_key(PROVENANCE);
        if !self.takes_trailers || !is_signed || !self.is_whole(response.status()) {
            return response;
        }
        let headers = response.headers_mut();
        // Only a body of chunks has something after it.
        headers.remove(CONTENT_LENGTH);
        headers.append(TRAILER, TRAILERS);
        let sum = Arc::new(Mutex::new(Sha256Sum::new()));
        let (gate, read) = (Arc::clone(gate), Arc::clone(&sum));
        let trailers = async move {
            let digest = read
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone()
                .content_digest();
            let signed = gate.provenance(&url, Some(&digest))?;
            let mut trailers = HeaderMap::new();
            trailers.insert(CONTENT_DIGEST, HeaderValue::from_str(&digest).ok()?);
            trailers.insert(PROVENANCE, HeaderValue::from_str(&signed).ok()?);
            Some(Ok(trailers))
        };
        response.map(|body| {
            let body = body.map_frame(move |frame| {
                if let Some(piece) = frame.data_ref() {
                    sum.lock().unwrap_or_else(PoisonError::into_inner).update(piece);
                }
                frame
            });
            Body::new(body.with_trailers(trailers))
        })
    }

    /// Whether the answer has all of its content in its body: a part of a page has a digest of its own, which must not
    /// be taken for that of the page.
    fn is_whole(self, status: StatusCode) -> bool {
        let has_none = [
            StatusCode::NO_CONTENT,
            StatusCode::RESET_CONTENT,
            StatusCode::PARTIAL_CONTENT,
            StatusCode::NOT_MODIFIED,
        ];
        !self.is_head && !status.is_informational() && !has_none.contains(&status)
    }
}

/// How long the body is, if that is said before it comes.
fn length_of(response: &Response) -> Option<usize> {
    let said = response.headers().get(CONTENT_LENGTH);
    let said = said.and_then(|value| value.to_str().ok()?.parse().ok());
    let exact = response.body().size_hint().exact();
    exact.and_then(|length| usize::try_from(length).ok()).or(said)
}

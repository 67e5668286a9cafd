//! Answers that a client may keep and ask again for (RFC 9110, section 13).

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use imajin_kernel::Problem;
use imajin_proof::digest::sha256_hex;
use serde::Serialize;

/// JSON that depends on who asks, with an entity tag; an unchanged answer is 304 without a body. Caches ask again each
/// time, because prices, places and states change by the second.
///
/// # Errors
/// When the value cannot be written as JSON.
pub fn json_cached<T: Serialize>(request: &HeaderMap, value: &T) -> Result<Response, Problem> {
    let body = serde_json::to_vec(value).map_err(|error| {
        tracing::error!(%error, "an answer could not be written");
        Problem::internal()
    })?;
    let mut answer = conditional(request, "application/json", body);
    let headers = answer.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("cookie, authorization"));
    Ok(answer)
}

/// A document with a strong entity tag, which is a digest of its bytes; 304 without a body when the client has it.
pub fn conditional(request: &HeaderMap, media_type: &'static str, body: Vec<u8>) -> Response {
    let tag = format!("\"{}\"", sha256_hex(&body));
    let is_known = names_tag(request, &tag);
    let headers = [
        (header::ETAG, tag),
        // On 304 too: else the router would add one of its own.
        (header::CONTENT_TYPE, media_type.to_owned()),
    ];
    if is_known {
        (StatusCode::NOT_MODIFIED, headers).into_response()
    } else {
        (headers, body).into_response()
    }
}

/// Whether `If-None-Match` names the tag: a list, compared weakly, or `*` (RFC 9110, section 13.1.2).
fn names_tag(request: &HeaderMap, tag: &str) -> bool {
    let lines = request.get_all(header::IF_NONE_MATCH).iter();
    let mut known = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim);
    known.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(if_none_match: &[&'static str]) -> Response {
        let mut request = HeaderMap::new();
        for line in if_none_match {
            request.append(header::IF_NONE_MATCH, HeaderValue::from_static(line));
        }
        conditional(&request, "text/plain", b"hello".to_vec())
    }

    /// SHA-256 of `hello`.
    const TAG: &str = "\"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\"";
    const WEAK_IN_LIST: &str = "\"x\", W/\"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\"";

    #[test]
    fn a_client_that_has_the_document_is_told_so() {
        for known in [&[TAG][..], &[WEAK_IN_LIST], &["\"x\"", TAG], &["*"]] {
            let answer = answer(known);
            assert_eq!(answer.status(), StatusCode::NOT_MODIFIED, "{known:?}");
            assert_eq!(answer.headers()[header::ETAG], TAG);
        }
        for other in [&[][..], &["\"x\""], &["2cf24dba"]] {
            let answer = answer(other);
            assert_eq!(answer.status(), StatusCode::OK, "{other:?}");
            assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/plain");
        }
    }
}

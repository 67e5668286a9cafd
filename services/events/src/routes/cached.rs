use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use imajin_kernel::Problem;
use imajin_proof::digest::sha256_hex;
use serde::Serialize;

/// JSON with a strong `ETag`; an unchanged answer is 304 without a body. Caches ask again each time, because places and
/// states change by the second.
pub(super) fn json_cached<T: Serialize>(request: &HeaderMap, value: &T) -> Result<Response, Problem> {
    let body = serde_json::to_vec(value).map_err(|error| {
        tracing::error!(%error, "an answer could not be written");
        Problem::internal()
    })?;
    let etag = format!("\"{}\"", sha256_hex(&body));
    let headers = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::VARY, HeaderValue::from_static("cookie, authorization")),
        (
            header::ETAG,
            HeaderValue::from_str(&etag).map_err(|_error| Problem::internal())?,
        ),
    ];
    if matches(request, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    let json = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok((headers, [json], body).into_response())
}

/// Whether `If-None-Match` names the answer (RFC 9110, section 13.1.2: the comparison is weak).
fn matches(request: &HeaderMap, etag: &str) -> bool {
    let values = request
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut tags = values.flat_map(|line| line.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

//! How `.fair` manifests go over HTTP: the document itself, and the headers of what it is about.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use imajin_kernel::Problem;
use imajin_proof::digest::sha256_hex;

/// The media type of a manifest.
pub const MEDIA_TYPE: &str = "application/fair+json";
const DIGEST: HeaderName = HeaderName::from_static("x-fair-digest");

/// What goes with a work, and with its manifest: where the manifest is, and the SHA-256 of its RFC 8785 bytes in hex.
///
/// # Errors
/// [`Problem::internal`] when the address cannot stand in a header.
pub fn headers(manifest_url: &str, digest_hex: &str) -> Result<[(HeaderName, HeaderValue); 2], Problem> {
    let value = |text: String| HeaderValue::from_str(&text).map_err(|_error| Problem::internal());
    let link = value(format!("<{manifest_url}>; rel=\"fair\"; type=\"{MEDIA_TYPE}\""))?;
    Ok([(header::LINK, link), (DIGEST, value(format!("sha256:{digest_hex}"))?)])
}

/// A manifest as an answer: its RFC 8785 bytes, with a strong `ETag`; 304 without a body when the caller knows it.
///
/// # Errors
/// As for [`headers`].
pub fn manifest_answer(request: &HeaderMap, canonical: Vec<u8>, manifest_url: &str) -> Result<Response, Problem> {
    let digest = sha256_hex(&canonical);
    let etag = format!("\"{digest}\"");
    let common = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::VARY, HeaderValue::from_static("accept, cookie, authorization")),
        (
            header::ETAG,
            HeaderValue::from_str(&etag).map_err(|_error| Problem::internal())?,
        ),
    ];
    let fair = headers(manifest_url, &digest)?;
    if is_known(request, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, common, fair).into_response());
    }
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE))];
    Ok((common, fair, kind, canonical).into_response())
}

/// Whether `If-None-Match` names the answer (RFC 9110, section 13.1.2: the comparison is weak).
pub fn is_known(request: &HeaderMap, etag: &str) -> bool {
    let lines = request.get_all(header::IF_NONE_MATCH).iter();
    let mut tags = lines
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// Whether a person asks, who reads a page, and not a program that reads the document.
pub fn wants_page(request: &HeaderMap) -> bool {
    let accept = request.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let mut types = accept
        .unwrap_or_default()
        .split(',')
        .map(|part| part.split(';').next().unwrap_or_default().trim());
    types.clone().any(|media_type| media_type == "text/html") && !types.any(|media_type| media_type == MEDIA_TYPE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn a_manifest_says_where_it_is_and_what_its_digest_is() {
        let answer = manifest_answer(&HeaderMap::new(), b"{}".to_vec(), "https://a.example/fair/x").unwrap();
        let text = |name: &str| answer.headers().get(name).unwrap().to_str().unwrap().to_owned();
        let digest = sha256_hex(b"{}");
        assert_eq!(text("content-type"), MEDIA_TYPE);
        assert_eq!(
            text("link"),
            "<https://a.example/fair/x>; rel=\"fair\"; type=\"application/fair+json\""
        );
        assert_eq!(text("x-fair-digest"), format!("sha256:{digest}"));
        let known: &'static str = Box::leak(format!("W/\"other\", \"{digest}\"").into_boxed_str());
        let again = asking(header::IF_NONE_MATCH, known);
        let answer = manifest_answer(&again, b"{}".to_vec(), "https://a.example/fair/x").unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_MODIFIED);
        assert!(headers("https://a.example/\n", "00").is_err());
    }

    #[test]
    fn a_browser_gets_a_page_and_a_program_the_document() {
        for (accept, page) in [
            ("text/html,application/xhtml+xml,*/*;q=0.8", true),
            ("application/fair+json, text/html;q=0.5", false),
            ("application/json", false),
            ("*/*", false),
        ] {
            assert_eq!(wants_page(&asking(header::ACCEPT, accept)), page, "{accept}");
        }
        assert!(!wants_page(&HeaderMap::new()));
    }
}

//! The stylesheet, the browser modules and the icon, embedded in the binary and served under `/assets/<name>`.

use axum::Router;
use axum::extract::{Path, RawQuery};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "assets/"]
struct Assets;

/// A year: the address changes with the content, so a copy never goes stale.
const CACHE_FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Keep a copy, but ask each time: for addresses without the content's hash (one module importing another).
const CACHE_REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

/// The routes under `/assets`.
pub fn assets_router() -> Router {
    Router::new().route("/assets/{name}", get(asset_fetch))
}

/// Where `name` is served. The address holds a hash of the content, so that browsers can keep it for good.
pub fn asset_url(name: &str) -> String {
    match Assets::get(name) {
        Some(file) => format!("/assets/{name}?v={}", version(&file)),
        None => format!("/assets/{name}"),
    }
}

/// The first 64 bits of the content's SHA-256, in hex: enough to tell versions of our own files apart.
fn version(file: &EmbeddedFile) -> String {
    hex::encode(file.metadata.sha256_hash().iter().take(8).copied().collect::<Vec<u8>>())
}

async fn asset_fetch(Path(name): Path<String>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let Some(file) = Assets::get(&name) else {
        let plain = [(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        )];
        return (StatusCode::NOT_FOUND, plain, "There is no such file.\n").into_response();
    };
    let version = version(&file);
    let fresh = query.as_deref().and_then(|query| query.strip_prefix("v=")) == Some(version.as_str());
    let etag = format!("\"{version}\"");
    let known = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|tag| tag.trim().trim_start_matches("W/") == etag);
    let mut answer = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let media_type = HeaderValue::from_static(media_type(&name));
        ([(header::CONTENT_TYPE, media_type)], file.data.into_owned()).into_response()
    };
    let answer_headers = answer.headers_mut();
    answer_headers.insert(
        header::CACHE_CONTROL,
        if fresh { CACHE_FOREVER } else { CACHE_REVALIDATE },
    );
    answer_headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        answer_headers.insert(header::ETAG, etag);
    }
    answer
}

/// The three kinds of file in the folder, all text in UTF-8.
fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_stem, extension)| extension) {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml; charset=utf-8",
        _ => "application/octet-stream",
    }
}

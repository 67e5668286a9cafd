use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderValue, header};

/// What belongs to somebody is nothing for a search engine, and neither are forms.
const ROBOTS: &str = "User-agent: *\nDisallow: /me\nDisallow: /orders/\nDisallow: /tickets/\nDisallow: /receipts/\n\
     Disallow: /operator\nDisallow: /mailbox\nDisallow: /login\nDisallow: /join\nDisallow: /keys\nDisallow: /enrol\n\
     Disallow: /recover\nDisallow: /setup\nDisallow: /pay/\nDisallow: /auth/\n";

pub(super) async fn robots() -> Response {
    let plain = [(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    )];
    (plain, ROBOTS).into_response()
}

/// The JSON Schema of `.fair` manifests: readers elsewhere check against it, so pages of other sites may have it too.
pub(super) async fn fair_schema() -> Response {
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/schema+json"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400")),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    ];
    (headers, imajin_fair::MANIFEST_SCHEMA).into_response()
}

/// Browsers that did not read a page yet ask here; the icon's own address changes with its content.
pub(super) async fn favicon() -> Redirect {
    Redirect::temporary(&imajin_ui::asset_url("icon.svg"))
}

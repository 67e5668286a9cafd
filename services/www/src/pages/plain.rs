use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderValue, header};

/// What belongs to somebody is nothing for a search engine, and neither are forms.
const ROBOTS: &str = "User-agent: *\nDisallow: /me\nDisallow: /orders/\nDisallow: /tickets/\nDisallow: /receipts/\n\
     Disallow: /operator\nDisallow: /mailbox\nDisallow: /login\nDisallow: /join\nDisallow: /setup\nDisallow: /pay/\n\
     Disallow: /auth/\n";

pub(super) async fn robots() -> Response {
    let plain = [(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    )];
    (plain, ROBOTS).into_response()
}

/// Browsers that did not read a page yet ask here; the icon's own address changes with its content.
pub(super) async fn favicon() -> Redirect {
    Redirect::temporary(&imajin_ui::asset_url("icon.svg"))
}

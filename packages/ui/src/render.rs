//! From a filled-in page to an HTTP answer.

use askama::Template;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

/// The policy that every page is written for: nothing inline, nothing from elsewhere.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What is left to say when even the page could not be written.
const LAST_RESORT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Something went wrong</title>\
     <h1>Something went wrong</h1><p>The node could not write this page. Nothing was changed. Please try again; if it \
     happens again, tell the operator of this node the time and the address of the page.</p></html>";

/// The page as a `200` answer.
pub fn render(page: &impl Template) -> Response {
    render_status(StatusCode::OK, page)
}

/// The page as an answer with `status`: an error page keeps the status of its error.
///
/// A page depends on who asks, so nobody may keep a copy. A template that cannot be written is answered with a plain
/// page and status 500, never with half a page.
pub fn render_status(status: StatusCode, page: &impl Template) -> Response {
    let (status, body) = match page.render() {
        Ok(body) => (status, body),
        Err(_unwritable) => (StatusCode::INTERNAL_SERVER_ERROR, LAST_RESORT.to_owned()),
    };
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(CONTENT_SECURITY_POLICY),
        ),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    ];
    (status, headers, body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Template)]
    #[template(source = "{{ text }}", ext = "html")]
    struct Tiny<'a> {
        text: &'a str,
    }

    #[test]
    fn a_page_keeps_its_status_and_is_not_cached() {
        let answer = render_status(StatusCode::NOT_FOUND, &Tiny { text: "x" });
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
        assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
        assert!(
            answer.headers()[header::CONTENT_SECURITY_POLICY]
                .to_str()
                .unwrap()
                .contains("script-src 'self'")
        );
        assert_eq!(render(&Tiny { text: "x" }).status(), StatusCode::OK);
    }
}

//! Every page, with friendly and with hostile data: well formed, escaped, accessible, and within the content security
//! policy.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may panic"
)]

mod markup;
mod samples;

use std::collections::BTreeSet;

use axum::body::Body;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use imajin_ui::{asset_url, assets_router};
use markup::{Element, elements};
use samples::{HOSTILE, INKS, PLAIN, Sample};
use tower::ServiceExt;

/// Runs `check` on every page in every ink.
fn for_every_page(check: impl Fn(&Sample, &[Element])) {
    for (ink_name, ink) in &INKS {
        for sample in samples::all(ink) {
            let parsed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                check(&sample, &elements(&sample.html));
            }));
            assert!(
                parsed.is_ok(),
                "page `{}`, {ink_name}; see the message above",
                sample.name
            );
        }
    }
}

fn named<'a>(elements: &'a [Element], name: &'a str) -> impl Iterator<Item = &'a Element> {
    elements.iter().filter(move |element| element.name == name)
}

#[test]
fn every_page_has_a_language_a_title_one_heading_and_landmarks() {
    for_every_page(|_sample, elements| {
        let html = named(elements, "html").next().unwrap();
        assert_eq!(html.get("lang"), Some("en"));
        let titles = named(elements, "title").filter(|title| title.around == ["html", "head"]);
        assert_eq!(titles.count(), 1);
        assert_eq!(named(elements, "h1").count(), 1, "one h1");
        for landmark in ["main", "nav", "footer"] {
            assert_eq!(named(elements, landmark).count(), 1, "one {landmark}");
        }
        let first_link = named(elements, "a").next().unwrap();
        assert_eq!(
            first_link.get("href"),
            Some("#main"),
            "the first link skips to the content"
        );
        let levels = elements.iter().filter_map(|element| match element.name.as_str() {
            "h1" => Some(1),
            "h2" => Some(2),
            "h3" => Some(3),
            _ => None,
        });
        let levels = levels.collect::<Vec<_>>();
        assert!(
            levels.windows(2).all(|pair| pair[1] <= pair[0] + 1),
            "a heading level is left out: {levels:?}"
        );
    });
}

#[test]
fn nothing_needs_a_looser_security_policy() {
    for_every_page(|_sample, elements| {
        for element in elements {
            assert!(
                element.name != "style" && element.name != "iframe",
                "<{}>",
                element.name
            );
            if element.name == "img" {
                assert!(element.get("src").unwrap().starts_with("/profile/api/avatars/"));
                assert!(element.get("alt").is_some() && element.get("width").is_some());
            }
            for name in element.attributes.keys() {
                assert!(
                    !name.starts_with("on") && name != "style",
                    "`{name}` in <{}>",
                    element.name
                );
            }
            if element.name == "script" {
                assert!(element.get("src").unwrap().starts_with("/assets/"));
                assert_eq!(element.get("type"), Some("module"));
                assert_eq!(element.text, "");
            }
            if element.name == "link" {
                assert!(element.get("href").unwrap().starts_with("/assets/"));
            }
            if let Some(action) = element.get("action") {
                assert!(action.starts_with('/') && !action.starts_with("//"), "{action}");
            }
            if element.name == "a" {
                let href = element.get("href").unwrap();
                let fine = ["/", "#", "https://", "mailto:", "solana:"]
                    .iter()
                    .any(|start| href.starts_with(start));
                assert!(fine && !href.starts_with("//"), "{href}");
            }
        }
    });
}

#[test]
fn text_of_others_stays_text() {
    for sample in samples::all(&HOSTILE) {
        assert!(!sample.html.contains("<script>"), "{}", sample.name);
        assert!(!sample.html.contains("<img src=x"), "{}", sample.name);
        assert!(
            sample.html.contains("&#60;script&#62;alert("),
            "{}: escaped, not dropped",
            sample.name
        );
    }
}

#[test]
fn every_field_has_a_label_and_every_reference_a_target() {
    for_every_page(|_sample, elements| {
        let ids = elements
            .iter()
            .filter_map(|element| element.get("id"))
            .collect::<Vec<_>>();
        let unique = ids.iter().copied().collect::<BTreeSet<_>>();
        assert_eq!(ids.len(), unique.len(), "an id is used twice");
        let labels = named(elements, "label")
            .filter_map(|label| label.get("for"))
            .collect::<BTreeSet<_>>();
        for element in elements {
            let is_field = ["input", "textarea", "select"].contains(&element.name.as_str());
            if is_field && element.get("type") != Some("hidden") {
                assert!(labels.contains(element.get("id").unwrap()), "no label: {element:?}");
            }
            for attribute in ["for", "aria-labelledby", "aria-describedby"] {
                for target in element.get(attribute).unwrap_or_default().split_whitespace() {
                    assert!(unique.contains(target), "{attribute}={target} leads nowhere");
                }
            }
            if let Some(target) = element.get("href").and_then(|href| href.strip_prefix('#')) {
                assert!(target.is_empty() || unique.contains(target), "#{target} leads nowhere");
            }
            let speaks = !element.text.trim().is_empty() || element.get("aria-label").is_some();
            assert!(
                element.name != "button" || speaks,
                "a button without a name: {element:?}"
            );
            if element.name == "svg" {
                let is_named = element.get("aria-label").is_some() || element.get("aria-labelledby").is_some();
                let is_hidden = element.get("aria-hidden") == Some("true");
                // A picture that one walks is a group of links: in an `img` nobody would hear of them.
                let is_said = is_named && matches!(element.get("role"), Some("img" | "group"));
                assert!(is_hidden != is_said, "{element:?}");
            }
        }
    });
}

async fn fetch(path: &str, etag: Option<&str>) -> (StatusCode, http::HeaderMap, String) {
    let mut request = Request::get(path);
    if let Some(etag) = etag {
        request = request.header(header::IF_NONE_MATCH, etag);
    }
    let answer = assets_router()
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    let (parts, body) = answer.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    (parts.status, parts.headers, String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn every_file_that_a_page_names_is_served_for_good() {
    let mut paths = BTreeSet::new();
    for sample in samples::all(&PLAIN) {
        for element in elements(&sample.html) {
            let addresses = [element.get("href"), element.get("src")].into_iter().flatten();
            paths.extend(addresses.filter(|path| path.starts_with("/assets/")).map(str::to_owned));
        }
    }
    assert!(paths.len() >= 7, "{paths:?}");
    for path in paths {
        let (status, headers, _body) = fetch(&path, None).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert!(
            headers[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"),
            "{path}"
        );
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        let kind = if path.contains(".js") {
            "text/javascript"
        } else if path.contains(".css") {
            "text/css"
        } else {
            "image/svg"
        };
        assert!(
            headers[header::CONTENT_TYPE].to_str().unwrap().starts_with(kind),
            "{path}"
        );
        let etag = headers[header::ETAG].to_str().unwrap().to_owned();
        let (status, _headers, body) = fetch(&path, Some(&format!("\"x\", W/{etag}"))).await;
        assert_eq!((status, body.as_str()), (StatusCode::NOT_MODIFIED, ""), "{path}");
    }
}

#[tokio::test]
async fn other_addresses_are_checked_each_time_or_refused() {
    for path in ["/assets/style.css", "/assets/style.css?v=0000000000000000"] {
        let (status, headers, _body) = fetch(path, None).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(headers[header::CACHE_CONTROL], "no-cache");
    }
    for path in [
        "/assets/nothing.js",
        "/assets/..%2fCargo.toml",
        "/assets/%2fetc%2fpasswd",
    ] {
        assert_eq!(fetch(path, None).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(asset_url("nothing.js"), "/assets/nothing.js");
    assert!(asset_url("style.css").starts_with("/assets/style.css?v="));
}

/// What stands between `before` and the next quote, for each time `before` occurs.
fn quoted<'a>(text: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.split('\'').next())
}

#[tokio::test]
async fn modules_find_their_imports_and_their_elements() {
    let mut seen = BTreeSet::new();
    for sample in INKS.iter().flat_map(|(_name, ink)| samples::all(ink)) {
        let elements = elements(&sample.html);
        let ids = elements
            .iter()
            .filter_map(|element| element.get("id"))
            .collect::<BTreeSet<_>>();
        let mut modules = named(&elements, "script")
            .map(|script| script.get("src").unwrap().to_owned())
            .collect::<Vec<_>>();
        let page_module = modules.first().cloned();
        while let Some(path) = modules.pop() {
            let (status, _headers, code) = fetch(&path, None).await;
            assert_eq!(
                status,
                StatusCode::OK,
                "{path}, imported on the way from `{}`",
                sample.name
            );
            for forbidden in [
                "innerHTML",
                "eval(",
                "new Function",
                "document.write",
                "http://",
                "insertAdjacentHTML",
            ] {
                let ours = path.contains("keys.js") && forbidden == "http://"; // a sentence for people
                assert!(ours || !code.contains(forbidden), "{path}: {forbidden}");
            }
            if page_module.as_ref() == Some(&path) {
                for id in quoted(&code, "element('") {
                    assert!(ids.contains(id), "`{}` lacks #{id}, which {path} needs", sample.name);
                }
            }
            modules.extend(quoted(&code, " from './").map(|name| format!("/assets/{name}")));
            seen.insert(path);
        }
    }
    assert!(seen.len() >= 12, "{seen:?}");
}

#[test]
fn states_show_what_they_must() {
    let html = |name: &str| {
        samples::all(&PLAIN)
            .into_iter()
            .find(|sample| sample.name == name)
            .unwrap()
            .html
    };
    assert!(html("order-processing").contains("<meta http-equiv=\"refresh\""));
    assert!(!html("order-paid").contains("http-equiv=\"refresh\""));
    assert!(html("event").contains("buy.js"));
    assert!(
        !html("event-mailbox").contains("<script"),
        "a mailbox identity buys without JavaScript"
    );
    assert!(html("event-mailbox").contains("id=\"buy-button\""));
    for name in [
        "event-anonymous",
        "event-sold-out",
        "event-cancelled",
        "event-not-open",
        "event-over",
    ] {
        assert!(!html(name).contains("id=\"buy-button\""), "{name}");
    }
    assert!(html("pay").contains("TEST MONEY"));
    assert!(!html("pay-paid").contains("id=\"pay-button\""));
    assert!(html("ticket").contains("class=\"qr\""));
    assert!(
        !html("ticket-revoked").contains("class=\"qr\""),
        "no code on a ticket that opens no door"
    );
    assert!(html("me-visitor").contains("id=\"settle-button\"") && !html("me").contains("settle-button"));
    assert!(
        html("keys-mailbox").contains("This node keeps the key") && !html("keys-mailbox").contains("<script"),
        "a mailbox is told who keeps its key"
    );
    for name in ["sessions", "sessions-mailbox"] {
        assert_eq!(html(name).matches("This browser").count(), 1, "{name}");
        assert_eq!(html(name).matches("action=\"/auth/sessions/end\"").count(), 2, "{name}");
    }
    assert!(html("profile-edit").contains("id=\"handle\"") && !html("profile-edit-mailbox").contains("id=\"handle\""));
    let receipt = html("receipt");
    for exact in [
        ">7.00<",
        ">3.00<",
        "The parts add up to exactly what was paid.",
        "flow-narrow",
        "flow-wide",
    ] {
        assert!(receipt.contains(exact), "{exact}");
    }
    assert!(html("receipt-free").contains("nothing to split"));
    for sample in samples::all(&PLAIN) {
        assert!(
            sample.html.contains("Test money"),
            "{} must say that the money is test money",
            sample.name
        );
    }
}

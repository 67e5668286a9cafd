use axum::http::HeaderMap;
use imajin_kernel::{Code, Problem};

use crate::PublicBase;

/// Refuses a form post that a page of another origin sent with this person's cookie.
///
/// Browsers say where a request comes from: `Sec-Fetch-Site: same-origin`, or an `Origin` equal to ours. One of the two
/// must say so; `SameSite` cookies alone do not keep out a sibling subdomain.
pub fn same_origin_require(headers: &HeaderMap, base: &PublicBase) -> Result<(), Problem> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let allowed = match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => origin == base.origin(),
        (None, None) => false,
    };
    if allowed {
        return Ok(());
    }
    Err(
        Problem::new(Code::CrossSite, "This form was not sent from a page of this node.")
            .hint("Open the page on this node again and use its button."),
    )
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn check(pairs: &[(&'static str, &'static str)]) -> bool {
        let headers: HeaderMap = pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        same_origin_require(&headers, &PublicBase("https://node.example/".parse().unwrap())).is_ok()
    }

    #[test]
    fn only_our_own_pages_may_post() {
        assert!(check(&[("sec-fetch-site", "same-origin")]));
        assert!(check(&[("origin", "https://node.example")]));
        assert!(!check(&[
            ("sec-fetch-site", "same-site"),
            ("origin", "https://sibling.example")
        ]));
        assert!(!check(&[
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://node.example")
        ]));
        assert!(!check(&[("origin", "null")]));
        assert!(!check(&[]));
    }
}

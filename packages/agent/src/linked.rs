//! What an answer links to (RFC 8288).

use axum::http::{HeaderMap, header};
use url::Url;

/// The address of a relation on the host that has answered: another one has no say here.
pub(crate) fn linked(headers: &HeaderMap, relation: &str, from: &Url) -> Option<Url> {
    let fields = headers.get_all(header::LINK).iter();
    fields
        .filter_map(|field| field.to_str().ok())
        .flat_map(|field| field.split(','))
        .filter_map(|link| target(link, relation, from))
        .find(|url| url.origin() == from.origin())
}

fn target(link: &str, relation: &str, from: &Url) -> Option<Url> {
    let (target, params) = link.trim().strip_prefix('<')?.split_once('>')?;
    let mut params = params.split(';').filter_map(|param| param.trim().split_once('='));
    let relations = params.find(|(name, _)| name.trim().eq_ignore_ascii_case("rel"))?.1;
    let mut relations = relations.trim().trim_matches('"').split_ascii_whitespace();
    relations.any(|one| one == relation).then(|| from.join(target).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_found_by_its_relation_and_only_on_the_same_host() {
        let from = Url::parse("https://site.example/a/b").unwrap();
        let mut headers = HeaderMap::new();
        let found = |headers: &HeaderMap, relation: &str| linked(headers, relation, &from).map(|url| url.to_string());
        assert_eq!(found(&headers, "next"), None);
        for line in [
            "</c>; rel=\"next\", <d>; title=x; rel=\"other policy\"",
            "<https://evil.example/r>; rel=receipt",
            "<https://site.example/r>; rel=receipt",
            "not a link; rel=broken",
        ] {
            headers.append(header::LINK, line.parse().unwrap());
        }
        assert_eq!(found(&headers, "next").as_deref(), Some("https://site.example/c"));
        assert_eq!(found(&headers, "policy").as_deref(), Some("https://site.example/a/d"));
        assert_eq!(found(&headers, "receipt").as_deref(), Some("https://site.example/r"));
        assert_eq!(found(&headers, "broken"), None);
    }
}

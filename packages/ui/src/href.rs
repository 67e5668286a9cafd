//! Addresses that came from somebody else.

/// `url` if a page may link to it, else `#`: an `http`, `https` or `mailto` address, or a path of this node. Anything
/// else (`javascript:`, `//other.host`, a relative path) could run code or lead away unseen.
pub fn href(url: &str) -> &str {
    let lower = url.get(..8.min(url.len())).unwrap_or_default().to_ascii_lowercase();
    let remote = ["https://", "http://", "mailto:"]
        .iter()
        .any(|scheme| lower.starts_with(scheme));
    let local = url.starts_with('/') && !url.starts_with("//") && !url.contains('\\');
    if (remote || local) && !url.contains(char::is_control) {
        url
    } else {
        "#"
    }
}

#[cfg(test)]
mod tests {
    use super::href;

    #[test]
    fn only_harmless_addresses_are_linked() {
        for good in [
            "/",
            "/events/evt_1?x=1",
            "https://example.org/a",
            "HTTP://EXAMPLE.ORG",
            "mailto:a@b.c",
        ] {
            assert_eq!(href(good), good);
        }
        let bad = [
            "",
            "javascript:alert(1)",
            "//evil.example",
            "data:text/html,x",
            "/\\evil.example",
            "x",
            "/a\nb",
            "ü/ä",
        ];
        for bad in bad {
            assert_eq!(href(bad), "#", "{bad}");
        }
    }
}

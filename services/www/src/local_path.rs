use url::{Url, form_urlencoded};

/// As long as auth accepts with a login link; longer ones do not come from our own pages.
const LENGTH_MAX: usize = 4_000;

/// A path of this node, with query: where somebody goes after signing in. It can never lead to another host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LocalPath(String);

impl LocalPath {
    /// The page that a person sees after signing in without having wanted anything else.
    pub(crate) fn home() -> Self {
        Self("/me".to_owned())
    }

    /// Reads a path that came from outside.
    ///
    /// Browsers treat a backslash as a slash and drop tabs and line ends, so none of these may be there. A path that
    /// becomes `//host` once its dots are resolved is refused as well.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        if !plain || text.len() > LENGTH_MAX || !text.starts_with('/') || text.starts_with("//") {
            return None;
        }
        let base = Url::parse("https://node.invalid/").ok()?;
        let resolved = base.join(text).ok()?;
        let stays = resolved.origin() == base.origin() && !resolved.path().starts_with("//");
        stays.then(|| Self(text.to_owned()))
    }

    /// A path from a `next` that may be missing or wrong.
    pub(crate) fn parse_or_home(text: Option<&str>) -> Self {
        text.and_then(Self::parse).unwrap_or_else(Self::home)
    }

    /// The text, to be written into a page.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The address of the sign-in page that leads back here.
    pub(crate) fn login_url(&self) -> String {
        let next: String = form_urlencoded::byte_serialize(self.0.as_bytes()).collect();
        format!("/login?next={next}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_this_node_are_kept_as_they_are() {
        for good in [
            "/",
            "/me",
            "/events/evt_1?tier=2&x=%2F",
            "/a/../b",
            "/%2f%2fevil.example",
            "/x#y",
        ] {
            assert_eq!(LocalPath::parse(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn nothing_leads_off_the_node() {
        let bad = [
            "",
            "me",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/\n/evil.example",
            " //evil.example",
            "/..//evil.example",
            "/.//evil.example",
            "/%2e%2e//evil.example",
            "/x/..//evil.example",
            "/ü",
        ];
        for bad in bad {
            assert_eq!(LocalPath::parse(bad), None, "{bad:?}");
            assert_eq!(LocalPath::parse_or_home(Some(bad)).as_str(), "/me");
        }
        assert_eq!(LocalPath::parse(&format!("/{}", "a".repeat(LENGTH_MAX))), None);
    }

    #[test]
    fn the_way_to_the_sign_in_page_is_encoded() {
        let path = LocalPath::parse("/events/evt_1?a=b&c=d").unwrap();
        assert_eq!(path.login_url(), "/login?next=%2Fevents%2Fevt_1%3Fa%3Db%26c%3Dd");
    }
}

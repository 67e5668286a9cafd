//! Which other pages a page leads to.

use std::convert::Infallible;

use html5gum::Tokenizer;
use html5gum::emitters::default::{DefaultEmitter, StartTag, Token};
use url::Url;

/// The longest address that is followed.
const URL_BYTES_MAX: usize = 2_048;
/// What is taken from one document at most.
const LINKS_MAX: usize = 5_000;

/// What a document leads to, on its own site.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Links {
    /// Pages, in their order; one may stand there twice.
    pub(super) pages: Vec<Url>,
    /// Other sitemaps.
    pub(super) sitemaps: Vec<Url>,
}

/// The links of an HTML page to pages of the same origin, without those that ask not to be followed.
pub(super) fn of_html(source: &str, page: &Url) -> Links {
    let mut links = Links::default();
    let (mut base, mut has_base) = (page.clone(), false);
    for token in tokens(source) {
        let Token::StartTag(tag) = token else { continue };
        match tag.name.0.as_slice() {
            // The first one counts.
            b"base" if !has_base => {
                let named = attribute(&tag, b"href").and_then(|text| page.join(text.trim()).ok());
                if let Some(named) = named {
                    (base, has_base) = (named, true);
                }
            }
            b"meta" if names(&tag, b"name", "robots") && names(&tag, b"content", "nofollow") => {
                return Links::default();
            }
            b"a" | b"area" if !names(&tag, b"rel", "nofollow") => {
                let target = attribute(&tag, b"href").and_then(|text| base.join(text.trim()).ok());
                push(&mut links.pages, target, page);
            }
            _ => {}
        }
    }
    links
}

/// The pages of a sitemap, or the sitemaps of an index of them (sitemaps.org, version 0.9).
pub(super) fn of_sitemap(source: &str, site: &Url) -> Links {
    let mut links = Links::default();
    let (mut is_index, mut is_location, mut text) = (false, false, Vec::new());
    for token in tokens(source) {
        match token {
            Token::StartTag(tag) => match tag.name.0.as_slice() {
                b"sitemapindex" => is_index = true,
                b"loc" => {
                    is_location = true;
                    text.clear();
                }
                _ => {}
            },
            Token::String(part) if is_location && text.len() <= URL_BYTES_MAX => text.extend_from_slice(&part.value.0),
            Token::EndTag(tag) if tag.name.0.as_slice() == b"loc" => {
                is_location = false;
                let target = std::str::from_utf8(&text).ok().map(str::trim);
                let target = target.and_then(|text| Url::parse(text).ok());
                let into = if is_index {
                    &mut links.sitemaps
                } else {
                    &mut links.pages
                };
                push(into, target, site);
            }
            _ => {}
        }
    }
    links
}

fn tokens(source: &str) -> impl Iterator<Item = Token> {
    let mut emitter = DefaultEmitter::default();
    // What stands in a script is no link.
    emitter.naively_switch_states(true);
    Tokenizer::new_with_emitter(source, emitter).map(|token: Result<_, Infallible>| {
        let Ok(token) = token;
        token
    })
}

fn attribute(tag: &StartTag<()>, name: &[u8]) -> Option<String> {
    let value = tag.attributes.get(name)?;
    Some(String::from_utf8_lossy(&value.value.0).into_owned())
}

/// Whether a word is among those of an attribute.
fn names(tag: &StartTag<()>, name: &[u8], word: &str) -> bool {
    let text = attribute(tag, name).unwrap_or_default();
    let mut words = text.split([' ', ',', '\t', '\n']);
    words.any(|one| one.eq_ignore_ascii_case(word))
}

fn push(into: &mut Vec<Url>, target: Option<Url>, site: &Url) {
    let Some(mut target) = target.filter(|target| target.origin() == site.origin()) else {
        return;
    };
    target.set_fragment(None);
    if target.query() == Some("") {
        target.set_query(None);
    }
    let has_no_user = target.username().is_empty() && target.password().is_none();
    if has_no_user && target.as_str().len() <= URL_BYTES_MAX && into.len() < LINKS_MAX {
        into.push(target);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Url {
        Url::parse("https://site.example/posts/1?x=1").unwrap()
    }

    fn texts(urls: &[Url]) -> Vec<&str> {
        urls.iter().map(Url::as_str).collect()
    }

    #[test]
    fn links_of_the_same_site_are_followed_and_no_others() {
        let html = "<a href=2>two</a> <a href='/a?b=1&amp;c=2#part'>a</a> <a href=3?>three</a>\
                    <a href=https://other.example/>no</a> <a href=mailto:x@site.example>no</a> <a rel='NoFollow ugc' href=/secret>no</a>\
                    <script>'<a href=/script>'</script> <a href=http://site.example/>another origin</a>\
                    <a href=https://user@site.example/x>no</a> <area href=//site.example/area> <a>none</a>";
        let found = of_html(html, &page());
        assert_eq!(
            texts(&found.pages),
            [
                "https://site.example/posts/2",
                "https://site.example/a?b=1&c=2",
                "https://site.example/posts/3",
                "https://site.example/area"
            ]
        );
    }

    #[test]
    fn a_base_moves_links_and_a_page_may_ask_that_none_is_followed() {
        let html = "<base href=/deep/er/><base href=/other/><a href=x>x</a>";
        assert_eq!(texts(&of_html(html, &page()).pages), ["https://site.example/deep/er/x"]);
        let html = "<meta name=robots content='noindex, nofollow'><a href=x>x</a>";
        assert_eq!(of_html(html, &page()), Links::default());
        let far = "<base href=https://other.example/><a href=x>x</a>";
        assert_eq!(of_html(far, &page()), Links::default());
    }

    #[test]
    fn a_sitemap_has_pages_and_an_index_has_sitemaps() {
        let map = "<?xml version=\"1.0\"?><urlset xmlns=\"x\"><url><loc> https://site.example/a?b=1&amp;c=2 </loc>\
                   <lastmod>2026-01-01</lastmod></url><url><loc>https://other.example/</loc></url>\
                   <url><loc>no address</loc></url></urlset>";
        assert_eq!(
            texts(&of_sitemap(map, &page()).pages),
            ["https://site.example/a?b=1&c=2"]
        );
        let index = "<sitemapindex><sitemap><loc>https://site.example/s1.xml</loc></sitemap></sitemapindex>";
        let found = of_sitemap(index, &page());
        assert_eq!(
            (found.pages.len(), texts(&found.sitemaps)),
            (0, vec!["https://site.example/s1.xml"])
        );
    }

    #[test]
    fn a_flood_of_links_is_cut() {
        let many = "<a href=x></a>".repeat(LINKS_MAX + 10);
        assert_eq!(of_html(&many, &page()).pages.len(), LINKS_MAX);
        let long = format!("<a href=/{}></a>", "x".repeat(URL_BYTES_MAX));
        assert!(of_html(&long, &page()).pages.is_empty());
    }
}

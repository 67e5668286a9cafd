//! The text of articles, made safe for a page of this node.

use std::collections::HashSet;

use ammonia::{Builder, UrlRelative};
use imajin_publisher_api::ContentFormat;
use pulldown_cmark::{Event, Options, Parser, html};

use super::flat::flattened;

/// HTML of an article: no script, no style, no form, no frame, nothing from another host but links. It is at most some
/// times as long as the text, whatever the text is.
pub(crate) fn article_html(format: ContentFormat, text: &str) -> String {
    match format {
        ContentFormat::Markdown | ContentFormat::File => safe(&markdown_html(body_of(text))),
        ContentFormat::Html => safe(text),
    }
}

fn markdown_html(text: &str) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_FOOTNOTES;
    let mut written = String::with_capacity(text.len().saturating_mul(3) / 2);
    // Whoever writes Markdown writes Markdown: HTML in it would be a second language to be careful with.
    let events = Parser::new_ext(text, options).filter(|event| !matches!(event, Event::Html(_) | Event::InlineHtml(_)));
    html::push_html(&mut written, events);
    written
}

/// Markdown without its front matter: a manifest may be in there, and nobody reads it as text.
fn body_of(text: &str) -> &str {
    let Some(rest) = text.strip_prefix("---\n") else {
        return text;
    };
    rest.split_once("\n---\n").map_or(text, |(_head, body)| body)
}

/// What is safe of a stranger's HTML. A picture is shown from this node only: another host would learn who reads.
fn safe(html: &str) -> String {
    let mut builder = Builder::default();
    builder
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        .url_relative(UrlRelative::PassThrough)
        .link_rel(Some("noopener noreferrer nofollow"))
        .rm_tags(["img", "map", "area"])
        .rm_generic_attributes(["style", "class", "id"]);
    builder.clean(&flattened(html)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_or_calls_home_is_left_out() {
        for hostile in [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "<svg onload=alert(1)><script>1</script></svg>",
            "<a href=\"javascript:alert(1)\">x</a>",
            "<a href=\"data:text/html,<script>1</script>\">x</a>",
            "<iframe src=https://elsewhere.example></iframe>",
            "<form action=/pay/api/settle><input></form>",
            "<style>@import url(https://elsewhere.example)</style>",
            "<p style=\"background:url(https://elsewhere.example)\" onclick=x()>y</p>",
            "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
            "<meta http-equiv=refresh content=\"0;url=https://elsewhere.example\">",
            "<base href=https://elsewhere.example>",
        ] {
            for format in [ContentFormat::Html, ContentFormat::Markdown] {
                let html = article_html(format, hostile).to_lowercase();
                for word in [
                    "<script",
                    "onerror=",
                    "onload=",
                    "onclick=",
                    "javascript:",
                    "data:",
                    "<iframe",
                    "<form",
                    "<style",
                    "<meta",
                    "<base",
                    "<img",
                    "<svg",
                    "url(",
                    "<input",
                ] {
                    assert!(!html.contains(word), "{hostile} gave {html}");
                }
            }
        }
    }

    #[test]
    fn markdown_becomes_html_and_its_front_matter_is_no_text() {
        let text = "---\nfair: {}\n---\n# Strings\n\n*Gut*, [more](https://ada.example/)\n\n| a |\n|---|\n| 1 |\n";
        let html = article_html(ContentFormat::Markdown, text);
        assert!(html.starts_with("<h1>Strings</h1>"), "{html}");
        assert!(html.contains("<em>Gut</em>") && html.contains("<td>1</td>"), "{html}");
        assert!(html.contains("rel=\"noopener noreferrer nofollow\""), "{html}");
        assert!(!html.contains("fair"), "{html}");
    }

    #[test]
    fn a_short_text_never_becomes_a_long_page() {
        let many = |tag: &dyn Fn(usize) -> String, count: usize, then: &str| {
            let tags: String = (0..count).map(tag).collect();
            format!("<p>{tags}{}", then.repeat(4_000))
        };
        for hostile in [
            // Each paragraph would have all of them again.
            many(&|number| format!("<b a{number}>"), 1_600, "<p>x"),
            many(
                &|number| format!("<a href=\"{}{number}\">", "x".repeat(8_000)),
                1,
                "<p>x",
            ),
            many(&|number| format!("<font a{number}><table><td></font>"), 500, "<p>x"),
            "<div>".repeat(100_000),
            "<b><table><tr><td></b>".repeat(5_000),
            "> ".repeat(10_000),
            "*a **b ".repeat(3_000),
        ] {
            for format in [ContentFormat::Html, ContentFormat::Markdown] {
                let html = article_html(format, &hostile);
                let most = hostile.len().saturating_mul(8);
                assert!(html.len() <= most, "{} of {}", html.len(), hostile.len());
            }
        }
    }

    #[test]
    fn html_that_is_written_well_stays_as_it_is() {
        for text in [
            "<h2>Strings</h2><p>Gut, <b>or <i>nylon</i></b> &amp; <em>steel</em>.<br>More.</p>",
            "<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>",
            "<table><tbody><tr><td colspan=\"2\">a</td></tr></tbody></table>",
            "<blockquote><p>1 &lt; 2</p></blockquote><pre><code>x</code></pre>",
        ] {
            assert_eq!(article_html(ContentFormat::Html, text), text);
        }
        let html = article_html(
            ContentFormat::Html,
            "<p>Read <a href=\"https://ada.example/?a=1&amp;b\">on</a><p>Two",
        );
        assert!(html.contains("href=\"https://ada.example/?a=1&amp;b\""), "{html}");
        assert!(html.ends_with("<p>Two</p>"), "{html}");
    }
}

//! The text of articles, made safe for a page of this node.

use std::collections::HashSet;

use ammonia::{Builder, UrlRelative};
use imajin_publisher_api::ContentFormat;
use pulldown_cmark::{Options, Parser, html};

/// HTML of an article: no script, no style, no form, no frame, nothing from another host but links.
pub(crate) fn article_html(format: ContentFormat, text: &str) -> String {
    match format {
        ContentFormat::Markdown | ContentFormat::File => safe(&markdown_html(body_of(text))),
        ContentFormat::Html => safe(text),
    }
}

fn markdown_html(text: &str) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_FOOTNOTES;
    let mut written = String::with_capacity(text.len().saturating_mul(3) / 2);
    html::push_html(&mut written, Parser::new_ext(text, options));
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
    builder.clean(html).to_string()
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
}

use imajin_engine::{
    DOCUMENT_BYTES_MAX, Document, DocumentError, DocumentId, MediaType, PASSAGE_BYTES_MAX, Passage, passages, terms,
};
use imajin_kernel::Code;
use proptest::prelude::*;

use crate::{config, plain};

fn texts(media_type: MediaType, source: &str) -> Vec<String> {
    let found = passages(&Document::new(media_type, source.as_bytes()).unwrap());
    found.into_iter().map(|passage| passage.text).collect()
}

/// The words of a passage and those of the bytes that it quotes.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn quoted<'a>(source: &'a str, passage: &Passage) -> &'a str {
    source.get(passage.source.clone()).unwrap()
}

#[test]
fn plain_text_is_cut_at_its_paragraphs() {
    let long = "One sentence of some length follows another. ".repeat(8);
    let source = format!("{long}\n\n  {long}\r\n\r\nshort");
    let found = passages(&plain(&source));
    assert_eq!(found.len(), 3);
    for passage in &found {
        assert_eq!(words(quoted(&source, passage)), words(&passage.text));
    }
    assert_eq!(found[2].text, "short");
    assert_eq!(quoted(&source, &found[2]), "short");
}

#[test]
fn markdown_is_what_a_reader_sees() {
    let source = "---\ntitle: hidden\n---\n# Holds\n\nA *hold* is **money**\nthat [waits](https://node.example/secret).\n\n\
        - one\n- two\n\n| a | b |\n|---|---|\n| c | d |\n\n`code` &amp; more\n\n\
        # Captures\n\nThey take it.\n\n<b>html</b>\n";
    let found = texts(MediaType::Markdown, source);
    assert_eq!(
        found,
        [
            "Holds\nA hold is money that waits.\none\ntwo\na b\nc d\ncode & more",
            "Captures\nThey take it.\nhtml",
        ]
    );
}

#[test]
fn html_is_what_a_reader_sees() {
    let source = "<!doctype html><html><head><title>T</title><style>p{}</style></head><body>\
        <h1>Holds</h1><p>A <b>ho</b>ld is<br>money that&nbsp;waits &lt;here&gt;.</p>\
        <script>if (a < b) { steal() }</script><ul><li>one<li>two</ul>\
        <svg><text>drawn</text></svg><table><tr><td>a</td><td>b</td></tr></table>\
        <!-- not --><h2>Captures</h2>take</body>";
    let found = texts(MediaType::Html, source);
    assert_eq!(
        found,
        [
            "Holds\nA hold is money that waits <here>.\none\ntwo\na b",
            "Captures\ntake"
        ]
    );
}

#[test]
fn html_that_is_never_closed_is_read_too() {
    assert_eq!(
        texts(MediaType::Html, "<head><title>x<body><p>seen"),
        Vec::<String>::new(),
        "a title hides all"
    );
    assert_eq!(
        texts(MediaType::Html, "<head><meta charset=utf-8><body><p>seen"),
        ["seen"]
    );
    assert_eq!(texts(MediaType::Html, "<script>hidden"), Vec::<String>::new());
    assert_eq!(texts(MediaType::Html, "</p></p>a<p<b>c"), ["a\nc"]);
}

#[test]
fn a_quotation_stands_exactly_where_it_says() {
    let markdown = "# A title\n\nSome *emphasised* words, then `code`.";
    let found = passages(&Document::new(MediaType::Markdown, markdown.as_bytes()).unwrap());
    assert_eq!(
        quoted(markdown, &found[0]),
        "A title\n\nSome *emphasised* words, then `code`."
    );
    let html = "<div><p>Caf\u{e9} &amp; <em>bar</em></p></div>";
    let found = passages(&Document::new(MediaType::Html, html.as_bytes()).unwrap());
    assert_eq!(
        (quoted(html, &found[0]), found[0].text.as_str()),
        ("Caf\u{e9} &amp; <em>bar", "Caf\u{e9} & bar")
    );
}

#[test]
fn documents_beyond_the_limits_are_refused() {
    let large = vec![b'a'; DOCUMENT_BYTES_MAX + 1];
    let refused = Document::new(MediaType::Text, &large).unwrap_err();
    assert_eq!((refused, refused.code()), (DocumentError::TooLarge, Code::BodyTooLarge));
    assert_eq!(Document::new(MediaType::Text, b"\xff"), Err(DocumentError::NotUtf8));
    assert_eq!("image/png".parse::<MediaType>(), Err(DocumentError::MediaType));
    assert_eq!("Text/HTML; charset=utf-8".parse::<MediaType>(), Ok(MediaType::Html));
    for name in ["", "a b", "é", &"x".repeat(129)] {
        assert_eq!(name.parse::<DocumentId>(), Err(DocumentError::Name));
    }
}

#[test]
fn a_text_without_white_space_is_cut_too() {
    let source = "x".repeat(10_000);
    let found = passages(&plain(&source));
    assert!(
        found
            .iter()
            .all(|passage| passage.text.len() <= PASSAGE_BYTES_MAX + 300)
    );
    let whole: String = found.iter().map(|passage| passage.text.as_str()).collect();
    assert_eq!(whole, source);
}

#[test]
fn terms_are_words_in_lower_case_without_their_plural() {
    let found: Vec<String> = terms("The QUESTIONS, caf\u{c9}s & classes: bus 42 \u{6771}\u{4eac}!").collect();
    assert_eq!(
        found,
        [
            "the",
            "question",
            "caf\u{e9}",
            "classe",
            "bus",
            "42",
            "\u{6771}",
            "\u{4eac}"
        ]
    );
    assert_eq!(terms(&"x".repeat(100)).count(), 0);
}

fn any_source() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "word ",
        "Another. ",
        "\n\n",
        "\n",
        "# Title\n",
        "*em* ",
        "`c` ",
        "<p>",
        "</p>",
        "<b>x</b>",
        "<script>",
        "</script>",
        "&amp; ",
        "é",
        "\u{6771}",
        "- ",
        "> ",
        "|",
        "<!--",
        "-->",
        "<",
        "\u{a0}",
        "\r\n",
        "[a](b) ",
        "---\n",
    ]);
    prop::collection::vec(piece, 0..80).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn passages_are_in_order_within_the_document_and_quote_its_words(source in any_source()) {
        for media_type in [MediaType::Text, MediaType::Markdown, MediaType::Html] {
            let found = passages(&Document::new(media_type, source.as_bytes()).unwrap());
            let mut end = 0;
            for passage in &found {
                prop_assert!(passage.source.start >= end && passage.source.end <= source.len(), "{:?}", passage);
                prop_assert!(source.get(passage.source.clone()).is_some(), "not between characters");
                prop_assert!(!passage.text.is_empty());
                end = passage.source.end;
                if media_type == MediaType::Text {
                    prop_assert_eq!(words(quoted(&source, passage)), words(&passage.text));
                }
            }
            if media_type == MediaType::Text {
                let all: Vec<String> = found.iter().map(|passage| words(&passage.text)).collect();
                prop_assert_eq!(all.join(" "), words(&source), "nothing is left out");
            }
        }
    }
}

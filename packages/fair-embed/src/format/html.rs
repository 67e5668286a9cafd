//! HTML: a script element of type `application/fair+json` at the end of the head, or of the file.

use crate::bytes::{after_space, byte_order_mark, find, find_ignoring_case, long, stands_at, stands_at_ignoring_case};
use crate::container::{Block, Container};
use crate::envelope::{MARK, MEDIA_TYPE, text_between};
use crate::error::Fault;
use crate::layout::{Edit, Layout};
use crate::limits::{BLOCK_BYTES_MAX, OPENING_BYTES_MAX};
use crate::name::Name;
use crate::scan;
use crate::source::Source;

/// Elements whose content is no markup (WHATWG HTML, section 13.2.5: raw text and escapable raw text).
const RAW_TEXT: [&[u8]; 9] = [
    b"script",
    b"style",
    b"title",
    b"textarea",
    b"noscript",
    b"xmp",
    b"iframe",
    b"noembed",
    b"noframes",
];

#[derive(Debug)]
pub(crate) struct Html;

fn around() -> (String, String) {
    (
        format!("<script type=\"{MEDIA_TYPE}\" id=\"fair-{MARK}\">"),
        format!("</script><!--{MARK}-->"),
    )
}

/// Where `</head` begins, if the head ends in so many words before the body begins.
fn head_end(bytes: &[u8]) -> Option<usize> {
    let mut at = find(bytes, b"<", 0)?;
    loop {
        let next = if stands_at(bytes, at, b"<!--") {
            find(bytes, b"-->", at + 4)?
        } else if stands_at(bytes, at, b"</") {
            if name_at(bytes, at + 2).eq_ignore_ascii_case(b"head") {
                return Some(at);
            }
            find(bytes, b">", at)?
        } else if stands_at(bytes, at, b"<!") || stands_at(bytes, at, b"<?") {
            find(bytes, b">", at)?
        } else {
            let name = name_at(bytes, at + 1);
            if name.eq_ignore_ascii_case(b"body") {
                return None;
            }
            let end = if name.is_empty() {
                at + 1
            } else {
                tag_end(bytes, at + 1 + name.len())?
            };
            match RAW_TEXT.iter().find(|raw| raw.eq_ignore_ascii_case(name)) {
                Some(raw) => find_ignoring_case(bytes, &[b"</", *raw].concat(), end)?,
                None => end,
            }
        };
        at = find(bytes, b"<", next)?;
    }
}

/// The letters and digits at a place.
fn name_at(bytes: &[u8], at: usize) -> &[u8] {
    let rest = bytes.get(at..).unwrap_or_default();
    let length = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    rest.get(..length).unwrap_or_default()
}

/// Behind the `>` of a start tag, which may have other ones in its attributes.
fn tag_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        match *bytes.get(at)? {
            quote @ (b'"' | b'\'') => at = find(bytes, &[quote], at + 1)?,
            b'>' => return Some(at + 1),
            _ => {}
        }
        at += 1;
    }
}

impl Container for Html {
    fn detect(&self, head: &[u8], name: &Name) -> bool {
        let start = after_space(head, byte_order_mark(head));
        let says_so = stands_at(head, start, b"<") && find_ignoring_case(head, b"<html", start).is_some();
        let is_declared = stands_at_ignoring_case(head, start, b"<!doctype html");
        // Two bytes a character: nothing that is put in would be read.
        let is_wide = head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") || head.contains(&0);
        !is_wide && (says_so || is_declared || name.ends_in(&["html", "htm", "xhtml"]))
    }

    fn locate(&self, file: &mut Source<'_>) -> Result<Option<Block>, Fault> {
        let (start, end) = around();
        let Some(at) = scan::position(file, start.as_bytes(), 0)? else {
            return Ok(None);
        };
        if scan::position(file, start.as_bytes(), at + 1)?.is_some() {
            return Err(Fault::damaged("it is there twice"));
        }
        let bytes = file.bytes_up_to(at, BLOCK_BYTES_MAX)?;
        let text = text_between(&bytes, start.as_bytes(), end.as_bytes())?;
        let behind = at + long(start.len() + text.len() + end.len());
        let original = Layout::edited(file.length(), vec![Edit::delete(at..behind)])?;
        Ok(Some(Block { text, original }))
    }

    fn embed(&self, file: &mut Source<'_>, text: &str) -> Result<Layout, Fault> {
        let opening = file.bytes_up_to(0, OPENING_BYTES_MAX)?;
        let at = head_end(&opening).map_or(file.length(), long);
        let (start, end) = around();
        let block = format!("{start}{text}{end}");
        Layout::edited(file.length(), vec![Edit::insert(at, block)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_ends_where_a_browser_says_so() {
        for (page, before) in [
            ("<!doctype html><head><title></head></title></HEAD ><body>", "</title>"),
            ("<html><!-- </head> --><head a='</head>'></head>", "'>"),
            ("<head><script>\"</head>\"</SCRIPT></head>", "</SCRIPT>"),
        ] {
            let at = head_end(page.as_bytes()).unwrap();
            assert!(page.get(..at).unwrap().ends_with(before), "{page}");
        }
        for page in [
            "",
            "<",
            "<p>1 < 2",
            "<body></head>",
            "<head><title></head>",
            "<!-- </head>",
            "<a b='</head>",
        ] {
            assert_eq!(head_end(page.as_bytes()), None, "{page}");
        }
    }
}

//! SVG: a `metadata` element as the first child of the root.

use crate::bytes::{after_space, byte_order_mark, find, long, stands_at};
use crate::container::{Block, Container};
use crate::envelope::{MARK, text_between};
use crate::error::Fault;
use crate::layout::{Edit, Layout};
use crate::limits::{BLOCK_BYTES_MAX, OPENING_BYTES_MAX};
use crate::name::Name;
use crate::source::Source;

#[derive(Debug)]
pub(crate) struct Svg;

/// The root's start tag: where it ends, and the prefix of its name with the colon.
#[derive(Debug, PartialEq, Eq)]
struct Root {
    end: usize,
    prefix: String,
}

/// The strings around the text. The namespace is the mark; the comment repeats it.
fn around(prefix: &str) -> (String, String) {
    (
        format!("<{prefix}metadata><fair:manifest xmlns:fair=\"urn:uuid:{MARK}\">"),
        format!("</fair:manifest></{prefix}metadata><!--{MARK}-->"),
    )
}

fn root(file: &mut Source<'_>) -> Result<Root, Fault> {
    let opening = file.bytes_up_to(0, OPENING_BYTES_MAX)?;
    let mut at = byte_order_mark(&opening);
    loop {
        at = after_space(&opening, at);
        let end = if stands_at(&opening, at, b"<?") {
            find(&opening, b"?>", at).map(|found| found + 2)
        } else if stands_at(&opening, at, b"<!--") {
            find(&opening, b"-->", at + 4).map(|found| found + 3)
        } else if stands_at(&opening, at, b"<!") {
            declaration_end(&opening, at)
        } else if stands_at(&opening, at, b"<") {
            return root_at(&opening, at);
        } else {
            None
        };
        at = end.ok_or_else(|| Fault::malformed("its root element is not found"))?;
    }
}

/// Where a document type declaration ends: behind its internal subset, its literals and its comments.
fn declaration_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 2;
    let mut in_subset = false;
    loop {
        at = match *bytes.get(at)? {
            quote @ (b'"' | b'\'') => find(bytes, &[quote], at + 1)? + 1,
            b'<' if stands_at(bytes, at, b"<!--") => find(bytes, b"-->", at + 4)? + 3,
            b'[' => {
                in_subset = true;
                at + 1
            }
            b']' => {
                in_subset = false;
                at + 1
            }
            b'>' if !in_subset => return Some(at + 1),
            _ => at + 1,
        };
    }
}

fn root_at(bytes: &[u8], start: usize) -> Result<Root, Fault> {
    let name: Vec<u8> = bytes
        .iter()
        .skip(start + 1)
        .copied()
        .take_while(|byte| !byte.is_ascii_whitespace() && !matches!(byte, b'/' | b'>'))
        .take(64)
        .collect();
    let prefix = name
        .strip_suffix(b"svg")
        .and_then(|prefix| String::from_utf8(prefix.to_vec()).ok());
    let prefix = prefix.filter(|prefix| {
        let letters = prefix.strip_suffix(':').unwrap_or(prefix);
        let plain = letters
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        plain && (prefix.is_empty() || (prefix.ends_with(':') && !letters.is_empty()))
    });
    let prefix = prefix.ok_or_else(|| Fault::unsuitable("the root of this file is no svg element"))?;
    let mut at = start + 1 + name.len();
    let mut before = b' ';
    loop {
        match bytes.get(at) {
            None => return Err(Fault::malformed("its root element does not end")),
            Some(quote @ (b'"' | b'\'')) => {
                let end = find(bytes, &[*quote], at + 1);
                at = end.ok_or_else(|| Fault::malformed("an attribute of its root does not end"))?;
                before = *quote;
            }
            Some(b'>') if before == b'/' => {
                return Err(Fault::unsuitable(
                    "the svg element of this file is empty and has no room",
                ));
            }
            Some(b'>') => return Ok(Root { end: at + 1, prefix }),
            Some(byte) => before = *byte,
        }
        at += 1;
    }
}

impl Container for Svg {
    fn detect(&self, head: &[u8], name: &Name) -> bool {
        let start = after_space(head, byte_order_mark(head));
        let is_markup = stands_at(head, start, b"<");
        let says_so = find(head, b"<svg", 0).is_some() && find(head, b"<html", 0).is_none();
        is_markup && (name.ends_in(&["svg"]) || (says_so && !name.ends_in(&["html", "htm", "xhtml"])))
    }

    fn locate(&self, file: &mut Source<'_>) -> Result<Option<Block>, Fault> {
        let root = root(file)?;
        let (start, end) = around(&root.prefix);
        let bytes = file.bytes_up_to(long(root.end), BLOCK_BYTES_MAX)?;
        if !bytes.starts_with(start.as_bytes()) {
            return Ok(None);
        }
        let text = text_between(&bytes, start.as_bytes(), end.as_bytes())?;
        let at = long(root.end);
        let behind = at + long(start.len() + text.len() + end.len());
        let original = Layout::edited(file.length(), vec![Edit::delete(at..behind)])?;
        Ok(Some(Block { text, original }))
    }

    fn embed(&self, file: &mut Source<'_>, text: &str) -> Result<Layout, Fault> {
        let root = root(file)?;
        let (start, end) = around(&root.prefix);
        let block = format!("{start}{text}{end}");
        Layout::edited(file.length(), vec![Edit::insert(long(root.end), block)])
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn root_of(text: &str) -> Result<Root, Fault> {
        let mut cursor = Cursor::new(text.as_bytes());
        root(&mut Source::new(&mut cursor).unwrap())
    }

    #[test]
    fn the_root_is_found_behind_a_prolog_that_talks_of_svg() {
        let prolog = "\u{feff}<?xml version='1.0'?>\n<!-- <svg> -->\n<!DOCTYPE svg [<!ENTITY a \"]><svg>\"><!--'-->]>";
        let text = format!("{prolog}<s:svg a=\">\" b='/'>x</s:svg>");
        let root = root_of(&text).unwrap();
        assert_eq!(
            (root.prefix.as_str(), text.get(root.end..).unwrap()),
            ("s:", "x</s:svg>")
        );
    }

    #[test]
    fn what_has_no_root_with_room_is_refused() {
        for text in [
            "",
            "<",
            "<svg",
            "<svg/>",
            "<svg a='/>",
            "<html>",
            "<!-- ",
            "<!DOCTYPE [",
            "<?",
            "svg",
            "<:svg>",
        ] {
            assert!(root_of(text).is_err(), "{text}");
        }
    }
}

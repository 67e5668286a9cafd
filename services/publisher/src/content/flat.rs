//! HTML of strangers, written anew so that whoever parses it needs no more memory than some times its length.
//!
//! A parser of HTML begins formatting that was not ended again in each block that follows, and looks through all open
//! elements for many a tag: a few kilobytes can cost it gigabytes. Here formatting ends with its block, and what is
//! nested too deep loses its tags. What is safe is not decided here.

use std::collections::HashMap;

use html5gum::{HtmlString, StartTag, Token, Tokenizer};

/// Open blocks, as far as they can be counted from outside, and open elements of one line. What is nested deeper loses
/// its tags.
const BLOCKS_MAX: usize = 256;
const LINE_MAX: usize = 64;

/// Elements whose content is nothing to read.
const LEFT_OUT: [&[u8]; 16] = [
    b"script",
    b"style",
    b"svg",
    b"math",
    b"title",
    b"textarea",
    b"iframe",
    b"noembed",
    b"noframes",
    b"noscript",
    b"xmp",
    b"plaintext",
    b"template",
    b"select",
    b"object",
    b"frameset",
];
/// What stands within a line.
const LINE: [&[u8]; 31] = [
    b"a", b"abbr", b"acronym", b"b", b"bdi", b"bdo", b"cite", b"code", b"data", b"del", b"dfn", b"em", b"i", b"ins",
    b"kbd", b"mark", b"q", b"rp", b"rt", b"ruby", b"s", b"samp", b"small", b"span", b"strike", b"strong", b"sub",
    b"sup", b"time", b"tt", b"u",
];
const BLOCKS: [&[u8]; 36] = [
    b"article",
    b"aside",
    b"blockquote",
    b"caption",
    b"center",
    b"colgroup",
    b"dd",
    b"details",
    b"div",
    b"dl",
    b"dt",
    b"figcaption",
    b"figure",
    b"footer",
    b"h1",
    b"h2",
    b"h3",
    b"h4",
    b"h5",
    b"h6",
    b"header",
    b"li",
    b"nav",
    b"ol",
    b"p",
    b"pre",
    b"section",
    b"summary",
    b"table",
    b"tbody",
    b"td",
    b"tfoot",
    b"th",
    b"thead",
    b"tr",
    b"ul",
];
/// Elements without content.
const VOID: [&[u8]; 4] = [b"br", b"col", b"hr", b"wbr"];
/// Blocks that the next one of their kind ends, if nothing else does: they are no deeper for being many.
const ENDED_BY_OTHERS: [&[u8]; 11] = [
    b"colgroup",
    b"dd",
    b"dt",
    b"li",
    b"p",
    b"tbody",
    b"td",
    b"tfoot",
    b"th",
    b"thead",
    b"tr",
];
/// An end tag within them does not end what was opened before them.
const WALLS: [&[u8]; 4] = [b"caption", b"table", b"td", b"th"];

/// What was written, and what is open there.
#[derive(Default)]
struct Flat {
    written: String,
    /// What is open in this line, the innermost last.
    line: Vec<Vec<u8>>,
    /// Blocks that an end tag here ends.
    blocks: HashMap<Vec<u8>, usize>,
    blocks_all: usize,
}

/// The same text with the same blocks.
pub(super) fn flattened(html: &str) -> String {
    let mut flat = Flat::default();
    // The element that is left out, and how many of its kind are open.
    let mut hidden: Option<(Vec<u8>, usize)> = None;
    for token in Tokenizer::new(html) {
        let Ok(token) = token;
        if let Some((name, depth)) = hidden {
            let depth = match &token {
                Token::StartTag(tag) if tag.name.0 == name && !tag.self_closing => depth.saturating_add(1),
                Token::EndTag(tag) if tag.name.0 == name => depth.saturating_sub(1),
                _ => depth,
            };
            hidden = (depth > 0).then_some((name, depth));
            continue;
        }
        match token {
            Token::StartTag(tag) if LEFT_OUT.contains(&tag.name.as_slice()) => {
                hidden = (!tag.self_closing).then_some((tag.name.0, 1));
            }
            Token::StartTag(tag) => flat.start(&tag),
            Token::EndTag(tag) => flat.end(&tag.name),
            Token::String(text) => flat.escaped(&text),
            Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
        }
    }
    flat.written
}

impl Flat {
    fn start(&mut self, tag: &StartTag<()>) {
        let name = tag.name.as_slice();
        if VOID.contains(&name) {
            return self.tag(tag);
        }
        if LINE.contains(&name) {
            if self.line.len() < LINE_MAX {
                self.line.push(name.to_vec());
                self.tag(tag);
            }
            return;
        }
        if !BLOCKS.contains(&name) {
            return;
        }
        self.line_end(0);
        if WALLS.contains(&name) {
            self.blocks.clear();
        }
        if !ENDED_BY_OTHERS.contains(&name) {
            if self.blocks_all >= BLOCKS_MAX {
                return;
            }
            self.blocks_all = self.blocks_all.saturating_add(1);
            let open = self.blocks.entry(name.to_vec()).or_default();
            *open = open.saturating_add(1);
        }
        self.tag(tag);
    }

    fn end(&mut self, name: &[u8]) {
        if LINE.contains(&name) {
            if let Some(place) = self.line.iter().rposition(|open| open == name) {
                self.line_end(place);
            }
        } else if BLOCKS.contains(&name) {
            self.line_end(0);
            if let Some(open) = self.blocks.get_mut(name).filter(|open| **open > 0) {
                *open = open.saturating_sub(1);
                self.blocks_all = self.blocks_all.saturating_sub(1);
            }
            self.end_tag(name);
        }
    }

    /// Ends what is open in this line from a place on.
    fn line_end(&mut self, place: usize) {
        for name in self.line.split_off(place).iter().rev() {
            self.end_tag(name);
        }
    }

    fn tag(&mut self, tag: &StartTag<()>) {
        self.written.push('<');
        self.escaped(&tag.name);
        for (name, value) in &tag.attributes {
            // Whatever has other letters is no attribute that anybody reads.
            if name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-') {
                self.written.push(' ');
                self.escaped(name);
                self.written.push_str("=\"");
                self.escaped(value);
                self.written.push('"');
            }
        }
        self.written.push('>');
    }

    fn end_tag(&mut self, name: &[u8]) {
        self.written.push_str("</");
        self.written.push_str(&String::from_utf8_lossy(name));
        self.written.push('>');
    }

    fn escaped(&mut self, text: &HtmlString) {
        for letter in String::from_utf8_lossy(text).chars() {
            match letter {
                '&' => self.written.push_str("&amp;"),
                '<' => self.written.push_str("&lt;"),
                '>' => self.written.push_str("&gt;"),
                '"' => self.written.push_str("&quot;"),
                letter => self.written.push(letter),
            }
        }
    }
}

use html5gum::emitters::default::{DefaultEmitter, Token};
use html5gum::{Span, Tokenizer};

use crate::passage::Cutter;

/// Elements whose text nobody reads.
const HIDDEN: [&[u8]; 8] = [
    b"script",
    b"style",
    b"template",
    b"noscript",
    b"head",
    b"svg",
    b"iframe",
    b"textarea",
];
/// Elements that stand within a line; every other one ends a paragraph.
const INLINE: [&[u8]; 25] = [
    b"a", b"abbr", b"b", b"bdi", b"bdo", b"cite", b"code", b"data", b"del", b"dfn", b"em", b"i", b"ins", b"kbd",
    b"mark", b"q", b"s", b"samp", b"small", b"span", b"strong", b"sub", b"sup", b"time", b"u",
];

/// HTML: what a reader would see, without scripts, styles and the head.
pub(super) fn extract(source: &str, cutter: &mut Cutter) {
    let mut emitter = DefaultEmitter::<usize>::new_with_span();
    emitter.naively_switch_states(true);
    // The hidden element that we are in, and how many of its kind are open.
    let mut hidden: Option<(Vec<u8>, usize)> = None;
    for token in Tokenizer::new_with_emitter(source, emitter) {
        let Ok(token) = token;
        if let Some((name, depth)) = hidden {
            hidden = still_hidden(&token, name, depth);
            continue;
        }
        match token {
            Token::StartTag(tag) => {
                let name = tag.name.0.as_slice();
                if HIDDEN.contains(&name) && !tag.self_closing {
                    cutter.paragraph_end();
                    hidden = Some((name.to_vec(), 1));
                } else if matches!(name, [b'h', b'1'..=b'6']) {
                    cutter.heading();
                } else {
                    boundary(name, cutter);
                }
            }
            Token::EndTag(tag) => boundary(&tag.name.0, cutter),
            Token::String(text) => run(source, &text.value.0, text.span, cutter),
            Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
        }
    }
}

/// The hidden element after a token within it.
fn still_hidden(token: &Token<usize>, name: Vec<u8>, depth: usize) -> Option<(Vec<u8>, usize)> {
    match token {
        Token::StartTag(tag) if tag.name.0 == name && !tag.self_closing => Some((name, depth.saturating_add(1))),
        // A head that is never closed ends where the body begins.
        Token::StartTag(tag) if name == b"head" && tag.name.0 == b"body" => None,
        Token::EndTag(tag) if tag.name.0 == name && depth <= 1 => None,
        Token::EndTag(tag) if tag.name.0 == name => Some((name, depth.saturating_sub(1))),
        _ => Some((name, depth)),
    }
}

/// Where a tag ends a word or a paragraph.
fn boundary(name: &[u8], cutter: &mut Cutter) {
    match name {
        b"br" | b"td" | b"th" | b"wbr" | b"img" | b"input" | b"button" => cutter.word_end(),
        name if INLINE.contains(&name) => {}
        _ => cutter.paragraph_end(),
    }
}

fn run(source: &str, text: &[u8], span: Span, cutter: &mut Cutter) {
    let text = String::from_utf8_lossy(text);
    let place = span.start..span.end;
    let is_verbatim = source.get(place.clone()) == Some(&*text);
    cutter.text(&text, &place, is_verbatim);
}

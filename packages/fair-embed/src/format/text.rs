//! Markdown and plain text: a line of the front matter, or front matter of its own where there is none.

use crate::bytes::{byte_order_mark, find, long, stands_at};
use crate::container::{Block, Container};
use crate::envelope::{MARK, text_between};
use crate::error::Fault;
use crate::layout::{Edit, Layout};
use crate::limits::{BLOCK_BYTES_MAX, OPENING_BYTES_MAX};
use crate::name::Name;
use crate::source::Source;

#[derive(Debug)]
pub(crate) struct Text;

/// Front matter as other programs read it.
#[derive(Debug, Clone, Copy)]
enum Syntax {
    /// Between lines of `---`.
    Yaml,
    /// Between lines of `+++`.
    Toml,
}

impl Syntax {
    const ALL: [Self; 2] = [Self::Yaml, Self::Toml];

    const fn fence(self) -> &'static str {
        match self {
            Self::Yaml => "---",
            Self::Toml => "+++",
        }
    }

    const fn assignment(self) -> &'static str {
        match self {
            Self::Yaml => "fair: ",
            Self::Toml => "fair = ",
        }
    }
}

/// The strings around the text. Both syntaxes know `#` for a comment and `'…'` for text as it is, and the text has no
/// `'` in it.
fn around(syntax: Syntax, line_end: &str) -> (String, String) {
    (
        format!("# {MARK}{line_end}{}'", syntax.assignment()),
        format!("' # {MARK}{line_end}"),
    )
}

/// The front matter at the beginning: where its first line ends, its syntax and its line ends.
fn front_matter(bytes: &[u8]) -> Option<(usize, Syntax, &'static str)> {
    let start = byte_order_mark(bytes);
    for syntax in Syntax::ALL {
        let fence = syntax.fence();
        for line_end in ["\n", "\r\n"] {
            let first = format!("{fence}{line_end}");
            if stands_at(bytes, start, first.as_bytes()) {
                let inside = start + first.len();
                // A line of dashes is a line of dashes until another one follows.
                let is_closed = stands_at(bytes, inside, fence.as_bytes())
                    || find(bytes, format!("\n{fence}").as_bytes(), inside).is_some();
                return is_closed.then_some((inside, syntax, line_end));
            }
        }
    }
    None
}

/// The strings around the text where the front matter came with the manifest.
fn own() -> (String, String) {
    let (start, end) = around(Syntax::Yaml, "\n");
    (format!("---\n#\n{start}"), format!("{end}---\n"))
}

impl Container for Text {
    fn detect(&self, head: &[u8], name: &Name) -> bool {
        let is_wide = head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") || head.contains(&0);
        let is_named = name.ends_in(&["md", "markdown", "mkd", "txt", "text"]);
        let is_front_matter = Syntax::ALL
            .iter()
            .any(|syntax| stands_at(head, byte_order_mark(head), syntax.fence().as_bytes()));
        !is_wide && (is_named || (is_front_matter && find(head, MARK.as_bytes(), 0).is_some()))
    }

    fn locate(&self, file: &mut Source<'_>) -> Result<Option<Block>, Fault> {
        let bytes = file.bytes_up_to(0, BLOCK_BYTES_MAX)?;
        let start = byte_order_mark(&bytes);
        let mut places = vec![(start, own())];
        for syntax in Syntax::ALL {
            for line_end in ["\n", "\r\n"] {
                let inside = start + syntax.fence().len() + line_end.len();
                places.push((inside, around(syntax, line_end)));
            }
        }
        let found = places
            .into_iter()
            .find(|(at, (start, _))| stands_at(&bytes, *at, start.as_bytes()));
        let Some((at, (start, end))) = found else {
            return Ok(None);
        };
        let rest = bytes.get(at..).unwrap_or_default();
        let text = text_between(rest, start.as_bytes(), end.as_bytes())?;
        let behind = long(at + start.len() + text.len() + end.len());
        let original = Layout::edited(file.length(), vec![Edit::delete(long(at)..behind)])?;
        Ok(Some(Block { text, original }))
    }

    fn embed(&self, file: &mut Source<'_>, text: &str) -> Result<Layout, Fault> {
        let opening = file.bytes_up_to(0, OPENING_BYTES_MAX)?;
        let (at, (start, end)) = match front_matter(&opening) {
            Some((inside, syntax, line_end)) => (inside, around(syntax, line_end)),
            None => (byte_order_mark(&opening), own()),
        };
        let block = format!("{start}{text}{end}");
        Layout::edited(file.length(), vec![Edit::insert(long(at), block)])
    }
}

//! PDF (ISO 32000): an incremental update that adds one object and changes none, as a program would save an edit.

use crate::bytes::{find, find_last, long, stands_at};
use crate::container::{Block, Container};
use crate::envelope::{MARK, plain_text};
use crate::error::Fault;
use crate::format::pdf_syntax::number;
use crate::format::pdf_update::LastSection;
use crate::layout::{Edit, Layout};
use crate::limits::BLOCK_BYTES_MAX;
use crate::name::Name;
use crate::source::Source;

const SIGNATURE: &[u8] = b"%PDF-";
/// How many digits the length of the update has in its last comment.
const DIGITS: usize = 12;
/// The last comment and the lines behind it, at most: 20 digits say where the section is.
const CLOSING_BYTES_MAX: usize = 128;

#[derive(Debug)]
pub(crate) struct Pdf;

/// The comment that begins an update.
fn note() -> String {
    format!("%{MARK}")
}

/// The comment that ends it: how many bytes from its beginning to the end of the file.
fn closing(others: usize) -> String {
    let own = note().len() + 1 + DIGITS + 1;
    format!("{} {:0DIGITS$}\n", note(), others + own)
}

/// How long the update at the end of these bytes is.
fn update_bytes(tail: &[u8]) -> Option<usize> {
    let at = find_last(tail, note().as_bytes())? + note().len();
    let rest = tail.get(at..)?.strip_prefix(b" ")?;
    let (digits, last) = rest.split_at_checked(DIGITS)?;
    let offset = last.strip_prefix(b"\nstartxref\n")?.strip_suffix(b"\n%%EOF\n")?;
    number(offset)?;
    usize::try_from(number(digits)?).ok()
}

impl Container for Pdf {
    fn detect(&self, head: &[u8], _name: &Name) -> bool {
        head.starts_with(SIGNATURE)
    }

    fn locate(&self, file: &mut Source<'_>) -> Result<Option<Block>, Fault> {
        let (_, tail) = file.tail(CLOSING_BYTES_MAX)?;
        let Some(length) = update_bytes(&tail) else {
            return Ok(None);
        };
        let start = file
            .length()
            .checked_sub(long(length))
            .filter(|_| length <= BLOCK_BYTES_MAX);
        let start = start.ok_or_else(|| Fault::damaged("its update has no length that a manifest can have"))?;
        let update = file.bytes(start, length)?;
        let opening = format!("\n{}\n", note());
        if !stands_at(&update, 0, opening.as_bytes()) {
            return Err(Fault::damaged("its update does not begin where it should"));
        }
        // The text is one line, so the first line end behind `stream` ends it.
        let stream = find(&update, b"\nstream\n", 0).map(|found| found + b"\nstream\n".len());
        let text = stream.and_then(|from| update.get(from..find(&update, b"\nendstream\n", from)?));
        let text = plain_text(text.ok_or_else(|| Fault::damaged("its stream is not found"))?)?;
        let original = Layout::edited(file.length(), vec![Edit::delete(start..file.length())])?;
        Ok(Some(Block { text, original }))
    }

    fn embed(&self, file: &mut Source<'_>, text: &str) -> Result<Layout, Fault> {
        let end = file.length();
        let update = LastSection::read(file)?.update(end, &note(), text, closing)?;
        Layout::edited(end, vec![Edit::insert(end, update)])
    }
}

//! Reading the last cross-reference section of a PDF and writing one more (ISO 32000-2, sections 7.5.4 to 7.5.8).

use crate::bytes::{find_last, long};
use crate::error::Fault;
use crate::format::pdf_syntax::{Dictionary, Lexer, is_space, number};
use crate::limits::{PDF_SECTIONS_MAX, PDF_TRAILER_BYTES_MAX};
use crate::source::Source;

/// How far before the end the last `startxref` stands at most.
const TAIL_BYTES: usize = 2_048;
/// A line of a table.
const LINE_BYTES: u64 = 20;
/// The highest number of an object that every reader takes (ISO 32000-1, annex C).
const OBJECT_NUMBER_MAX: u64 = 8_388_607;
/// What a table's lines can point to.
const TABLE_OFFSET_MAX: u64 = 9_999_999_999;

/// What an update must know of the file.
pub(crate) struct LastSection {
    /// Where it begins.
    at: u64,
    /// Whether it is a stream or a table; an update must be of the same kind.
    is_stream: bool,
    /// The first number that no object has.
    object_next: u64,
    /// The entries that each section repeats, as they are written.
    repeated: Vec<u8>,
}

impl LastSection {
    pub(crate) fn read(file: &mut Source<'_>) -> Result<Self, Fault> {
        let (_, tail) = file.tail(TAIL_BYTES)?;
        let missing = || Fault::malformed("its cross-reference table is not found");
        let found = find_last(&tail, b"startxref").ok_or_else(missing)?;
        let mut lexer = Lexer::new(tail.get(found..).unwrap_or_default());
        let at = lexer.word(b"startxref").and_then(|()| number(lexer.regular()?));
        let at = at.filter(|at| *at > 0 && *at < file.length()).ok_or_else(missing)?;
        let is_stream = !file.bytes_up_to(at, 4)?.starts_with(b"xref");
        let dictionary_at = if is_stream { at } else { table_end(file, at)? };
        let bytes = file.bytes_up_to(dictionary_at, PDF_TRAILER_BYTES_MAX)?;
        let mut lexer = Lexer::new(&bytes);
        let opened = if is_stream {
            object_opened(&mut lexer)
        } else {
            lexer.word(b"trailer")
        };
        let dictionary = opened.and_then(|()| lexer.dictionary());
        let dictionary = dictionary.ok_or_else(|| Fault::malformed("the dictionary at its end cannot be read"))?;
        if is_stream && dictionary.get(b"Type") != Some(b"/XRef") {
            return Err(missing());
        }
        Self::of(at, is_stream, &dictionary)
    }

    fn of(at: u64, is_stream: bool, dictionary: &Dictionary<'_>) -> Result<Self, Fault> {
        if dictionary.get(b"Encrypt").is_some() {
            return Err(Fault::unsuitable(
                "this PDF is encrypted, and what is added would have to be too",
            ));
        }
        let object_next = dictionary
            .number(b"Size")
            .filter(|size| (1..OBJECT_NUMBER_MAX).contains(size));
        let object_next = object_next.ok_or_else(|| Fault::malformed("it does not say how many objects it has"))?;
        if dictionary.get(b"Root").is_none() {
            return Err(Fault::malformed("it has no root"));
        }
        let mut repeated = Vec::new();
        for name in [b"Root".as_slice(), b"Info", b"ID"] {
            if let Some(value) = dictionary.get(name) {
                repeated.extend([b" /", name, b" ", value].concat());
            }
        }
        Ok(Self {
            at,
            is_stream,
            object_next,
            repeated,
        })
    }

    /// What to append at `end` so that the file has one more object with this stream in it, called `/Fair` at the end
    /// of the file. `note` stands in front of the object; `closing` in front of the last lines, given their length.
    pub(crate) fn update(
        &self,
        end: u64,
        note: &str,
        stream: &str,
        closing: impl Fn(usize) -> String,
    ) -> Result<Vec<u8>, Fault> {
        let object = self.object_next;
        let mut bytes = format!("\n{note}\n").into_bytes();
        let object_at = end + long(bytes.len());
        let length = stream.len();
        let header = format!("{object} 0 obj\n<< /Type /Fair /Subtype /application#2Ffair+json /Length {length} >>\n");
        bytes.extend(format!("{header}stream\n{stream}\nendstream\nendobj\n").into_bytes());
        let section_at = end + long(bytes.len());
        let prev = format!(" /Prev {} /Fair {object} 0 R", self.at);
        if self.is_stream {
            let own = object + 1;
            let start = format!(
                "{own} 0 obj\n<< /Type /XRef /Size {} /Index [{object} 2] /W [1 8 2]",
                own + 1
            );
            bytes.extend([start.as_bytes(), &self.repeated, prev.as_bytes()].concat());
            bytes.extend(b" /Length 22 >>\nstream\n");
            for at in [object_at, section_at] {
                bytes.extend([&[1], at.to_be_bytes().as_slice(), &[0, 0]].concat());
            }
            bytes.extend(b"\nendstream\nendobj\n");
        } else {
            if section_at > TABLE_OFFSET_MAX {
                return Err(Fault::unsuitable("this PDF is too long for its kind of table"));
            }
            let table = format!(
                "xref\n{object} 1\n{object_at:010} 00000 n \ntrailer\n<< /Size {}",
                object + 1
            );
            bytes.extend([table.as_bytes(), &self.repeated, prev.as_bytes(), b" >>\n"].concat());
        }
        let last = format!("startxref\n{section_at}\n%%EOF\n");
        let line = closing(bytes.len() + last.len());
        bytes.extend(format!("{line}{last}").into_bytes());
        Ok(bytes)
    }
}

fn object_opened(lexer: &mut Lexer<'_>) -> Option<()> {
    number(lexer.regular()?)?;
    number(lexer.regular()?)?;
    lexer.word(b"obj")
}

/// Behind the lines of a table: where `trailer` is.
fn table_end(file: &mut Source<'_>, start: u64) -> Result<u64, Fault> {
    let mut at = start + 4;
    for _ in 0..PDF_SECTIONS_MAX {
        let bytes = file.bytes_up_to(at, 64)?;
        let space = bytes.iter().take_while(|byte| is_space(**byte)).count();
        let line = bytes.get(space..).unwrap_or_default();
        if line.starts_with(b"trailer") {
            return Ok(at + long(space));
        }
        let heading_bytes = line.iter().take_while(|byte| !matches!(byte, b'\r' | b'\n')).count();
        let heading = line.get(..heading_bytes).unwrap_or_default();
        let mut words = heading.split(|byte| is_space(*byte)).filter(|word| !word.is_empty());
        let count = words.next().and(words.next()).and_then(number);
        let next = count
            .and_then(|count| count.checked_mul(LINE_BYTES))
            .and_then(|lines| lines.checked_add(at + long(space + heading_bytes)))
            .filter(|next| *next < file.length() && heading_bytes > 0);
        at = next.ok_or_else(|| Fault::malformed("its cross-reference table cannot be read"))?;
    }
    Err(Fault::malformed(format!(
        "its table has more than {PDF_SECTIONS_MAX} sections"
    )))
}

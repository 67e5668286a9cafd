//! As much of PDF's syntax (ISO 32000-2, section 7.3) as it takes to read the dictionary at the end of a file.

use crate::bytes::find;
use crate::limits::PDF_DEPTH_MAX;

/// The entries of a dictionary: names without the slash, and values as they are written.
pub(crate) struct Dictionary<'a> {
    entries: Vec<(&'a [u8], &'a [u8])>,
}

impl<'a> Dictionary<'a> {
    /// The value as it is written.
    pub(crate) fn get(&self, name: &[u8]) -> Option<&'a [u8]> {
        let mut found = self.entries.iter().filter(|(key, _)| *key == name);
        found.next().map(|(_, value)| *value)
    }

    /// The value, if it is a whole number.
    pub(crate) fn number(&self, name: &[u8]) -> Option<u64> {
        number(self.get(name)?)
    }
}

/// Decimal digits as a number.
pub(crate) fn number(digits: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok()?;
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, 0 | b'\t' | b'\n' | 0x0c | b'\r' | b' ')
}

fn is_delimiter(byte: u8) -> bool {
    matches!(
        byte,
        b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%'
    )
}

/// Reads along some bytes.
pub(crate) struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Passes white space and comments.
    fn space(&mut self) {
        while let Some(byte) = self.peek() {
            if byte == b'%' {
                while self.peek().is_some_and(|byte| !matches!(byte, b'\r' | b'\n')) {
                    self.at += 1;
                }
            } else if is_space(byte) {
                self.at += 1;
            } else {
                return;
            }
        }
    }

    /// Passes this word, if it comes next.
    pub(crate) fn word(&mut self, word: &[u8]) -> Option<()> {
        self.space();
        self.rest().starts_with(word).then(|| self.at += word.len())
    }

    /// A run of regular characters.
    pub(crate) fn regular(&mut self) -> Option<&'a [u8]> {
        self.space();
        let rest = self.rest();
        let length = rest
            .iter()
            .take_while(|byte| !is_space(**byte) && !is_delimiter(**byte))
            .count();
        self.at += length;
        rest.get(..length).filter(|run| !run.is_empty())
    }

    pub(crate) fn dictionary(&mut self) -> Option<Dictionary<'a>> {
        self.word(b"<<")?;
        let mut entries = Vec::new();
        loop {
            if self.word(b">>").is_some() {
                return Some(Dictionary { entries });
            }
            self.word(b"/")?;
            let name = self.regular()?;
            self.space();
            let start = self.at;
            self.value(0)?;
            entries.push((name, self.bytes.get(start..self.at)?));
        }
    }

    /// Passes one value: also `12 0 R`, which is three words.
    fn value(&mut self, depth: usize) -> Option<()> {
        if depth > PDF_DEPTH_MAX {
            return None;
        }
        self.space();
        match self.peek()? {
            b'/' => {
                self.at += 1;
                // The empty name is a name.
                let _name = self.regular_here();
                Some(())
            }
            b'(' => self.literal(),
            b'[' => self.sequence(b"[", b"]", depth),
            b'<' if self.rest().starts_with(b"<<") => self.sequence(b"<<", b">>", depth),
            b'<' => {
                self.at = find(self.bytes, b">", self.at)? + 1;
                Some(())
            }
            _ => {
                let first = self.regular()?;
                let after_first = self.at;
                let is_reference = number(first).is_some()
                    && self.regular().and_then(number).is_some()
                    && self.regular() == Some(b"R");
                if !is_reference {
                    self.at = after_first;
                }
                Some(())
            }
        }
    }

    fn regular_here(&mut self) -> Option<&'a [u8]> {
        let is_name = self.peek().is_some_and(|byte| !is_space(byte) && !is_delimiter(byte));
        if is_name { self.regular() } else { None }
    }

    /// An array, or a dictionary whose names are values like any others.
    fn sequence(&mut self, open: &[u8], close: &[u8], depth: usize) -> Option<()> {
        self.word(open)?;
        while self.word(close).is_none() {
            self.value(depth + 1)?;
        }
        Some(())
    }

    /// Text in parentheses, which may be balanced or escaped inside.
    fn literal(&mut self) -> Option<()> {
        let mut open = 0_usize;
        loop {
            let byte = self.peek()?;
            self.at += if byte == b'\\' { 2 } else { 1 };
            match byte {
                b'(' => open += 1,
                b')' if open == 1 => return Some(()),
                b')' => open = open.checked_sub(1)?,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dictionary_is_taken_apart() {
        let text = b" <</Size 12/Root 1 0 R % note >>\n/ID [<ab> (a\\)(b)) ]/Info<</A [1 2]/B/>>/N null/M -1.5>> rest";
        let dictionary = Lexer::new(text).dictionary().unwrap();
        assert_eq!(dictionary.number(b"Size"), Some(12));
        assert_eq!(dictionary.get(b"Root"), Some(b"1 0 R".as_slice()));
        assert_eq!(dictionary.get(b"ID"), Some(b"[<ab> (a\\)(b)) ]".as_slice()));
        assert_eq!(dictionary.get(b"Info"), Some(b"<</A [1 2]/B/>>".as_slice()));
        assert_eq!(dictionary.get(b"M"), Some(b"-1.5".as_slice()));
        assert_eq!((dictionary.number(b"M"), dictionary.get(b"X")), (None, None));
    }

    #[test]
    fn what_does_not_end_or_nests_too_deeply_is_no_dictionary() {
        for text in [
            "<<",
            "<</A",
            "<</A (",
            "<</A [",
            "<</A <",
            "<<A>>",
            "<</A>>",
            "<</A ((>>",
            "<</A (\\",
        ] {
            assert!(Lexer::new(text.as_bytes()).dictionary().is_none(), "{text}");
        }
        for open in ["[", "<</A "] {
            let text = format!("<</A {}", open.repeat(100_000));
            assert!(Lexer::new(text.as_bytes()).dictionary().is_none());
        }
    }
}

//! How a manifest is written inside a file: as plain ASCII, so that it fits wherever text fits, between two marks, so
//! that a damaged block can still be told from none.

use std::fmt::Write;

use imajin_fair::{Manifest, ManifestError};

use crate::bytes::find;
use crate::error::Fault;
use crate::limits::TEXT_BYTES_MAX;

/// What every block has in it twice. Nothing else has it, so a file with a mark and no readable block was damaged.
pub const MARK: &str = "c27444f4-d12e-4679-9274-f292d3148444";

/// [`MARK`] as the 16 bytes of a UUID (RFC 9562).
pub(crate) const MARK_BYTES: [u8; 16] = [
    0xc2, 0x74, 0x44, 0xf4, 0xd1, 0x2e, 0x46, 0x79, 0x92, 0x74, 0xf2, 0x92, 0xd3, 0x14, 0x84, 0x44,
];

/// The media type of a manifest.
pub(crate) const MEDIA_TYPE: &str = "application/fair+json";

/// The RFC 8785 text of a manifest with everything escaped that is not plain in XML, HTML, YAML or TOML: characters
/// beyond ASCII, `<`, `>`, `&`, `'` and DEL become `\uXXXX`. It is still JSON, and there is one such text only.
pub(crate) fn text_of(manifest: &Manifest) -> Result<String, ManifestError> {
    let canonical = manifest.canonical_bytes()?;
    let mut text = String::with_capacity(canonical.len());
    for character in String::from_utf8_lossy(&canonical).chars() {
        if character.is_ascii() && !matches!(character, '<' | '>' | '&' | '\'' | '\x7f') {
            text.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            let _never_fails = write!(text, "\\u{unit:04x}");
        }
    }
    Ok(text)
}

/// What binary formats carry: mark, space, `mode`, newline, text, newline, mark.
pub(crate) fn wrap(mode: char, text: &str) -> Vec<u8> {
    format!("{MARK} {mode}\n{text}\n{MARK}").into_bytes()
}

/// The mode and the text of what [`wrap`] made.
pub(crate) fn unwrap(bytes: &[u8]) -> Result<(u8, String), Fault> {
    let inside = bytes
        .strip_prefix(MARK.as_bytes())
        .and_then(|rest| rest.strip_prefix(b" "))
        .and_then(|rest| rest.strip_suffix(MARK.as_bytes()))
        .and_then(|rest| rest.strip_suffix(b"\n"));
    let [mode, b'\n', text @ ..] = inside.unwrap_or_default() else {
        return Err(Fault::damaged("its marks are not where they belong"));
    };
    Ok((*mode, plain_text(text)?))
}

/// The text between two strings.
pub(crate) fn text_between(bytes: &[u8], start: &[u8], end: &[u8]) -> Result<String, Fault> {
    let rest = bytes
        .strip_prefix(start)
        .ok_or_else(|| Fault::damaged("it does not begin as it must"))?;
    let length = find(rest, end, 0).ok_or_else(|| Fault::damaged("its end is missing"))?;
    plain_text(rest.get(..length).unwrap_or_default())
}

pub(crate) fn plain_text(bytes: &[u8]) -> Result<String, Fault> {
    if bytes.len() > TEXT_BYTES_MAX {
        return Err(Fault::damaged("it is longer than a manifest may be"));
    }
    let plain = |byte: &u8| matches!(byte, b' '..=b'~');
    if !bytes.iter().all(plain) {
        return Err(Fault::damaged("it holds more than plain text"));
    }
    String::from_utf8(bytes.to_vec()).or(Err(Fault::damaged("it holds more than plain text")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_has_the_same_bytes_in_both_forms() {
        assert_eq!(MARK.replace('-', ""), hex::encode(MARK_BYTES));
    }

    #[test]
    fn what_was_wrapped_is_unwrapped_and_nothing_else() {
        let block = wrap('t', "{}");
        assert_eq!(unwrap(&block).unwrap(), (b't', "{}".to_owned()));
        for at in 0..block.len() {
            let mut damaged = block.clone();
            damaged[at] ^= 0x80;
            assert!(unwrap(&damaged).is_err() || damaged[at - 1] == b' ', "{at}");
        }
        assert!(unwrap(b"").is_err() && unwrap(MARK.as_bytes()).is_err());
    }
}

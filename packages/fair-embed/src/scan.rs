//! Searching a whole file for a few bytes, a chunk at a time.

use crate::bytes::{find, long};
use crate::error::Fault;
use crate::limits::COPY_BYTES;
use crate::source::Source;

/// Where `needle` begins for the first time at or after `from`.
pub(crate) fn position(file: &mut Source<'_>, needle: &[u8], from: u64) -> Result<Option<u64>, Fault> {
    let mut at = from;
    while at < file.length() {
        let chunk = file.bytes_up_to(at, COPY_BYTES)?;
        if let Some(found) = find(&chunk, needle, 0) {
            return Ok(Some(at.saturating_add(long(found))));
        }
        // The next chunk begins early enough for a needle across the border.
        let step = (chunk.len() + 1).saturating_sub(needle.len());
        if step == 0 || at.saturating_add(long(chunk.len())) >= file.length() {
            return Ok(None);
        }
        at = at.saturating_add(long(step));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn a_needle_across_a_border_is_found() {
        for at in [0, 1, COPY_BYTES - 3, COPY_BYTES - 1, COPY_BYTES, 3 * COPY_BYTES - 2] {
            let mut bytes = vec![b'.'; 3 * COPY_BYTES + 10];
            bytes[at..at + 4].copy_from_slice(b"mark");
            let mut cursor = Cursor::new(bytes);
            let mut file = Source::new(&mut cursor).unwrap();
            assert_eq!(
                position(&mut file, b"mark", 0).unwrap(),
                Some(u64::try_from(at).unwrap())
            );
            assert_eq!(position(&mut file, b"nark", 0).unwrap(), None);
        }
    }
}

//! Numbers and patterns in byte strings, without a way to miss the end.

pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

pub(crate) fn u16_le(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_le_bytes)
}

pub(crate) fn u32_le(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

/// Where `needle` begins at or after `from`.
pub(crate) fn find(bytes: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    let first = *needle.first()?;
    let mut at = from;
    loop {
        // Whole files are searched: looking for one byte is what compilers and processors are quick at.
        let rest = bytes.get(at..)?;
        at = at.checked_add(rest.iter().position(|byte| *byte == first)?)?;
        if stands_at(bytes, at, needle) {
            return Some(at);
        }
        at = at.checked_add(1)?;
    }
}

/// Where `needle` begins for the last time.
pub(crate) fn find_last(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len().max(1)).rposition(|window| window == needle)
}

/// Where `needle` begins at or after `from`, whatever the case of its ASCII letters.
pub(crate) fn find_ignoring_case(bytes: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let same = |window: &[u8]| window.eq_ignore_ascii_case(needle);
    from.checked_add(rest.windows(needle.len().max(1)).position(same)?)
}

/// Whether `needle` stands at `at`.
pub(crate) fn stands_at(bytes: &[u8], at: usize, needle: &[u8]) -> bool {
    bytes.get(at..).is_some_and(|rest| rest.starts_with(needle))
}

/// Whether `needle` stands at `at`, whatever the case of its ASCII letters.
pub(crate) fn stands_at_ignoring_case(bytes: &[u8], at: usize, needle: &[u8]) -> bool {
    let end = at.saturating_add(needle.len());
    bytes.get(at..end).is_some_and(|rest| rest.eq_ignore_ascii_case(needle))
}

/// The first position at or after `from` whose byte is no white space.
pub(crate) fn after_space(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    from + rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

/// The length of a UTF-8 byte order mark at the beginning, if there is one.
pub(crate) fn byte_order_mark(bytes: &[u8]) -> usize {
    if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 }
}

/// A length in memory as a length in a file.
pub(crate) fn long(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

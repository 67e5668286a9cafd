//! Parts of a document (RFC 9110, section 14): one range of bytes, and the conditions on it.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::fair::is_known;

/// What of a document a request gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ranged {
    /// The caller has it already: 304.
    Known,
    /// It is not as the caller knew it: 412.
    Changed,
    /// All of it.
    Whole,
    /// The bytes from the first to the last, both included: 206.
    Part {
        /// The first byte.
        first: u64,
        /// The last byte.
        last: u64,
    },
    /// There are no such bytes: 416.
    Unsatisfiable,
}

/// Decides what a `GET` or `HEAD` of a document with this strong tag and length gets.
///
/// Several ranges at once, and units that are not bytes, get the whole document, as section 14.2 permits: a reader who
/// wants many small parts of a large work could else make the node do a multiple of the work.
pub fn ranged(request: &HeaderMap, is_get: bool, etag: &str, length: u64) -> Ranged {
    if request.contains_key(header::IF_MATCH) && !names_strongly(request, etag) {
        return Ranged::Changed;
    }
    if is_known(request, etag) {
        return Ranged::Known;
    }
    let range = request.get(header::RANGE).and_then(|value| value.to_str().ok());
    let range = range.filter(|_| is_get && request.get_all(header::RANGE).iter().count() == 1);
    // `If-Range` compares strongly; a date never fits, for there is no `Last-Modified`.
    let is_same = request
        .get(header::IF_RANGE)
        .is_none_or(|tag| tag.as_bytes() == etag.as_bytes());
    match range.filter(|_| is_same) {
        Some(range) => parse(range, length).unwrap_or(Ranged::Whole),
        None => Ranged::Whole,
    }
}

/// `None`: nothing that means one range of bytes.
fn parse(text: &str, length: u64) -> Option<Ranged> {
    let (unit, set) = text.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") || set.contains(',') {
        return None;
    }
    let (first, last) = set.trim().split_once('-')?;
    let number = |digits: &str| {
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        // More than the largest number is after the end of everything.
        is_number.then(|| digits.parse().unwrap_or(u64::MAX))
    };
    let end = length.checked_sub(1);
    let (first, last) = match (first.trim(), last.trim()) {
        ("", suffix) => match (number(suffix)?, end) {
            (0, _) | (_, None) => return Some(Ranged::Unsatisfiable),
            (count, Some(end)) => (length.saturating_sub(count), end),
        },
        (first, "") => (number(first)?, end.unwrap_or(0)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            (first, last.min(end.unwrap_or(0)))
        }
    };
    if first >= length {
        return Some(Ranged::Unsatisfiable);
    }
    Some(Ranged::Part { first, last })
}

fn names_strongly(request: &HeaderMap, etag: &str) -> bool {
    let lines = request.get_all(header::IF_MATCH).iter();
    let mut tags = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim);
    tags.any(|tag| tag == "*" || tag == etag)
}

impl Ranged {
    /// The status of the answer.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Known => StatusCode::NOT_MODIFIED,
            Self::Changed => StatusCode::PRECONDITION_FAILED,
            Self::Whole => StatusCode::OK,
            Self::Part { .. } => StatusCode::PARTIAL_CONTENT,
            Self::Unsatisfiable => StatusCode::RANGE_NOT_SATISFIABLE,
        }
    }

    /// Where in the document the answer's body begins, and how long it is.
    pub const fn span(self, length: u64) -> (u64, u64) {
        match self {
            Self::Whole => (0, length),
            Self::Part { first, last } => (first, last.saturating_sub(first).saturating_add(1)),
            Self::Known | Self::Changed | Self::Unsatisfiable => (0, 0),
        }
    }

    /// The `Content-Range` of a part, or of its absence.
    pub fn content_range(self, length: u64) -> Option<HeaderValue> {
        let text = match self {
            Self::Part { first, last } => format!("bytes {first}-{last}/{length}"),
            Self::Unsatisfiable => format!("bytes */{length}"),
            Self::Known | Self::Changed | Self::Whole => return None,
        };
        HeaderValue::from_str(&text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: &str = "\"abc\"";

    fn asked(lines: &[(&'static str, &str)], length: u64) -> Ranged {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        ranged(&headers, true, TAG, length)
    }

    const fn part(first: u64, last: u64) -> Ranged {
        Ranged::Part { first, last }
    }

    #[test]
    fn one_range_is_a_part() {
        for (range, expected) in [
            ("bytes=0-0", part(0, 0)),
            ("bytes=0-9", part(0, 9)),
            ("bytes=5-", part(5, 9)),
            ("bytes=-3", part(7, 9)),
            ("bytes=-30", part(0, 9)),
            ("bytes=2-300", part(2, 9)),
            ("Bytes = 2-3", part(2, 3)),
            ("bytes=9-9", part(9, 9)),
            ("bytes=10-", Ranged::Unsatisfiable),
            ("bytes=10-20", Ranged::Unsatisfiable),
            ("bytes=-0", Ranged::Unsatisfiable),
            ("bytes=99999999999999999999999-", Ranged::Unsatisfiable),
        ] {
            assert_eq!(asked(&[("range", range)], 10), expected, "{range}");
        }
        assert_eq!(asked(&[("range", "bytes=0-")], 0), Ranged::Unsatisfiable);
        assert_eq!(asked(&[("range", "bytes=-1")], 0), Ranged::Unsatisfiable);
    }

    #[test]
    fn what_is_no_single_range_of_bytes_gets_the_whole() {
        for range in [
            "bytes=0-1,3-4",
            "lines=0-1",
            "bytes=3-1",
            "bytes=a-b",
            "bytes=",
            "bytes",
            "bytes=--1",
        ] {
            assert_eq!(asked(&[("range", range)], 10), Ranged::Whole, "{range}");
        }
        let twice = [("range", "bytes=0-1"), ("range", "bytes=2-3")];
        assert_eq!(asked(&twice, 10), Ranged::Whole);
        let headers = HeaderMap::from_iter([(header::RANGE, HeaderValue::from_static("bytes=0-1"))]);
        assert_eq!(ranged(&headers, false, TAG, 10), Ranged::Whole, "a HEAD has no ranges");
    }

    #[test]
    fn conditions_come_before_ranges() {
        let range = ("range", "bytes=0-1");
        assert_eq!(asked(&[range, ("if-none-match", TAG)], 10), Ranged::Known);
        assert_eq!(asked(&[range, ("if-match", "\"other\"")], 10), Ranged::Changed);
        assert_eq!(asked(&[range, ("if-match", TAG)], 10), part(0, 1));
        assert_eq!(asked(&[range, ("if-range", TAG)], 10), part(0, 1));
        for stale in ["\"other\"", "W/\"abc\"", "Sat, 21 Nov 2026 12:00:00 GMT"] {
            assert_eq!(asked(&[range, ("if-range", stale)], 10), Ranged::Whole, "{stale}");
        }
    }

    #[test]
    fn the_answer_says_which_part_it_is() {
        assert_eq!(part(2, 4).content_range(10).unwrap(), "bytes 2-4/10");
        assert_eq!(Ranged::Unsatisfiable.content_range(10).unwrap(), "bytes */10");
        assert_eq!(part(2, 4).span(10), (2, 3));
        assert_eq!(Ranged::Whole.span(10), (0, 10));
    }
}

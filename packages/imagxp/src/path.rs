use std::fmt;
use std::str::FromStr;

const LENGTH_MAX: usize = 512;
const STARS_MAX: usize = 16;
/// An encoded `;`.
const SEMICOLON: &str = "%3B";

/// Why a text is no pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a path pattern starts with / or *, has at most {LENGTH_MAX} characters and {STARS_MAX} stars")]
pub struct NoPattern;

/// A pattern of paths as in robots.txt (RFC 9309, section 2.2.3): a prefix, in which `*` stands for anything, and which
/// `$` at its end makes the whole.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PathPattern {
    written: String,
    /// What must follow each other, with anything between two of them.
    parts: Vec<String>,
    is_whole: bool,
}

impl PathPattern {
    /// Whether a path matches; it is read as [`path_normal`] reads it.
    pub fn matches(&self, path: &str) -> bool {
        self.matches_normal(&path_normal(path))
    }

    /// Whether a path matches that [`path_normal`] has read already.
    pub fn matches_normal(&self, path: &str) -> bool {
        let (first, rest) = match self.parts.split_first() {
            Some((first, rest)) => (first.as_str(), rest),
            None => ("", [].as_slice()),
        };
        let Some(mut left) = path.strip_prefix(first) else {
            return false;
        };
        let Some((last, middle)) = rest.split_last() else {
            return !self.is_whole || left.is_empty();
        };
        // The earliest place is always the best: it leaves most for the others.
        for part in middle {
            match left.split_once(part.as_str()) {
                Some((_before, after)) => left = after,
                None => return false,
            }
        }
        if self.is_whole {
            left.ends_with(last.as_str())
        } else {
            left.contains(last.as_str())
        }
    }

    /// The same pattern for paths in lower case, as [`path_folded`] gives them.
    pub(crate) fn folded(mut self) -> Self {
        for part in &mut self.parts {
            part.make_ascii_lowercase();
        }
        self
    }

    /// Whether it names the parameters of a segment: what is compared by rules has none.
    pub(crate) fn has_parameters(&self) -> bool {
        self.parts
            .iter()
            .any(|part| part.contains(';') || part.contains(SEMICOLON))
    }

    /// How much it says: of two patterns that match, the longer one counts.
    pub fn specificity(&self) -> usize {
        self.written.len()
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.written
    }
}

impl FromStr for PathPattern {
    type Err = NoPattern;

    fn from_str(text: &str) -> Result<Self, NoPattern> {
        let is_path = text.starts_with('/') || text.starts_with('*');
        let stars = text.bytes().filter(|byte| *byte == b'*').count();
        if !is_path || text.len() > LENGTH_MAX || stars > STARS_MAX || text.bytes().any(|byte| byte <= b' ') {
            return Err(NoPattern);
        }
        let (body, is_whole) = text.strip_suffix('$').map_or((text, false), |body| (body, true));
        let parts = body.split('*').map(encoding_normal).collect();
        Ok(Self {
            written: text.to_owned(),
            parts,
            is_whole,
        })
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// One text for all the ways to write a character (RFC 9309, section 2.2.2): unreserved ones as they are, others of
/// more than ASCII by their bytes in upper-case hex.
pub(crate) fn encoding_normal(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let encoded = (byte == b'%').then(|| hex_pair(bytes.clone())).flatten();
        match encoded {
            Some(value) => {
                // The two digits are read.
                let _digits = (bytes.next(), bytes.next());
                if value.is_ascii_alphanumeric() || b"-._~".contains(&value) {
                    normal.push(char::from(value));
                } else {
                    push_hex(&mut normal, value);
                }
            }
            // A sign that encodes nothing could begin to, beside what is decoded after it.
            None if byte.is_ascii() && byte != b'%' => normal.push(char::from(byte)),
            None => push_hex(&mut normal, byte),
        }
    }
    normal
}

fn hex_pair(mut bytes: std::str::Bytes<'_>) -> Option<u8> {
    let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16));
    let (high, low) = (digit()?, digit()?);
    u8::try_from(high.checked_mul(16)?.checked_add(low)?).ok()
}

fn push_hex(text: &mut String, byte: u8) {
    text.push('%');
    text.push_str(&hex::encode_upper([byte]));
}

/// A path with its characters in their one form, and every slash as one: some servers take an encoded slash, and a
/// backslash, for a slash.
fn slashes_normal(path: &str) -> String {
    path_encoded(path)
        .replace("%2F", "/")
        .replace("%5C", "/")
        .replace('\\', "/")
}

fn path_encoded(path: &str) -> String {
    encoding_normal(path.split(['?', '#']).next().unwrap_or_default())
}

/// A segment in two: its name, and its parameters (RFC 3986, section 3.3), which some servers leave out before they
/// look for a page.
fn segment_split(segment: &str) -> (&str, &str) {
    let starts = [segment.find(';'), segment.find(SEMICOLON)];
    let start = starts.into_iter().flatten().min();
    start
        .and_then(|at| segment.split_at_checked(at))
        .unwrap_or((segment, ""))
}

/// Whether servers disagree on where a path leads: a gate takes no such path. It goes up or stays, by `.` and `..` in
/// whatever writing, which clients follow before they send a path (RFC 3986, section 6.2.2.3); or it has a slash among
/// the parameters of a segment, which ends them for some servers and not for others.
pub fn is_ambiguous_path(path: &str) -> bool {
    let is_dots = |segment: &str| matches!(segment_split(segment).0, "." | "..");
    let hides_slash = |segment: &str| {
        let (_name, parameters) = segment_split(segment);
        ["%2F", "%5C", "\\"].iter().any(|slash| parameters.contains(slash))
    };
    slashes_normal(path).split('/').any(is_dots) || path_encoded(path).split('/').any(hides_slash)
}

/// A path in its one form: characters in theirs, `.` and `..` followed, parameters left out, slashes in a row taken as
/// one, so that no other way to write a dear page is a cheap one.
pub fn path_normal(path: &str) -> String {
    let slashes = slashes_normal(path);
    let mut segments: Vec<&str> = Vec::new();
    let mut is_folder = true;
    for segment in slashes.split('/') {
        is_folder = true;
        match segment_split(segment).0 {
            "" | "." => {}
            ".." => drop(segments.pop()),
            name => {
                segments.push(name);
                is_folder = false;
            }
        }
    }
    let mut normal = format!("/{}", segments.join("/"));
    if is_folder && !segments.is_empty() {
        normal.push('/');
    }
    normal
}

/// A path as the rules of policies compare it: [`path_normal`], in lower case, since some servers do not tell the cases
/// of letters apart.
pub(crate) fn path_folded(path: &str) -> String {
    path_normal(path).to_ascii_lowercase()
}

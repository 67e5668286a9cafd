use std::fmt;
use std::str::FromStr;

use hickory_proto::rr::Name;

/// The longest name, with its dots (RFC 1035, section 2.3.4, less the root's).
const NAME_LENGTH_MAX: usize = 253;
const LABEL_LENGTH_MAX: usize = 63;

/// Why a text is no name of a zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Empty, or too long with the zone.
    #[error("a domain name has 1 to 253 characters, its zone included")]
    Length,
    /// A part that no name has.
    #[error(
        "`{0}` is no part of a domain name: use 1 to 63 letters, digits and inner hyphens; `_` may begin a part, and \
         `*` be the first one"
    )]
    Label(String),
}

/// A zone: `nodes.example.org`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Zone(ZoneName);

impl Zone {
    /// A name below the zone: `alice`, `_acme-challenge.alice`, `*.alice`.
    ///
    /// # Errors
    /// [`NameError`].
    pub fn name(&self, relative: &str) -> Result<ZoneName, NameError> {
        ZoneName::parse(&format!("{relative}.{}", self.0), true)
    }

    /// The zone's own name.
    pub const fn apex(&self) -> &ZoneName {
        &self.0
    }

    /// Whether a name is the zone's own or below it.
    pub fn holds(&self, name: &ZoneName) -> bool {
        let above = name.0.strip_suffix(self.0.as_str());
        above.is_some_and(|labels| labels.is_empty() || labels.ends_with('.'))
    }
}

impl FromStr for Zone {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        ZoneName::parse(text, false).map(Self)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A whole domain name in lower case, without the dot at its end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ZoneName(String);

impl ZoneName {
    fn parse(text: &str, is_within: bool) -> Result<Self, NameError> {
        let text = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if text.is_empty() || text.len() > NAME_LENGTH_MAX {
            return Err(NameError::Length);
        }
        for (index, label) in text.split('.').enumerate() {
            let is_wildcard = is_within && index == 0 && label == "*";
            if !is_wildcard && !is_label(label) {
                return Err(NameError::Label(label.to_owned()));
            }
        }
        Ok(Self(text))
    }

    /// The text, `alice.nodes.example.org`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as messages have it.
    pub(crate) fn to_wire(&self) -> Result<Name, hickory_proto::ProtoError> {
        let mut name = Name::from_ascii(&self.0)?;
        name.set_fqdn(true);
        Ok(name)
    }
}

/// Any domain name, for what a CNAME leads to.
impl FromStr for ZoneName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text, false)
    }
}

impl fmt::Display for ZoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_label(label: &str) -> bool {
    let rest = label.strip_prefix('_').unwrap_or(label);
    (1..=LABEL_LENGTH_MAX).contains(&label.len())
        && !rest.is_empty()
        && !rest.starts_with('-')
        && !rest.ends_with('-')
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use data_encoding::BASE32_NOPAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const PREFIX: &str = "fair_";
const NAME_LENGTH_MAX: usize = 128;
/// SHA-256 in base32 without padding.
const DIGEST_LENGTH: usize = 52;

/// The name of a manifest: `fair_` and up to 128 letters, digits, `-` or `_`; cheap to clone.
///
/// What we create is named by its content, see [`crate::Manifest::computed_id`]; names from elsewhere are kept.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ManifestId(Arc<str>);

/// The text names no manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a manifest: fair_ and 1 to 128 letters, digits, - or _")]
pub struct ManifestIdError;

impl ManifestId {
    /// The name of content with this SHA-256: its base32 (RFC 4648) in lower case without padding.
    pub fn from_digest(digest: &[u8; 32]) -> Self {
        let name = BASE32_NOPAD.encode(digest).to_ascii_lowercase();
        Self(format!("{PREFIX}{name}").into())
    }

    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this has the form of a digest, and therefore must be the digest of its manifest.
    pub fn names_a_digest(&self) -> bool {
        let name = self.0.strip_prefix(PREFIX).unwrap_or_default();
        name.len() == DIGEST_LENGTH && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'))
    }
}

impl FromStr for ManifestId {
    type Err = ManifestIdError;

    fn from_str(text: &str) -> Result<Self, ManifestIdError> {
        let name = text.strip_prefix(PREFIX).ok_or(ManifestIdError)?;
        let plain = name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if name.is_empty() || name.len() > NAME_LENGTH_MAX || !plain {
            return Err(ManifestIdError);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for ManifestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for ManifestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for ManifestId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ManifestId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_both_kinds_are_ids() {
        let given: ManifestId = "fair_example01".parse().unwrap();
        let computed = ManifestId::from_digest(&[0xff; 32]);
        assert_eq!(computed.as_str(), format!("fair_{}q", "7".repeat(51)));
        assert!(computed.names_a_digest() && !given.names_a_digest());
        for wrong in ["", "fair_", "example01", "fair_a b", "fair_ä", "FAIR_a", "fair_a/../b"] {
            assert_eq!(wrong.parse::<ManifestId>(), Err(ManifestIdError), "{wrong}");
        }
        assert!(format!("fair_{}", "a".repeat(129)).parse::<ManifestId>().is_err());
    }
}

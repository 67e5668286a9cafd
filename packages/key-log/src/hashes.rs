use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use imajin_did::PublicKey;
use imajin_proof::digest::sha256;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::KeyLogError;

macro_rules! digest {
    ($(#[$doc:meta])* $Name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $Name([u8; 32]);

        impl fmt::Display for $Name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $Name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $Name {
            type Err = KeyLogError;

            fn from_str(text: &str) -> Result<Self, KeyLogError> {
                let is_plain = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
                let mut bytes = [0; 32];
                if !is_plain || hex::decode_to_slice(text, &mut bytes).is_err() {
                    return Err(KeyLogError::HashForm);
                }
                Ok(Self(bytes))
            }
        }

        impl Serialize for $Name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $Name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    };
}

digest! {
    /// The name of an entry: SHA-256 of its canonical text without the proofs, as 64 lower-case hexadecimal digits.
    EntryHash
}

digest! {
    /// What a key is kept back under: SHA-256 of the ASCII text of its Multikey.
    KeyHash
}

impl EntryHash {
    pub(crate) fn of_content(canonical: &[u8]) -> Self {
        Self(sha256(canonical))
    }
}

impl KeyHash {
    /// The hash of a key that stays hidden until the next rotation.
    pub fn of(key: &PublicKey) -> Self {
        Self(sha256(key.multikey().as_bytes()))
    }
}

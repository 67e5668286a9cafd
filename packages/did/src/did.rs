use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::syntax::{self, DidError};
use crate::{PublicKey, VerifyingKey, multikey};

/// The forms of DID that we accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// `did:mjn:z6Mk…`: the native form, an Ed25519 key as Multikey. What we emit and store.
    Mjn,
    /// `did:key:z6Mk…`: the same key in the W3C's form; or `did:key:zDn…`, a P-256 key of somebody else's.
    Key,
    /// `did:imajin:<base58btc>`: the same key as live Imajin databases write it.
    Imajin,
    /// `did:imajin:<16 hex>`: the first eight bytes of a key. It proves nothing and is an alias only.
    ImajinShort,
    /// `did:email:<local>_at_<domain>`: a soft identity, which never signs for itself and is never published.
    Email,
    /// `did:web:<host>[:path]`: a name whose keys are in a document at that host.
    Web,
}

/// A decentralised identifier, parsed and therefore valid; cheap to clone.
///
/// Two DIDs are equal when their texts are: call [`Did::canonical`] before you compare or store what came from outside.
#[derive(Clone)]
#[cfg_attr(feature = "diesel", derive(diesel::AsExpression, diesel::FromSqlRow))]
#[cfg_attr(feature = "diesel", diesel(sql_type = diesel::sql_types::Text))]
pub struct Did {
    text: Arc<str>,
    method: Method,
}

impl Did {
    /// The native form of a key: `did:mjn:z6Mk…`.
    pub fn from_key(key: &PublicKey) -> Self {
        Self::trusted(format!("did:mjn:{}", multikey::encode(key)), Method::Mjn)
    }

    /// The short Imajin form of a key. Only an alias table may use it, after the whole key has proven itself: eight
    /// bytes can be matched by another key with enough work.
    pub fn short_alias(key: &PublicKey) -> Self {
        let hex: String = key.to_hex().chars().take(16).collect();
        Self::trusted(format!("did:imajin:{hex}"), Method::ImajinShort)
    }

    /// The soft identity of a mailbox, which is lower-cased and trimmed.
    ///
    /// # Errors
    /// [`DidError::Mailbox`] when the text is no mailbox.
    pub fn from_mailbox(mailbox: &str) -> Result<Self, DidError> {
        Ok(Self::trusted(syntax::email_from_mailbox(mailbox)?, Method::Email))
    }

    /// The did:web of a host: `example.org` or `localhost:7000`.
    ///
    /// # Errors
    /// [`DidError::Web`] when the text is no host name with an optional port.
    pub fn from_web_authority(authority: &str) -> Result<Self, DidError> {
        Ok(Self::trusted(syntax::web_from_authority(authority)?, Method::Web))
    }

    fn trusted(text: String, method: Method) -> Self {
        Self {
            text: text.into(),
            method,
        }
    }

    /// The form to store and compare: an Ed25519 key becomes the did:mjn of that key, other DIDs stay as they are.
    #[must_use]
    pub fn canonical(&self) -> Self {
        match self.method {
            Method::Key | Method::Imajin => self
                .public_key()
                .map_or_else(|| self.clone(), |key| Self::from_key(&key)),
            Method::Mjn | Method::ImajinShort | Method::Email | Method::Web => self.clone(),
        }
    }

    /// The Ed25519 key that the DID itself is; none for the forms that only name a key or a mailbox, and none for a
    /// did:key of another kind: see [`Did::verifying_key`].
    pub fn public_key(&self) -> Option<PublicKey> {
        match self.method {
            Method::Mjn | Method::Key => multikey::decode(self.specific()).ok(),
            Method::Imajin => syntax::imajin_key(self.specific()).ok(),
            Method::ImajinShort | Method::Email | Method::Web => None,
        }
    }

    /// The key that the DID itself is, of whichever kind; none for the forms that only name a key or a mailbox.
    pub fn verifying_key(&self) -> Option<VerifyingKey> {
        match self.method {
            Method::Key => multikey::decode_any(self.specific()).ok(),
            _ => self.public_key().map(VerifyingKey::from),
        }
    }

    /// Whether both name the same subject: two forms of one key, or the same text.
    ///
    /// A short did:imajin is equivalent to itself alone: whose alias it is, only an alias table knows.
    pub fn is_equivalent(&self, other: &Self) -> bool {
        self.canonical() == other.canonical()
    }

    /// Which form it is.
    pub const fn method(&self) -> Method {
        self.method
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The part after `did:<method>:`.
    pub fn specific(&self) -> &str {
        self.text.splitn(3, ':').nth(2).unwrap_or_default()
    }

    /// The other forms of the same key: did:mjn, did:key and did:imajin without this one. Empty for the forms that are
    /// no key, and for a P-256 key, which has no other.
    pub fn also_known_as(&self) -> Vec<Self> {
        let Some(key) = self.public_key() else {
            return Vec::new();
        };
        let multikey = multikey::encode(&key);
        let base58 = bs58::encode(key.as_bytes()).into_string();
        [
            Self::trusted(format!("did:mjn:{multikey}"), Method::Mjn),
            Self::trusted(format!("did:key:{multikey}"), Method::Key),
            Self::trusted(format!("did:imajin:{base58}"), Method::Imajin),
        ]
        .into_iter()
        .filter(|other| other != self)
        .collect()
    }

    /// The mailbox of a soft identity: personal data, for sending mail and for nothing public.
    pub fn mailbox(&self) -> Option<String> {
        (self.method == Method::Email)
            .then(|| syntax::mailbox_of(self.specific()))
            .flatten()
    }

    /// Where the document of a did:web is (W3C did:web method, "Read").
    pub fn web_document_url(&self) -> Option<String> {
        (self.method == Method::Web).then(|| syntax::web_document_url(self.specific()))
    }
}

impl FromStr for Did {
    type Err = DidError;

    fn from_str(text: &str) -> Result<Self, DidError> {
        let method = syntax::method_of(text)?;
        Ok(Self {
            text: text.into(),
            method,
        })
    }
}

impl fmt::Display for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl AsRef<str> for Did {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl From<&PublicKey> for Did {
    fn from(key: &PublicKey) -> Self {
        Self::from_key(key)
    }
}

impl PartialEq for Did {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Did {}

impl PartialOrd for Did {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Did {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl std::hash::Hash for Did {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl Serialize for Did {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Did {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

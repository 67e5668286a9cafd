use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use imajin_did::{Did, PublicKey, SecretKey};
use imajin_kernel::Timestamp;
use imajin_proof::SignedMessage;
use imajin_proof::digest::sha256_hex;
use serde::{Deserialize, Serialize};

use crate::GrantError;

/// The most fields that one grant names.
pub const FIELDS_MAX: usize = 64;
const PURPOSE_LENGTH_MAX: usize = 64;
const FIELD_LENGTH_MAX: usize = 128;

/// What a person's node may disclose or answer about them without asking each time.
///
/// A [`SignedMessage`] of the type `consent`, signed by the person whom it is about. It holds until it expires or is
/// revoked, and is never changed: whoever wants something else revokes it and signs another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StandingGrant(pub SignedMessage<GrantPayload>);

/// What a grant says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GrantPayload {
    /// Whom it is about: the signer.
    pub subject: Did,
    /// Who may.
    pub granted_to: Grantee,
    /// What for.
    pub purpose: Purpose,
    /// What about the subject.
    pub fields: BTreeSet<FieldPath>,
    /// Whether they may, must ask, or may not.
    pub mode: GrantMode,
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

/// Who may.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Grantee {
    /// This one.
    Did(Did),
    /// Everybody of a kind.
    Class(GranteeClass),
}

/// A kind of asker, as seen from the subject. Which of them an asker is, the trust graph and auth say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GranteeClass {
    /// Whoever proves to be a DID.
    Anyone,
    /// Whoever the subject is connected with.
    Connections,
    /// Whoever is within the subject's own bound of the trust graph.
    Trusted,
}

/// Whether a grantee may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GrantMode {
    /// Without asking.
    Allow,
    /// Only with the subject's word for each exchange.
    Ask,
    /// Not at all, whatever another grant allows.
    Deny,
}

macro_rules! word {
    ($(#[$doc:meta])* $Name:ident, $name:literal, $length:expr, $rule:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $Name(String);

        impl $Name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $Name {
            type Err = GrantError;

            fn from_str(text: &str) -> Result<Self, GrantError> {
                let valid: fn(&str) -> bool = $valid;
                if (1..=$length).contains(&text.len()) && valid(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(GrantError::Member { name: $name, reason: $rule.to_owned() })
                }
            }
        }

        impl TryFrom<String> for $Name {
            type Error = GrantError;

            fn try_from(text: String) -> Result<Self, GrantError> {
                text.parse()
            }
        }

        impl From<$Name> for String {
            fn from(word: $Name) -> Self {
                word.0
            }
        }

        impl fmt::Display for $Name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

word! {
    /// What something is disclosed for: one word, such as `query` or `directory`. It is compared letter by letter.
    Purpose, "purpose", PURPOSE_LENGTH_MAX, "must be lower-case letters, digits, hyphens and dots, at most 64",
    |text| text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'))
}

word! {
    /// What is disclosed: names joined by dots, such as `profile.city`; `*` is everything. A name stands for everything
    /// beneath it.
    FieldPath, "fields", FIELD_LENGTH_MAX, "must be names joined by dots, at most 128 characters, or *",
    |text| text == "*" || text.split('.').all(|name| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    })
}

impl FieldPath {
    /// Whether this stands for `other` too.
    pub fn covers(&self, other: &Self) -> bool {
        if self.0 == "*" {
            return true;
        }
        match other.0.strip_prefix(self.0.as_str()) {
            Some(rest) => rest.is_empty() || rest.starts_with('.'),
            None => false,
        }
    }
}

impl StandingGrant {
    /// The type of the message.
    pub const KIND: &'static str = "consent";

    /// Grants something about the owner of `key`.
    ///
    /// # Errors
    /// [`GrantError::Member`] when no field is named, or too many are.
    pub fn sign(key: &SecretKey, now: Timestamp, payload: GrantPayload) -> Result<Self, GrantError> {
        let from = payload.subject.clone();
        let grant = Self(SignedMessage::sign(key, from, Self::KIND, None, now, payload)?);
        grant.form_check()?;
        Ok(grant)
    }

    /// What it says.
    pub const fn payload(&self) -> &GrantPayload {
        &self.0.payload
    }

    /// The name of this grant: SHA-256 of its canonical bytes, in hex.
    ///
    /// # Errors
    /// [`GrantError::Proof`] when it has no canonical form.
    pub fn digest(&self) -> Result<String, GrantError> {
        Ok(sha256_hex(&self.0.canonical_bytes()?))
    }

    /// Checks that the subject has signed it, with one of the keys. It holds until it is revoked, so its age does not
    /// matter.
    ///
    /// # Errors
    /// [`GrantError`].
    pub fn verify(&self, keys: &[PublicKey]) -> Result<(), GrantError> {
        self.form_check()?;
        Ok(self.0.verify_any(Self::KIND, keys)?)
    }

    fn form_check(&self) -> Result<(), GrantError> {
        if !self.0.from.is_equivalent(&self.0.payload.subject) {
            return Err(GrantError::NotTheSubject);
        }
        let fields = self.0.payload.fields.len();
        if (1..=FIELDS_MAX).contains(&fields) {
            Ok(())
        } else {
            Err(GrantError::Member {
                name: "fields",
                reason: format!("must name 1 to {FIELDS_MAX} fields"),
            })
        }
    }

    /// Whether it has ended by itself.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.payload().expires.is_some_and(|expires| expires <= now)
    }
}

/// The end of a standing grant: a [`SignedMessage`] of the type `revocation`, by its subject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GrantRevocation(pub SignedMessage<RevocationPayload>);

/// What a revocation says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevocationPayload {
    /// The grant: its [`StandingGrant::digest`].
    pub consent: String,
}

impl GrantRevocation {
    /// The type of the message.
    pub const KIND: &'static str = "revocation";

    /// Revokes a grant of the owner of `key`.
    ///
    /// # Errors
    /// [`GrantError::Proof`] when the grant has no canonical form.
    pub fn sign(key: &SecretKey, now: Timestamp, grant: &StandingGrant) -> Result<Self, GrantError> {
        let payload = RevocationPayload {
            consent: grant.digest()?,
        };
        let from = grant.payload().subject.clone();
        Ok(Self(SignedMessage::sign(key, from, Self::KIND, None, now, payload)?))
    }

    /// Checks that the subject of `grant` revokes this very grant.
    ///
    /// # Errors
    /// [`GrantError`].
    pub fn verify(&self, grant: &StandingGrant, keys: &[PublicKey]) -> Result<(), GrantError> {
        if self.0.payload.consent != grant.digest()? {
            return Err(GrantError::OtherGrant);
        }
        if !self.0.from.is_equivalent(&grant.payload().subject) {
            return Err(GrantError::NotTheSubject);
        }
        Ok(self.0.verify_any(Self::KIND, keys)?)
    }
}

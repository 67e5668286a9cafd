use std::collections::BTreeSet;

use imajin_did::Did;
use imajin_kernel::{Code, Timestamp};
use imajin_money::{Amount, Share};
use imajin_proof::jcs;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::members::{Members, check_text};
use crate::{Contributor, ManifestId, ManifestSignature, MemberError, Payee, Terms};

const VERSION: &str = "1.0";
/// How many bytes a manifest may have.
pub(crate) const BYTES_MAX: usize = 256 * 1024;
pub(crate) const CONTRIBUTORS_MAX: usize = 1_000;
pub(crate) const PARENTS_MAX: usize = 256;
pub(crate) const TITLE_LENGTH_MAX: usize = 500;
pub(crate) const WORD_LENGTH_MAX: usize = 64;
/// Two names of at most 127 characters and a slash (RFC 6838, section 4.2).
pub(crate) const MEDIA_TYPE_LENGTH_MAX: usize = 255;
pub(crate) const URL_LENGTH_MAX: usize = 2_048;

/// Who made a work, what each is due, and what may be done with it.
///
/// Made by [`Manifest::new`] or read by [`Manifest::parse`], which check everything that one document shows on its own.
/// Whoever fills the fields by hand and does not sign calls [`Manifest::check`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct Manifest {
    /// The version of the format: 1.x.
    pub version: String,
    /// What the manifest is called.
    pub id: ManifestId,
    /// What the work is called.
    pub title: Option<String>,
    /// What kind of work it is, for example `article` or `event`: on the wire the member `type`.
    pub kind: Option<String>,
    /// When the manifest was made: RFC 3339, kept as written because the signature covers the text.
    pub created: Option<String>,
    /// Who made the work and signs the manifest.
    pub author: Option<Did>,
    /// How what it earns is split: the shares sum to exactly 1.
    pub contributors: Vec<Contributor>,
    /// The manifests of the works that this one is made from.
    pub derives_from: Vec<ManifestId>,
    /// The manifest that this one takes the place of: a manifest is never changed, only superseded.
    pub supersedes: Option<ManifestId>,
    /// What may be done with the work.
    pub terms: Terms,
    /// The work's own bytes.
    pub content: Option<Content>,
    /// Where the work is at home: an http(s) URL.
    pub canonical: Option<String>,
    /// Whose word this is.
    pub signature: Option<ManifestSignature>,
    /// Members that this crate does not know.
    pub extra: Map<String, Value>,
}

/// The bytes that a manifest speaks of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// SHA-256 of the bytes, before any manifest is embedded in them: 64 lower-case hex digits.
    pub sha256: String,
    /// How many bytes there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Their media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Members that this crate does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Why something is no manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// More bytes than a manifest may have.
    #[error("a manifest has at most {BYTES_MAX} bytes")]
    TooLarge,
    /// The bytes are no JSON, or JSON that two readers can understand differently.
    #[error("the manifest cannot be read: {0}")]
    NotJson(String),
    /// A member is missing or wrong.
    #[error("the manifest is not valid: {0}")]
    Member(#[from] MemberError),
    /// The shares are not the whole.
    #[error("the shares sum to {sum}, not to 1: change them so that they sum to exactly 1")]
    NotWhole {
        /// What they sum to, as a decimal.
        sum: String,
    },
    /// Two entries pay the same payee in the same role.
    #[error("{payee} is there twice as {role}: make one entry of the two")]
    Twice {
        /// The payee.
        payee: String,
        /// The role.
        role: String,
    },
    /// The manifest names itself as its own source.
    #[error("the manifest names itself as a source")]
    OwnSource,
    /// The manifest has no canonical form and therefore no digest.
    #[error("the manifest has no canonical form (RFC 8785): {0}")]
    NotCanonical(String),
}

impl ManifestError {
    /// What this refusal is called on the wire.
    pub fn code(&self) -> Code {
        match self {
            Self::TooLarge => Code::BodyTooLarge,
            _ => Code::InvalidRequest,
        }
    }
}

impl Manifest {
    /// An unsigned manifest with this split. Its id is right as long as nothing else is changed; signing sets it anew.
    pub fn new(contributors: Vec<Contributor>) -> Result<Self, ManifestError> {
        Self {
            version: VERSION.to_owned(),
            id: ManifestId::from_digest(&[0; 32]),
            title: None,
            kind: None,
            created: None,
            author: None,
            contributors,
            derives_from: Vec::new(),
            supersedes: None,
            terms: Terms::default(),
            content: None,
            canonical: None,
            signature: None,
            extra: Map::new(),
        }
        .with_computed_id()
    }

    /// Reads a manifest from JSON.
    pub fn parse(json: &[u8]) -> Result<Self, ManifestError> {
        if json.len() > BYTES_MAX {
            return Err(ManifestError::TooLarge);
        }
        // Not every JSON has one meaning only: this reader refuses repeated members and numbers that would change.
        let value: Value = jcs::from_slice(json).map_err(|error| ManifestError::NotJson(error.to_string()))?;
        Self::from_value(value)
    }

    /// Reads a manifest from a JSON value.
    ///
    /// A draft, which has no signature, may leave out `version`, `id`, `derives_from` and `terms`: it gets the id of
    /// its content, and empty ones. What is signed must be complete, since nothing may be added to it.
    pub fn from_value(value: Value) -> Result<Self, ManifestError> {
        let mut members = Members::of(value)?;
        let signature: Option<ManifestSignature> = members.take("signature")?;
        let id: Option<ManifestId> = members.take("id")?;
        let version: Option<String> = members.take("version")?;
        let derives_from: Option<Vec<ManifestId>> = members.take("derives_from")?;
        let terms: Option<Value> = members.take("terms")?;
        if signature.is_some() {
            let complete = [
                ("version", version.is_some()),
                ("id", id.is_some()),
                ("derives_from", derives_from.is_some()),
                ("terms", terms.is_some()),
            ];
            if let Some((name, _)) = complete.into_iter().find(|(_, present)| !present) {
                return Err(
                    MemberError::new(name, &"is missing, and nothing can be added to a signed manifest").into(),
                );
            }
        }
        let terms = terms.map(Terms::try_from).transpose();
        let manifest = Self {
            version: version.unwrap_or_else(|| VERSION.to_owned()),
            id: id.clone().unwrap_or_else(|| ManifestId::from_digest(&[0; 32])),
            title: members.take("title")?,
            kind: members.take("type")?,
            created: members.take("created")?,
            author: members.take("author")?,
            contributors: contributors(members.require("contributors")?)?,
            derives_from: derives_from.unwrap_or_default(),
            supersedes: members.take("supersedes")?,
            terms: terms.map_err(|error| error.within("terms"))?.unwrap_or_default(),
            content: members.take("content")?,
            canonical: members.take("canonical")?,
            signature,
            extra: members.rest(),
        };
        if id.is_none() {
            return manifest.with_computed_id();
        }
        manifest.check()?;
        Ok(manifest)
    }

    /// The manifest as JSON, with every member that it was read with.
    pub fn to_value(&self) -> Value {
        Value::from(self.clone())
    }

    /// Gives the manifest the id of its content.
    pub(crate) fn with_computed_id(mut self) -> Result<Self, ManifestError> {
        self.id = self.computed_id()?;
        self.check()?;
        Ok(self)
    }

    /// Checks everything that the manifest shows on its own: the form of its members, and that the shares are the
    /// whole. Its signature and its sources need keys and other manifests: [`Manifest::verify_signature`],
    /// [`Manifest::check_lineage`].
    pub fn check(&self) -> Result<(), ManifestError> {
        self.check_members()?;
        self.check_split()?;
        let own_payee = Payee::Fair(self.id.clone());
        let pays_itself = self.contributors.iter().any(|entry| entry.payee == own_payee);
        if pays_itself || self.derives_from.contains(&self.id) {
            return Err(ManifestError::OwnSource);
        }
        if self.supersedes.as_ref() == Some(&self.id) {
            return Err(MemberError::new("supersedes", &"must name an earlier manifest, not this one").into());
        }
        self.canonical_bytes()?;
        Ok(())
    }

    fn check_members(&self) -> Result<(), MemberError> {
        if self.version != "1" && !self.version.starts_with("1.") {
            return Err(MemberError::new(
                "version",
                &"is not one that this program understands: it reads 1.0",
            ));
        }
        check_text("version", &self.version, WORD_LENGTH_MAX)?;
        if let Some(title) = &self.title {
            check_text("title", title, TITLE_LENGTH_MAX)?;
        }
        if let Some(kind) = &self.kind {
            check_text("type", kind, WORD_LENGTH_MAX)?;
        }
        if let Some(created) = &self.created {
            let parsed: Result<Timestamp, _> = created.parse();
            parsed.map_err(|error| MemberError::new("created", &error))?;
        }
        if self.derives_from.len() > PARENTS_MAX {
            return Err(MemberError::new(
                "derives_from",
                &format!("has more than {PARENTS_MAX} entries"),
            ));
        }
        if let Some(content) = &self.content {
            content.check().map_err(|error| error.within("content"))?;
        }
        if let Some(url) = &self.canonical {
            check_text("canonical", url, URL_LENGTH_MAX)?;
            // The address becomes a link on pages: no other scheme may get there.
            if !url.starts_with("https://") && !url.starts_with("http://") {
                return Err(MemberError::new("canonical", &"must be an http or https URL"));
            }
        }
        Ok(())
    }

    fn check_split(&self) -> Result<(), ManifestError> {
        if self.contributors.is_empty() {
            return Err(MemberError::new("contributors", &"must name somebody").into());
        }
        if self.contributors.len() > CONTRIBUTORS_MAX {
            return Err(MemberError::new("contributors", &format!("has more than {CONTRIBUTORS_MAX} entries")).into());
        }
        let mut seen = BTreeSet::new();
        for (index, entry) in self.contributors.iter().enumerate() {
            entry
                .check()
                .map_err(|error| error.within(&format!("contributors[{index}]")))?;
            if !seen.insert((entry.payee.canonical(), entry.role.as_str())) {
                return Err(ManifestError::Twice {
                    payee: entry.payee.to_string(),
                    role: entry.role.clone(),
                });
            }
        }
        let millionths: u64 = self
            .contributors
            .iter()
            .map(|entry| u64::from(entry.share.millionths()))
            .sum();
        if millionths == u64::from(Share::ONE.millionths()) {
            return Ok(());
        }
        let sum = i64::try_from(millionths).unwrap_or(i64::MAX);
        let sum = Amount::from_micros(sum).unwrap_or(Amount::MAX).to_string();
        Err(ManifestError::NotWhole { sum })
    }
}

fn contributors(entries: Vec<Value>) -> Result<Vec<Contributor>, MemberError> {
    let read = |(index, entry): (usize, Value)| {
        let contributor: Result<_, MemberError> = Contributor::try_from(entry);
        contributor.map_err(|error| error.within(&format!("contributors[{index}]")))
    };
    entries.into_iter().enumerate().map(read).collect()
}

impl Content {
    fn check(&self) -> Result<(), MemberError> {
        let hex = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
        if self.sha256.len() != 64 || !self.sha256.bytes().all(hex) {
            return Err(MemberError::new("sha256", &"must be 64 lower-case hex digits"));
        }
        match &self.media_type {
            Some(media_type) => check_text("media_type", media_type, MEDIA_TYPE_LENGTH_MAX),
            None => Ok(()),
        }
    }
}

impl TryFrom<Value> for Manifest {
    type Error = ManifestError;

    fn try_from(value: Value) -> Result<Self, ManifestError> {
        Self::from_value(value)
    }
}

impl From<Manifest> for Value {
    fn from(manifest: Manifest) -> Self {
        let contributors: Vec<Self> = manifest.contributors.into_iter().map(Self::from).collect();
        let parents: Vec<_> = manifest.derives_from.iter().map(ManifestId::as_str).collect();
        let author = manifest.author.map(|did| did.as_str().to_owned());
        let optional = [
            ("title", manifest.title.map(Self::from)),
            ("type", manifest.kind.map(Self::from)),
            ("created", manifest.created.map(Self::from)),
            ("author", author.map(Self::from)),
            ("supersedes", manifest.supersedes.map(|id| id.as_str().into())),
            ("content", manifest.content.map(Self::from)),
            ("canonical", manifest.canonical.map(Self::from)),
            ("signature", manifest.signature.map(Self::from)),
        ];
        let mut members = manifest.extra;
        members.insert("version".to_owned(), manifest.version.into());
        members.insert("id".to_owned(), manifest.id.as_str().into());
        members.insert("contributors".to_owned(), contributors.into());
        members.insert("derives_from".to_owned(), parents.into());
        members.insert("terms".to_owned(), manifest.terms.into());
        for (name, value) in optional {
            if let Some(value) = value {
                members.insert(name.to_owned(), value);
            }
        }
        Self::Object(members)
    }
}

impl From<Content> for Value {
    fn from(content: Content) -> Self {
        let mut members = content.extra;
        members.insert("sha256".to_owned(), content.sha256.into());
        if let Some(size) = content.size {
            members.insert("size".to_owned(), size.into());
        }
        if let Some(media_type) = content.media_type {
            members.insert("media_type".to_owned(), media_type.into());
        }
        Self::Object(members)
    }
}

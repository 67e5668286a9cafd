use std::fmt;
use std::str::FromStr;

use imajin_proof::digest::sha256;
use serde::{Deserialize, Serialize};

use crate::DocumentError;

/// The most bytes of a document.
pub const DOCUMENT_BYTES_MAX: usize = 8 * 1024 * 1024;
const NAME_LENGTH_MAX: usize = 128;

/// What a document is called by its owner: 1 to 128 visible ASCII characters, such as the id of a work.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DocumentId(Box<str>);

impl DocumentId {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for DocumentId {
    type Err = DocumentError;

    fn from_str(text: &str) -> Result<Self, DocumentError> {
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        if visible && (1..=NAME_LENGTH_MAX).contains(&text.len()) {
            Ok(Self(text.into()))
        } else {
            Err(DocumentError::Name)
        }
    }
}

impl TryFrom<String> for DocumentId {
    type Error = DocumentError;

    fn try_from(text: String) -> Result<Self, DocumentError> {
        text.parse()
    }
}

impl From<DocumentId> for String {
    fn from(id: DocumentId) -> Self {
        id.0.into()
    }
}

/// The kinds of document that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MediaType {
    /// `text/plain`
    Text,
    /// `text/markdown` (`CommonMark` with tables)
    Markdown,
    /// `text/html`
    Html,
}

impl FromStr for MediaType {
    type Err = DocumentError;

    /// Reads a media type; its parameters, such as the character set, are left alone.
    fn from_str(text: &str) -> Result<Self, DocumentError> {
        let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "text/plain" => Ok(Self::Text),
            "text/markdown" => Ok(Self::Markdown),
            "text/html" => Ok(Self::Html),
            _ => Err(DocumentError::MediaType),
        }
    }
}

/// A document as its owner published it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Document<'a> {
    media_type: MediaType,
    text: &'a str,
}

impl<'a> Document<'a> {
    /// Checks that it can be read.
    ///
    /// # Errors
    /// [`DocumentError`] when it is too large or no UTF-8.
    pub fn new(media_type: MediaType, bytes: &'a [u8]) -> Result<Self, DocumentError> {
        if bytes.len() > DOCUMENT_BYTES_MAX {
            return Err(DocumentError::TooLarge);
        }
        let text = std::str::from_utf8(bytes).or(Err(DocumentError::NotUtf8))?;
        Ok(Self { media_type, text })
    }

    /// What kind it is.
    pub const fn media_type(&self) -> MediaType {
        self.media_type
    }

    /// The source.
    pub const fn text(&self) -> &'a str {
        self.text
    }

    /// SHA-256 of the source.
    pub fn digest(&self) -> [u8; 32] {
        sha256(self.text.as_bytes())
    }
}

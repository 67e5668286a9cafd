//! Manifests of other shapes: converted to the native form, with the original kept byte for byte.
//!
//! Three shapes are read: that of MJN RFC-0001, and Imajin's 1.0 and 1.1. A converted manifest is a draft that its
//! author still has to sign; it names the original by its digest. What the native form has no word for stays in the
//! original, and a note says so. The original's own signatures are checked with [`Original::verify`].

mod imajin;
mod original;
mod rfc0001;
mod shares;

use std::collections::BTreeMap;

use imajin_did::Did;
use imajin_kernel::Code;
use imajin_proof::digest::sha256_hex;
use imajin_proof::jcs;
use serde_json::{Map, Value, json};

pub use original::{ForeignSignature, ForeignSignatureError, Original, SignedAs};
pub use shares::SHARE_TOLERANCE_MICROS;

use crate::manifest::BYTES_MAX;
use crate::{Manifest, ManifestError, ManifestId, MemberError};

/// Whose shape a manifest has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Format {
    /// The manifest of MJN RFC-0001.
    #[serde(rename = "mjn-rfc-0001")]
    Rfc0001,
    /// Imajin's manifest 1.0.
    #[serde(rename = "imajin-1.0")]
    Imajin10,
    /// Imajin's manifest 1.1.
    #[serde(rename = "imajin-1.1")]
    Imajin11,
}

impl Format {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rfc0001 => "mjn-rfc-0001",
            Self::Imajin10 => "imajin-1.0",
            Self::Imajin11 => "imajin-1.1",
        }
    }

    /// Which shape a document has, by the members that only this shape has.
    pub fn detect(document: &Value) -> Result<Self, ImportError> {
        let text = |name: &str| document.get(name).and_then(Value::as_str);
        match (text("fair"), text("version")) {
            (Some("1.0"), None | Some("1.0")) => Ok(Self::Imajin10),
            (Some("1.1"), None | Some("1.1")) | (Some("1.0"), Some("1.1")) => Ok(Self::Imajin11),
            (Some(fair), version) => {
                let version = version.unwrap_or(fair).chars().take(16).collect();
                Err(ImportError::UnknownVersion { version })
            }
            (None, Some(_)) if document.get("contributors").is_some() && document.get("did").is_some() => {
                Ok(Self::Rfc0001)
            }
            _ => Err(ImportError::NotForeign),
        }
    }
}

/// What the importer cannot know from the document.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// Makes shares exact that are off by rounding only: at most [`SHARE_TOLERANCE_MICROS`] millionths in sum.
    pub normalise: bool,
    /// Who is meant by an entry without a DID, by its role.
    pub payees: BTreeMap<String, Did>,
    /// Which manifests are meant by sources that are named in another way, for example by a DID.
    pub sources: BTreeMap<String, ManifestId>,
}

/// A converted manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The native draft: not signed, with the id of its content.
    pub manifest: Manifest,
    /// What it was made from.
    pub original: Original,
    /// What was changed or could not be carried over, for the author to read before signing.
    pub notes: Vec<String>,
}

/// Why a document cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// More bytes than a manifest may have.
    #[error("a manifest has at most {BYTES_MAX} bytes")]
    TooLarge,
    /// The bytes are no JSON, or JSON that two readers can understand differently.
    #[error("the manifest cannot be read: {0}")]
    NotJson(String),
    /// It has none of the shapes that are imported.
    #[error("this is not a manifest of MJN RFC-0001, Imajin 1.0 or Imajin 1.1; a native one needs no import")]
    NotForeign,
    /// A later version of a shape.
    #[error("version {version} of this manifest is not known here: 1.0 and 1.1 are")]
    UnknownVersion {
        /// The version.
        version: String,
    },
    /// A member is missing or wrong.
    #[error("the manifest is not valid: {0}")]
    Member(#[from] MemberError),
    /// The shares are not exact.
    #[error("the shares sum to {sum}{}: import with normalise to make them exact", fine_words(*.too_fine))]
    NotExact {
        /// What they sum to, as a decimal.
        sum: String,
        /// Whether one of them has more than six places.
        too_fine: bool,
    },
    /// The shares are wrong by more than rounding.
    #[error("the shares sum to {sum}, which is not 1 by more than rounding: its author has to correct them")]
    NotWhole {
        /// What they sum to, as a decimal.
        sum: String,
    },
    /// What came out is no native manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

fn fine_words(too_fine: bool) -> &'static str {
    if too_fine {
        ", and some have more than 6 decimal places"
    } else {
        ", not to 1"
    }
}

impl ImportError {
    /// What this refusal is called on the wire.
    pub fn code(&self) -> Code {
        match self {
            Self::TooLarge => Code::BodyTooLarge,
            Self::Manifest(error) => error.code(),
            _ => Code::InvalidRequest,
        }
    }
}

/// What the readers of the shapes find; the rest is the same for all of them.
#[derive(Default)]
struct Found {
    id: Option<String>,
    kind: Option<String>,
    created: Option<String>,
    author: Option<Did>,
    canonical: Option<String>,
    content: Option<Value>,
    entries: Vec<shares::Entry>,
    derives_from: Vec<ManifestId>,
    terms: Map<String, Value>,
    notes: Vec<String>,
}

/// Converts a manifest of another shape.
pub fn import(bytes: &[u8], options: &ImportOptions) -> Result<Imported, ImportError> {
    let document = parse(bytes)?;
    let format = Format::detect(&document)?;
    let found = match format {
        Format::Rfc0001 => rfc0001::read(document, options)?,
        Format::Imajin10 | Format::Imajin11 => imajin::read(document, options)?,
    };
    let mut notes = found.notes;
    let contributors = shares::contributors(found.entries, options.normalise, &mut notes)?;
    let mut native = Map::new();
    let optional = [
        ("type", found.kind.map(Value::from)),
        ("created", found.created.map(Value::from)),
        ("author", found.author.map(|did| Value::from(did.as_str()))),
        ("canonical", found.canonical.map(Value::from)),
        ("content", found.content),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            native.insert(name.to_owned(), value);
        }
    }
    let origin = json!({"format": format, "id": found.id, "sha256": sha256_hex(bytes)});
    native.insert("contributors".to_owned(), contributors.into());
    native.insert("derives_from".to_owned(), json!(found.derives_from));
    native.insert("terms".to_owned(), found.terms.into());
    native.insert("imported_from".to_owned(), origin);
    Ok(Imported {
        manifest: Manifest::from_value(native.into())?,
        original: Original {
            format,
            bytes: bytes.to_vec(),
        },
        notes,
    })
}

fn parse(bytes: &[u8]) -> Result<Value, ImportError> {
    if bytes.len() > BYTES_MAX {
        return Err(ImportError::TooLarge);
    }
    jcs::from_slice(bytes).map_err(|error| ImportError::NotJson(error.to_string()))
}

/// A price in another shape: a number, or text that is already native.
fn price(value: &Value) -> Value {
    match value.as_f64() {
        Some(0.0) => "free".into(),
        // The shortest decimal text, never in exponents: what the number was written as.
        Some(number) => number.to_string().into(),
        None => value.clone(),
    }
}

//! What a manifest looks like in JSON, member by member.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::contributor::ROLE_LENGTH_MAX;
use crate::manifest::{
    CONTRIBUTORS_MAX, MEDIA_TYPE_LENGTH_MAX, PARENTS_MAX, TITLE_LENGTH_MAX, URL_LENGTH_MAX, WORD_LENGTH_MAX,
};
use crate::terms::CONDITIONS_MAX;
use crate::{Content, Contributor, Manifest, ManifestSignature, Payee};

const DID: &str = "^did:(mjn|key|imajin|email|web):.+$";
const FAIR: &str = "^fair_[A-Za-z0-9_-]{1,128}$";
/// At least one character that is no space, and no control characters.
const TEXT: &str = r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$";
const HEX_64: &str = "^[0-9a-f]{64}$";
const HEX_128: &str = "^[0-9a-f]{128}$";

/// Who made a work, what each is due, and what may be done with it. What a schema cannot say holds as well: the shares
/// sum to exactly 1 and have at most six decimal places, no two entries have the same payee and role, the manifest does
/// not name itself, and an id that is a digest is that of the content. Members that are not described are kept.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(extend("dependentRequired" = {"signature": ["version", "id", "derives_from", "terms"]}))]
pub(super) struct ManifestShape {
    /// The version of the format.
    #[serde(default)]
    #[schemars(regex(pattern = r"^1(\..*)?$"), length(max = WORD_LENGTH_MAX))]
    version: String,
    /// What the manifest is called: `fair_` and the base32 of the SHA-256 of its RFC 8785 bytes without `id` and
    /// `signature`; names from elsewhere are kept. May be left out in a draft.
    #[serde(default)]
    #[schemars(regex(pattern = FAIR))]
    id: String,
    /// What the work is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", regex(pattern = TEXT), length(max = TITLE_LENGTH_MAX))]
    title: Option<String>,
    /// What kind of work it is, for example `article`, `image`, `audio`, `video`, `code`, `event` or `answer`.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", regex(pattern = TEXT), length(max = WORD_LENGTH_MAX))]
    kind: Option<String>,
    /// When the manifest was made: RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    created: Option<String>,
    /// Who made the work and signs the manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", regex(pattern = DID))]
    author: Option<String>,
    /// How what it earns is split.
    #[schemars(length(min = 1, max = CONTRIBUTORS_MAX))]
    contributors: Vec<ContributorShape>,
    /// The manifests of the works that this one is made from.
    #[serde(default)]
    #[schemars(length(max = PARENTS_MAX), inner(regex(pattern = FAIR)))]
    derives_from: Vec<String>,
    /// The manifest that this one takes the place of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", regex(pattern = FAIR))]
    supersedes: Option<String>,
    /// What may be done with the work. What is not described is kept and means nothing here.
    #[serde(default)]
    #[schemars(with = "TermsShape")]
    terms: Value,
    /// The work's own bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ContentShape")]
    content: Option<ContentShape>,
    /// Where the work is at home.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", regex(pattern = "^https?://"), length(max = URL_LENGTH_MAX))]
    canonical: Option<String>,
    /// The author's signature over everything but its own `value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "SignatureShape")]
    signature: Option<SignatureShape>,
    #[serde(flatten)]
    #[schemars(skip)]
    extra: Map<String, Value>,
}

/// A share goes either to somebody, or to another manifest and along its own split.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Contributor", extend("oneOf" = [{"required": ["did"]}, {"required": ["fair"]}]))]
struct ContributorShape {
    /// Whom the share goes to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", regex(pattern = DID))]
    did: Option<String>,
    /// The manifest that the share goes along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", regex(pattern = FAIR))]
    fair: Option<String>,
    /// What for.
    #[schemars(regex(pattern = TEXT), length(max = ROLE_LENGTH_MAX))]
    role: String,
    /// How much of the whole; at most six decimal places.
    #[schemars(with = "f64", extend("exclusiveMinimum" = 0, "maximum" = 1))]
    share: Value,
    #[serde(flatten)]
    #[schemars(skip)]
    extra: Map<String, Value>,
}

/// The terms of the actions that the format knows.
#[derive(JsonSchema)]
#[schemars(rename = "Terms")]
#[expect(
    dead_code,
    reason = "terms are kept as they were written; this says what they may be"
)]
struct TermsShape {
    /// Read, see or hear it, by a person or by an agent for one.
    #[schemars(with = "TermShape", default)]
    read: (),
    /// Train a model with it.
    #[schemars(with = "TermShape", default)]
    train: (),
    /// Pass it on.
    #[schemars(with = "TermShape", default)]
    redistribute: (),
    /// Make something else out of it.
    #[schemars(with = "TermShape", default)]
    remix: (),
}

/// The terms of one action.
#[derive(JsonSchema)]
#[schemars(
    rename = "Term",
    extend(
        "if" = {"required": ["price"], "properties": {"price": {"pattern": "^[0-9]"}}},
        "then" = {"required": ["currency"]},
    )
)]
#[expect(
    dead_code,
    reason = "terms are kept as they were written; this says what they may be"
)]
struct TermShape {
    /// `free`, `prohibited`, or a decimal number as text.
    #[schemars(with = "String", default, regex(pattern = r"^(free|prohibited|[0-9]+(\.[0-9]+)?)$"))]
    price: (),
    /// The currency of the price.
    #[schemars(with = "String", default, regex(pattern = "^(TEST-)?[A-Z][A-Z0-9]{1,9}$"))]
    currency: (),
    /// Which consent it needs, for example `implicit` or `explicit`.
    #[schemars(with = "String", default, regex(pattern = TEXT), length(max = WORD_LENGTH_MAX))]
    consent: (),
    /// What has to be observed, for example `attribution-required`.
    #[schemars(with = "Vec<String>", default, length(max = CONDITIONS_MAX))]
    #[schemars(inner(regex(pattern = TEXT), length(max = WORD_LENGTH_MAX)))]
    conditions: (),
    /// The share that a work made from this one owes to it.
    #[schemars(with = "f64", default, range(min = 0, max = 1))]
    royalty: (),
}

/// The bytes that a manifest speaks of.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Content")]
struct ContentShape {
    /// SHA-256 of the bytes, before any manifest is embedded in them.
    #[schemars(regex(pattern = HEX_64))]
    sha256: String,
    /// How many bytes there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u64")]
    size: Option<u64>,
    /// Their media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", regex(pattern = TEXT), length(max = MEDIA_TYPE_LENGTH_MAX))]
    media_type: Option<String>,
    #[serde(flatten)]
    #[schemars(skip)]
    extra: Map<String, Value>,
}

/// Ed25519 over RFC 8785 bytes, in one of two forms.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Signature")]
enum SignatureShape {
    /// Says who signed and when, and covers that too.
    Native(NativeShape),
    /// Over the manifest without `signature`.
    Hex(#[schemars(regex(pattern = HEX_128))] String),
}

/// The native signature.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "NativeSignature")]
struct NativeShape {
    /// Who signed.
    #[schemars(regex(pattern = DID))]
    did: String,
    /// The algorithm.
    #[schemars(extend("const" = "EdDSA"))]
    alg: String,
    /// When: RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    created: String,
    /// The signature.
    #[schemars(regex(pattern = HEX_128))]
    value: String,
    #[serde(flatten)]
    #[schemars(skip)]
    extra: Map<String, Value>,
}

impl From<Manifest> for ManifestShape {
    fn from(manifest: Manifest) -> Self {
        // Without `..`: a new member has to be given a place.
        let Manifest {
            version,
            id,
            title,
            kind,
            created,
            author,
            contributors,
            derives_from,
            supersedes,
            terms,
            content,
            canonical,
            signature,
            extra,
        } = manifest;
        Self {
            version,
            id: id.to_string(),
            title,
            kind,
            created,
            author: author.map(|did| did.to_string()),
            contributors: contributors.into_iter().map(ContributorShape::from).collect(),
            derives_from: derives_from.iter().map(ToString::to_string).collect(),
            supersedes: supersedes.map(|id| id.to_string()),
            terms: terms.into(),
            content: content.map(ContentShape::from),
            canonical,
            signature: signature.map(SignatureShape::from),
            extra,
        }
    }
}

impl From<Contributor> for ContributorShape {
    fn from(contributor: Contributor) -> Self {
        let Contributor {
            payee,
            role,
            share,
            extra,
        } = contributor;
        let (did, fair) = match payee {
            Payee::Did(did) => (Some(did.to_string()), None),
            Payee::Fair(id) => (None, Some(id.to_string())),
        };
        Self {
            did,
            fair,
            role,
            share: share.to_number().into(),
            extra,
        }
    }
}

impl From<Content> for ContentShape {
    fn from(content: Content) -> Self {
        let Content {
            sha256,
            size,
            media_type,
            extra,
        } = content;
        Self {
            sha256,
            size,
            media_type,
            extra,
        }
    }
}

impl From<ManifestSignature> for SignatureShape {
    fn from(signature: ManifestSignature) -> Self {
        match signature {
            ManifestSignature::Hex(value) => Self::Hex(value.to_hex()),
            ManifestSignature::Native(native) => Self::Native(NativeShape {
                did: native.did.to_string(),
                alg: "EdDSA".to_owned(),
                created: native.created,
                value: native.value.to_hex(),
                extra: native.extra,
            }),
        }
    }
}

use imajin_did::{Did, SecretKey};
use imajin_fair::{Content, Contributor, Manifest, ManifestId, Payee, SignatureError};
use imajin_kernel::Timestamp;
use imajin_kernel::id::DocumentId;
use imajin_money::Share;
use imajin_proof::digest::sha256_hex;
use serde::{Deserialize, Serialize};
use serde_json::Map;
use utoipa::ToSchema;

/// How many documents a list names at once.
pub const DOCUMENTS_PAGE: usize = 50;

/// A document that is added, with its manifest.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DocumentBody {
    /// What it is called: 1 to 200 characters.
    pub title: String,
    /// `text/plain`, `text/markdown` or `text/html`.
    pub media_type: String,
    /// The document.
    pub text: String,
    /// Who made it: signed by whoever adds it, with the SHA-256 of the text.
    #[schema(value_type = Object)]
    pub manifest: Manifest,
}

impl DocumentBody {
    /// A text that is all its author's own, with the manifest that says so.
    ///
    /// # Errors
    /// [`SignatureError`] when the manifest cannot be signed.
    pub fn own(
        (key, author): (&SecretKey, &Did),
        title: &str,
        media_type: &str,
        text: String,
        now: Timestamp,
    ) -> Result<Self, SignatureError> {
        let entry = Contributor::new(Payee::Did(author.clone()), "author", Share::ONE);
        let mut manifest = Manifest::new(vec![entry]).map_err(|error| SignatureError::Invalid(Box::new(error)))?;
        manifest.title = Some(title.to_owned());
        manifest.kind = Some("document".to_owned());
        manifest.author = Some(author.clone());
        manifest.content = Some(Content {
            sha256: sha256_hex(text.as_bytes()),
            size: u64::try_from(text.len()).ok(),
            media_type: Some(media_type.to_owned()),
            extra: Map::new(),
        });
        Ok(Self {
            title: title.to_owned(),
            media_type: media_type.to_owned(),
            text,
            manifest: manifest.sign(key, author.clone(), now)?,
        })
    }
}

/// A document as anybody may know of it: what it says is in the answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DocumentView {
    /// `doc_…`
    #[schema(value_type = String)]
    pub id: DocumentId,
    /// Whose it is.
    #[schema(value_type = String)]
    pub owner: Did,
    /// What it is called.
    pub title: String,
    /// Its media type.
    pub media_type: String,
    /// How many bytes it has.
    pub size: u64,
    /// SHA-256 of them, in hex.
    pub sha256: String,
    /// Who made it.
    #[schema(value_type = Object)]
    pub manifest: Manifest,
    /// Since when questions are answered from it.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// A document in a list. Its manifest is found by its id, which is its digest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DocumentCard {
    /// `doc_…`
    #[schema(value_type = String)]
    pub id: DocumentId,
    /// Whose it is.
    #[schema(value_type = String)]
    pub owner: Did,
    /// What it is called.
    pub title: String,
    /// Its media type.
    pub media_type: String,
    /// How many bytes it has.
    pub size: u64,
    /// SHA-256 of them, in hex.
    pub sha256: String,
    /// Its manifest.
    #[schema(value_type = String)]
    pub manifest_id: ManifestId,
    /// Since when questions are answered from it.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

use imajin_did::Did;
use imajin_fair::Manifest;
use imajin_kernel::Timestamp;
use imajin_kernel::id::DocumentId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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

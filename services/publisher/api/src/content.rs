use imajin_did::Did;
use imajin_fair::ManifestId;
use imajin_kernel::Timestamp;
use imajin_kernel::id::{CheckoutId, ContentId, ReceiptId};
use imajin_money::Money;
use imajin_pay_api::ReceiptBody;
use imajin_proof::SignedMessage;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The life of a work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContentState {
    /// Only its author sees it.
    Draft,
    /// Anybody may read it who pays.
    Published,
    /// Only those who have paid go on reading it.
    Withdrawn,
}

impl ContentState {
    /// The text in the database and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Published => "published",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// [`Self::as_str`] backwards.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Draft, Self::Published, Self::Withdrawn]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// What kind of bytes a work has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContentFormat {
    /// An article in Markdown, shown on the page.
    Markdown,
    /// An article in HTML, of which what is safe is shown on the page.
    Html,
    /// Any file.
    File,
}

impl ContentFormat {
    /// The text in the database and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Markdown => "markdown",
            Self::Html => "html",
            Self::File => "file",
        }
    }

    /// [`Self::as_str`] backwards.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Markdown, Self::Html, Self::File]
            .into_iter()
            .find(|format| format.as_str() == text)
    }
}

/// Who asks about a work.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ContentAsk {
    /// The work.
    pub id: ContentId,
    /// Who asks; nobody for a stranger.
    pub reader: Option<Did>,
}

/// Whether a reader may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReaderAccess {
    /// It is theirs.
    Author,
    /// They have paid.
    Paid,
    /// It costs nothing.
    Free,
    /// They would have to pay.
    Unpaid,
    /// Nobody new can have it.
    Withdrawn,
}

impl ReaderAccess {
    /// Whether they may read it now.
    pub const fn may_read(self) -> bool {
        matches!(self, Self::Author | Self::Paid | Self::Free)
    }
}

/// A work as somebody sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContentView {
    /// What everybody sees.
    #[serde(flatten)]
    pub card: ContentCard,
    /// Where it stands.
    pub state: ContentState,
    /// Which version this is.
    pub version: i64,
    /// What everybody may read, as Markdown.
    pub preview: String,
    /// The preview as HTML that is safe on a page.
    pub preview_html: String,
    /// What the file is called when it is saved.
    pub file_name: String,
    /// SHA-256 of the bytes, in hex.
    pub sha256: String,
    /// How the price is split, as the manifest says.
    pub splits: Vec<ContentSplit>,
    /// The SHA-256 of the manifest's RFC 8785 bytes, in hex.
    pub manifest_digest: String,
    /// Whether the asking reader may read.
    pub access: ReaderAccess,
    /// Of a version whose bytes are not all here yet, how far they are; its author only sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upload: Option<ContentUpload>,
}

/// How far the bytes of a version are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContentUpload {
    /// The version.
    pub version: i64,
    /// How many bytes are here: the offset of the next part.
    pub received: u64,
    /// How many there will be.
    pub size: u64,
    /// Whether they are all here, and are the ones that were announced.
    pub complete: bool,
}

/// An entry of a manifest's split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContentSplit {
    /// Who gets it: a DID, or another manifest whose own split it follows.
    pub payee: String,
    /// As what.
    pub role: String,
    /// How much of it, as a decimal of at most six places.
    pub share: String,
}

/// A work in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContentCard {
    /// The work.
    #[schema(value_type = String)]
    pub id: ContentId,
    /// What it is called.
    pub title: String,
    /// What it is about.
    pub summary: String,
    /// Whose it is.
    #[schema(value_type = String)]
    pub author: Did,
    /// What kind of bytes it has.
    pub format: ContentFormat,
    /// Their media type.
    pub media_type: String,
    /// How many there are.
    pub size: u64,
    /// What it costs to read; nothing when it is free.
    #[schema(value_type = Option<Object>)]
    pub price: Option<Money>,
    /// Its manifest.
    #[schema(value_type = String)]
    pub manifest: ManifestId,
    /// The page about it.
    pub url: String,
    /// The bytes.
    pub content_url: String,
    /// Since when it is published.
    #[schema(value_type = Option<String>)]
    pub published_at: Option<Timestamp>,
}

/// The text of an article.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Article {
    /// HTML without scripts, styles, forms and frames.
    pub html: String,
}

/// See [`crate::PublisherApi::content_list`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ContentList {
    /// Only of this author.
    pub author: Option<Did>,
    /// At most so many: 50 by default, 100 at most.
    pub limit: Option<u32>,
    /// Where the last page ended.
    pub cursor: Option<String>,
}

/// A page of works.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ContentPage {
    /// The works, the newest first.
    pub works: Vec<ContentCard>,
    /// Where the next page begins; absent at the end.
    pub cursor: Option<String>,
}

/// See [`crate::PublisherApi::content_sales`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ContentSalesList {
    /// Whose.
    pub owner: Did,
}

/// A work with what it has sold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContentSales {
    /// The newest version.
    #[serde(flatten)]
    pub card: ContentCard,
    /// Where the work stands.
    pub state: ContentState,
    /// How many versions there are.
    pub versions: i64,
    /// How many readers have paid and may read.
    pub readers: u64,
    /// What they have paid, one sum for each currency.
    #[schema(value_type = Vec<Object>)]
    pub gross: Vec<Money>,
}

/// See [`crate::PublisherApi::library_list`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LibraryList {
    /// Whose.
    pub reader: Did,
}

/// A work that somebody has paid for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LibraryEntry {
    /// The work.
    #[serde(flatten)]
    pub card: ContentCard,
    /// What was paid.
    #[schema(value_type = Object)]
    pub paid: Money,
    /// When.
    #[schema(value_type = String)]
    pub paid_at: Timestamp,
    /// The checkout.
    #[schema(value_type = String)]
    pub checkout: CheckoutId,
    /// The receipt.
    #[schema(value_type = String)]
    pub receipt: ReceiptId,
}

/// What whoever may read a work is told, when they have asked with MJN headers: what they may do, and how to read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UseGrant {
    /// The work.
    #[schema(value_type = String)]
    pub content: ContentId,
    /// Its manifest, whose terms were met.
    #[schema(value_type = String)]
    pub manifest: ManifestId,
    /// What it is called.
    pub title: String,
    /// SHA-256 of its bytes, in hex: the signed answer binds them.
    pub sha256: String,
    /// How many there are.
    pub size: u64,
    /// Their media type.
    pub media_type: String,
    /// What the terms ask of whoever uses it, for example `attribution-required`.
    pub conditions: Vec<String>,
    /// Where the bytes are, whole or in ranges.
    pub url: String,
    /// Goes into `Authorization: Bearer …` there.
    pub token: String,
    /// Until when the token is good.
    #[schema(value_type = String)]
    pub expires_at: Timestamp,
    /// The receipt, where it was paid for; missing while pay does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub receipt: Option<SignedMessage<ReceiptBody>>,
}

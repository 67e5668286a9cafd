//! What the other services may ask of publisher, the library of manifests, and what publisher asks of the services that
//! keep the manifests of their own goods.

mod chain;
mod content;
mod gate;
mod keeper;

use imajin_did::Did;
use imajin_fair::{ManifestId, ManifestRecord};
use imajin_kernel::Timestamp;
use imajin_web::service_api;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use chain::{
    Chain, ChainFetch, ChainGather, ChainOf, ChainRefusal, ChainWork, KeptWhere, MissingWork, SignatureFinding,
};
pub use content::{
    Article, ContentAsk, ContentCard, ContentFormat, ContentList, ContentPage, ContentSales, ContentSalesList,
    ContentSplit, ContentState, ContentUpload, ContentView, LibraryEntry, LibraryList, ReaderAccess, UseGrant,
};
pub use gate::{GatePolicy, GatePolicyChange, GateRecord, GateRecordPage};
pub use keeper::{AcceptanceKeep, KEPT_MAX, KeeperApi, KeeperClient, KeptCard, ListPlace, ManifestsKept, RecordKept};

service_api! {
    /// What other services may ask of publisher.
    pub trait PublisherApi, client PublisherClient, service "publisher" {
        /// A work and everything that it is made from or that has a share in it: found here, with a keeper, or fetched
        /// from other nodes; verified, and asked for permission. What is wrong is in the answer.
        async fn chain_gather(ChainGather) -> Chain;

        /// A manifest with what others signed about it, if this node has it. Nobody else is asked.
        async fn record_fetch(RecordFetch) -> Option<ManifestRecord>;

        /// The manifest behind an address of another node, read once and not kept.
        async fn address_fetch(AddressFetch) -> ManifestRecord;

        /// An author's manifests, those of goods among them, the newest first.
        async fn manifest_list(ManifestList) -> ManifestPage;

        /// A work as somebody sees it; none when they may not know of it.
        async fn content_fetch(ContentAsk) -> Option<ContentView>;

        /// The text of an article, made safe for a page; none when it is no article, or the reader has to pay first.
        async fn content_article(ContentAsk) -> Option<Article>;

        /// Works that are published here, the newest first.
        async fn content_list(ContentList) -> ContentPage;

        /// An author's own works, with what they have sold.
        async fn content_sales(ContentSalesList) -> Vec<ContentSales>;

        /// What somebody has paid for.
        async fn library_list(LibraryList) -> Vec<LibraryEntry>;
    }
}

/// See [`PublisherApi::record_fetch`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecordFetch {
    /// The manifest.
    pub id: ManifestId,
}

/// See [`PublisherApi::address_fetch`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AddressFetch {
    /// Where it is.
    pub url: String,
}

/// See [`PublisherApi::manifest_list`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ManifestList {
    /// Whose.
    pub author: Did,
    /// At most so many: 50 by default, 100 at most.
    pub limit: Option<u32>,
    /// Where the last page ended.
    pub cursor: Option<String>,
}

/// A page of manifests.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ManifestPage {
    /// The manifests, the newest first.
    pub manifests: Vec<ManifestCard>,
    /// Where the next page begins; absent at the end.
    pub cursor: Option<String>,
}

/// A manifest in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManifestCard {
    /// The manifest.
    #[schema(value_type = String)]
    pub id: ManifestId,
    /// What the work is called.
    pub title: Option<String>,
    /// What kind of work it is.
    pub kind: Option<String>,
    /// Who signed it.
    #[schema(value_type = String)]
    pub author: Did,
    /// Where it is.
    pub url: String,
    /// Since when it is here.
    #[schema(value_type = String, format = DateTime)]
    pub published_at: Timestamp,
}

/// What `POST /api/fair` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Published {
    /// The manifest.
    #[schema(value_type = String)]
    pub id: ManifestId,
    /// Where it is from now on.
    pub url: String,
    /// Whether it is new here.
    pub created: bool,
}

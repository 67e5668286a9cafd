//! The library of manifests, as far as the tests need it.

use imajin_did::Did;
use imajin_fair::{Manifest, ManifestRecord};
use imajin_kernel::{Problem, Timestamp};
use imajin_publisher_api::{
    AddressFetch, Article, Chain, ChainGather, ContentAsk, ContentList, ContentPage, ContentSales, ContentSalesList,
    ContentView, LibraryEntry, LibraryList, ManifestCard, ManifestList, ManifestPage, PublisherApi, RecordFetch,
};
use imajin_web::macro_support::async_trait;
use serde_json::json;

/// Everybody has published one work.
pub(crate) struct FakePublisher;

fn work(author: &Did) -> Manifest {
    let draft = json!({
        "title": "Strings", "contributors": [{"did": author, "role": "author", "share": 1}],
    });
    Manifest::from_value(draft).unwrap()
}

#[async_trait]
impl PublisherApi for FakePublisher {
    async fn chain_gather(&self, _: ChainGather) -> Result<Chain, Problem> {
        Err(Problem::unavailable("What no test asks for"))
    }

    async fn record_fetch(&self, request: RecordFetch) -> Result<Option<ManifestRecord>, Problem> {
        let author = crate::world::key("ada").did();
        Ok(Some(work(&author))
            .filter(|work| work.id == request.id)
            .map(ManifestRecord::new))
    }

    async fn address_fetch(&self, _: AddressFetch) -> Result<ManifestRecord, Problem> {
        Err(Problem::unavailable("What no test asks for"))
    }

    async fn manifest_list(&self, request: ManifestList) -> Result<ManifestPage, Problem> {
        let manifest = work(&request.author);
        let card = ManifestCard {
            url: format!("https://node.example/fair/{}", manifest.id),
            id: manifest.id,
            title: manifest.title,
            kind: None,
            author: request.author,
            published_at: Timestamp::from_seconds(0),
        };
        Ok(ManifestPage {
            manifests: vec![card],
            cursor: None,
        })
    }

    async fn content_fetch(&self, _: ContentAsk) -> Result<Option<ContentView>, Problem> {
        Err(Problem::unavailable("What no test asks for"))
    }

    async fn content_article(&self, _: ContentAsk) -> Result<Option<Article>, Problem> {
        Err(Problem::unavailable("What no test asks for"))
    }

    async fn content_list(&self, _: ContentList) -> Result<ContentPage, Problem> {
        Err(Problem::unavailable("What no test asks for"))
    }

    async fn content_sales(&self, _: ContentSalesList) -> Result<Vec<ContentSales>, Problem> {
        Err(Problem::unavailable("What no test asks for"))
    }

    async fn library_list(&self, _: LibraryList) -> Result<Vec<LibraryEntry>, Problem> {
        Err(Problem::unavailable("What no test asks for"))
    }
}

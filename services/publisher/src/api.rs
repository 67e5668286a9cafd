//! What other services ask of publisher.

use async_trait::async_trait;
use imajin_fair::ManifestRecord;
use imajin_kernel::Problem;
use imajin_publisher_api::{
    AddressFetch, Article, Chain, ChainGather, ContentAsk, ContentList, ContentPage, ContentSales, ContentSalesList,
    ContentView, LibraryEntry, LibraryList, ManifestList, ManifestPage, PublisherApi, RecordFetch,
};
use url::Url;

use crate::Publisher;
use crate::domain::list::Wanted;
use crate::domain::work_find;

#[async_trait]
impl PublisherApi for Publisher {
    async fn chain_gather(&self, request: ChainGather) -> Result<Chain, Problem> {
        self.gather(request).await
    }

    async fn record_fetch(&self, request: RecordFetch) -> Result<Option<ManifestRecord>, Problem> {
        self.record(&request.id).await
    }

    async fn address_fetch(&self, request: AddressFetch) -> Result<ManifestRecord, Problem> {
        let url = Url::parse(&request.url)
            .map_err(|error| Problem::invalid(format!("`{}` is no address: {error}.", request.url)))?;
        self.fetcher.address(&url).await
    }

    async fn manifest_list(&self, request: ManifestList) -> Result<ManifestPage, Problem> {
        Ok(self.list(Wanted::of(&request)?).await?)
    }

    async fn content_fetch(&self, request: ContentAsk) -> Result<Option<ContentView>, Problem> {
        self.content_view(request).await
    }

    async fn content_article(&self, request: ContentAsk) -> Result<Option<Article>, Problem> {
        self.article(request).await
    }

    async fn content_list(&self, request: ContentList) -> Result<ContentPage, Problem> {
        let public = self.site.public.clone();
        Ok(self
            .read(move |conn, context| work_find::work_list(conn, context, &public, &request))
            .await?)
    }

    async fn content_sales(&self, request: ContentSalesList) -> Result<Vec<ContentSales>, Problem> {
        let public = self.site.public.clone();
        Ok(self
            .read(move |conn, context| work_find::sales_list(conn, context, &public, &request.owner))
            .await?)
    }

    async fn library_list(&self, request: LibraryList) -> Result<Vec<LibraryEntry>, Problem> {
        let public = self.site.public.clone();
        let readers = self.site.identities.holdings(&request.reader).await?;
        Ok(self
            .read(move |conn, context| work_find::library_list(conn, context, &public, &readers))
            .await?)
    }
}

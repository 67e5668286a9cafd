//! What other services ask of publisher.

use async_trait::async_trait;
use imajin_fair::ManifestRecord;
use imajin_kernel::Problem;
use imajin_publisher_api::{AddressFetch, Chain, ChainGather, ManifestList, ManifestPage, PublisherApi, RecordFetch};
use url::Url;

use crate::Publisher;
use crate::domain::list::Wanted;

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
}

//! The library of manifests, as far as the tests need it.

use std::collections::BTreeMap;
use std::sync::Mutex;

use imajin_did::Did;
use imajin_fair::{Manifest, ManifestId, ManifestRecord, Sources};
use imajin_kernel::Problem;
use imajin_publisher_api::{
    AddressFetch, Article, Chain, ChainFetch, ChainGather, ChainOf, ChainRefusal, ChainWork, ContentAsk, ContentList,
    ContentPage, ContentSales, ContentSalesList, ContentView, KeptWhere, LibraryEntry, LibraryList, ManifestList,
    ManifestPage, MissingWork, PublisherApi, RecordFetch, SignatureFinding,
};
use imajin_web::macro_support::async_trait;

/// Whoever a test puts here has published; their contributors have all accepted.
#[derive(Default)]
pub(crate) struct FakeLibrary {
    pub(crate) works: Mutex<BTreeMap<ManifestId, Manifest>>,
    /// How it was asked to look for what it does not have.
    pub(crate) fetches: Mutex<Vec<ChainFetch>>,
}

impl FakeLibrary {
    pub(crate) fn add(&self, manifest: &Manifest) {
        self.works.lock().unwrap().insert(manifest.id.clone(), manifest.clone());
    }
}

fn work(manifest: Manifest) -> ChainWork {
    let signer = manifest.signer().unwrap().clone();
    ChainWork {
        accepted: vec![signer.clone()],
        record: ManifestRecord::new(manifest),
        signature: SignatureFinding::Valid { signer },
        outstanding: Vec::<Did>::new(),
        endorsed: Vec::new(),
        kept: KeptWhere::Library,
    }
}

#[async_trait]
impl PublisherApi for FakeLibrary {
    async fn chain_gather(&self, request: ChainGather) -> Result<Chain, Problem> {
        self.fetches.lock().unwrap().push(request.fetch);
        let ChainOf::Record(record) = request.of else {
            return Err(Problem::not_found("manifest"));
        };
        let works = self.works.lock().unwrap();
        let lookup = |id: &ManifestId| works.get(id).cloned();
        let gathered = Sources::gather(&record.manifest, &lookup);
        let missing = record.manifest.sources_missing(&lookup);
        let missing = missing.into_iter().map(|id| MissingWork {
            id,
            reason: "nobody has it".to_owned(),
        });
        let refusal = gathered.as_ref().err().map(|error| ChainRefusal {
            code: error.code(),
            detail: error.to_string(),
        });
        Ok(Chain {
            work: work(record.manifest),
            sources: gathered.unwrap_or_default().iter().cloned().map(work).collect(),
            missing: missing.collect(),
            refusal,
        })
    }

    async fn record_fetch(&self, _: RecordFetch) -> Result<Option<ManifestRecord>, Problem> {
        Ok(None)
    }

    async fn address_fetch(&self, _: AddressFetch) -> Result<ManifestRecord, Problem> {
        Err(Problem::unavailable("What no test asks for"))
    }

    async fn manifest_list(&self, _: ManifestList) -> Result<ManifestPage, Problem> {
        Err(Problem::unavailable("What no test asks for"))
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

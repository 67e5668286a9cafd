//! A library of manifests in memory.

use std::sync::Arc;

use imajin_did::Did;
use imajin_fair::{Manifest, ManifestId, ManifestRecord, Payee, Sources};
use imajin_kernel::Problem;
use imajin_publisher_api::{
    AddressFetch, Article, Chain, ChainGather, ChainOf, ChainRefusal, ChainWork, ContentAsk, ContentList, ContentPage,
    ContentSales, ContentSalesList, ContentView, KeptWhere, LibraryEntry, LibraryList, ManifestList, ManifestPage,
    MissingWork, PublisherApi, PublisherClient, RecordFetch, SignatureFinding,
};
use imajin_web::macro_support::async_trait;

use crate::fakes::Fakes;
use crate::world::{ORIGIN, World};

/// Works that are kept, and those behind addresses.
#[derive(Default)]
pub(crate) struct FakeLibrary {
    pub(crate) works: Vec<Manifest>,
    pub(crate) addresses: Vec<(String, Manifest)>,
}

impl FakeLibrary {
    /// A node with this library.
    pub(crate) fn world(self) -> World {
        let library = Some(PublisherClient::local(Arc::new(self)));
        World::with(
            Fakes {
                library,
                ..Fakes::default()
            },
            ORIGIN,
        )
    }

    fn find(&self, id: &ManifestId) -> Option<Manifest> {
        self.works.iter().find(|work| work.id == *id).cloned()
    }
}

fn work(manifest: Manifest, kept: KeptWhere) -> ChainWork {
    let signer = manifest.signer().cloned();
    let signature = match signer.as_ref().and_then(Did::public_key) {
        None => SignatureFinding::Unsigned,
        Some(key) => match manifest.verify_signature(&key) {
            Ok(()) => SignatureFinding::Valid {
                signer: signer.clone().unwrap(),
            },
            Err(error) => SignatureFinding::Broken {
                reason: error.to_string(),
            },
        },
    };
    let people = manifest.contributors.iter().filter_map(|entry| match &entry.payee {
        Payee::Did(did) => Some(did.clone()),
        Payee::Fair(_) => None,
    });
    let (accepted, outstanding) = people.partition(|did| Some(did) == signer.as_ref());
    ChainWork {
        record: ManifestRecord::new(manifest),
        signature,
        accepted,
        outstanding,
        endorsed: Vec::new(),
        kept,
    }
}

#[async_trait]
impl PublisherApi for FakeLibrary {
    async fn chain_gather(&self, request: ChainGather) -> Result<Chain, Problem> {
        let (manifest, kept) = match request.of {
            ChainOf::Id(id) => {
                let found = self.find(&id);
                (found.ok_or_else(|| Problem::not_found("manifest"))?, KeptWhere::Library)
            }
            ChainOf::Record(record) => (record.manifest, KeptWhere::Given),
        };
        let lookup = |id: &ManifestId| self.find(id);
        let gathered = Sources::gather(&manifest, &lookup);
        let missing = manifest.sources_missing(&lookup).into_iter().map(|id| MissingWork {
            id,
            reason: "nobody has it".to_owned(),
        });
        let refusal = gathered.as_ref().err().map(|error| ChainRefusal {
            code: error.code(),
            detail: error.to_string(),
        });
        let sources = gathered.unwrap_or_default();
        Ok(Chain {
            work: work(manifest, kept),
            sources: sources
                .iter()
                .map(|source| work(source.clone(), KeptWhere::Library))
                .collect(),
            missing: missing.collect(),
            refusal,
        })
    }

    async fn record_fetch(&self, request: RecordFetch) -> Result<Option<ManifestRecord>, Problem> {
        Ok(self.find(&request.id).map(ManifestRecord::new))
    }

    async fn address_fetch(&self, request: AddressFetch) -> Result<ManifestRecord, Problem> {
        let found = self.addresses.iter().find(|(url, _)| *url == request.url);
        let found = found.map(|(_, manifest)| ManifestRecord::new(manifest.clone()));
        found.ok_or_else(|| Problem::invalid(format!("Nothing is fetched from {}.", request.url)))
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

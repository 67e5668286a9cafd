//! A work with everything behind it: found here, with a keeper, or elsewhere.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt;
use imajin_fair::{Manifest, ManifestId, Sources};
use imajin_kernel::Problem;
use imajin_publisher_api::{Chain, ChainFetch, ChainGather, ChainOf, ChainRefusal, ChainWork, KeptWhere, MissingWork};
use url::Url;

use crate::Publisher;
use crate::check::{Checked, signature_finding};
use crate::domain::{state, store};
use crate::fetch::{Fetched, Hints};

/// How many bytes the manifests of one chain may have together: what somebody can make this node hold in memory.
const CHAIN_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How many manifests are looked up together.
const BATCH: usize = 16;
/// How many manifests one chain may fetch: a chain that is longer is gathered by asking again.
const FETCHES_MAX: usize = 64;
/// How many of them at once.
const FETCHES_AT_ONCE: usize = 4;
/// How long all of it may take.
const FETCHING_MAX: Duration = Duration::from_secs(15);

impl Publisher {
    /// See [`imajin_publisher_api::PublisherApi::chain_gather`].
    pub(crate) async fn gather(&self, request: ChainGather) -> Result<Chain, Problem> {
        let work = match request.of {
            ChainOf::Id(id) => {
                let mut found = self.works_find(vec![id]).await?;
                found.pop().ok_or_else(|| Problem::not_found("manifest"))?
            }
            ChainOf::Record(record) => self.work_given(*record, request.shown_by.as_ref()).await,
        };
        let mut climb = Climb {
            work,
            found: BTreeMap::new(),
            order: Vec::new(),
            missing: BTreeMap::new(),
            fetches: 0,
            bytes: 0,
        };
        let deadline = tokio::time::Instant::now() + FETCHING_MAX;
        loop {
            let wanted = climb.wanted();
            if wanted.is_empty() {
                return Ok(climb.chain());
            }
            for batch in wanted.chunks(BATCH) {
                if climb.is_full() {
                    break;
                }
                let local = self.works_find(batch.to_vec()).await?;
                for work in local {
                    climb.take(work);
                }
            }
            let away: Vec<ManifestId> = wanted.into_iter().filter(|id| !climb.found.contains_key(id)).collect();
            self.fetch_all(&mut climb, away, request.fetch, deadline).await;
        }
    }

    /// A work that the caller brings.
    async fn work_given(&self, record: imajin_fair::ManifestRecord, shown_by: Option<&Url>) -> ChainWork {
        let signers = self.signers(shown_by);
        match Checked::lenient(&signers, record.clone()).await {
            Ok(checked) => state::checked_work(checked, KeptWhere::Given),
            Err(_error) => {
                let finding = signature_finding(&signers, &record.manifest).await;
                // What others say about a manifest that is not as its author signed it has no meaning.
                let bare = imajin_fair::ManifestRecord::new(record.manifest);
                state::work(bare, finding, KeptWhere::Given)
            }
        }
    }

    async fn fetch_all(
        &self,
        climb: &mut Climb,
        away: Vec<ManifestId>,
        fetch: ChainFetch,
        deadline: tokio::time::Instant,
    ) {
        let refusal = if climb.is_full() {
            Some(format!(
                "the works of this chain have more than {CHAIN_BYTES_MAX} bytes together"
            ))
        } else if fetch == ChainFetch::Never {
            Some("this node does not have it".to_owned())
        } else {
            None
        };
        if let Some(reason) = refusal {
            climb.missing.extend(away.into_iter().map(|id| (id, reason.clone())));
            return;
        }
        let mut asked = Vec::new();
        for id in away {
            if climb.fetches >= FETCHES_MAX {
                climb.missing.insert(
                    id,
                    "too many manifests would have to be fetched at once: ask again".to_owned(),
                );
                continue;
            }
            climb.fetches = climb.fetches.saturating_add(1);
            let hints = Hints::about(&id, climb.works());
            asked.push(async move {
                let fetched = tokio::time::timeout_at(deadline, self.fetcher.fetch(&id, hints)).await;
                (
                    id,
                    fetched.unwrap_or_else(|_late| Err("there was no answer in time".to_owned())),
                )
            });
        }
        let mut answers = futures::stream::iter(asked).buffered(FETCHES_AT_ONCE);
        while let Some((id, answer)) = answers.next().await {
            match answer {
                Ok(Fetched { checked, url }) => {
                    if fetch == ChainFetch::Keep {
                        self.copy_keep(checked.clone(), url.clone()).await;
                    }
                    climb.take(state::checked_work(checked, KeptWhere::Elsewhere { url }));
                    if climb.is_full() {
                        return;
                    }
                }
                Err(reason) => {
                    tracing::debug!(%id, %reason, "a manifest was not found elsewhere");
                    climb.missing.insert(id, reason);
                }
            }
        }
    }

    async fn copy_keep(&self, checked: Checked, url: String) {
        let kept = self
            .write(move |conn, context| store::copy_keep(conn, context, &checked, &url))
            .await;
        if let Err(error) = kept {
            // It is known now all the same; the next chain fetches it again.
            tracing::warn!(%error, "a copy of another node's manifest was not kept");
        }
    }
}

/// A chain on its way together.
struct Climb {
    work: ChainWork,
    found: BTreeMap<ManifestId, ChainWork>,
    /// In which order they were found: level by level.
    order: Vec<ManifestId>,
    missing: BTreeMap<ManifestId, String>,
    fetches: usize,
    /// Of all manifests that were found.
    bytes: usize,
}

impl Climb {
    fn manifest(&self, id: &ManifestId) -> Option<Manifest> {
        self.found.get(id).map(|work| work.record.manifest.clone())
    }

    /// What is named, not found, and not known to be missing.
    fn wanted(&self) -> Vec<ManifestId> {
        let named = self.work.record.manifest.sources_missing(&|id| self.manifest(id));
        named.into_iter().filter(|id| !self.missing.contains_key(id)).collect()
    }

    fn works(&self) -> impl Iterator<Item = &ChainWork> {
        std::iter::once(&self.work).chain(self.found.values())
    }

    fn take(&mut self, work: ChainWork) {
        let id = work.record.manifest.id.clone();
        let bytes = work.record.manifest.canonical_bytes().map_or(0, |bytes| bytes.len());
        self.bytes = self.bytes.saturating_add(bytes);
        self.order.push(id.clone());
        self.found.insert(id, work);
    }

    fn is_full(&self) -> bool {
        self.bytes > CHAIN_BYTES_MAX
    }

    fn chain(mut self) -> Chain {
        let gathered = Sources::gather(&self.work.record.manifest, &|id| self.manifest(id));
        let refusal = gathered.err().map(|error| ChainRefusal {
            code: error.code(),
            detail: error.to_string(),
        });
        let sources = self.order.iter().filter_map(|id| self.found.remove(id)).collect();
        let missing = self.missing.into_iter().map(|(id, reason)| MissingWork { id, reason });
        Chain {
            work: self.work,
            sources,
            missing: missing.collect(),
            refusal,
        }
    }
}

//! The works that an event is made from, and this service as the keeper of its events' manifests.

use async_trait::async_trait;
use imajin_fair::{Acceptance, Manifest, ManifestRecord, Payee};
use imajin_kernel::id::EventId;
use imajin_kernel::{Code, Problem};
use imajin_pay_api::GoodsSource;
use imajin_publisher_api::{
    AcceptanceKeep, Chain, ChainFetch, ChainGather, ChainOf, KeeperApi, KeptCard, ManifestsKept, RecordKept,
};
use imajin_web::{Authorised, Signer};

use crate::domain::kept;
use crate::{Events, EventsError};

impl Events {
    /// Refuses a manifest whose sources are not all known, permitting and paid. Those of other nodes are fetched.
    pub(crate) async fn chain_check(&self, manifest: &Manifest) -> Result<(), Problem> {
        match self.chain(manifest, ChainFetch::Keep).await? {
            Some(chain) => chain
                .require_sound()
                .map_err(|problem| problem.with("member", "manifest")),
            None => Ok(()),
        }
    }

    /// The same for the manifest of an event, which may have been made before a source changed its mind.
    pub(crate) async fn event_chain_check(&self, id: EventId) -> Result<(), Problem> {
        let event = self
            .read(move |conn, context| crate::domain::locks::event_find(conn, context, id))
            .await?;
        match event {
            Some(event) => self.chain_check(&event.manifest()?).await,
            // Whether there is such an event is said when it is moved.
            None => Ok(()),
        }
    }

    /// The works that a share of the price leads to. What was fetched when the event was made is at hand now; a buyer
    /// does not wait for other nodes.
    pub(crate) async fn goods_sources(&self, manifest: &Manifest) -> Result<Vec<GoodsSource>, Problem> {
        let Some(chain) = self.chain(manifest, ChainFetch::Never).await? else {
            return Ok(Vec::new());
        };
        let sources = chain.paid_sources().into_iter().map(|work| GoodsSource {
            manifest: work.record.manifest.clone(),
            accepted: work.accepted.clone(),
        });
        Ok(sources.collect())
    }

    /// What a manifest is made from; nothing when it names no other.
    async fn chain(&self, manifest: &Manifest, fetch: ChainFetch) -> Result<Option<Chain>, Problem> {
        let entries = &manifest.contributors;
        let is_original =
            manifest.derives_from.is_empty() && entries.iter().all(|entry| matches!(entry.payee, Payee::Did(_)));
        if is_original {
            return Ok(None);
        }
        let Some(publisher) = self.publisher() else {
            let problem = EventsError::invalid(
                "manifest.contributors",
                "an event's manifest names people by their DIDs: this node has no library of other works",
            );
            return Err(problem.into());
        };
        let of = ChainOf::Record(Box::new(ManifestRecord::new(manifest.clone())));
        publisher
            .chain_gather(ChainGather {
                of,
                fetch,
                shown_by: None,
            })
            .await
            .map(Some)
    }
}

#[async_trait]
impl KeeperApi for Events {
    async fn record_kept(&self, request: RecordKept) -> Result<Option<ManifestRecord>, Problem> {
        Ok(self
            .read(move |conn, context| kept::record_kept(conn, context, &request.id))
            .await?)
    }

    async fn manifests_kept(&self, request: ManifestsKept) -> Result<Vec<KeptCard>, Problem> {
        Ok(self
            .read(move |conn, context| kept::manifests_kept(conn, context, &request))
            .await?)
    }

    async fn acceptance_keep(&self, request: AcceptanceKeep) -> Result<Option<ManifestRecord>, Problem> {
        let AcceptanceKeep { id, request } = request;
        let target_uri = self.site.public.absolute(&format!("/publisher/api/fair/{id}/accept"));
        let verified = Authorised::admit(self.site.verify(&request, "POST", &target_uri).await?)?;
        let acceptance: Acceptance = serde_json::from_slice(&request.body)
            .map_err(|error| Problem::new(Code::MalformedBody, format!("The JSON body was not accepted: {error}.")))?;
        let (wanted, did) = (id.clone(), acceptance.contributor().canonical());
        let event = self
            .read(move |conn, context| kept::event_of(conn, context, &wanted, &did))
            .await?;
        let Some(event) = event else { return Ok(None) };
        self.acceptance_add(event, acceptance, verified, request.body).await?;
        self.record_kept(RecordKept { id }).await
    }
}

use std::sync::{Arc, RwLock};

use imajin_did::Keyring;
use imajin_fair::{Acceptance, ManifestId, ManifestRecord};
use imajin_kernel::{Code, Problem, Span};
use imajin_pay_api::PayClient;
use imajin_proof::http_sig::SignedRequest;
use imajin_publisher_api::{
    AcceptanceKeep, ChainFetch, ChainGather, ChainOf, ChainWork, KeeperClient, KeptWhere, ManifestPage, ManifestsKept,
    Published, RecordKept, SignatureFinding,
};
use imajin_store::{Conn, Db, Sealer, mutation};
use imajin_web::{Authorised, OperatorTier, ServiceRoutes, Site, SoftTier};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::check::{Checked, Signers, acceptance_check};
use crate::content::downloads::Downloads;
use crate::content::files::Files;
use crate::context::Context;
use crate::domain::find::{self, record_find, records_find};
use crate::domain::list::{self, Wanted};
use crate::domain::state::{self, fair_url, kept_work};
use crate::domain::store::{self, NewAcceptance, NewManifest};
use crate::fetch::Fetcher;
use crate::gate::disputes::BrokerDesk;
use crate::gate::{GateShown, SiteManifests};
use crate::{PublisherConfig, PublisherError, SERVICE, WorksConfig, routes};

/// Files that nobody wants are looked for every so many sweeps.
const SWEEPS_PER_FILES: u32 = 60;

/// What publisher needs.
pub struct PublisherDeps {
    /// Time, randomness, the public URL, and who is who.
    pub site: Site,
    /// The node's secrets.
    pub keyring: Keyring,
    /// The service's own database.
    pub db: Db,
    /// The service that keeps the manifests of its goods; without it, the library is all that there is.
    pub keeper: Option<KeeperClient>,
    /// Who holds and moves the money; without it nothing is sold by MJN headers.
    pub pay: Option<PayClient>,
    /// How it behaves.
    pub config: PublisherConfig,
}

/// The running service.
pub struct Publisher {
    pub(crate) site: Site,
    pub(crate) db: Db,
    pub(crate) context: Context,
    pub(crate) fetcher: Fetcher,
    pub(crate) files: Option<Files>,
    pub(crate) downloads: Downloads,
    /// Parts of works that are being taken.
    pub(crate) uploads: TaskTracker,
    pub(crate) desk: BrokerDesk,
    pub(crate) site_manifests: SiteManifests,
    /// The gates that the operator's pages show.
    pub(crate) shown: RwLock<Vec<GateShown>>,
    keeper: Option<KeeperClient>,
    pub(crate) pay: Option<PayClient>,
    pub(crate) config: PublisherConfig,
}

impl Publisher {
    pub(crate) const fn works_config(&self) -> &WorksConfig {
        &self.config.works
    }

    pub(crate) fn node_name(&self) -> &str {
        &self.config.node_name
    }

    pub(crate) const fn has_test_money(&self) -> bool {
        self.config.test_money
    }

    pub(crate) const fn sweep_every(&self) -> Span {
        self.config.sweep_every
    }

    pub(crate) const fn disputes_every(&self) -> Span {
        self.config.disputes_every
    }

    /// Starts the service.
    ///
    /// # Errors
    /// When the database does not answer, or the TLS set-up of the machine is broken.
    pub async fn start(deps: PublisherDeps) -> Result<Arc<Self>, Problem> {
        let PublisherDeps {
            site,
            keyring,
            db,
            keeper,
            pay,
            config,
        } = deps;
        let sealer = Sealer::for_service(&keyring, SERVICE);
        let writer = mutation::Writer::new(config.chain.clone(), keyring.clone(), sealer.clone(), site.env.clone());
        let context = Context {
            env: site.env.clone(),
            keyring,
            sealer,
            writer,
        };
        let files = config.works.dir.as_deref().map(Files::open).transpose();
        let files = files.map_err(|error| {
            tracing::error!(%error, "the directory of works cannot be used");
            Problem::unavailable("The directory of works")
        })?;
        let publisher = Self {
            files,
            downloads: Downloads::default(),
            uploads: TaskTracker::new(),
            fetcher: Fetcher::new(&config, Arc::clone(&site.identities))?,
            desk: BrokerDesk::new(&config, &site)?,
            site_manifests: SiteManifests::new(),
            shown: RwLock::default(),
            site,
            db,
            context,
            keeper,
            pay,
            config,
        };
        publisher.db.read(find::ready_check).await.map_err(Problem::from)?;
        Ok(Arc::new(publisher))
    }

    /// The public routes.
    pub fn routes(self: &Arc<Self>) -> ServiceRoutes {
        routes::routes(self)
    }

    /// Starts what runs beside the requests: forgetting used nonces, and asking the homes of copies, until `stop`.
    pub fn background(self: &Arc<Self>, tasks: &TaskTracker, stop: &CancellationToken) {
        let (publisher, stopped) = (Arc::clone(self), stop.clone());
        tasks.spawn(async move { publisher.disputes_keep(&stopped).await });
        let (publisher, stop) = (Arc::clone(self), stop.clone());
        tasks.spawn(async move {
            let mut sweeps: u32 = 0;
            loop {
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = publisher.sweep(sweeps) => {}
                }
                sweeps = sweeps.wrapping_add(1);
                let pause = tokio::time::sleep(publisher.config.sweep_every.to_std());
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = pause => {}
                }
            }
            mutation::head_sign(&publisher.db, &publisher.context.writer).await;
        });
    }

    async fn disputes_keep(&self, stop: &CancellationToken) {
        let every = self.config.disputes_every.to_std();
        while stop.run_until_cancelled(tokio::time::sleep(every)).await.is_some() {
            // First what agents say, so that the round answers it.
            if let Err(problem) = self.feedback_pass().await {
                tracing::warn!(%problem, "what agents say about what they have paid for was not passed on");
            }
            if let Err(problem) = self.disputes_look().await {
                tracing::warn!(%problem, "disputes about what agents have paid were not looked at");
            }
        }
    }

    async fn sweep(&self, sweeps: u32) {
        if sweeps.is_multiple_of(SWEEPS_PER_FILES)
            && let Err(error) = self.files_sweep().await
        {
            tracing::warn!(%error, "files that no work wants were not removed");
        }
        imajin_store::purge(&self.db, self.context.env.now()).await;
        if let Err(error) = self.copies_refresh().await {
            tracing::warn!(%error, "copies of other nodes' manifests were not looked at");
        }
    }

    /// One transaction over the domain.
    pub(crate) async fn write<T, F>(&self, write: F) -> Result<T, PublisherError>
    where
        T: Send + 'static,
        F: Fn(&mut Conn, &Context) -> Result<T, PublisherError> + Send + 'static,
    {
        let context = self.context.clone();
        self.db.write(move |conn| write(conn, &context)).await
    }

    /// Queries over the domain that see one moment.
    pub(crate) async fn read<T, F>(&self, read: F) -> Result<T, PublisherError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn, &Context) -> Result<T, PublisherError> + Send + 'static,
    {
        let context = self.context.clone();
        self.db
            .read(move |conn| diesel::Connection::transaction(conn, |conn| read(conn, &context)))
            .await
    }

    /// Who finds the keys of those who have signed a record that the node at `shown_by` shows.
    pub(crate) fn signers<'a>(&'a self, shown_by: Option<&'a Url>) -> Signers<'a> {
        Signers::new(self.site.identities.as_ref(), shown_by)
    }

    /// The works of this node among these: of the library, and of the keeper.
    pub(crate) async fn works_find(&self, ids: Vec<ManifestId>) -> Result<Vec<ChainWork>, Problem> {
        let wanted = ids.clone();
        let kept = self
            .read(move |conn, context| records_find(conn, context, &wanted))
            .await?;
        let mut works: Vec<ChainWork> = kept.into_iter().map(kept_work).collect();
        for id in ids {
            let is_found = works.iter().any(|work| work.record.manifest.id == id);
            if !is_found && let Some(record) = self.record_kept(&id).await? {
                works.extend(goods_work(record));
            }
        }
        Ok(works)
    }

    /// A record that the keeper has. What is kept for goods is always named by its content.
    async fn record_kept(&self, id: &ManifestId) -> Result<Option<ManifestRecord>, Problem> {
        match &self.keeper {
            Some(keeper) if id.names_a_digest() => keeper.record_kept(RecordKept { id: id.clone() }).await,
            _ => Ok(None),
        }
    }

    /// A page of an author's manifests: of the library, and of the keeper.
    pub(crate) async fn list(&self, wanted: Wanted) -> Result<ManifestPage, Problem> {
        let kept = match &self.keeper {
            Some(keeper) => {
                let asked = ManifestsKept {
                    author: wanted.author.clone(),
                    after: wanted.after.clone(),
                    limit: wanted.read_limit(),
                };
                keeper.manifests_kept(asked).await?
            }
            None => Vec::new(),
        };
        let public = self.site.public.clone();
        let listed = self.read(move |conn, context| {
            let ids: Vec<ManifestId> = kept.iter().map(|card| card.place.id.clone()).collect();
            let twice = list::library_has(conn, &ids)?;
            let library = list::library_list(conn, &context.sealer, &wanted)?;
            Ok(list::page(&public, &wanted, library, kept, &twice))
        });
        Ok(listed.await?)
    }

    /// A record of this node.
    pub(crate) async fn record(&self, id: &ManifestId) -> Result<Option<ManifestRecord>, Problem> {
        let wanted = id.clone();
        let kept = self
            .read(move |conn, context| record_find(conn, context, &wanted))
            .await?;
        match kept {
            Some(kept) => Ok(Some(kept.record)),
            None => self.record_kept(id).await,
        }
    }

    /// Publishes a manifest, if its signatures hold and its sources permit it.
    pub(crate) async fn publish(
        &self,
        verified: Authorised<SoftTier>,
        record: ManifestRecord,
        body: Vec<u8>,
    ) -> Result<Published, Problem> {
        let id = record.manifest.id.clone();
        if self.record_kept(&id).await?.is_some() {
            return Err(PublisherError::State {
                detail: format!("{id} is kept with the goods that it is the manifest of."),
                hint: "Nothing needs to be done: it is found under its id.",
            }
            .into());
        }
        let checked = Checked::strict(&self.signers(None), record).await?;
        let chain = self.gather(ChainGather {
            of: ChainOf::Record(Box::new(checked.record().clone())),
            fetch: ChainFetch::Keep,
            shown_by: None,
        });
        chain.await?.require_sound()?;
        let new = NewManifest {
            checked,
            verified,
            body,
        };
        let created = self
            .write(move |conn, context| store::manifest_publish(conn, context, &new))
            .await?;
        let url = fair_url(&self.site.public, &id);
        Ok(Published { id, url, created })
    }

    /// Keeps a contributor's countersignature, or has the keeper keep it.
    pub(crate) async fn accept(
        &self,
        id: ManifestId,
        verified: Authorised<SoftTier>,
        acceptance: Acceptance,
        request: SignedRequest,
    ) -> Result<ManifestRecord, Problem> {
        let wanted = id.clone();
        let kept = self
            .read(move |conn, context| record_find(conn, context, &wanted))
            .await?;
        let Some(kept) = kept else {
            let unknown = || Problem::not_found("manifest").hint("It may be on another node: accept it there.");
            let keeper = self.keeper.as_ref().ok_or_else(unknown)?;
            return keeper
                .acceptance_keep(AcceptanceKeep { id, request })
                .await?
                .ok_or_else(unknown);
        };
        acceptance_check(&self.signers(None), &kept.record.manifest, &acceptance).await?;
        let new = NewAcceptance {
            id: id.clone(),
            acceptance,
            verified,
            body: request.body,
        };
        self.write(move |conn, context| store::acceptance_add(conn, context, &new))
            .await?;
        self.record_require(&id).await
    }

    /// Endorses a manifest of the library with the node's key.
    pub(crate) async fn endorse(
        &self,
        id: ManifestId,
        verified: Authorised<OperatorTier>,
        body: Vec<u8>,
    ) -> Result<ManifestRecord, Problem> {
        let endorsed = id.clone();
        let wanted = id.clone();
        let is_here = self
            .read(move |conn, context| Ok(record_find(conn, context, &wanted)?.is_some()))
            .await?;
        if !is_here && self.record_kept(&id).await?.is_some() {
            return Err(PublisherError::State {
                detail: format!("{id} is kept with the goods that it is the manifest of."),
                hint: "The node sells along it already, and endorses what is in its library.",
            }
            .into());
        }
        self.write(move |conn, context| store::endorsement_make(conn, context, &endorsed, &verified, &body))
            .await?;
        self.record_require(&id).await
    }

    pub(crate) async fn record_require(&self, id: &ManifestId) -> Result<ManifestRecord, Problem> {
        let record = self.record(id).await?;
        record.ok_or_else(|| Problem::new(Code::NotFound, format!("This node has no manifest {id}.")))
    }
}

/// A work that a service of this node keeps with its goods: it has verified what it keeps.
fn goods_work(record: ManifestRecord) -> Option<ChainWork> {
    let signer = record.manifest.signer()?.canonical();
    let signature = SignatureFinding::Valid { signer };
    Some(state::work(record, signature, KeptWhere::Goods))
}

use std::sync::Arc;
use std::time::Duration;

use imajin_connections_api::{PodsClient, TrustClient};
use imajin_did::{Did, Keyring};
use imajin_engine::Engine;
use imajin_kernel::{Problem, Timestamp};
use imajin_pay_api::PayClient;
use imajin_profile_api::{ConnectionsClient, ProfileClient};
use imajin_store::{Conn, Db, Sealer, mutation};
use imajin_web::{GuardedClient, PeersOf, ServiceRoutes, SignerAsked, SignerKeys, Site};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::FORGET_EVERY;
use crate::context::Context;
use crate::library::Library;
use crate::{QueryConfig, QueryError, SERVICE, routes};

/// How long a node that stops waits for questions on their way.
const STOP_WAIT: Duration = Duration::from_secs(2);

/// How long another node may take for an answer.
const PEER_TIMEOUT: Duration = Duration::from_secs(10);

/// What paid questions need.
pub struct QueryDeps {
    /// Time, randomness, the public URL, and who is who.
    pub site: Site,
    /// The node's secrets: its key signs the answers.
    pub keyring: Keyring,
    /// The service's own database.
    pub db: Db,
    /// Who holds and moves the money.
    pub pay: PayClient,
    /// Who knows who trusts whom; without it nobody is let through.
    pub trust: Option<TrustClient>,
    /// Who knows who is in which pod; without it nobody is let through for that.
    pub pods: Option<PodsClient>,
    /// Who knows who is connected with whom; without it nobody is.
    pub connections: Option<ConnectionsClient>,
    /// What people say about themselves; without it nothing of that is told.
    pub profile: Option<ProfileClient>,
    /// What answers.
    pub engines: Vec<Arc<dyn Engine>>,
    /// How it behaves.
    pub config: QueryConfig,
}

/// The running service.
pub struct Query {
    pub(crate) site: Site,
    pub(crate) db: Db,
    pub(crate) context: Context,
    pub(crate) pay: PayClient,
    pub(crate) trust: Option<TrustClient>,
    pub(crate) pods: Option<PodsClient>,
    pub(crate) connections: Option<ConnectionsClient>,
    pub(crate) profile: Option<ProfileClient>,
    /// Other nodes, whose addresses come from strangers.
    pub(crate) peers: GuardedClient,
    pub(crate) engines: Vec<Arc<dyn Engine>>,
    pub(crate) library: Library,
    pub(crate) config: QueryConfig,
    /// Questions on their way: they go on when whoever asked has gone, and the node waits for them when it stops.
    pub(crate) jobs: TaskTracker,
}

impl Query {
    /// Starts the service. Questions that were on their way go on in the background.
    ///
    /// # Errors
    /// When the database does not answer, or no HTTP client can be made.
    pub async fn start(deps: QueryDeps) -> Result<Arc<Self>, Problem> {
        let QueryDeps {
            site,
            keyring,
            db,
            pay,
            trust,
            pods,
            connections,
            profile,
            engines,
            config,
        } = deps;
        let policy = Arc::new(PeersOf(Arc::clone(&site.identities)));
        let peers = GuardedClient::new(config.reach, PEER_TIMEOUT)?.with_policy(policy);
        let sealer = Sealer::for_service(&keyring, SERVICE);
        let writer = mutation::Writer::new(config.chain.clone(), keyring.clone(), sealer.clone(), site.env.clone());
        let context = Context {
            env: site.env.clone(),
            keyring,
            sealer,
            writer,
        };
        let query = Self {
            site,
            db,
            context,
            pay,
            trust,
            pods,
            connections,
            profile,
            peers,
            engines,
            library: Library::default(),
            config,
            jobs: TaskTracker::new(),
        };
        query.ready().await?;
        Ok(Arc::new(query))
    }

    /// The public routes.
    pub fn routes(self: &Arc<Self>) -> ServiceRoutes {
        routes::routes(self)
    }

    /// Starts what runs beside the requests, until `stop`.
    pub fn background(self: &Arc<Self>, tasks: &TaskTracker, stop: &CancellationToken) {
        let (query, stop) = (Arc::clone(self), stop.clone());
        tasks.spawn(async move {
            let mut forgotten_at: Option<Timestamp> = None;
            loop {
                if let Err(problem) = query.drive().await {
                    tracing::warn!(%problem, "questions on their way could not be looked for");
                }
                let now = query.context.now();
                if forgotten_at.is_none_or(|last| last.plus(FORGET_EVERY) <= now) {
                    forgotten_at = Some(now);
                    if let Err(problem) = query.forget().await {
                        tracing::warn!(%problem, "what need not be kept could not be forgotten");
                    }
                }
                imajin_store::purge(&query.db, query.context.now()).await;
                let pause = tokio::time::sleep(query.config.sweep_every.to_std());
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = pause => {}
                }
            }
            // A question is cut off between two durable steps at worst, and goes on after the next start.
            let _ended = tokio::time::timeout(STOP_WAIT, query.quiet()).await;
            mutation::head_sign(&query.db, &query.context.writer).await;
        });
    }

    /// Waits until no question is on its way in this process.
    pub async fn quiet(&self) {
        self.jobs.close();
        self.jobs.wait().await;
        self.jobs.reopen();
    }

    /// The keys that somebody has now, or had when a document was signed.
    pub(crate) async fn keys_at(&self, did: &Did, at: Option<Timestamp>) -> Result<SignerKeys, QueryError> {
        let asked = SignerAsked {
            did: did.clone(),
            at,
            follow: false,
            shown_by: None,
        };
        Ok(self.site.identities.signer_keys(&asked).await?)
    }

    /// Whether the service can answer.
    pub(crate) async fn ready(&self) -> Result<(), Problem> {
        let did = self.context.keyring.node_did().clone();
        let read = self.read(move |conn, context| crate::domain::leaders::leader_find(conn, context, &did));
        Ok(read.await.map(drop)?)
    }

    /// One transaction over the domain.
    pub(crate) async fn write<T, F>(&self, write: F) -> Result<T, QueryError>
    where
        T: Send + 'static,
        F: Fn(&mut Conn, &Context) -> Result<T, QueryError> + Send + 'static,
    {
        let context = self.context.clone();
        self.db.write(move |conn| write(conn, &context)).await
    }

    /// Queries over the domain that see one moment.
    pub(crate) async fn read<T, F>(&self, read: F) -> Result<T, QueryError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn, &Context) -> Result<T, QueryError> + Send + 'static,
    {
        let context = self.context.clone();
        self.db
            .read(move |conn| diesel::Connection::transaction(conn, |conn| read(conn, &context)))
            .await
    }
}

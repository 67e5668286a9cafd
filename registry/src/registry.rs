use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use diesel::Connection;
use imajin_did::Keyring;
use imajin_kernel::Problem;
use imajin_registry_api::{NodeFetch, NodeList, NodePage, NodeView, RegistryApi};
use imajin_store::{Conn, Db, Sealer, mutation};
use imajin_web::{ServiceRoutes, Site};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::context::Context;
use crate::domain::application::Application;
use crate::domain::heartbeat::{Acknowledged, Beat};
use crate::domain::register::Registered;
use crate::domain::{heartbeat, list, register, sweep};
use crate::limits::{ATTESTATIONS, CallLimit, GENERATION_LENGTH, HEARTBEATS};
use crate::{RegistryError, SERVICE, routes};

/// How often changes of status that nobody caused are looked for.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// How a registry behaves.
#[derive(Debug, Clone)]
pub struct RegistryConfig {
    /// The DNS zone beneath which names are given out, for example `nodes.example.org`.
    pub zone: String,
}

/// What the registry needs.
pub struct RegistryDeps {
    /// Time, randomness, the public URL.
    pub site: Site,
    /// The node's secrets: they seal the rows and sign the log's checkpoints.
    pub keyring: Keyring,
    /// The service's own database.
    pub db: Db,
    /// How it behaves.
    pub config: RegistryConfig,
}

/// The running service.
pub struct Registry {
    pub(crate) context: Context,
    db: Db,
    attestations: CallLimit,
    heartbeats: CallLimit,
}

impl Registry {
    /// Starts the service; it answers at once.
    pub async fn start(deps: RegistryDeps) -> Result<Arc<Self>, Problem> {
        let RegistryDeps {
            site,
            keyring,
            db,
            config,
        } = deps;
        let sealer = Sealer::for_service(&keyring, SERVICE);
        let writer = mutation::Writer::new(SERVICE, keyring, sealer.clone(), site.env.clone());
        let zone = config.zone.trim_matches('.').to_ascii_lowercase();
        let registry = Self {
            context: Context {
                env: site.env,
                sealer,
                writer,
                zone: zone.into(),
            },
            db,
            attestations: CallLimit::new(ATTESTATIONS, GENERATION_LENGTH),
            heartbeats: CallLimit::new(HEARTBEATS, GENERATION_LENGTH),
        };
        registry.ready_check().await?;
        Ok(Arc::new(registry))
    }

    /// The public routes.
    pub fn routes(self: &Arc<Self>) -> ServiceRoutes {
        routes::routes(self)
    }

    /// Starts what runs beside the requests, until `stop`: writing down the changes of status that time brings.
    pub fn background(self: &Arc<Self>, tasks: &TaskTracker, stop: &CancellationToken) {
        let (registry, stop) = (Arc::clone(self), stop.clone());
        tasks.spawn(async move {
            loop {
                match registry.sweep().await {
                    Ok(0) => {}
                    Ok(changed) => tracing::info!(changed, "nodes changed their status"),
                    Err(problem) => tracing::warn!(%problem, "changes of status were not written down"),
                }
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = tokio::time::sleep(SWEEP_EVERY) => {}
                }
            }
            mutation::head_sign(&registry.db, &registry.context.writer).await;
        });
    }

    /// Writes down the changes of status that time has brought; returns for how many nodes. The background task calls
    /// it. What is read is right without it.
    pub async fn sweep(&self) -> Result<usize, Problem> {
        let mut total: usize = 0;
        loop {
            let changed = self.write(sweep::statuses_note).await?;
            if changed == 0 {
                return Ok(total);
            }
            total = total.saturating_add(changed);
        }
    }

    /// One transaction over the domain.
    pub(crate) async fn write<T, F>(&self, write: F) -> Result<T, RegistryError>
    where
        T: Send + 'static,
        F: Fn(&mut Conn, &Context) -> Result<T, RegistryError> + Send + 'static,
    {
        let context = self.context.clone();
        self.db.write(move |conn| write(conn, &context)).await
    }

    /// Queries over the domain that see one moment.
    pub(crate) async fn read<T, F>(&self, read: F) -> Result<T, RegistryError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn, &Context) -> Result<T, RegistryError> + Send + 'static,
    {
        let context = self.context.clone();
        self.db
            .read(move |conn| conn.transaction(|conn| read(conn, &context)))
            .await
    }

    pub(crate) async fn ready_check(&self) -> Result<(), Problem> {
        Ok(self.read(|conn, _context| list::ready_check(conn)).await?)
    }

    /// Registers a node, or renews its registration, by the attestation that it has signed.
    pub(crate) async fn register(&self, attestation: Value) -> Result<Registered, RegistryError> {
        let now = self.context.env.now();
        let application = Application::parse(attestation, now)?;
        let did = application.did.clone();
        let last_ms = self
            .read(move |conn, _context| Ok(register::attested_last(conn, &did)?))
            .await?;
        register::replay_refuse(last_ms, application.said.timestamp)?;
        count(&self.attestations, application.key.to_bytes(), now)?;
        self.write(move |conn, context| register::node_register(conn, context, &application))
            .await
    }

    /// Takes a node's sign of life.
    pub(crate) async fn heartbeat(&self, body: Value) -> Result<Acknowledged, RegistryError> {
        let now = self.context.env.now();
        let beat = Arc::new(Beat::parse(body)?);
        let checked = Arc::clone(&beat);
        let key = self
            .read(move |conn, context| heartbeat::beat_check(conn, context, &checked))
            .await?;
        count(&self.heartbeats, key.to_bytes(), now)?;
        self.write(move |conn, context| heartbeat::node_heartbeat(conn, context, &beat))
            .await
    }
}

fn count(limit: &CallLimit, key: [u8; 32], now: imajin_kernel::Timestamp) -> Result<(), RegistryError> {
    limit
        .count(key, now)
        .map_err(|retry_after_seconds| RegistryError::Limited { retry_after_seconds })
}

#[async_trait]
impl RegistryApi for Registry {
    async fn node_list(&self, request: NodeList) -> Result<NodePage, Problem> {
        Ok(self
            .read(move |conn, context| list::node_list(conn, context, &request))
            .await?)
    }

    async fn node_fetch(&self, request: NodeFetch) -> Result<Option<NodeView>, Problem> {
        Ok(self
            .read(move |conn, context| list::node_fetch(conn, context, &request.key))
            .await?)
    }
}

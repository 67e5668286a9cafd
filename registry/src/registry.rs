use std::sync::Arc;
use std::time::Duration;

use diesel::Connection;
use imajin_did::{Did, Keyring};
use imajin_kernel::Problem;
use imajin_store::{Conn, Db, Sealer, mutation};
use imajin_web::{ServiceRoutes, Site};
use serde_json::Value;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::context::{Context, DnsFacts};
use crate::dns::{Credentials, DnsSettings, Publisher};
use crate::domain::application::Application;
use crate::domain::heartbeat::{Acknowledged, Beat};
use crate::domain::register::Registered;
use crate::domain::{console, directory, heartbeat, list, publication, register, releases, sweep};
use crate::limits::{ATTESTATIONS, CallLimit, GENERATION_LENGTH, HEARTBEATS, UPDATES};
use crate::{NamesSwept, RegistryError, SERVICE, routes};

/// How often changes of status that nobody caused are looked for.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// How often names that could not be published are looked at when nothing else happens.
const PUBLISH_EVERY: Duration = Duration::from_secs(5);

/// How a registry behaves.
#[derive(Debug, Clone)]
pub struct RegistryConfig {
    /// The DNS zone beneath which names are given out, for example `nodes.example.org`.
    pub zone: String,
    /// Who serves that zone; nobody: names are given out and not published.
    pub dns: Option<DnsSettings>,
    /// Whether only builds may register that are in a release which a trusted key has signed, or that the operator
    /// approves.
    pub known_builds: bool,
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
    pub(crate) attestations: CallLimit,
    heartbeats: CallLimit,
    pub(crate) updates: CallLimit,
    pub(crate) publisher: Option<Publisher>,
    /// Rung when names have changed.
    pub(crate) wake: Notify,
    /// Rung when names were published.
    pub(crate) published: Notify,
    /// Time, the public URL, and who knows the key logs of nodes.
    pub(crate) site: Site,
    /// Whether only builds that are verified or approved may register.
    pub(crate) known_builds: bool,
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
        let writer = mutation::Writer::new(SERVICE, keyring.clone(), sealer.clone(), site.env.clone());
        let zone = config.zone.trim_matches('.').to_ascii_lowercase();
        let publisher = config.dns.map(|settings| publisher(settings, &zone)).transpose()?;
        let dns = DnsFacts {
            is_served: publisher.is_some(),
            private_addresses: publisher.as_ref().is_some_and(|dns| dns.settings.private_addresses),
            label_key: keyring.derive("dns-label/registry"),
        };
        let registry = Self {
            context: Context {
                env: site.env.clone(),
                sealer,
                writer,
                keyring,
                zone: zone.into(),
                dns,
            },
            db,
            attestations: CallLimit::new(ATTESTATIONS, GENERATION_LENGTH),
            heartbeats: CallLimit::new(HEARTBEATS, GENERATION_LENGTH),
            updates: CallLimit::new(UPDATES, GENERATION_LENGTH),
            publisher,
            wake: Notify::new(),
            published: Notify::new(),
            site,
            known_builds: config.known_builds,
        };
        registry.ready_check().await?;
        Ok(Arc::new(registry))
    }

    /// The DID of the node, whose key signs the directory.
    pub fn did(&self) -> &Did {
        self.context.keyring.node_did()
    }

    /// The public routes.
    pub fn routes(self: &Arc<Self>) -> ServiceRoutes {
        routes::routes(self)
    }

    /// Starts what runs beside the requests, until `stop`: writing down the changes of status that time brings, and
    /// publishing names.
    pub fn background(self: &Arc<Self>, tasks: &TaskTracker, stop: &CancellationToken) {
        let (registry, ends) = (Arc::clone(self), stop.clone());
        tasks.spawn(async move { registry.names_run(&ends).await });
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

    /// Publishes names whenever something has changed, and tries again what failed.
    async fn names_run(&self, stop: &CancellationToken) {
        if let Err(problem) = self.unpublished_look().await {
            tracing::warn!(%problem, "names that are not published could not be looked for");
        }
        if let Err(problem) = self.directory_fill().await {
            tracing::warn!(%problem, "nodes that the directory does not know could not be looked for");
        }
        loop {
            if let Err(problem) = self.directory_sign().await {
                tracing::warn!(%problem, "the directory could not be signed");
            }
            if let Err(problem) = self.dns_drive().await {
                tracing::warn!(%problem, "names that are due could not be looked for");
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.wake.notified() => {}
                () = tokio::time::sleep(PUBLISH_EVERY) => {}
            }
        }
    }

    /// Signs the directory anew when something in it has changed; returns how many entries did. The background task
    /// calls it.
    ///
    /// # Errors
    /// When the database does not answer, or another process has signed in this moment.
    pub async fn directory_sign(&self) -> Result<usize, Problem> {
        self.directory_step(directory::head_sign).await
    }

    /// Notes nodes that the directory does not know, because they registered before there was one; returns how many.
    /// It looks at every node: the background task calls it when it starts.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn directory_fill(&self) -> Result<usize, Problem> {
        self.directory_step(directory::missing_note).await
    }

    async fn directory_step(
        &self,
        step: fn(&mut Conn, &Context) -> Result<usize, RegistryError>,
    ) -> Result<usize, Problem> {
        let mut total = 0_usize;
        loop {
            let changed = self.write(step).await?;
            if changed == 0 {
                return Ok(total);
            }
            total = total.saturating_add(changed);
        }
    }

    /// Makes the worker look at names that were given out while nobody served the zone; returns how many. The
    /// background task calls it when it starts.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn unpublished_look(&self) -> Result<usize, Problem> {
        self.all_names(publication::unpublished_enqueue).await
    }

    /// Publishes every name again, because the zone was lost or somebody else serves it now; returns how many.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn names_republish(&self) -> Result<usize, Problem> {
        let names = self.all_names(publication::all_unpublish).await?;
        self.wake.notify_one();
        Ok(names)
    }

    /// Tries names that are not published at once; returns how many.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn names_retry(&self) -> Result<usize, Problem> {
        let names = self.all_names(console::unpublished_expedite).await?;
        self.wake.notify_one();
        Ok(names)
    }

    async fn all_names(
        &self,
        step: fn(&mut Conn, &Context, &str) -> Result<Vec<String>, RegistryError>,
    ) -> Result<usize, Problem> {
        let (mut total, mut after) = (0_usize, String::new());
        loop {
            let from = after.clone();
            let names = self.write(move |conn, context| step(conn, context, &from)).await?;
            let Some(last) = names.last() else { return Ok(total) };
            after.clone_from(last);
            total = total.saturating_add(names.len());
        }
    }

    /// Writes down the changes of status that time has brought, and takes the names of nodes that are gone out of DNS;
    /// returns for how many nodes the status was another. The background task calls it. What is read is right without
    /// it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sweep(&self) -> Result<usize, Problem> {
        let mut total: usize = 0;
        loop {
            let changed = self.write(sweep::statuses_note).await?;
            if changed == 0 {
                break;
            }
            total = total.saturating_add(changed);
        }
        self.names_sweep(false).await?;
        Ok(total)
    }

    /// Takes the names of nodes whose registration ran out out of DNS. When too many nodes fell silent together nothing
    /// is swept, because the registry's own network is the suspect, unless somebody says that they `are_gone`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn names_sweep(&self, are_gone: bool) -> Result<NamesSwept, Problem> {
        let mut total = 0_usize;
        loop {
            match self
                .write(move |conn, context| sweep::names_withdraw(conn, context, are_gone))
                .await?
            {
                NamesSwept::Withdrawn(0) => break,
                NamesSwept::Withdrawn(names) => total = total.saturating_add(names),
                held @ NamesSwept::Held { .. } => {
                    tracing::warn!(
                        ?held,
                        "too many nodes fell silent together: no name is taken out of DNS"
                    );
                    return Ok(held);
                }
            }
        }
        if total > 0 {
            tracing::info!(names = total, "names of nodes that are gone leave DNS");
            self.wake.notify_one();
        }
        Ok(NamesSwept::Withdrawn(total))
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
        let caller = self.site.identities.caller_keys(&application.did).await;
        application.key_check(&caller.map_err(RegistryError::KeyLog)?.keys)?;
        let (fresh, known_builds) = (Credentials::generate(&self.context.env), self.known_builds);
        let registered = self
            .write(move |conn, context| {
                let said = &application.said;
                if known_builds {
                    releases::build_require(conn, context, &said.build_hash, &said.version)?;
                }
                register::node_register(conn, context, &application, &fresh)
            })
            .await?;
        self.wake.notify_one();
        Ok(registered)
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
        let taken = self
            .write(move |conn, context| heartbeat::node_heartbeat(conn, context, &beat))
            .await?;
        if taken.is_moved {
            self.wake.notify_one();
        }
        Ok(taken)
    }
}

fn publisher(settings: DnsSettings, zone: &str) -> Result<Publisher, Problem> {
    let zone = zone
        .parse()
        .map_err(|error| Problem::invalid(format!("The registry's zone `{zone}` cannot be served: {error}.")))?;
    Ok(Publisher { settings, zone })
}

pub(crate) fn count(limit: &CallLimit, key: [u8; 32], now: imajin_kernel::Timestamp) -> Result<(), RegistryError> {
    limit
        .count(key, now)
        .map_err(|retry_after_seconds| RegistryError::Limited { retry_after_seconds })
}

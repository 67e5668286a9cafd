use std::net::IpAddr;
use std::sync::Arc;

use diesel::Connection;
use imajin_did::{Did, Keyring, PublicKey};
use imajin_kernel::Problem;
use imajin_store::{Conn, Db, Sealer, mutation};
use imajin_web::{HttpClient, ServiceRoutes, Site};
use serde_json::Value;
use tokio::sync::Notify;
use url::Url;

use crate::context::{Context, DnsFacts};
use crate::copies::Copies;
use crate::dns::{Credentials, DnsSettings, Publisher};
use crate::domain::application::Application;
use crate::domain::heartbeat::{Acknowledged, Beat, Checked};
use crate::domain::register::Registered;
use crate::domain::{heartbeat, list, register, releases, vacancy};
use crate::limits::{ATTESTATIONS, CallLimit, GENERATION_LENGTH, HEARTBEATS, NewNodes, UPDATES, source_key};
use crate::{RegistryError, SERVICE, routes};

/// How often a change is tried that another process gets in the way of.
const ATTEMPTS: u32 = 4;

/// How a registry behaves.
#[derive(Debug, Clone)]
pub struct RegistryConfig {
    /// The DNS zone beneath which names are given out, for example `nodes.example.org`.
    pub zone: String,
    /// Names that the operator gives to nobody, besides those that always mean something in a zone.
    pub reserved: Vec<String>,
    /// Who serves that zone; nobody: names are given out and not published.
    pub dns: Option<DnsSettings>,
    /// Whether only builds may register that are in a release which a trusted key has signed, or that the operator
    /// approves.
    pub known_builds: bool,
    /// How many nodes may register for the first time from one address.
    pub new_nodes: NewNodes,
    /// Registry services of nodes that keep a copy of this one's directory: they are asked what they have seen of it.
    pub copies: Vec<Url>,
}

/// What the registry needs.
pub struct RegistryDeps {
    /// Time, randomness, the public URL.
    pub site: Site,
    /// The node's secrets: they seal the rows and sign the log's checkpoints.
    pub keyring: Keyring,
    /// The service's own database.
    pub db: Db,
    /// For the nodes that keep copies of the directory.
    pub http: HttpClient,
    /// How it behaves.
    pub config: RegistryConfig,
}

/// The running service.
pub struct Registry {
    pub(crate) context: Context,
    pub(crate) db: Db,
    pub(crate) attestations: CallLimit,
    new_nodes: CallLimit<2>,
    heartbeats: CallLimit,
    pub(crate) updates: CallLimit,
    pub(crate) publisher: Option<Publisher>,
    pub(crate) copies: Copies,
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
            http,
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
        let copies = Copies::new(http, config.copies, keyring.node_did(), site.env.now())?;
        let registry = Self {
            context: Context {
                env: site.env.clone(),
                sealer,
                writer,
                keyring,
                zone: zone.into(),
                reserved: config.reserved.into(),
                dns,
            },
            db,
            attestations: CallLimit::new(ATTESTATIONS, GENERATION_LENGTH),
            new_nodes: CallLimit::new(config.new_nodes.quotas(), GENERATION_LENGTH),
            heartbeats: CallLimit::new(HEARTBEATS, GENERATION_LENGTH),
            updates: CallLimit::new(UPDATES, GENERATION_LENGTH),
            publisher,
            copies,
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

    /// One transaction over the domain. It is repeated when another process has taken a number or a place that it
    /// wanted.
    pub(crate) async fn write<T, F>(&self, write: F) -> Result<T, RegistryError>
    where
        T: Send + 'static,
        F: Fn(&mut Conn, &Context) -> Result<T, RegistryError> + Send + Sync + 'static,
    {
        let write = Arc::new(write);
        let mut attempt = 1;
        loop {
            let (context, write) = (self.context.clone(), Arc::clone(&write));
            let written = self.db.write(move |conn| write(conn, &context)).await;
            match written {
                Err(RegistryError::Store(error)) if error.is_unique_violation() && attempt < ATTEMPTS => {
                    attempt = attempt.saturating_add(1);
                }
                written => return written,
            }
        }
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

    /// Registers a node, or renews its registration, by the attestation that it has signed. `source` is where it comes
    /// from, if it comes over the network.
    pub(crate) async fn register(
        &self,
        attestation: Value,
        source: Option<IpAddr>,
    ) -> Result<Registered, RegistryError> {
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
        if let Some(source) = source.and_then(source_key).filter(|_| last_ms.is_none()) {
            let counted = self.new_nodes.count(source, now);
            counted.map_err(|retry_after_seconds| RegistryError::TooManyNew { retry_after_seconds })?;
        }
        self.vacancy_check(&application.said.hostname).await?;
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

    /// Refuses a name where the zone has records that are not the registry's. While the provider is away the worker
    /// looks, before it publishes anything.
    async fn vacancy_check(&self, name: &str) -> Result<(), RegistryError> {
        let Some(publisher) = &self.publisher else {
            return Ok(());
        };
        let of = name.to_owned();
        let is_own = self
            .read(move |conn, _context| Ok(vacancy::is_begun(conn, &of)?))
            .await?;
        if !is_own && self.is_occupied(publisher, name).await.unwrap_or(false) {
            return Err(RegistryError::Occupied { name: name.to_owned() });
        }
        Ok(())
    }

    /// Refuses a key that the node's key log does not list now, although the registry has it on record: whoever has it
    /// may be why it was replaced.
    pub(crate) async fn in_force_check(&self, did: &Did, key: &PublicKey) -> Result<(), RegistryError> {
        let caller = self.site.identities.caller_keys(did).await;
        if caller.map_err(RegistryError::KeyLog)?.keys.contains(key) {
            return Ok(());
        }
        Err(RegistryError::KeyReplaced)
    }

    /// Takes a node's sign of life.
    pub(crate) async fn heartbeat(&self, body: Value) -> Result<Acknowledged, RegistryError> {
        let now = self.context.env.now();
        let beat = Arc::new(Beat::parse(body)?);
        let checked = Arc::clone(&beat);
        let Checked { key, is_move } = self
            .read(move |conn, context| heartbeat::beat_check(conn, context, &checked))
            .await?;
        count(&self.heartbeats, key.to_bytes(), now)?;
        if is_move {
            self.in_force_check(&beat.did, &key).await?;
        }
        let taken = self
            .write(move |conn, context| heartbeat::node_heartbeat(conn, context, &beat, is_move))
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

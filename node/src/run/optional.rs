//! Services that the others can do without.

use std::sync::Arc;

use imajin_auth_api::{AuthClient, ProfilesClient};
use imajin_connections::{Connections, ConnectionsConfig, ConnectionsDeps};
use imajin_connections_api::{PodsClient, TrustClient};
use imajin_events::{Events, EventsConfig, EventsDeps};
use imajin_events_api::EventsClient;
use imajin_kernel::Span;
use imajin_pay_api::{PayClient, SellerClient};
use imajin_profile::{Profile, ProfileConfig, ProfileDeps};
use imajin_profile_api::{ConnectionsClient, ProfileClient};
use imajin_publisher::{ACCESS_GOODS, CONTENT_GOODS, Publisher, PublisherConfig, PublisherDeps, WorksConfig};
use imajin_publisher_api::{KeeperClient, PublisherClient};
use imajin_registry::{MirrorSource, Mirrors, Registry, RegistryDeps};
use imajin_registry_api::RegistryClient;
use imajin_www::KnownPeople;

use super::StartError;
use super::compose::{Common, failed};
use super::profiles::ProfilesSwitch;
use super::resolvers::reach;
use super::sellers::SellerSwitch;
use crate::agent::registry_http;
use crate::config::ServiceName;

/// The goods that events sells.
const ORDER_GOODS: &str = "order";

/// Who trusts whom, for the others to ask.
pub(super) struct Trust {
    pub(super) graph: TrustClient,
    pub(super) connections: ConnectionsClient,
    pub(super) pods: PodsClient,
}

impl Trust {
    /// What the pages ask.
    pub(super) fn for_pages(self) -> KnownPeople {
        KnownPeople {
            graph: self.graph,
            pods: self.pods,
        }
    }
}

impl Common<'_> {
    pub(super) async fn start_events(
        &self,
        pay: &PayClient,
        sellers: &SellerSwitch,
    ) -> Result<(Option<Arc<Events>>, EventsClient), StartError> {
        let Some(db) = self.db(ServiceName::Events) else {
            let rpc = self.remotes.rpc(ServiceName::Events)?;
            sellers.plug(ORDER_GOODS, SellerClient::http(rpc.clone()));
            return Ok((None, EventsClient::http(rpc)));
        };
        let deps = EventsDeps {
            site: self.site.clone(),
            keyring: self.keyring.clone(),
            db,
            pay: Some(pay.clone()),
            config: EventsConfig {
                hold: Span::seconds(i64::from(self.config.events.hold_seconds)),
                ..EventsConfig::default()
            },
        };
        let events = Events::start(deps).await.map_err(failed(ServiceName::Events))?;
        sellers.plug(ORDER_GOODS, SellerClient::local(events.clone()));
        Ok((Some(Arc::clone(&events)), EventsClient::local(events)))
    }

    /// The trust graph. Without it nobody is connected with anybody: what is for connections is shown to nobody.
    pub(super) async fn start_connections(&self) -> Result<(Option<Arc<Connections>>, Option<Trust>), StartError> {
        let Some(db) = self.db(ServiceName::Connections) else {
            let remote = self.config.remote.contains_key(&ServiceName::Connections);
            let rpc = remote.then(|| self.remotes.rpc(ServiceName::Connections)).transpose()?;
            let trust = rpc.map(|rpc| Trust {
                graph: TrustClient::http(rpc.clone()),
                connections: ConnectionsClient::http(rpc.clone()),
                pods: PodsClient::http(rpc),
            });
            return Ok((None, trust));
        };
        let deps = ConnectionsDeps {
            site: self.site.clone(),
            keyring: self.keyring.clone(),
            db,
            config: ConnectionsConfig::default(),
        };
        let connections = Connections::start(deps)
            .await
            .map_err(failed(ServiceName::Connections))?;
        let trust = Trust {
            graph: TrustClient::local(connections.clone()),
            connections: ConnectionsClient::local(connections.clone()),
            pods: PodsClient::local(connections.clone()),
        };
        Ok((Some(connections), Some(trust)))
    }

    /// Profile is not needed by the others: a node without it has no pages about people.
    pub(super) async fn start_profile(
        &self,
        (auth, pay, events): (AuthClient, PayClient, EventsClient),
        publisher: Option<PublisherClient>,
        (trust, switch): (&Option<Trust>, &ProfilesSwitch),
    ) -> Result<(Option<Arc<Profile>>, Option<ProfileClient>), StartError> {
        let Some(db) = self.db(ServiceName::Profile) else {
            let remote = self.config.remote.contains_key(&ServiceName::Profile);
            let client = remote.then(|| self.remotes.rpc(ServiceName::Profile)).transpose()?;
            if let Some(client) = &client {
                switch.plug(ProfilesClient::http(client.clone()));
            }
            return Ok((None, client.map(ProfileClient::http)));
        };
        let deps = ProfileDeps {
            site: self.site.clone(),
            keyring: self.keyring.clone(),
            db,
            auth,
            pay: Some(pay),
            events: Some(events),
            publisher,
            connections: trust.as_ref().map(|known| known.connections.clone()),
            trust: trust.as_ref().map(|known| known.graph.clone()),
            config: ProfileConfig::default(),
        };
        let profile = Profile::start(deps).await.map_err(failed(ServiceName::Profile))?;
        switch.plug(ProfilesClient::local(profile.clone()));
        Ok((Some(Arc::clone(&profile)), Some(ProfileClient::local(profile))))
    }

    /// The library of manifests. Events keeps those of its own goods and asks for all others.
    pub(super) async fn start_publisher(
        &self,
        pay: &PayClient,
        events: Option<&Arc<Events>>,
        sellers: &SellerSwitch,
    ) -> Result<(Option<Arc<Publisher>>, Option<PublisherClient>), StartError> {
        let is_remote = |service| self.config.remote.contains_key(&service);
        let (publisher, client) = match self.db(ServiceName::Publisher) {
            Some(db) => {
                let keeper = match events {
                    Some(events) => Some(KeeperClient::local(events.clone())),
                    None if is_remote(ServiceName::Events) => {
                        Some(KeeperClient::http(self.remotes.rpc(ServiceName::Events)?))
                    }
                    None => None,
                };
                let deps = PublisherDeps {
                    site: self.site.clone(),
                    keyring: self.keyring.clone(),
                    db,
                    keeper,
                    pay: Some(pay.clone()),
                    config: PublisherConfig {
                        node_name: self.config.node_name.clone(),
                        test_money: self.config.rails.is_test(&self.site.public.0)?,
                        reach: reach(self.config),
                        peers: self.config.publisher.peers.clone(),
                        registry: self.config.registry.url.clone(),
                        brokers: self.config.brokers.trusted.clone(),
                        disputes_every: Span::seconds(i64::from(self.config.brokers.disputes_seconds)),
                        works: WorksConfig {
                            dir: Some(self.databases.works_path()),
                            works_bytes_max: self.config.publisher.works_bytes_max,
                            free_bytes_min: self.config.publisher.free_bytes_min,
                            ..WorksConfig::default()
                        },
                        ..PublisherConfig::default()
                    },
                };
                let publisher = Publisher::start(deps).await.map_err(failed(ServiceName::Publisher))?;
                sellers.plug(CONTENT_GOODS, SellerClient::local(publisher.clone()));
                sellers.plug(ACCESS_GOODS, SellerClient::local(publisher.clone()));
                (Some(Arc::clone(&publisher)), Some(PublisherClient::local(publisher)))
            }
            None if is_remote(ServiceName::Publisher) => {
                let rpc = self.remotes.rpc(ServiceName::Publisher)?;
                sellers.plug(CONTENT_GOODS, SellerClient::http(rpc.clone()));
                sellers.plug(ACCESS_GOODS, SellerClient::http(rpc.clone()));
                (None, Some(PublisherClient::http(rpc)))
            }
            None => (None, None),
        };
        if let (Some(events), Some(client)) = (events, &client) {
            events.publisher_connect(client.clone());
        }
        Ok((publisher, client))
    }

    /// The directory of nodes; one elsewhere, or none.
    pub(super) async fn start_registry(&self) -> Result<(Option<Arc<Registry>>, Option<RegistryClient>), StartError> {
        let Some(db) = self.db(ServiceName::Registry) else {
            let remote = self.config.remote.contains_key(&ServiceName::Registry);
            let client = if remote {
                Some(RegistryClient::http(self.remotes.rpc(ServiceName::Registry)?))
            } else {
                None
            };
            return Ok((None, client));
        };
        let config = self.config.registry_service.resolve(&self.site.env);
        let deps = RegistryDeps {
            site: self.site.clone(),
            keyring: self.keyring.clone(),
            db,
            http: registry_http(self.config)?,
            config: config.map_err(|error| StartError::Configuration(error.to_string()))?,
        };
        let registry = Registry::start(deps).await.map_err(failed(ServiceName::Registry))?;
        Ok((Some(Arc::clone(&registry)), Some(RegistryClient::local(registry))))
    }

    /// The directories of other registries that are kept here.
    pub(super) fn mirrors(&self, registry: &Arc<Registry>) -> Result<Mirrors, StartError> {
        let wanted = self.config.mirrors.values().map(|mirror| MirrorSource {
            registry: mirror.did.clone(),
            url: mirror.url.clone(),
            compare: mirror.compare.clone(),
        });
        let http = registry_http(self.config)?;
        Mirrors::new(Arc::clone(registry), wanted.collect(), &http)
            .map_err(|problem| StartError::Configuration(format!("`mirrors`: {}", problem.detail)))
    }
}

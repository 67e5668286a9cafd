//! Services that the others can do without.

use std::sync::Arc;

use imajin_auth_api::{AuthClient, ProfilesClient};
use imajin_events::Events;
use imajin_events_api::EventsClient;
use imajin_pay_api::{PayClient, SellerClient};
use imajin_profile::{Profile, ProfileConfig, ProfileDeps};
use imajin_profile_api::ProfileClient;
use imajin_publisher::{CONTENT_GOODS, Publisher, PublisherConfig, PublisherDeps, WorksConfig};
use imajin_publisher_api::{KeeperClient, PublisherClient};
use imajin_registry::{Registry, RegistryDeps};
use imajin_registry_api::RegistryClient;

use super::StartError;
use super::compose::{Common, failed};
use super::profiles::ProfilesSwitch;
use super::resolvers::reach;
use super::sellers::SellerSwitch;
use crate::config::ServiceName;

impl Common<'_> {
    /// Profile is not needed by the others: a node without it has no pages about people.
    pub(super) async fn start_profile(
        &self,
        (auth, pay, events): (AuthClient, PayClient, EventsClient),
        publisher: Option<PublisherClient>,
        switch: &ProfilesSwitch,
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
            connections: None,
            config: ProfileConfig::default(),
        };
        let profile = Profile::start(deps).await.map_err(failed(ServiceName::Profile))?;
        switch.plug(ProfilesClient::local(profile.clone()));
        Ok((Some(Arc::clone(&profile)), Some(ProfileClient::local(profile))))
    }

    /// The library of manifests. Events keeps those of its own goods and asks for all others.
    pub(super) async fn start_publisher(
        &self,
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
                    config: PublisherConfig {
                        reach: reach(self.config),
                        peers: self.config.publisher.peers.clone(),
                        registry: self.config.registry.url.clone(),
                        works: WorksConfig {
                            dir: Some(self.databases.works_path()),
                            ..WorksConfig::default()
                        },
                        ..PublisherConfig::default()
                    },
                };
                let publisher = Publisher::start(deps).await.map_err(failed(ServiceName::Publisher))?;
                sellers.plug(CONTENT_GOODS, SellerClient::local(publisher.clone()));
                (Some(Arc::clone(&publisher)), Some(PublisherClient::local(publisher)))
            }
            None if is_remote(ServiceName::Publisher) => {
                let rpc = self.remotes.rpc(ServiceName::Publisher)?;
                sellers.plug(CONTENT_GOODS, SellerClient::http(rpc.clone()));
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
            config: config.map_err(|error| StartError::Configuration(error.to_string()))?,
        };
        let registry = Registry::start(deps).await.map_err(failed(ServiceName::Registry))?;
        Ok((Some(Arc::clone(&registry)), Some(RegistryClient::local(registry))))
    }
}

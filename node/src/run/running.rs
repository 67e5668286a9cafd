//! What services offer once they run: routes, background work, readiness.

use axum::Router;
use imajin_auth_api::{AuthClient, ProfilesClient};
use imajin_connections_api::{PodsClient, TrustClient};
use imajin_events_api::EventsClient;
use imajin_pay_api::{PayClient, PurseClient, SellerClient};
use imajin_profile_api::{ConnectionsClient, ExporterClient, ProfileClient};
use imajin_publisher_api::{KeeperClient, PublisherClient};
use imajin_query_api::ConsentClient;
use imajin_registry_api::RegistryClient;
use imajin_web::{Readiness, ServiceRoutes};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::compose::{Services, failed};
use super::{PublicAddress, StartError};
use crate::config::ServiceName;

impl Services {
    /// Sweepers and outbox workers of all services.
    pub(super) fn background(&self, tasks: &TaskTracker, stop: &CancellationToken) {
        if let Some(auth) = &self.auth {
            auth.background(tasks, stop);
        }
        if let Some(pay) = &self.pay {
            pay.background(tasks, stop);
        }
        if let Some(events) = &self.events {
            events.background(tasks, stop);
        }
        if let Some(connections) = &self.connections {
            connections.background(tasks, stop);
        }
        if let Some(profile) = &self.profile {
            profile.background(tasks, stop);
        }
        if let Some(publisher) = &self.publisher {
            publisher.background(tasks, stop);
        }
        if let Some(query) = &self.query {
            query.background(tasks, stop);
        }
        if let Some(broker) = &self.broker {
            broker.background(tasks, stop);
        }
        if let Some(registry) = &self.registry {
            registry.background(tasks, stop);
        }
        if let Some(mirrors) = &self.mirrors {
            mirrors.background(tasks, stop);
        }
    }

    /// The routes that other processes of this node may call.
    pub(super) fn internal_routes(&self) -> Router {
        let mut router = Router::new();
        if let Some(auth) = &self.auth {
            router = router.merge(AuthClient::internal_router(auth.clone()));
        }
        if let Some(pay) = &self.pay {
            router = router.merge(PayClient::internal_router(pay.clone()));
            router = router.merge(PurseClient::internal_router(pay.clone()));
        }
        if let Some(events) = &self.events {
            router = router.merge(EventsClient::internal_router(events.clone()));
            router = router.merge(KeeperClient::internal_router(events.clone()));
        }
        if let Some(connections) = &self.connections {
            router = router.merge(TrustClient::internal_router(connections.clone()));
            router = router.merge(ConnectionsClient::internal_router(connections.clone()));
            router = router.merge(PodsClient::internal_router(connections.clone()));
        }
        if let Some(profile) = &self.profile {
            router = router.merge(ProfileClient::internal_router(profile.clone()));
            router = router.merge(ProfilesClient::internal_router(profile.clone()));
        }
        if let Some(publisher) = &self.publisher {
            router = router.merge(PublisherClient::internal_router(publisher.clone()));
        }
        if let Some(query) = &self.query {
            router = router.merge(ConsentClient::internal_router(query.clone()));
            router = router.merge(ExporterClient::internal_router(query.clone()));
        }
        let has_sellers = self.events.is_some() || self.publisher.is_some();
        if has_sellers || self.query.is_some() || self.broker.is_some() {
            // More than one service may sell here; what the goods are decides which is asked.
            router = router.merge(SellerClient::internal_router(self.sellers.clone()));
        }
        if let Some(registry) = &self.registry {
            router = router.merge(RegistryClient::internal_router(registry.clone()));
        }
        router
    }

    /// The public routes of each service in this process, without their prefixes.
    pub(super) fn public_routes(&self) -> Vec<(ServiceName, ServiceRoutes)> {
        let mut routes = Vec::new();
        if let Some(auth) = &self.auth {
            routes.push((ServiceName::Auth, auth.routes()));
        }
        if let Some(pay) = &self.pay {
            routes.push((ServiceName::Pay, pay.routes()));
        }
        if let Some(events) = &self.events {
            routes.push((ServiceName::Events, events.routes()));
        }
        if let Some(connections) = &self.connections {
            routes.push((ServiceName::Connections, connections.routes()));
        }
        if let Some(profile) = &self.profile {
            routes.push((ServiceName::Profile, profile.routes()));
        }
        if let Some(publisher) = &self.publisher {
            routes.push((ServiceName::Publisher, publisher.routes()));
        }
        if let Some(query) = &self.query {
            routes.push((ServiceName::Query, query.routes()));
        }
        if let Some(broker) = &self.broker {
            routes.push((ServiceName::Broker, broker.routes()));
        }
        if let Some(registry) = &self.registry {
            routes.push((ServiceName::Registry, registry.routes()));
        }
        routes
    }

    /// The link with which the operator claims the node, while nobody has.
    pub(super) async fn setup_url(&self, public: &PublicAddress) -> Result<Option<String>, StartError> {
        let Some(auth) = &self.auth else { return Ok(None) };
        let token = auth.setup_token_issue().await.map_err(failed(ServiceName::Auth))?;
        Ok(token.map(|token| public.base().absolute(&format!("/setup?token={token}"))))
    }

    /// Says for each service with a database whether it can answer.
    pub(crate) fn checks(&self) -> Vec<(String, Readiness)> {
        let routes = self.public_routes().into_iter();
        routes
            .map(|(service, routes)| (service.as_str().to_owned(), routes.readiness))
            .collect()
    }

    /// The names of the services in this process.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .public_routes()
            .iter()
            .map(|(service, _)| service.as_str().to_owned())
            .collect();
        if self.www.is_some() {
            names.push(ServiceName::Www.as_str().to_owned());
        }
        names
    }
}

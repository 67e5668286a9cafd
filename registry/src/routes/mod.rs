//! The public routes, beneath the service's prefix.

mod acme_dns;
mod address;
mod builds;
mod credentials;
mod directory;
mod dyndns;
mod heartbeat;
mod history;
mod operator;
mod register;
mod resume;
mod signed_directory;

use std::sync::Arc;

use imajin_web::{Readiness, ServiceRoutes};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::operator::RegistryRoutes;

use crate::SERVICE;
use crate::registry::Registry;

/// Every public route with its description.
pub(crate) fn routes(registry: &Arc<Registry>) -> ServiceRoutes {
    let router = OpenApiRouter::new()
        .routes(routes!(register::node_register))
        .routes(routes!(heartbeat::node_heartbeat))
        .routes(routes!(address::node_address))
        .routes(routes!(directory::node_lookup))
        .routes(routes!(directory::node_list, directory::node_list_head))
        .routes(routes!(directory::stats))
        .routes(routes!(signed_directory::directory))
        .routes(routes!(signed_directory::directory_head))
        .routes(routes!(signed_directory::directory_heads))
        .routes(routes!(signed_directory::mirrors))
        .routes(routes!(builds::build_list))
        .routes(routes!(builds::build_verify))
        .routes(routes!(credentials::node_credentials))
        .routes(routes!(acme_dns::acme_register))
        .routes(routes!(acme_dns::acme_update))
        .routes(routes!(dyndns::dyndns_update))
        .routes(routes!(history::status_list))
        .with_state(Arc::clone(registry))
        .merge(ordered(registry));
    let registry = Arc::clone(registry);
    let readiness: Readiness = Arc::new(move || {
        let registry = Arc::clone(&registry);
        Box::pin(async move { registry.ready_check().await })
    });
    ServiceRoutes::new(SERVICE, "imajin registry", router, readiness)
}

/// What the operator orders and sees, and what its makers say of the software.
fn ordered(registry: &Arc<Registry>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(operator::console))
        .routes(routes!(operator::node_revoke))
        .routes(routes!(operator::node_reinstate))
        .routes(routes!(operator::build_rule))
        .routes(routes!(operator::release_key_add))
        .routes(routes!(operator::release_key_retire))
        .routes(routes!(operator::release_add))
        .routes(routes!(operator::names_sweep))
        .routes(routes!(operator::names_republish))
        .routes(routes!(operator::names_retry))
        .routes(routes!(resume::directory_resume))
        .with_state(RegistryRoutes(Arc::clone(registry)))
}

//! The public routes of the broker: each handler extracts, calls the domain, answers.

mod accounts;
mod discovery;
mod disputes;
mod oauth;
mod operator;
mod payments;
mod reader;
mod visas;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use futures::FutureExt;
use imajin_kernel::Problem;
use imajin_web::ServiceRoutes;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::domain::lists;
use crate::{Broker, SERVICE};

/// The largest body: a batch of redemptions at all its limits fits.
const BODY_BYTES_MAX: usize = 128 * 1024;
/// The largest body of what is one order: it is kept as it was signed.
const ORDER_BYTES_MAX: usize = 4 * 1024;

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct BrokerState(pub(crate) Arc<Broker>);

pub(crate) fn routes(broker: &Arc<Broker>) -> ServiceRoutes {
    let state = BrokerState(Arc::clone(broker));
    let orders = OpenApiRouter::new()
        .routes(routes!(accounts::account_open, operator::account_list))
        .routes(routes!(accounts::deposit_ask))
        .routes(routes!(visas::visa_issue, visas::visa_list))
        .routes(routes!(payments::transfer))
        .route("/issue-visa", post(visas::visa_issue))
        .layer(DefaultBodyLimit::max(ORDER_BYTES_MAX));
    let router = OpenApiRouter::new()
        .routes(routes!(accounts::account_own))
        .routes(routes!(accounts::statement))
        .routes(routes!(accounts::deposit_fetch))
        .routes(routes!(payments::redeem, payments::redemption_list))
        .routes(routes!(payments::transfer_fetch))
        .routes(routes!(disputes::dispute_say, disputes::dispute_list))
        .routes(routes!(disputes::dispute_fetch))
        .routes(routes!(disputes::dispute_answer))
        .routes(routes!(disputes::dispute_decide))
        .routes(routes!(operator::keys_rotate))
        .routes(routes!(oauth::token))
        .routes(routes!(oauth::introspect))
        .routes(routes!(discovery::keys))
        .routes(routes!(discovery::configuration))
        .merge(OpenApiRouter::from(crate::pages::routes()))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .merge(orders)
        .with_state(state);
    let ready = Arc::clone(broker);
    let readiness = move || {
        let broker = Arc::clone(&ready);
        async move {
            let answered = broker.read(|conn, _context| lists::ready_check(conn)).await;
            answered.map_err(Problem::from)
        }
        .boxed()
    };
    ServiceRoutes::new(SERVICE, "imajin broker", router, Arc::new(readiness))
}

/// The visa desk under the name that agents know, and the metadata where RFC 8414 wants it.
pub(crate) fn root_routes(broker: &Arc<Broker>) -> Router {
    Router::new()
        .route("/issue-visa", post(visas::visa_issue))
        .route(
            "/.well-known/oauth-authorization-server/broker",
            get(discovery::configuration),
        )
        .layer(DefaultBodyLimit::max(ORDER_BYTES_MAX))
        .with_state(BrokerState(Arc::clone(broker)))
}

//! The public routes of pay: each handler extracts, calls the domain, answers.

mod accounts;
mod address;
mod brokers;
mod checkout;
mod contracts;
mod fees;
mod holds;
mod home;
mod limits;
mod messages;
pub(crate) mod page;
mod payouts;
pub(crate) mod rails;
mod receipts;
pub(crate) mod reconcile;
mod refunds;
pub(crate) mod remit;
mod shares;
mod solana;
mod spend;
mod statements;
mod webhook;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use futures::FutureExt;
use imajin_web::{Description, ServiceRoutes, Site};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{Pay, SERVICE};

/// The largest body: a rail's message fits, and nothing else comes near.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// The largest body of a wallet, which says its address and little else.
const WALLET_BYTES_MAX: usize = 2 * 1024;

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct PayRoutes(pub(crate) Arc<Pay>);

impl FromRef<PayRoutes> for Site {
    fn from_ref(state: &PayRoutes) -> Self {
        state.0.site.clone()
    }
}

/// The public routes before they are those of a running service. To build and describe them takes a hundred times as
/// long as to hand them a service: whoever starts many services in one process keeps this.
#[derive(Clone)]
pub struct PayRouter {
    router: Router<PayRoutes>,
    description: Description,
}

impl PayRouter {
    /// Builds and describes the routes.
    pub fn new() -> Self {
        let (router, openapi) = documented().split_for_parts();
        Self {
            router,
            description: Description::new("imajin pay", openapi),
        }
    }

    /// The routes of a service.
    pub fn of(&self, pay: &Arc<Pay>) -> ServiceRoutes {
        let ready = Arc::clone(pay);
        let readiness = move || {
            let pay = Arc::clone(&ready);
            async move { pay.ready().await }.boxed()
        };
        ServiceRoutes {
            name: SERVICE,
            router: self.router.clone().with_state(PayRoutes(Arc::clone(pay))),
            description: self.description.clone(),
            readiness: Arc::new(readiness),
        }
    }
}

impl Default for PayRouter {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for PayRouter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PayRouter").finish_non_exhaustive()
    }
}

fn documented() -> OpenApiRouter<PayRoutes> {
    let wallets = OpenApiRouter::new()
        .routes(routes!(
            solana::wallet_info,
            solana::wallet_transaction,
            solana::wallet_preflight
        ))
        .routes(routes!(solana::payment_state))
        .layer(DefaultBodyLimit::max(WALLET_BYTES_MAX))
        .layer(axum::middleware::map_response(solana::open_to_all));
    OpenApiRouter::new()
        .routes(routes!(checkout::checkout_create))
        .routes(routes!(checkout::checkout_fetch))
        .routes(routes!(webhook::webhook))
        .routes(routes!(spend::quote))
        .routes(routes!(spend::settle))
        .routes(routes!(spend::topup))
        .routes(routes!(brokers::brokers))
        .routes(routes!(remit::remit))
        .routes(routes!(remit::remittances))
        .routes(routes!(remit::peers))
        .routes(routes!(home::home, home::home_set, home::home_unset))
        .routes(routes!(holds::hold_place))
        .routes(routes!(holds::hold_capture))
        .routes(routes!(holds::hold_void))
        .routes(routes!(accounts::balance))
        .routes(routes!(accounts::entries))
        .routes(routes!(receipts::receipt_fetch))
        .routes(routes!(fees::fees, fees::fees_set))
        .routes(routes!(limits::limits, limits::limits_set))
        .routes(routes!(contracts::contract_list, contracts::contract_set))
        .routes(routes!(contracts::contract_preview))
        .routes(routes!(contracts::contract_aggregates))
        .routes(routes!(statements::statement))
        .routes(routes!(statements::export))
        .routes(routes!(statements::proof))
        .routes(routes!(shares::share_list))
        .routes(routes!(shares::share_accept))
        .routes(routes!(payouts::onboard))
        .routes(routes!(payouts::payout))
        .routes(routes!(payouts::payouts))
        .routes(routes!(
            address::address,
            address::address_bind,
            address::address_unbind
        ))
        .routes(routes!(refunds::refund))
        .routes(routes!(refunds::refund_by_hand))
        .routes(routes!(refunds::refunds))
        .routes(routes!(refunds::credit_note))
        .routes(routes!(rails::rails))
        .routes(routes!(reconcile::reconciliation, reconcile::reconcile))
        .routes(routes!(messages::message_retry))
        .merge(OpenApiRouter::from(crate::pages::routes()))
        .route("/checkout/{id}", axum::routing::get(page::page).post(page::form_post))
        .route("/checkout/{id}/{outcome}", axum::routing::post(page::button_post))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .merge(wallets)
}

/// Marks an answer that was given before (`Idempotent-Replayed`).
fn replayed_headers(replayed: bool) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if replayed {
        headers.insert(
            HeaderName::from_static("idempotent-replayed"),
            HeaderValue::from_static("true"),
        );
    }
    headers
}

//! The public routes of publisher: each handler extracts, calls the domain, answers.

mod content;
mod content_body;
mod exchange;
mod fair;
mod gate_policy;
mod gates;
mod list;
mod publish;
mod read;
mod statements;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, FromRef};
use axum::middleware::from_fn_with_state;
use futures::FutureExt;
use imajin_kernel::Problem;
use imajin_mjn::{DbNonces, Exchanges, MjnOptions, exchanged};
use imajin_web::{ServiceRoutes, Site};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::domain::find;
use crate::fetch::RECORD_BYTES_MAX;
use crate::{Publisher, SERVICE};

/// The largest body but for a manifest: a countersignature.
const BODY_BYTES_MAX: usize = 16 * 1024;

/// What an author says about a work: the preview may have four bytes for each of its characters, and more in JSON.
const WORK_BYTES_MAX: usize = 256 * 1024;
/// The text of a policy, in JSON.
const POLICY_BYTES_MAX: usize = 512 * 1024;
/// A part of a work's bytes; so much of an upload is in memory at once.
const PART_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The largest answer to a request with MJN headers: a token and a receipt.
const EXCHANGE_BYTES_MAX: usize = 1024 * 1024;

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct PublisherState(pub(crate) Arc<Publisher>);

impl FromRef<PublisherState> for Site {
    fn from_ref(state: &PublisherState) -> Self {
        state.0.site.clone()
    }
}

/// What checks and signs requests with MJN headers.
fn exchanges(publisher: &Publisher) -> Arc<Exchanges> {
    let context = &publisher.context;
    let options = MjnOptions {
        did: context.keyring.node_did().clone(),
        key: Arc::new(context.keyring.node_key().clone()),
        nonces: Arc::new(DbNonces::new(publisher.db.clone(), context.sealer.clone())),
        request_bytes_max: BODY_BYTES_MAX,
        answer_bytes_max: EXCHANGE_BYTES_MAX,
    };
    Exchanges::new(publisher.site.clone(), options)
}

pub(crate) fn routes(publisher: &Arc<Publisher>) -> ServiceRoutes {
    let publication = OpenApiRouter::new()
        .routes(routes!(list::manifest_list, publish::manifest_publish))
        .layer(DefaultBodyLimit::max(RECORD_BYTES_MAX));
    let bytes = OpenApiRouter::new()
        .routes(routes!(content::bytes_put))
        .layer(DefaultBodyLimit::max(PART_BYTES_MAX));
    let works = OpenApiRouter::new()
        .routes(routes!(content::content_list, content::content_create))
        .routes(routes!(content::content_fetch))
        .routes(routes!(content::version_create))
        .routes(routes!(content::content_publish))
        .routes(routes!(content::content_withdraw))
        .routes(routes!(content::token_create))
        .routes(routes!(content::sales_list))
        .routes(routes!(content::library_list))
        .routes(routes!(read::content_read))
        .layer(DefaultBodyLimit::max(WORK_BYTES_MAX))
        .merge(bytes);
    let policies = OpenApiRouter::new()
        .routes(routes!(gate_policy::policy_fetch, gate_policy::policy_change))
        .layer(DefaultBodyLimit::max(POLICY_BYTES_MAX));
    let used = OpenApiRouter::new()
        .routes(routes!(exchange::content_use))
        .layer(from_fn_with_state(exchanges(publisher), exchanged));
    let router = OpenApiRouter::new()
        .routes(routes!(fair::manifest_fetch))
        .routes(routes!(fair::record_fetch))
        .routes(routes!(fair::chain_fetch))
        .routes(routes!(statements::manifest_accept))
        .routes(routes!(statements::manifest_endorse))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .merge(publication)
        .merge(works)
        .merge(used)
        .routes(routes!(gates::record_list))
        .routes(routes!(gates::record_evidence))
        .merge(policies)
        .merge(OpenApiRouter::from(crate::pages::routes()))
        .with_state(PublisherState(Arc::clone(publisher)));
    let ready = Arc::clone(publisher);
    let readiness = move || {
        let publisher = Arc::clone(&ready);
        async move {
            publisher
                .read(|conn, _context| find::ready_check(conn))
                .await
                .map_err(Problem::from)
        }
        .boxed()
    };
    ServiceRoutes::new(SERVICE, "imajin publisher", router, Arc::new(readiness))
}

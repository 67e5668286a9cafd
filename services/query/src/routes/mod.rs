//! The public routes of paid questions: each handler extracts, calls the domain, answers.

mod ask;
mod disclosures;
mod documents;
mod grants;
mod questions;
mod quote;
mod streamed;
mod terms;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, FromRef};
use axum::middleware::from_fn_with_state;
use futures::FutureExt;
use imajin_mjn::{DbNonces, Exchanges, MjnOptions, exchanged};
use imajin_web::{ServiceRoutes, Site};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{Query, SERVICE};

/// The largest body but for documents.
const BODY_BYTES_MAX: usize = 16 * 1024;
/// The largest document, in the JSON that carries it.
const DOCUMENT_BODY_BYTES_MAX: usize = 2 * 1024 * 1024;
/// The largest answer: as many tokens as anybody's terms allow, with the passages.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct QueryRoutes(pub(crate) Arc<Query>);

impl FromRef<QueryRoutes> for Site {
    fn from_ref(state: &QueryRoutes) -> Self {
        state.0.site.clone()
    }
}

pub(crate) fn routes(query: &Arc<Query>) -> ServiceRoutes {
    let state = QueryRoutes(Arc::clone(query));
    let keyring = &query.context.keyring;
    let exchanges = Exchanges::new(
        query.site.clone(),
        MjnOptions {
            did: keyring.node_did().clone(),
            key: Arc::new(keyring.node_key().clone()),
            nonces: Arc::new(DbNonces::new(query.db.clone(), query.context.sealer.clone())),
            request_bytes_max: BODY_BYTES_MAX,
            answer_bytes_max: ANSWER_BYTES_MAX,
        },
    );
    let asked = OpenApiRouter::new()
        .routes(routes!(ask::ask))
        .routes(routes!(disclosures::disclose))
        .layer(from_fn_with_state(exchanges, exchanged));
    let documents = OpenApiRouter::new()
        .routes(routes!(documents::document_list, documents::document_add))
        .layer(DefaultBodyLimit::max(DOCUMENT_BODY_BYTES_MAX));
    let router = OpenApiRouter::new()
        .routes(routes!(terms::terms_fetch, terms::terms_set))
        .routes(routes!(quote::quote))
        .routes(routes!(questions::question_list))
        .routes(routes!(documents::document_remove))
        .routes(routes!(grants::consent_list))
        .routes(routes!(grants::grant_give))
        .routes(routes!(grants::grant_revoke))
        .routes(routes!(disclosures::profile_set))
        .routes(routes!(disclosures::record_keep))
        .routes(routes!(disclosures::log_read))
        .routes(routes!(disclosures::log_compare))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .merge(documents)
        .merge(asked)
        .with_state(state);
    let ready = Arc::clone(query);
    let readiness = move || {
        let query = Arc::clone(&ready);
        async move { query.ready().await }.boxed()
    };
    ServiceRoutes::new(SERVICE, "imajin query", router, Arc::new(readiness))
}

//! The public routes of connections: each handler extracts, calls the domain, answers.

mod bundle;
mod graph;
mod invite;
mod own;
mod pod;
mod pod_member;
mod privacy;
mod statement;
mod watch;

use std::sync::Arc;

use axum::Json;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use imajin_kernel::Problem;
use imajin_web::{ServiceRoutes, Site};
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::domain::sequence::sequence_last;
use crate::{Connections, SERVICE};

/// The largest body but for a bundle: a document at all its limits fits.
const BODY_BYTES_MAX: usize = 16 * 1024;
/// A bundle of as many statements as may be brought at once.
const BUNDLE_BYTES_MAX: usize = 512 * 1024;

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct ConnectionsState(pub(crate) Arc<Connections>);

impl FromRef<ConnectionsState> for Site {
    fn from_ref(state: &ConnectionsState) -> Self {
        state.0.site.clone()
    }
}

pub(crate) fn routes(connections: &Arc<Connections>) -> ServiceRoutes {
    let state = ConnectionsState(Arc::clone(connections));
    let bundles = OpenApiRouter::new()
        .routes(routes!(bundle::import))
        .layer(DefaultBodyLimit::max(BUNDLE_BYTES_MAX));
    let router = OpenApiRouter::new()
        .routes(routes!(statement::statement_submit))
        .routes(routes!(statement::statement_fetch))
        .routes(routes!(own::connections_own))
        .routes(routes!(own::connection_status))
        .routes(routes!(graph::distance))
        .routes(routes!(graph::check))
        .routes(routes!(graph::path))
        .routes(routes!(graph::within))
        .routes(routes!(graph::mutual))
        .routes(routes!(graph::rank))
        .routes(routes!(graph::standing))
        .routes(routes!(privacy::audience_fetch, privacy::audience_set))
        .routes(routes!(privacy::block_set, privacy::block_remove))
        .routes(routes!(invite::invite_list, invite::invite_issue))
        .routes(routes!(invite::invite_fetch, invite::invite_revoke))
        .routes(routes!(invite::invite_accept))
        .routes(routes!(pod::pod_list, pod::pod_create))
        .routes(routes!(pod::pod_fetch, pod::pod_set, pod::pod_dissolve))
        .routes(routes!(pod::pod_members))
        .routes(routes!(pod_member::pod_invite))
        .routes(routes!(pod_member::pod_accept))
        .routes(routes!(pod_member::pod_role_set))
        .routes(routes!(pod_member::pod_remove))
        .routes(routes!(pod_member::pod_leave))
        .routes(routes!(pod_member::pod_offer))
        .routes(routes!(bundle::export))
        .routes(routes!(watch::watch))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .merge(bundles)
        .with_state(state);
    let ready = Arc::clone(connections);
    let readiness = move || {
        let connections = Arc::clone(&ready);
        async move {
            let last = connections.read(|conn, _context| sequence_last(conn)).await;
            last.map(drop).map_err(Problem::from)
        }
        .boxed()
    };
    ServiceRoutes::new(SERVICE, "imajin connections", router, Arc::new(readiness))
}

/// An answer that is about its reader: nobody keeps it.
fn private<T: Serialize>(value: &T) -> Response {
    let headers = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (headers, Json(value)).into_response()
}

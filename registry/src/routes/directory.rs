use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{AppendHeaders, IntoResponse};
use imajin_kernel::{Code, Problem};
use imajin_registry_api::{Census, NodeFetch, NodeList, NodePage, NodeView, RegistryApi, ServiceCount, TypeCount};
use imajin_web::{Failure, PathParams, ProblemDocument, QueryParams};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::list::{self, Counts};
use crate::registry::Registry;

/// One node by DID, name or full host name.
#[utoipa::path(
    get, path = "/api/node/lookup/{key}", tag = "directory",
    params(("key" = String, Path, description = "a DID in any form, a name, or a full host name")),
    responses(
        (status = 200, description = "the node", body = NodeView),
        (status = 404, description = "no such node", body = ProblemDocument),
    )
)]
pub(super) async fn node_lookup(
    State(registry): State<Arc<Registry>>,
    PathParams(key): PathParams<String>,
) -> Result<Json<NodeView>, Failure> {
    let found = registry.node_fetch(NodeFetch { key }).await?;
    let unknown = || {
        Problem::new(Code::NotFound, "No such node is registered here.")
            .hint("Look for a DID, a name such as `alice`, or a full host name in this registry's zone.")
    };
    Ok(Json(found.ok_or_else(unknown)?))
}

/// Registered nodes in the order of their names.
///
/// Without `status` these are the nodes whose registration is current; expired and revoked ones are listed on request.
#[utoipa::path(
    get, path = "/api/node/list", tag = "directory",
    params(
        ("status" = Option<String>, Query, description = "pending, active, stale, unreachable, expired or revoked"),
        ("service" = Option<String>, Query, description = "only nodes that offer this service"),
        ("type" = Option<String>, Query, description = "person, community, operator or infrastructure"),
        ("search" = Option<String>, Query, description = "only nodes with this in their name"),
        ("limit" = Option<u32>, Query, description = "100 by default, 500 at most"),
        ("cursor" = Option<String>, Query, description = "where the last page ended"),
    ),
    responses(
        (status = 200, description = "a page", body = NodePage),
        (status = 400, description = "a parameter is not valid", body = ProblemDocument),
    )
)]
pub(super) async fn node_list(
    State(registry): State<Arc<Registry>>,
    QueryParams(asked): QueryParams<NodeList>,
) -> Result<Json<NodePage>, Failure> {
    Ok(Json(RegistryApi::node_list(&*registry, asked).await?))
}

/// How many nodes there are, in headers.
#[utoipa::path(
    head, path = "/api/node/list", tag = "directory",
    responses((
        status = 200, description = "the numbers",
        headers(
            ("x-total-nodes" = i64, description = "nodes whose registration is current"),
            ("x-active-nodes" = i64, description = "heard of within three days"),
            ("x-stale-nodes" = i64, description = "silent for three days"),
            ("x-unreachable-nodes" = i64, description = "silent for seven days"),
        )
    ))
)]
pub(super) async fn node_list_head(State(registry): State<Arc<Registry>>) -> Result<impl IntoResponse, Failure> {
    let counts = registry.read(list::node_counts).await?;
    let header = |name, count: i64| (HeaderName::from_static(name), HeaderValue::from(count));
    Ok(AppendHeaders([
        header("x-total-nodes", counts.total()),
        header("x-active-nodes", counts.active),
        header("x-stale-nodes", counts.stale),
        header("x-unreachable-nodes", counts.unreachable),
    ]))
}

/// How many nodes there are.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Stats {
    /// Nodes whose registration is current: the next four together.
    total: i64,
    /// Registered, not yet heard of.
    pending: i64,
    /// Heard of within three days.
    active: i64,
    /// Silent for three days.
    stale: i64,
    /// Silent for seven days.
    unreachable: i64,
    /// The registration ran out.
    expired: i64,
    /// Taken off by the registry's operator.
    revoked: i64,
    /// Of those in `total`, nodes of each type.
    types: Vec<TypeCount>,
    /// Of those in `total`, nodes that offer a service.
    services: Vec<ServiceCount>,
    /// The zone beneath which names are given out.
    zone: String,
}

impl Stats {
    fn new(counts: Counts, census: Census, zone: &str) -> Self {
        let Counts {
            pending,
            active,
            stale,
            unreachable,
            expired,
            revoked,
        } = counts;
        Self {
            total: counts.total(),
            pending,
            active,
            stale,
            unreachable,
            expired,
            revoked,
            types: census.types,
            services: census.services,
            zone: zone.to_owned(),
        }
    }
}

/// How many nodes there are, by status, type and service.
#[utoipa::path(
    get, path = "/api/stats", tag = "directory",
    responses((status = 200, description = "the numbers", body = Stats))
)]
pub(super) async fn stats(State(registry): State<Arc<Registry>>) -> Result<Json<Stats>, Failure> {
    let (counts, census) = registry
        .read(|conn, context| {
            let counts = list::node_counts(conn, context)?;
            Ok((counts, list::census(conn, context, counts)?))
        })
        .await?;
    Ok(Json(Stats::new(counts, census, &registry.context.zone)))
}

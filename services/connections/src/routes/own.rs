use axum::extract::State;
use axum::response::Response;
use imajin_connections_api::{ConnectionsOwn, OwnConnections, TrustApi};
use imajin_did::Did;
use imajin_web::{Asker, Failure, PathParams, ProblemDocument, Reader};
use serde::Serialize;
use utoipa::ToSchema;

use super::{ConnectionsState, private};

/// List one's own connections, requests, vouches and flags
#[utoipa::path(
    get, path = "/api/connections", tag = "connections",
    responses(
        (status = 200, description = "Everything of the caller that stands", body = OwnConnections),
        (status = 401, description = "Nobody is logged in", body = ProblemDocument),
    )
)]
pub(super) async fn connections_own(
    State(ConnectionsState(connections)): State<ConnectionsState>,
    Reader(reader): Reader,
) -> Result<Response, Failure> {
    let request = ConnectionsOwn { did: reader };
    Ok(private(
        &TrustApi::connections_own(connections.as_ref(), request).await?,
    ))
}

/// What a stranger may know of somebody's connections.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct StatusAnswer {
    /// Whether they have any; false also where they do not show it to the caller.
    in_graph: bool,
    /// How many; 0 where they do not show it.
    connection_count: u32,
}

/// Whether somebody is in the graph
///
/// As far as they show it to the caller: what they do not show looks as if there were nothing.
#[utoipa::path(
    get, path = "/api/connections/status/{did}", tag = "connections",
    params(("did" = String, Path, description = "A DID")),
    responses((status = 200, description = "What the caller may know", body = StatusAnswer))
)]
pub(super) async fn connection_status(
    State(ConnectionsState(connections)): State<ConnectionsState>,
    PathParams(did): PathParams<Did>,
    asker: Asker,
) -> Result<Response, Failure> {
    let (standing, _token) = connections.standing(&did, asker.did(), None).await?;
    let connection_count = standing.map_or(0, |standing| standing.connections);
    let in_graph = standing.is_some_and(|standing| standing.connections > 0 || standing.vouches > 0);
    Ok(private(&StatusAnswer {
        in_graph,
        connection_count,
    }))
}

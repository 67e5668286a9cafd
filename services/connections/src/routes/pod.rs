use axum::extract::State;
use axum::response::Response;
use imajin_connections_api::{PodBody, PodMemberPage, PodPage, PodPageAsk, PodSettings, PodView};
use imajin_kernel::id::PodId;
use imajin_store::idempotency::Key;
use imajin_web::{Asker, Authorised, Failure, KeyTier, PathParams, ProblemDocument, QueryParams, Reader, SignedBody};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{ConnectionsState, private};
use crate::ConnectionsError;
use crate::context::Change;
use crate::domain::pod::settle::{NewPod, pod_create as create, pod_dissolve as dissolve, pod_set as set};

/// What was done is done, and there is nothing to show of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PodDone {
    /// The pod.
    #[schema(value_type = String)]
    pub(super) id: PodId,
}

/// List the pods that one is in, and is invited to
///
/// A page may be shorter than was asked for: invitations of those whom the caller has blocked are left out.
#[utoipa::path(
    get, path = "/api/pods", tag = "pods", params(PodPageAsk),
    responses(
        (status = 200, description = "A page, the oldest pod first", body = PodPage),
        (status = 400, description = "The limit or the cursor is wrong", body = ProblemDocument),
        (status = 401, description = "Nobody is logged in", body = ProblemDocument),
    )
)]
pub(super) async fn pod_list(
    State(ConnectionsState(connections)): State<ConnectionsState>,
    Reader(reader): Reader,
    QueryParams(page): QueryParams<PodPageAsk>,
) -> Result<Response, Failure> {
    Ok(private(&connections.pods_own(&reader, page).await?))
}

/// Make a pod
///
/// The caller owns it, and is its only member.
#[utoipa::path(
    post, path = "/api/pods", tag = "pods", request_body = PodBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat for a day")),
    responses(
        (status = 200, description = "The pod", body = PodView),
        (status = 400, description = "The name is none, or it would stand too deep", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "The caller has no key of their own here", body = ProblemDocument),
        (status = 404, description = "The caller owns no such pod to put it into", body = ProblemDocument),
        (status = 409, description = "The idempotency key belongs to another request", body = ProblemDocument),
        (status = 429, description = "The caller has as many pods as anybody may have", body = ProblemDocument),
    )
)]
pub(super) async fn pod_create(
    State(ConnectionsState(connections)): State<ConnectionsState>,
    signed: SignedBody<PodBody, Authorised<KeyTier>>,
) -> Result<Response, Failure> {
    let did = signed.verified.did().clone();
    let key = Key::of(&signed.request)
        .map_err(|invalid| ConnectionsError::invalid("Idempotency-Key", invalid.to_string()))?;
    let new = NewPod {
        key,
        id: connections.site.env.new_id(),
        body: signed.value,
        change: Change::of(signed.verified, signed.request),
    };
    let id = connections
        .write(move |conn, context| create(conn, context, &new))
        .await?;
    Ok(private(&connections.pod_view(id, Some(&did)).await?))
}

/// Read a pod
///
/// A private one is for those who are in it or invited; one that is bound to trust also for those to whom its owner
/// shows their ties. To everybody else it is as if it were not there.
#[utoipa::path(
    get, path = "/api/pods/{id}", tag = "pods",
    params(("id" = String, Path, description = "`pod_…`")),
    responses(
        (status = 200, description = "The pod as the caller may see it", body = PodView),
        (status = 404, description = "There is no such pod for this reader", body = ProblemDocument),
    )
)]
pub(super) async fn pod_fetch(
    State(ConnectionsState(connections)): State<ConnectionsState>,
    PathParams(id): PathParams<PodId>,
    asker: Asker,
) -> Result<Response, Failure> {
    Ok(private(&connections.pod_view(id, asker.did()).await?))
}

/// Change what a pod is called, who may know of it, and where it stands
///
/// For its owner. All of it holds as it is sent: without `parent` the pod stands in none.
#[utoipa::path(
    put, path = "/api/pods/{id}", tag = "pods", request_body = PodSettings,
    params(("id" = String, Path, description = "`pod_…`")),
    responses(
        (status = 200, description = "The pod as it is now", body = PodView),
        (status = 400, description = "The name is wrong, or where it would stand", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "The caller does not own it", body = ProblemDocument),
        (status = 404, description = "There is no such pod for this caller", body = ProblemDocument),
        (status = 409, description = "It is offered to somebody", body = ProblemDocument),
    )
)]
pub(super) async fn pod_set(
    State(ConnectionsState(connections)): State<ConnectionsState>,
    PathParams(id): PathParams<PodId>,
    signed: SignedBody<PodSettings, Authorised<KeyTier>>,
) -> Result<Response, Failure> {
    let did = signed.verified.did().clone();
    connections
        .write_signed(signed, move |conn, context, change, settings| {
            set(conn, context, change, (&id, settings))
        })
        .await?;
    Ok(private(&connections.pod_view(id, Some(&did)).await?))
}

/// Dissolve a pod
///
/// For its owner. Nobody is in it any more; nobody can bring it back. Pods that stand in it have to go first.
#[utoipa::path(
    delete, path = "/api/pods/{id}", tag = "pods", request_body = Option<Object>,
    params(("id" = String, Path, description = "`pod_…`")),
    responses(
        (status = 200, description = "It is gone", body = PodDone),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "The caller does not own it", body = ProblemDocument),
        (status = 404, description = "There is no such pod for this caller", body = ProblemDocument),
        (status = 409, description = "Other pods stand in it", body = ProblemDocument),
    )
)]
pub(super) async fn pod_dissolve(
    State(ConnectionsState(connections)): State<ConnectionsState>,
    PathParams(id): PathParams<PodId>,
    signed: SignedBody<Option<Value>, Authorised<KeyTier>>,
) -> Result<Response, Failure> {
    connections
        .write_signed(signed, move |conn, context, change, _nothing| {
            dissolve(conn, context, change, &id)
        })
        .await?;
    Ok(private(&PodDone { id }))
}

/// List the members of a pod
///
/// Those who are in it see everybody in it; in a pod of an event, its owner and admins do. Everybody else who may
/// know of the pod sees its owner and those who show themselves to them. Who is invited is for its owner and admins.
#[utoipa::path(
    get, path = "/api/pods/{id}/members", tag = "pods",
    params(("id" = String, Path, description = "`pod_…`"), PodPageAsk),
    responses(
        (status = 200, description = "A page, in the order of the DIDs", body = PodMemberPage),
        (status = 400, description = "The limit is wrong", body = ProblemDocument),
        (status = 404, description = "There is no such pod for this reader", body = ProblemDocument),
    )
)]
pub(super) async fn pod_members(
    State(ConnectionsState(connections)): State<ConnectionsState>,
    PathParams(id): PathParams<PodId>,
    QueryParams(page): QueryParams<PodPageAsk>,
    asker: Asker,
) -> Result<Response, Failure> {
    Ok(private(&connections.pod_members((id, asker.did()), page).await?))
}

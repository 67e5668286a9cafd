use axum::extract::State;
use axum::response::Response;
use imajin_connections_api::{PodAccept, PodMemberView, PodOffer, PodPerson, PodView, PodWho};
use imajin_kernel::id::PodId;
use imajin_web::{Authorised, Failure, KeyTier, PathParams, ProblemDocument, SignedBody};
use serde_json::Value;

use super::pod::PodDone;
use super::{ConnectionsState, private};
use crate::domain::pod::invite::{pod_accept as accept, pod_invite as invite};
use crate::domain::pod::member::{pod_leave as leave, pod_remove as remove, pod_role_set as role_set};
use crate::domain::pod::owner::pod_offer as offer;
use crate::pods::member_view;

/// Invite somebody into a pod
///
/// For its owner and admins; whoever is to be an admin is invited by its owner. They are in it once they have accepted.
#[utoipa::path(
    post, path = "/api/pods/{id}/invite", tag = "pods", request_body = PodPerson,
    params(("id" = String, Path, description = "`pod_…`")),
    responses(
        (status = 200, description = "They are invited", body = PodMemberView),
        (status = 400, description = "Nobody can be invited as that", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "The caller may not invite", body = ProblemDocument),
        (status = 404, description = "There is no such pod for this caller", body = ProblemDocument),
        (status = 409, description = "They are in it already", body = ProblemDocument),
        (status = 429, description = "The pod is full, or the caller has invited too many", body = ProblemDocument),
    )
)]
pub(super) async fn pod_invite(
    State(ConnectionsState(connections)): State<ConnectionsState>,
    PathParams(id): PathParams<PodId>,
    signed: SignedBody<PodPerson, Authorised<KeyTier>>,
) -> Result<Response, Failure> {
    let row = connections
        .write_signed(signed, move |conn, context, change, person| {
            invite(conn, context, change, (&id, person))
        })
        .await?;
    Ok(private(&member_view(&row, true)?))
}

/// Accept an invitation into a pod, or take a pod over
///
/// The body says what the caller accepts to be: what the invitation says, or `owner` where the pod is offered to them.
/// Whoever owned it stays in it as an admin.
#[utoipa::path(
    post, path = "/api/pods/{id}/accept", tag = "pods", request_body = PodAccept,
    params(("id" = String, Path, description = "`pod_…`")),
    responses(
        (status = 200, description = "The pod that the caller is in", body = PodView),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "The caller has no key of their own here", body = ProblemDocument),
        (status = 404, description = "There is no such pod for this caller", body = ProblemDocument),
        (status = 409, description = "The invitation says something else", body = ProblemDocument),
        (status = 429, description = "The caller is in as many pods as anybody may be", body = ProblemDocument),
    )
)]
pub(super) async fn pod_accept(
    State(ConnectionsState(connections)): State<ConnectionsState>,
    PathParams(id): PathParams<PodId>,
    signed: SignedBody<PodAccept, Authorised<KeyTier>>,
) -> Result<Response, Failure> {
    let did = signed.verified.did().clone();
    connections
        .write_signed(signed, move |conn, context, change, body| {
            accept(conn, context, change, (&id, body.role))
        })
        .await?;
    Ok(private(&connections.pod_view(id, Some(&did)).await?))
}

/// Say what a member of a pod is
///
/// For its owner: `admin` or `member`.
#[utoipa::path(
    put, path = "/api/pods/{id}/role", tag = "pods", request_body = PodPerson,
    params(("id" = String, Path, description = "`pod_…`")),
    responses(
        (status = 200, description = "What they are now", body = PodMemberView),
        (status = 400, description = "Nobody can be made that", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "The caller does not own it", body = ProblemDocument),
        (status = 404, description = "There is no such pod for this caller, or no such member", body = ProblemDocument),
        (status = 409, description = "The owner is who they are until they hand it over", body = ProblemDocument),
    )
)]
pub(super) async fn pod_role_set(
    State(ConnectionsState(connections)): State<ConnectionsState>,
    PathParams(id): PathParams<PodId>,
    signed: SignedBody<PodPerson, Authorised<KeyTier>>,
) -> Result<Response, Failure> {
    let row = connections
        .write_signed(signed, move |conn, context, change, person| {
            role_set(conn, context, change, (&id, person))
        })
        .await?;
    Ok(private(&member_view(&row, true)?))
}

/// Remove somebody from a pod, or withdraw an invitation
///
/// For its owner and admins; an admin is removed by its owner.
#[utoipa::path(
    post, path = "/api/pods/{id}/remove", tag = "pods", request_body = PodWho,
    params(("id" = String, Path, description = "`pod_…`")),
    responses(
        (status = 200, description = "They are in it no longer", body = PodDone),
        (status = 400, description = "It is the caller", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "The caller may not remove them", body = ProblemDocument),
        (status = 404, description = "There is no such pod for this caller, or no such member", body = ProblemDocument),
    )
)]
pub(super) async fn pod_remove(
    State(ConnectionsState(connections)): State<ConnectionsState>,
    PathParams(id): PathParams<PodId>,
    signed: SignedBody<PodWho, Authorised<KeyTier>>,
) -> Result<Response, Failure> {
    connections
        .write_signed(signed, move |conn, context, change, who| {
            remove(conn, context, change, (&id, &who.did))
        })
        .await?;
    Ok(private(&PodDone { id }))
}

/// Leave a pod, or decline an invitation
///
/// At any time; but an owner has to hand the pod over first, or dissolve it.
#[utoipa::path(
    post, path = "/api/pods/{id}/leave", tag = "pods", request_body = Option<Object>,
    params(("id" = String, Path, description = "`pod_…`")),
    responses(
        (status = 200, description = "The caller is in it no longer", body = PodDone),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "The caller has no key of their own here", body = ProblemDocument),
        (status = 404, description = "There is no such pod for this caller", body = ProblemDocument),
        (status = 409, description = "The caller owns it", body = ProblemDocument),
    )
)]
pub(super) async fn pod_leave(
    State(ConnectionsState(connections)): State<ConnectionsState>,
    PathParams(id): PathParams<PodId>,
    signed: SignedBody<Option<Value>, Authorised<KeyTier>>,
) -> Result<Response, Failure> {
    connections
        .write_signed(signed, move |conn, context, change, _nothing| {
            leave(conn, context, change, &id)
        })
        .await?;
    Ok(private(&PodDone { id }))
}

/// Offer a pod to one of its members
///
/// For its owner, who stays it until the other accepts to be (`POST …/accept` with `owner`); `null` takes the offer
/// back.
#[utoipa::path(
    put, path = "/api/pods/{id}/successor", tag = "pods", request_body = PodOffer,
    params(("id" = String, Path, description = "`pod_…`")),
    responses(
        (status = 200, description = "The pod as it is now", body = PodView),
        (status = 400, description = "They are not in it", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "The caller does not own it", body = ProblemDocument),
        (status = 404, description = "There is no such pod for this caller", body = ProblemDocument),
        (status = 409, description = "It is personal, or stands with other pods", body = ProblemDocument),
    )
)]
pub(super) async fn pod_offer(
    State(ConnectionsState(connections)): State<ConnectionsState>,
    PathParams(id): PathParams<PodId>,
    signed: SignedBody<PodOffer, Authorised<KeyTier>>,
) -> Result<Response, Failure> {
    let did = signed.verified.did().clone();
    connections
        .write_signed(signed, move |conn, context, change, to| {
            offer(conn, context, change, (&id, to.did.as_ref()))
        })
        .await?;
    Ok(private(&connections.pod_view(id, Some(&did)).await?))
}

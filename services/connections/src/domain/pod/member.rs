//! Members get another role, are removed, and leave.

use imajin_connections_api::{PodPerson, PodRole};
use imajin_did::Did;
use imajin_kernel::id::PodId;
use imajin_store::{Conn, SealedRow};

use super::find::{entered, place_find, place_living, pod_lock};
use super::invite::role_check;
use super::{UNKNOWN, named, role_require};
use crate::context::{Change, Context};
use crate::rows::{PodMemberRow, PodRow};
use crate::{ConnectionsError, log};

const NOBODY: ConnectionsError = ConnectionsError::NotFound("member of this pod");

/// Says what a member is from now on. Sent again, they are already.
pub(crate) fn pod_role_set(
    conn: &mut Conn,
    context: &Context,
    change: &Change,
    (id, person): (&PodId, &PodPerson),
) -> Result<PodMemberRow, ConnectionsError> {
    let (pod, own) = entered(conn, context, (id, change.verified.did()))?;
    let giver = role_require(&own, PodRole::Owner, "Only its owner says who is an admin of a pod.")?;
    role_check(&pod, giver, person.role)?;
    let did = named(&person.did)?;
    let place = place_living(conn, context, (id, &did))?;
    let mut place = place.filter(PodMemberRow::is_in).ok_or(NOBODY)?;
    match place.role()? {
        PodRole::Owner => {
            return Err(ConnectionsError::Standing(
                "You own this pod: offer it to another member, who then takes it over.",
            ));
        }
        role if role == person.role => {
            change.spend(conn, context)?;
            return Ok(place);
        }
        PodRole::Admin | PodRole::Member => {}
    }
    place.proof = change.log(conn, context, log::POD_ROLE, log::pod_object(id))?;
    person.role.as_str().clone_into(&mut place.role);
    Ok(place.save(conn, &context.sealer)?)
}

/// Removes a member, or withdraws an invitation. Sent again, they are out already.
pub(crate) fn pod_remove(
    conn: &mut Conn,
    context: &Context,
    change: &Change,
    (id, did): (&PodId, &Did),
) -> Result<(), ConnectionsError> {
    let by = change.verified.did();
    let (pod, own) = entered(conn, context, (id, by))?;
    let remover = role_require(
        &own,
        PodRole::Admin,
        "Only its owner and admins remove people from a pod.",
    )?;
    let did = named(did)?;
    if did == *by {
        return Err(ConnectionsError::invalid("did", "is you: leave the pod instead"));
    }
    let place = place_find(conn, context, (id, &did))?.ok_or(NOBODY)?;
    if place.ended_at.is_some() {
        return change.spend(conn, context);
    }
    // Nobody removes the owner, and an admin no other admin.
    if place.role()? >= remover {
        return Err(ConnectionsError::Forbidden(
            "Nobody removes the owner of a pod, and only the owner an admin.",
        ));
    }
    let proof = change.log(conn, context, log::POD_REMOVE, log::pod_object(id))?;
    place_end(conn, context, (pod, place), proof)
}

/// Leaves a pod, or declines an invitation. Sent again, one is out already.
pub(crate) fn pod_leave(
    conn: &mut Conn,
    context: &Context,
    change: &Change,
    id: &PodId,
) -> Result<(), ConnectionsError> {
    let pod = pod_lock(conn, context, id)?;
    let place = place_find(conn, context, (id, change.verified.did()))?.ok_or(UNKNOWN)?;
    if place.ended_at.is_some() {
        return change.spend(conn, context);
    }
    if place.role()? == PodRole::Owner {
        return Err(ConnectionsError::Standing(
            "You own this pod: hand it over first, or dissolve it.",
        ));
    }
    let proof = change.log(conn, context, log::POD_LEAVE, log::pod_object(id))?;
    place_end(conn, context, (pod, place), proof)
}

/// Ends somebody's place; the pod is offered to them no longer.
fn place_end(
    conn: &mut Conn,
    context: &Context,
    (mut pod, mut place): (PodRow, PodMemberRow),
    proof: String,
) -> Result<(), ConnectionsError> {
    if pod.successor_did.as_ref() == Some(&place.member_did) {
        pod.successor_did = None;
        pod.proof.clone_from(&proof);
        pod.save(conn, &context.sealer)?;
    }
    place.proof = proof;
    place.ended_at = Some(context.env.now());
    place.save(conn, &context.sealer)?;
    Ok(())
}

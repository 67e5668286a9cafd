//! A pod is handed over: its owner offers it, and a member takes it over.

use imajin_connections_api::{PodKind, PodRole};
use imajin_did::Did;
use imajin_kernel::id::PodId;
use imajin_store::{Conn, SealedRow};

use super::find::{entered, inner_of, owned_count, place_living};
use super::{OWNED_MAX, named, role_require};
use crate::context::{Change, Context};
use crate::rows::{PodMemberRow, PodRow};
use crate::{ConnectionsError, log};

/// Pods stand within others of the same owner: one that stands with others cannot go alone.
fn alone_check(conn: &mut Conn, context: &Context, pod: &PodRow) -> Result<(), ConnectionsError> {
    if pod.parent.is_none() && inner_of(conn, context, &[pod.id])?.is_empty() {
        return Ok(());
    }
    Err(ConnectionsError::Standing(
        "This pod stands in another, or others stand in it: take it out first, and them.",
    ))
}

/// Offers a pod to one of its members, or takes the offer back. Sent again, it is so already.
pub(crate) fn pod_offer(
    conn: &mut Conn,
    context: &Context,
    change: &Change,
    (id, to): (&PodId, Option<&Did>),
) -> Result<(), ConnectionsError> {
    let (mut pod, place) = entered(conn, context, (id, change.verified.did()))?;
    role_require(&place, PodRole::Owner, "Only its owner hands a pod over.")?;
    let to = to.map(named).transpose()?;
    if pod.successor_did == to {
        return change.spend(conn, context);
    }
    if let Some(to) = &to {
        if pod.kind()? == PodKind::Personal {
            return Err(ConnectionsError::Standing(
                "A personal pod is handed over to nobody; dissolve it if you do not need it.",
            ));
        }
        let member = place_living(conn, context, (id, to))?.filter(PodMemberRow::is_in);
        if *to == pod.owner_did || member.is_none() {
            return Err(ConnectionsError::invalid("did", "must be another member of the pod"));
        }
        alone_check(conn, context, &pod)?;
    }
    pod.proof = change.log(conn, context, log::POD_OFFER, log::pod_object(id))?;
    pod.successor_did = to;
    pod.save(conn, &context.sealer)?;
    Ok(())
}

/// Takes a pod over that is offered. Whoever owned it stays in it as an admin.
pub(super) fn pod_take_over(
    conn: &mut Conn,
    context: &Context,
    change: &Change,
    (mut pod, mut place): (PodRow, PodMemberRow),
) -> Result<(), ConnectionsError> {
    let did = change.verified.did().clone();
    if pod.owner_did == did {
        return change.spend(conn, context);
    }
    if pod.successor_did.as_ref() != Some(&did) {
        return Err(ConnectionsError::Standing("Nobody has offered this pod to you."));
    }
    alone_check(conn, context, &pod)?;
    if owned_count(conn, &did)? >= i64::try_from(OWNED_MAX).unwrap_or(i64::MAX) {
        return Err(ConnectionsError::Limit(format!(
            "Nobody may own more than {OWNED_MAX} pods: dissolve one, or hand it over."
        )));
    }
    let missing = || ConnectionsError::damaged("pods", &pod.id, "its owner is not in it");
    let mut before = place_living(conn, context, (&pod.id, &pod.owner_did))?.ok_or_else(missing)?;
    let proof = change.log(conn, context, log::POD_ACCEPT, log::pod_object(&pod.id))?;
    PodRole::Admin.as_str().clone_into(&mut before.role);
    before.proof.clone_from(&proof);
    before.save(conn, &context.sealer)?;
    PodRole::Owner.as_str().clone_into(&mut place.role);
    place.proof.clone_from(&proof);
    place.save(conn, &context.sealer)?;
    pod.owner_did = did;
    pod.successor_did = None;
    pod.proof = proof;
    pod.save(conn, &context.sealer)?;
    Ok(())
}

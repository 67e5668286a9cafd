//! Somebody is invited, and accepts: nobody is a member without both.

use diesel::prelude::*;
use imajin_connections_api::{PodKind, PodPerson, PodRole};
use imajin_did::Did;
use imajin_kernel::id::PodId;
use imajin_kernel::{Span, Timestamp};
use imajin_store::{Conn, SealedRow};

use super::find::{entered, members_count, place_find};
use super::settle::joined_check;
use super::{INVITES_PER_HOUR_MAX, MEMBERS_MAX, named, owner, role_require};
use crate::context::{Change, Context};
use crate::rows::{PodMemberRow, PodRow};
use crate::schema::pod_members;
use crate::{ConnectionsError, log};

/// Which roles are given by others, and by whom.
pub(super) fn role_check(pod: &PodRow, giver: PodRole, role: PodRole) -> Result<(), ConnectionsError> {
    match role {
        PodRole::Owner => Err(ConnectionsError::invalid(
            "role",
            "must be member or admin: a pod is handed over by an offer",
        )),
        PodRole::Admin if pod.kind()? == PodKind::Personal => Err(ConnectionsError::invalid(
            "role",
            "must be member: a personal pod has no admins",
        )),
        PodRole::Admin if giver != PodRole::Owner => Err(ConnectionsError::Forbidden(
            "Only its owner says who is an admin of a pod.",
        )),
        PodRole::Admin | PodRole::Member => Ok(()),
    }
}

/// Invites somebody, or says that they would be something else. Sent again, they are invited already.
pub(crate) fn pod_invite(
    conn: &mut Conn,
    context: &Context,
    change: &Change,
    (id, person): (&PodId, &PodPerson),
) -> Result<PodMemberRow, ConnectionsError> {
    let by = change.verified.did();
    let (pod, place) = entered(conn, context, (id, by))?;
    let giver = role_require(
        &place,
        PodRole::Admin,
        "Only its owner and admins invite people into a pod.",
    )?;
    let did = named(&person.did)?;
    role_check(&pod, giver, person.role)?;
    let known = place_find(conn, context, (id, &did))?;
    let standing = known.as_ref().filter(|row| row.ended_at.is_none());
    if let Some(standing) = standing {
        if standing.is_in() {
            return Err(ConnectionsError::Standing("They are in this pod already."));
        }
        let invited_as = standing.role()?;
        if invited_as == person.role {
            change.spend(conn, context)?;
            return Ok(standing.clone());
        }
        // Who is to be an admin was said by the owner.
        role_check(&pod, giver, invited_as)?;
    }
    let now = context.env.now();
    limits_check(conn, (id, by), (standing.is_none(), now))?;
    let row = PodMemberRow {
        pod: *id,
        member_did: did,
        role: person.role.as_str().to_owned(),
        invited_by: by.clone(),
        proof: change.log(conn, context, log::POD_INVITE, log::pod_object(id))?,
        invited_at: now,
        joined_at: None,
        ended_at: None,
        row_seal: Vec::new(),
    };
    Ok(match known {
        Some(_) => row.save(conn, &context.sealer)?,
        None => row.insert(conn, &context.sealer)?,
    })
}

fn limits_check(
    conn: &mut Conn,
    (id, by): (&PodId, &Did),
    (is_more, now): (bool, Timestamp),
) -> Result<(), ConnectionsError> {
    if is_more && members_count(conn, id, true)? >= MEMBERS_MAX {
        return Err(ConnectionsError::Limit(format!(
            "A pod has at most {MEMBERS_MAX} members, those who are invited among them."
        )));
    }
    let recent: i64 = pod_members::table
        .filter(pod_members::invited_by.eq(by))
        .filter(pod_members::invited_at.gt(now.minus(Span::hours(1))))
        .count()
        .get_result(conn)?;
    if recent < INVITES_PER_HOUR_MAX {
        return Ok(());
    }
    Err(ConnectionsError::Limit(format!(
        "Nobody may invite more than {INVITES_PER_HOUR_MAX} people in an hour."
    )))
}

/// Accepts to be what the invitation says, or to be the owner. Sent again, it is so already.
pub(crate) fn pod_accept(
    conn: &mut Conn,
    context: &Context,
    change: &Change,
    (id, role): (&PodId, PodRole),
) -> Result<(), ConnectionsError> {
    let did = change.verified.did();
    let (pod, mut place) = entered(conn, context, (id, did))?;
    if role == PodRole::Owner {
        return owner::pod_take_over(conn, context, change, (pod, place));
    }
    let invited_as = place.role()?;
    if place.is_in() && invited_as == role {
        return change.spend(conn, context);
    }
    if place.is_in() {
        return Err(ConnectionsError::Standing(
            "You are in this pod already, as something else.",
        ));
    }
    if invited_as != role {
        return Err(ConnectionsError::Standing(
            "The invitation says something else now: read it again before you accept it.",
        ));
    }
    joined_check(conn, did)?;
    place.proof = change.log(conn, context, log::POD_ACCEPT, log::pod_object(id))?;
    place.joined_at = Some(context.env.now());
    place.save(conn, &context.sealer)?;
    Ok(())
}

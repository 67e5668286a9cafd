//! Pods are made, changed and dissolved by their owners.

use diesel::prelude::*;
use imajin_connections_api::{PodBody, PodRole, PodSettings};
use imajin_did::Did;
use imajin_kernel::Span;
use imajin_kernel::id::PodId;
use imajin_store::idempotency::{self, Key, Outcome};
use imajin_store::{Conn, SealedRow};

use super::find::{inner_of, joined_count, owned_lock, place_living, pod_find, pod_living};
use super::nest::nest_check;
use super::{JOINED_MAX, OWNED_MAX, PER_HOUR_MAX, UNKNOWN, name_checked, role_require};
use crate::context::{Change, Context};
use crate::rows::{PodMemberRow, PodRow};
use crate::schema::pods;
use crate::{ConnectionsError, log};

/// The status that is kept with an idempotency key; the answer is made again from the pod as it is.
const MADE: u16 = 200;

/// A pod that is to be made.
#[derive(Debug, Clone)]
pub(crate) struct NewPod {
    pub(crate) change: Change,
    /// Sent again with it, the request makes no second pod.
    pub(crate) key: Option<Key>,
    pub(crate) id: PodId,
    pub(crate) body: PodBody,
}

/// Makes a pod, whose only member is its owner. Gives the one that an earlier request with the same key has made.
pub(crate) fn pod_create(conn: &mut Conn, context: &Context, new: &NewPod) -> Result<PodId, ConnectionsError> {
    let owner = new.change.verified.did();
    let Some(key) = &new.key else {
        return pod_insert(conn, context, new);
    };
    let (request, now) = (key.request(owner), context.env.now());
    match idempotency::check(conn, &context.sealer, &request, now)? {
        Outcome::Fresh => {}
        Outcome::Replay { body, .. } => {
            new.change.spend(conn, context)?;
            let id = std::str::from_utf8(&body).ok().and_then(|text| text.parse().ok());
            return id.ok_or_else(|| ConnectionsError::Fault("a kept answer cannot be read".to_owned()));
        }
        Outcome::InFlight | Outcome::Mismatch => return Err(ConnectionsError::IdempotencyMismatch),
    }
    let id = pod_insert(conn, context, new)?;
    idempotency::store(conn, &context.sealer, &request, MADE, id.to_string().as_bytes(), now)?;
    Ok(id)
}

fn pod_insert(conn: &mut Conn, context: &Context, new: &NewPod) -> Result<PodId, ConnectionsError> {
    let (owner, body, now) = (new.change.verified.did(), &new.body, context.env.now());
    let name = name_checked(&body.name)?;
    let mine = owned_lock(conn, context, owner)?;
    let recent: i64 = pods::table
        .filter(pods::owner_did.eq(owner))
        .filter(pods::created_at.gt(now.minus(Span::hours(1))))
        .count()
        .get_result(conn)?;
    if mine.len() >= OWNED_MAX || recent >= PER_HOUR_MAX {
        return Err(ConnectionsError::Limit(format!(
            "Nobody may own more than {OWNED_MAX} pods, or make more than {PER_HOUR_MAX} in an hour."
        )));
    }
    joined_check(conn, owner)?;
    nest_check(&mine, new.id, body.parent)?;
    let proof = new
        .change
        .log(conn, context, log::POD_CREATE, log::pod_object(&new.id))?;
    let row = PodRow {
        id: new.id,
        name,
        kind: body.kind.as_str().to_owned(),
        visibility: body.visibility.as_str().to_owned(),
        parent: body.parent,
        owner_did: owner.clone(),
        successor_did: None,
        proof: proof.clone(),
        created_at: now,
        deleted_at: None,
        row_seal: Vec::new(),
    };
    row.insert(conn, &context.sealer)?;
    let place = PodMemberRow {
        pod: new.id,
        member_did: owner.clone(),
        role: PodRole::Owner.as_str().to_owned(),
        invited_by: owner.clone(),
        proof,
        invited_at: now,
        joined_at: Some(now),
        ended_at: None,
        row_seal: Vec::new(),
    };
    place.insert(conn, &context.sealer)?;
    Ok(new.id)
}

/// Refuses to let somebody into one pod more than anybody may be in.
pub(super) fn joined_check(conn: &mut Conn, did: &Did) -> Result<(), ConnectionsError> {
    if joined_count(conn, did)? < JOINED_MAX {
        return Ok(());
    }
    Err(ConnectionsError::Limit(format!(
        "Nobody may be in more than {JOINED_MAX} pods: leave one that you do not need."
    )))
}

/// All pods of whoever changes one of them, locked, and that one. To those who have no place in it, it is as if it were
/// not there; to others it is refused.
fn owned_entered(
    conn: &mut Conn,
    context: &Context,
    (id, did): (&PodId, &Did),
) -> Result<(Vec<PodRow>, PodRow), ConnectionsError> {
    pod_living(conn, context, id)?;
    let place = place_living(conn, context, (id, did))?.ok_or(UNKNOWN)?;
    role_require(&place, PodRole::Owner, "Only its owner changes or dissolves a pod.")?;
    let owned = owned_lock(conn, context, did)?;
    // It may have been handed over since.
    let row = owned.iter().find(|row| row.id == *id).cloned().ok_or(UNKNOWN)?;
    Ok((owned, row))
}

/// Changes what a pod is called, who may know of it, and where it stands. Sent again, it is so already.
pub(crate) fn pod_set(
    conn: &mut Conn,
    context: &Context,
    change: &Change,
    (id, settings): (&PodId, &PodSettings),
) -> Result<(), ConnectionsError> {
    let name = name_checked(&settings.name)?;
    let (owned, mut row) = owned_entered(conn, context, (id, change.verified.did()))?;
    nest_check(&owned, *id, settings.parent)?;
    if row.successor_did.is_some() && settings.parent.is_some() {
        return Err(ConnectionsError::Standing(
            "You have offered this pod to somebody: take that back before you put it into another.",
        ));
    }
    if row.name == name && row.visibility()? == settings.visibility && row.parent == settings.parent {
        return change.spend(conn, context);
    }
    row.proof = change.log(conn, context, log::POD_SET, log::pod_object(id))?;
    row.name = name;
    settings.visibility.as_str().clone_into(&mut row.visibility);
    row.parent = settings.parent;
    row.save(conn, &context.sealer)?;
    Ok(())
}

/// Ends a pod in which no other stands. Sent again, it is not there any more.
pub(crate) fn pod_dissolve(
    conn: &mut Conn,
    context: &Context,
    change: &Change,
    id: &PodId,
) -> Result<(), ConnectionsError> {
    let did = change.verified.did();
    let gone = pod_find(conn, context, id)?.filter(|row| row.deleted_at.is_some() && row.owner_did == *did);
    if gone.is_some() {
        return change.spend(conn, context);
    }
    let (_owned, mut row) = owned_entered(conn, context, (id, did))?;
    if !inner_of(conn, context, &[*id])?.is_empty() {
        return Err(ConnectionsError::Standing(
            "Other pods stand in this one: dissolve them first, or take them out.",
        ));
    }
    row.proof = change.log(conn, context, log::POD_DISSOLVE, log::pod_object(id))?;
    row.successor_did = None;
    row.deleted_at = Some(context.env.now());
    row.save(conn, &context.sealer)?;
    Ok(())
}

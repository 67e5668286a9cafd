//! Pods and places in them: to read, and locked to change. Whoever changes a place has locked the pod.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::id::PodId;
use imajin_store::{Conn, SealedRow, for_update, intact_all};

use super::UNKNOWN;
use crate::ConnectionsError;
use crate::context::Context;
use crate::rows::{PodMemberRow, PodRow};
use crate::schema::{pod_members, pods};

/// A pod, also one that was dissolved.
pub(crate) fn pod_find(conn: &mut Conn, context: &Context, id: &PodId) -> Result<Option<PodRow>, ConnectionsError> {
    let row: Option<PodRow> = pods::table
        .find(id)
        .select(PodRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// A pod that is there.
pub(crate) fn pod_living(conn: &mut Conn, context: &Context, id: &PodId) -> Result<PodRow, ConnectionsError> {
    let row = pod_find(conn, context, id)?;
    row.filter(|row| row.deleted_at.is_none()).ok_or(UNKNOWN)
}

/// A pod that is there, and stays as it is until the transaction ends.
pub(super) fn pod_lock(conn: &mut Conn, context: &Context, id: &PodId) -> Result<PodRow, ConnectionsError> {
    let row: Option<PodRow> =
        for_update!(conn, pods::table.find(id).select(PodRow::as_select()) => first).optional()?;
    let row = row.map(|row| row.intact(&context.sealer)).transpose()?;
    row.filter(|row| row.deleted_at.is_none()).ok_or(UNKNOWN)
}

/// All pods of somebody, locked in the order of their names: nobody else moves one of them meanwhile. They are read
/// once they are locked: what another transaction put into one of them while this one waited is among them.
pub(super) fn owned_lock(conn: &mut Conn, context: &Context, owner: &Did) -> Result<Vec<PodRow>, ConnectionsError> {
    let _locked: Vec<PodId> = for_update!(
        conn,
        pods::table
            .filter(pods::owner_did.eq(owner))
            .filter(pods::deleted_at.is_null())
            .order_by(pods::id)
            .select(pods::id) => load
    )?;
    let query = pods::table
        .filter(pods::owner_did.eq(owner))
        .filter(pods::deleted_at.is_null())
        .order_by(pods::id)
        .select(PodRow::as_select());
    Ok(intact_all(query.load::<PodRow>(conn)?, &context.sealer)?)
}

/// What stands directly in one of these pods.
pub(crate) fn inner_of(conn: &mut Conn, context: &Context, outer: &[PodId]) -> Result<Vec<PodRow>, ConnectionsError> {
    let query = pods::table
        .filter(pods::parent.eq_any(outer))
        .filter(pods::deleted_at.is_null())
        .order_by(pods::id)
        .select(PodRow::as_select());
    Ok(intact_all(query.load::<PodRow>(conn)?, &context.sealer)?)
}

/// Somebody's place in a pod, also one that has ended.
pub(super) fn place_find(
    conn: &mut Conn,
    context: &Context,
    (pod, did): (&PodId, &Did),
) -> Result<Option<PodMemberRow>, ConnectionsError> {
    let query = pod_members::table.find((pod, did)).select(PodMemberRow::as_select());
    let row: Option<PodMemberRow> = query.first(conn).optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// Somebody's place in a pod, if they are in it or invited.
pub(crate) fn place_living(
    conn: &mut Conn,
    context: &Context,
    place: (&PodId, &Did),
) -> Result<Option<PodMemberRow>, ConnectionsError> {
    Ok(place_find(conn, context, place)?.filter(|row| row.ended_at.is_none()))
}

/// A pod with the place of whoever changes something in it, locked. To everybody who has none, it is as if there were
/// no such pod.
pub(super) fn entered(
    conn: &mut Conn,
    context: &Context,
    (pod, did): (&PodId, &Did),
) -> Result<(PodRow, PodMemberRow), ConnectionsError> {
    let row = pod_lock(conn, context, pod)?;
    let place = place_living(conn, context, (pod, did))?.ok_or(UNKNOWN)?;
    Ok((row, place))
}

/// How many people are in a pod; with those who are invited, if asked for.
pub(crate) fn members_count(conn: &mut Conn, pod: &PodId, with_invited: bool) -> Result<i64, ConnectionsError> {
    let mut query = pod_members::table
        .filter(pod_members::pod.eq(pod))
        .filter(pod_members::ended_at.is_null())
        .into_boxed();
    if !with_invited {
        query = query.filter(pod_members::joined_at.is_not_null());
    }
    Ok(query.count().get_result(conn)?)
}

/// In how many pods somebody is.
pub(super) fn joined_count(conn: &mut Conn, did: &Did) -> Result<i64, ConnectionsError> {
    let living = pods::table.filter(pods::deleted_at.is_null()).select(pods::id);
    let query = pod_members::table
        .filter(pod_members::member_did.eq(did))
        .filter(pod_members::joined_at.is_not_null())
        .filter(pod_members::ended_at.is_null())
        .filter(pod_members::pod.eq_any(living));
    Ok(query.count().get_result(conn)?)
}

/// How many pods somebody owns.
pub(super) fn owned_count(conn: &mut Conn, did: &Did) -> Result<i64, ConnectionsError> {
    let query = pods::table
        .filter(pods::owner_did.eq(did))
        .filter(pods::deleted_at.is_null());
    Ok(query.count().get_result(conn)?)
}

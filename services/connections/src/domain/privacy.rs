//! Who may see somebody's ties, and whom somebody does not want to hear from.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use imajin_connections_api::Audience;
use imajin_did::Did;
use imajin_store::{Conn, SealedRow, for_update};

use crate::context::{Change, Context};
use crate::rows::{AudienceRow, BlockRow};
use crate::schema::{audiences, blocks};
use crate::{ConnectionsError, log};

/// So many people are asked about at once.
const CHUNK: usize = 500;

/// Says who may see the signer's ties from now on.
pub(crate) fn audience_set(
    conn: &mut Conn,
    context: &Context,
    change: &Change,
    audience: Audience,
) -> Result<(), ConnectionsError> {
    let did = change.verified.did();
    let proof = change.log(conn, context, log::AUDIENCE, log::audience_object(did))?;
    let known: Option<AudienceRow> =
        for_update!(conn, audiences::table.find(did).select(AudienceRow::as_select()) => first).optional()?;
    let row = AudienceRow {
        did: did.clone(),
        owner_did: did.clone(),
        audience: audience.as_str().to_owned(),
        proof,
        created_at: context.env.now(),
        row_seal: Vec::new(),
    };
    match known {
        Some(_) => row.save(conn, &context.sealer)?,
        None => row.insert(conn, &context.sealer)?,
    };
    Ok(())
}

/// What each of these people has said about it; whoever has said nothing is left out.
pub(crate) fn audiences_of(
    conn: &mut Conn,
    context: &Context,
    people: &[Did],
) -> Result<BTreeMap<Did, Audience>, ConnectionsError> {
    let mut found = BTreeMap::new();
    for chunk in people.chunks(CHUNK) {
        let query = audiences::table.filter(audiences::did.eq_any(chunk));
        let rows: Vec<AudienceRow> = query.select(AudienceRow::as_select()).load(conn)?;
        for row in rows {
            let row = row.intact(&context.sealer)?;
            let named = |audience: &Audience| audience.as_str() == row.audience;
            let audience = Audience::ALL
                .into_iter()
                .find(named)
                .ok_or_else(|| ConnectionsError::damaged("audiences", &row.did, "it cannot be read"))?;
            found.insert(row.did, audience);
        }
    }
    Ok(found)
}

/// Blocks somebody, or lets them in again.
pub(crate) fn block_set(
    conn: &mut Conn,
    context: &Context,
    change: &Change,
    (blocked, is_set): (&Did, bool),
) -> Result<(), ConnectionsError> {
    let owner = change.verified.did();
    if owner == blocked {
        return Err(ConnectionsError::invalid("did", "nobody can block themselves"));
    }
    let action = if is_set { log::BLOCK } else { log::UNBLOCK };
    let proof = change.log(conn, context, action, log::block_object(owner, blocked))?;
    let known: Option<BlockRow> =
        for_update!(conn, blocks::table.find((owner, blocked)).select(BlockRow::as_select()) => first).optional()?;
    let known = known.map(|row| row.intact(&context.sealer)).transpose()?;
    let now = context.env.now();
    let row = BlockRow {
        owner_did: owner.clone(),
        blocked_did: blocked.clone(),
        proof,
        created_at: known.as_ref().map_or(now, |row| row.created_at),
        deleted_at: (!is_set).then_some(now),
        row_seal: Vec::new(),
    };
    match known {
        Some(_) => row.save(conn, &context.sealer)?,
        None => row.insert(conn, &context.sealer)?,
    };
    Ok(())
}

/// Whether somebody has blocked another.
pub(crate) fn has_blocked(
    conn: &mut Conn,
    context: &Context,
    (owner, blocked): (&Did, &Did),
) -> Result<bool, ConnectionsError> {
    let query = blocks::table.find((owner, blocked)).select(BlockRow::as_select());
    let row: Option<BlockRow> = query.first(conn).optional()?;
    let row = row.map(|row| row.intact(&context.sealer)).transpose()?;
    Ok(row.is_some_and(|row| row.deleted_at.is_none()))
}

/// Whom somebody has blocked.
pub(crate) fn blocked_by(conn: &mut Conn, context: &Context, owner: &Did) -> Result<BTreeSet<Did>, ConnectionsError> {
    let query = blocks::table
        .filter(blocks::owner_did.eq(owner))
        .filter(blocks::deleted_at.is_null());
    let rows: Vec<BlockRow> = query.select(BlockRow::as_select()).load(conn)?;
    rows.into_iter()
        .map(|row| Ok(row.intact(&context.sealer)?.blocked_did))
        .collect()
}

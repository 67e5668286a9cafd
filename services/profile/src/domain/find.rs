//! Rows by their keys: to read, and locked to change. Each is refused when it was changed outside the node.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_store::{Conn, SealedRow, for_update};

use crate::ProfileError;
use crate::context::Context;
use crate::rows::{AvatarRow, ProfileRow};
use crate::schema::{avatars, profiles};

/// A profile, deleted or not.
pub(crate) fn profile_find(conn: &mut Conn, context: &Context, did: &Did) -> Result<Option<ProfileRow>, ProfileError> {
    let query = profiles::table.find(did.clone()).select(ProfileRow::as_select());
    let row: Option<ProfileRow> = query.first(conn).optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

pub(crate) fn profile_lock(conn: &mut Conn, context: &Context, did: &Did) -> Result<Option<ProfileRow>, ProfileError> {
    let row: Option<ProfileRow> =
        for_update!(conn, profiles::table.find(did).select(ProfileRow::as_select()) => first).optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

pub(crate) fn avatar_lock(conn: &mut Conn, context: &Context, did: &Did) -> Result<Option<AvatarRow>, ProfileError> {
    let row: Option<AvatarRow> =
        for_update!(conn, avatars::table.find(did).select(AvatarRow::as_select()) => first).optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// The hash of somebody's picture, if there is one.
pub(crate) fn avatar_hash(conn: &mut Conn, did: &Did) -> Result<Option<String>, ProfileError> {
    let query = avatars::table
        .find(did.clone())
        .filter(avatars::deleted_at.is_null())
        .select(avatars::hash);
    Ok(query.first(conn).optional()?)
}

/// A picture by its hash.
pub(crate) fn avatar_by_hash(
    conn: &mut Conn,
    context: &Context,
    hash: &str,
) -> Result<Option<AvatarRow>, ProfileError> {
    let query = avatars::table
        .filter(avatars::hash.eq(hash))
        .filter(avatars::deleted_at.is_null())
        .select(AvatarRow::as_select());
    let row: Option<AvatarRow> = query.first(conn).optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// Somebody's picture, if there is one.
pub(crate) fn avatar_of(conn: &mut Conn, context: &Context, did: &Did) -> Result<Option<AvatarRow>, ProfileError> {
    let query = avatars::table
        .find(did.clone())
        .filter(avatars::deleted_at.is_null())
        .select(AvatarRow::as_select());
    let row: Option<AvatarRow> = query.first(conn).optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// Whether the database answers and has the tables.
pub(crate) fn ready_check(conn: &mut Conn) -> Result<(), ProfileError> {
    let _any: Option<i64> = profiles::table.select(profiles::version).first(conn).optional()?;
    Ok(())
}

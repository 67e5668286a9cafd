//! What people's nodes may disclose about them at all.

use diesel::prelude::*;
use imajin_consent::ConsentProfile;
use imajin_did::Did;
use imajin_store::{Conn, SealedRow, for_update};

use crate::QueryError;
use crate::context::{Change, Context, json_text};
use crate::rows::ProfileRow;
use crate::schema::profiles;

/// The action in the mutation log.
pub(crate) const PROFILE_SET: &str = "profile.set";

/// The name of somebody's profile in the log.
pub(crate) fn profile_object(did: &Did) -> String {
    format!("profile/{did}")
}

/// Somebody's profile, if they have ever said one.
pub(crate) fn profile_find(conn: &mut Conn, context: &Context, did: &Did) -> Result<Option<ProfileRow>, QueryError> {
    let row: Option<ProfileRow> = profiles::table
        .find(did.canonical())
        .select(ProfileRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// Says what may be disclosed about the signer from now on. One that was signed before the one that holds was overtaken
/// by it, on another device.
pub(crate) fn profile_set(
    conn: &mut Conn,
    context: &Context,
    change: &Change,
    profile: &ConsentProfile,
) -> Result<ProfileRow, QueryError> {
    let did = change.did();
    let proof = change.log(conn, context, PROFILE_SET, profile_object(&did))?;
    let known: Option<ProfileRow> =
        for_update!(conn, profiles::table.find(&did).select(ProfileRow::as_select()) => first).optional()?;
    let known = known.map(|row| row.intact(&context.sealer)).transpose()?;
    if let Some(known) = &known
        && known.profile()?.0.timestamp > profile.0.timestamp
    {
        return Err(QueryError::Conflict(
            "You have signed a later profile, on another device perhaps: look at it and sign again.",
        ));
    }
    let now = context.now();
    let row = ProfileRow {
        owner_did: did,
        document: json_text(profile)?,
        proof,
        created_at: known.as_ref().map_or(now, |known| known.created_at),
        updated_at: now,
        row_seal: Vec::new(),
    };
    match known {
        Some(_) => Ok(row.save(conn, &context.sealer)?),
        None => Ok(row.insert(conn, &context.sealer)?),
    }
}

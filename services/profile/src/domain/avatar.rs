//! An owner changes or removes a picture.

use imajin_auth_api::IdentityView;
use imajin_store::{Conn, SealedRow};

use super::find::{avatar_lock, profile_find};
use crate::context::{Change, Context, Made};
use crate::rows::AvatarRow;
use crate::{Pictures, ProfileError, log};

/// A picture on its way into the database.
#[derive(Debug, Clone)]
pub(crate) struct NewAvatar {
    pub(crate) change: Change,
    pub(crate) pictures: Pictures,
    /// Whose it is, as auth has it.
    pub(crate) identity: IdentityView,
}

/// Puts a picture in the place of the one before.
pub(crate) fn avatar_set(conn: &mut Conn, context: &Context, new: &NewAvatar) -> Result<Made, ProfileError> {
    let Pictures { hash, large, small } = new.pictures.clone();
    new.change.once(conn, context, |conn| {
        let did = &new.identity.did;
        if profile_find(conn, context, did)?.is_some_and(|profile| profile.deleted_at.is_some()) {
            return Err(ProfileError::Gone);
        }
        log::upload_append(conn, context, &new.change, log::AVATAR_SET, log::avatar_object(did))?;
        let row = AvatarRow {
            did: did.clone(),
            owner_did: did.clone(),
            hash,
            large,
            small,
            proof: log::proof_text(&new.change)?,
            created_at: context.env.now(),
            deleted_at: None,
            row_seal: Vec::new(),
        };
        match avatar_lock(conn, context, did)? {
            Some(_) => row.save(conn, &context.sealer)?,
            None => row.insert(conn, &context.sealer)?,
        };
        Ok(())
    })
}

/// Removes the picture. Removing none changes nothing.
pub(crate) fn avatar_remove(conn: &mut Conn, context: &Context, change: &Change) -> Result<Made, ProfileError> {
    change.once(conn, context, |conn| {
        let object = log::avatar_object(change.verified.did());
        log::signed_append(conn, context, change, log::AVATAR_REMOVE, object)?;
        avatar_empty(conn, context, change)
    })
}

/// Leaves a row without pictures.
pub(super) fn avatar_empty(conn: &mut Conn, context: &Context, change: &Change) -> Result<(), ProfileError> {
    let Some(row) = avatar_lock(conn, context, change.verified.did())? else {
        return Ok(());
    };
    if row.deleted_at.is_some() {
        return Ok(());
    }
    let emptied = AvatarRow {
        hash: String::new(),
        large: Vec::new(),
        small: Vec::new(),
        proof: log::proof_text(change)?,
        deleted_at: Some(context.env.now()),
        ..row
    };
    emptied.save(conn, &context.sealer)?;
    Ok(())
}

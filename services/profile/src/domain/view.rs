//! From rows to what others see.

use imajin_auth_api::IdentityView;
use imajin_profile_api::{Contact, ProfileView};
use imajin_web::PublicBase;

use crate::ProfileError;
use crate::rows::ProfileRow;

/// Where a picture is. Its address holds its hash, so a copy never goes stale.
pub(crate) fn avatar_url(public: &PublicBase, hash: &str, side: u32) -> String {
    public.absolute(&format!("/profile/api/avatars/{hash}/{side}.jpg"))
}

/// A profile with all of its contact fields: whoever shows it to somebody takes away what is not for them.
pub(crate) fn profile_view(
    public: &PublicBase,
    identity: IdentityView,
    row: Option<&ProfileRow>,
    avatar: Option<&str>,
) -> Result<ProfileView, ProfileError> {
    let url = |side| avatar.map(|hash| avatar_url(public, hash, side));
    let (avatar, avatar_small) = (url(crate::LARGE_SIDE), url(crate::SMALL_SIDE));
    // Somebody without a profile, or whose profile was deleted, has what auth tells everybody.
    let written = row.filter(|row| row.deleted_at.is_none());
    let name = written.map(|row| row.display_name.clone());
    let name = name.or(identity.name).or_else(|| identity.handle.clone());
    Ok(ProfileView {
        did: identity.did,
        handle: identity.handle,
        display_name: name.unwrap_or_default(),
        display_type: identity.kind,
        bio: written.and_then(|row| row.bio.clone()),
        avatar,
        avatar_small,
        links: written.map_or_else(|| Ok(Vec::new()), ProfileRow::links)?,
        contact: written.map_or_else(|| Ok(Contact::default()), ProfileRow::contact)?,
        version: row.map_or(Ok(0), ProfileRow::version)?,
        created_at: written.map(|row| row.created_at),
        updated_at: written.map(|row| row.updated_at),
    })
}

//! What auth asks of profile, and the copies of auth's facts that profile keeps.
//!
//! The handle is auth's. A profile has a copy of it, to be found by: auth says when it has changed, and whoever reads
//! a profile whose copy is another makes it anew.

use async_trait::async_trait;
use imajin_auth_api::{IdentityChanged, IdentityNoted, IdentityView, PictureFind, PictureFound, ProfilesApi};
use imajin_kernel::Problem;
use imajin_store::SealedRow;

use crate::context::Context;
use crate::domain::change::terms_write;
use crate::domain::find::{avatar_hash, profile_lock};
use crate::domain::terms::terms_of;
use crate::domain::view::avatar_url;
use crate::{LARGE_SIDE, Profile, ProfileError};

#[async_trait]
impl ProfilesApi for Profile {
    async fn picture_find(&self, request: PictureFind) -> Result<PictureFound, Problem> {
        let did = request.did.canonical();
        let hash = self.read(move |conn, _context| avatar_hash(conn, &did)).await?;
        Ok(PictureFound {
            url: hash.map(|hash| avatar_url(&self.site.public, &hash, LARGE_SIDE)),
        })
    }

    async fn identity_changed(&self, request: IdentityChanged) -> Result<IdentityNoted, Problem> {
        let Some(identity) = self.identity(request.did.as_str()).await? else {
            return Ok(IdentityNoted { changed: false });
        };
        let changed = self.copy_refresh(identity).await?;
        Ok(IdentityNoted { changed })
    }
}

impl Profile {
    /// Makes the copy of somebody's handle anew; tells whether it was another.
    pub(crate) async fn copy_refresh(&self, identity: IdentityView) -> Result<bool, ProfileError> {
        self.write(move |conn, context| copy_write(conn, context, &identity))
            .await
    }
}

fn copy_write(conn: &mut imajin_store::Conn, context: &Context, identity: &IdentityView) -> Result<bool, ProfileError> {
    let Some(mut row) = profile_lock(conn, context, &identity.did)? else {
        return Ok(false);
    };
    if row.deleted_at.is_some() || row.handle == identity.handle {
        return Ok(false);
    }
    row.handle.clone_from(&identity.handle);
    terms_write(
        conn,
        context,
        &row.did,
        &terms_of(row.handle.as_deref(), &row.display_name),
    )?;
    row.save(conn, &context.sealer)?;
    Ok(true)
}

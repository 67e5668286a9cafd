//! What auth asks of the service that keeps profiles. A node may have none, and none of this may fail because of it.

use imajin_auth_api::{IdentityChanged, PictureFind};
use imajin_did::Did;

use crate::auth::Auth;

impl Auth {
    /// Where somebody's picture is, if there is one.
    pub(crate) async fn picture_url(&self, did: &Did) -> Option<String> {
        let profiles = self.profiles.as_ref()?;
        match profiles.picture_find(PictureFind { did: did.clone() }).await {
            Ok(picture) => picture.url,
            Err(problem) => {
                tracing::debug!(code = %problem.code, "nobody could say where somebody's picture is");
                None
            }
        }
    }

    /// Says that the public facts about somebody are others now. Whoever misses it finds out when they read.
    pub(crate) async fn identity_changed(&self, did: &Did) {
        let Some(profiles) = self.profiles.as_ref() else { return };
        let changed = IdentityChanged { did: did.clone() };
        if let Err(problem) = profiles.identity_changed(changed).await {
            tracing::warn!(code = %problem.code, "the profiles were not told of a new handle");
        }
    }
}

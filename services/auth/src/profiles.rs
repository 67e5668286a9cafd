//! What auth asks of the service that keeps profiles. A node may have none, and none of this may fail because of it.

use std::time::Duration;

use imajin_auth_api::{IdentityChanged, PictureFind};
use imajin_did::Did;

use crate::auth::Auth;

/// Whoever asks auth does not wait longer for the profiles.
const PATIENCE: Duration = Duration::from_secs(2);

impl Auth {
    /// Where somebody's picture is, if there is one.
    pub(crate) async fn picture_url(&self, did: &Did) -> Option<String> {
        let profiles = self.profiles.as_ref()?;
        let found = profiles.picture_find(PictureFind { did: did.clone() });
        match tokio::time::timeout(PATIENCE, found).await {
            Ok(Ok(picture)) => picture.url,
            Ok(Err(problem)) => {
                tracing::debug!(code = %problem.code, "nobody could say where somebody's picture is");
                None
            }
            Err(_elapsed) => {
                tracing::debug!("it took too long to find out where somebody's picture is");
                None
            }
        }
    }

    /// Says that the public facts about somebody are others now. Whoever misses it finds out when they read.
    pub(crate) async fn identity_changed(&self, did: &Did) {
        let Some(profiles) = self.profiles.as_ref() else { return };
        let changed = IdentityChanged { did: did.clone() };
        match tokio::time::timeout(PATIENCE, profiles.identity_changed(changed)).await {
            Ok(Ok(_noted)) => {}
            Ok(Err(problem)) => tracing::warn!(code = %problem.code, "the profiles were not told of a new handle"),
            Err(_elapsed) => tracing::warn!("it took too long to tell the profiles of a new handle"),
        }
    }
}

use std::sync::OnceLock;

use async_trait::async_trait;
use imajin_auth_api::{IdentityChanged, IdentityNoted, PictureFind, PictureFound, ProfilesApi, ProfilesClient};
use imajin_kernel::Problem;

/// Sends auth's questions about pictures to the service that keeps them.
///
/// Auth and profile ask each other, so one of them has to start first: auth gets this switch, and profile is plugged in
/// once it runs. A node without it has no pictures.
#[derive(Default)]
pub(super) struct ProfilesSwitch(OnceLock<ProfilesClient>);

impl ProfilesSwitch {
    pub(super) fn plug(&self, profiles: ProfilesClient) {
        // There is one such service at most, and it is plugged in once.
        let _first = self.0.set(profiles);
    }
}

#[async_trait]
impl ProfilesApi for ProfilesSwitch {
    async fn picture_find(&self, request: PictureFind) -> Result<PictureFound, Problem> {
        match self.0.get() {
            Some(profiles) => profiles.picture_find(request).await,
            None => Ok(PictureFound { url: None }),
        }
    }

    async fn identity_changed(&self, request: IdentityChanged) -> Result<IdentityNoted, Problem> {
        match self.0.get() {
            Some(profiles) => profiles.identity_changed(request).await,
            None => Ok(IdentityNoted { changed: false }),
        }
    }
}

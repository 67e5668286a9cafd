//! Stands in for the service that keeps people's pictures.

use async_trait::async_trait;
use imajin_auth_api::{IdentityChanged, IdentityNoted, PictureFind, PictureFound, ProfilesApi};
use imajin_kernel::Problem;

/// A service that keeps one picture.
pub(crate) struct Pictures;

pub(crate) const PICTURE: &str = "http://localhost:7000/picture.jpg";

#[async_trait]
impl ProfilesApi for Pictures {
    async fn picture_find(&self, _request: PictureFind) -> Result<PictureFound, Problem> {
        Ok(PictureFound {
            url: Some(PICTURE.to_owned()),
        })
    }

    async fn identity_changed(&self, _request: IdentityChanged) -> Result<IdentityNoted, Problem> {
        Err(Problem::internal())
    }
}

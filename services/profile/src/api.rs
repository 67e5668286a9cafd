//! What other services ask of profile.

use async_trait::async_trait;
use imajin_kernel::{Code, Problem};
use imajin_profile_api::{ProfileApi, ProfileDeleted, ProfileFetch, ProfilePage, ProfileSearch, ProfileView};
use imajin_proof::http_sig::SignedRequest;
use imajin_web::{Authorised, Signer, SoftTier};
use serde::de::DeserializeOwned;

use crate::Profile;

/// Where these are sent on the node's main listener: what a relayed request must be signed for.
const PROFILE_PATH: &str = "/profile/api/profile";
const AVATAR_PATH: &str = "/profile/api/avatar";

impl Profile {
    async fn relayed(
        &self,
        request: &SignedRequest,
        method: &str,
        path: &str,
    ) -> Result<Authorised<SoftTier>, Problem> {
        let target_uri = self.site.public.absolute(path);
        Authorised::admit(self.site.verify(request, method, &target_uri).await?)
    }
}

fn parsed<T: DeserializeOwned>(request: &SignedRequest) -> Result<T, Problem> {
    serde_json::from_slice(&request.body)
        .map_err(|error| Problem::new(Code::MalformedBody, format!("The JSON body was not accepted: {error}.")))
}

#[async_trait]
impl ProfileApi for Profile {
    async fn profile_fetch(&self, request: ProfileFetch) -> Result<Option<ProfileView>, Problem> {
        self.view(&request.did_or_handle, request.reader.as_ref()).await
    }

    async fn profile_search(&self, request: ProfileSearch) -> Result<ProfilePage, Problem> {
        self.search(request).await
    }

    async fn profile_set(&self, request: SignedRequest) -> Result<ProfileView, Problem> {
        let verified = self.relayed(&request, "PUT", PROFILE_PATH).await?;
        Ok(self.set(verified, parsed(&request)?, &request, None).await?.0)
    }

    async fn profile_delete(&self, request: SignedRequest) -> Result<ProfileDeleted, Problem> {
        let verified = self.relayed(&request, "DELETE", PROFILE_PATH).await?;
        self.delete(verified, &request).await?;
        Ok(ProfileDeleted { deleted: true })
    }

    async fn avatar_set(&self, request: SignedRequest) -> Result<ProfileView, Problem> {
        let verified = self.relayed(&request, "PUT", AVATAR_PATH).await?;
        Ok(Self::avatar_set(self, verified, parsed(&request)?, &request).await?.0)
    }

    async fn avatar_remove(&self, request: SignedRequest) -> Result<ProfileView, Problem> {
        let verified = self.relayed(&request, "DELETE", AVATAR_PATH).await?;
        Ok(Self::avatar_remove(self, verified, &request).await?.0)
    }
}

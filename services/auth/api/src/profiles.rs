//! What auth asks of the service that keeps profiles.
//!
//! Whichever service keeps pictures and copies of handles answers. While none does, nobody has a picture.

use imajin_did::Did;
use imajin_web::service_api;
use serde::{Deserialize, Serialize};

service_api! {
    /// What auth asks of the service that keeps profiles.
    pub trait ProfilesApi, client ProfilesClient, service "profile" {
        /// Where somebody's picture is.
        async fn picture_find(PictureFind) -> PictureFound;

        /// The public facts about somebody have changed: a copy of them must be made anew. Only says of whom; what they
        /// are is asked of auth.
        async fn identity_changed(IdentityChanged) -> IdentityNoted;
    }
}

/// See [`ProfilesApi::picture_find`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PictureFind {
    /// Whose.
    pub did: Did,
}

/// The answer to [`ProfilesApi::picture_find`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PictureFound {
    /// An absolute address; `None` for somebody without a picture.
    pub url: Option<String>,
}

/// See [`ProfilesApi::identity_changed`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IdentityChanged {
    /// Whose facts.
    pub did: Did,
}

/// The answer to [`ProfilesApi::identity_changed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IdentityNoted {
    /// Whether there was a copy that was another.
    pub changed: bool,
}

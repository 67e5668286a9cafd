//! The answers that several routes share.

use imajin_auth_api::IdentityView;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_web::{Custody, Tier};
use serde::Serialize;
use utoipa::ToSchema;

use crate::identities::Identity;
use crate::sessions::Opened;

/// Who is logged in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SessionAnswer {
    /// The native DID.
    #[schema(value_type = String, example = "did:mjn:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw")]
    pub(super) did: Did,
    /// The unique handle.
    pub(super) handle: Option<String>,
    /// The display name.
    pub(super) name: Option<String>,
    /// What kind of actor it is.
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// What it may do here: soft, key or operator.
    #[schema(value_type = String)]
    pub(super) tier: Tier,
    /// Who holds the private key: own or node.
    #[schema(value_type = String)]
    pub(super) custody: Custody,
    /// When the session ends by itself.
    #[schema(value_type = String, format = DateTime)]
    pub(super) expires_at: Timestamp,
}

impl SessionAnswer {
    pub(super) fn new(identity: &Identity, expires_at: Timestamp) -> Self {
        Self {
            did: identity.did.clone(),
            handle: identity.handle.clone(),
            name: identity.name.clone(),
            kind: identity.kind.clone(),
            tier: identity.tier,
            custody: identity.custody,
            expires_at,
        }
    }
}

impl From<&Opened> for SessionAnswer {
    fn from(opened: &Opened) -> Self {
        Self::new(&opened.identity, opened.expires_at)
    }
}

/// The public facts about an identity.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct IdentityAnswer {
    /// The native DID.
    #[schema(value_type = String)]
    did: Did,
    /// The unique handle.
    handle: Option<String>,
    /// The display name.
    name: Option<String>,
    /// What kind of actor it is.
    #[serde(rename = "type")]
    kind: String,
    /// Where its picture is.
    avatar_url: Option<String>,
    /// The current public key: 64 hexadecimal digits.
    public_key: String,
    /// The same key as Multikey.
    public_key_multibase: String,
    /// What it may do here.
    #[schema(value_type = String)]
    tier: Tier,
    /// Who holds the private key.
    #[schema(value_type = String)]
    custody: Custody,
    /// Other forms of the same DID.
    #[schema(value_type = Vec<String>)]
    also_known_as: Vec<Did>,
    /// When it was registered.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// The address of the node that it has moved to; left out for whoever is still here.
    #[serde(skip_serializing_if = "Option::is_none")]
    moved_to: Option<String>,
}

impl IdentityAnswer {
    pub(super) fn new(view: IdentityView, avatar_url: Option<String>) -> Self {
        Self {
            also_known_as: view.did.also_known_as(),
            public_key: view.public_key.to_hex(),
            public_key_multibase: view.public_key.multikey(),
            did: view.did,
            handle: view.handle,
            name: view.name,
            kind: view.kind,
            avatar_url,
            tier: view.tier,
            custody: view.custody,
            created_at: view.created_at,
            moved_to: None,
        }
    }

    /// The same, of somebody who may have moved.
    pub(super) fn moved_to(self, moved_to: Option<String>) -> Self {
        Self { moved_to, ..self }
    }
}

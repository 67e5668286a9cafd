//! Who has moved to another node.

use imajin_did::Did;
use imajin_kernel::Timestamp;
use serde::{Deserialize, Serialize};

/// See [`crate::AuthApi::move_fetch`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MoveFetch {
    /// A DID in any equivalent form, or a handle.
    pub did_or_handle: String,
}

/// Where somebody went, by their own signed word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MoveView {
    /// Who.
    pub did: Did,
    /// The did:web of the new home.
    pub to: Did,
    /// Its origin, `https://node.example`.
    pub url: String,
    /// Since when.
    pub since: Timestamp,
}

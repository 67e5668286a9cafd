//! The keys of an identity, as its owner sees them.

use imajin_did::{Did, PublicKey};
use imajin_kernel::Timestamp;
use serde::{Deserialize, Serialize};

/// See [`crate::AuthApi::device_list`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceListRequest {
    /// The session of the identity.
    pub token: String,
}

/// The keys of an identity, and the devices that ask to be let in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceListView {
    /// Whose.
    pub did: Did,
    /// The head of the key log, in hex; none before anything was published.
    pub head: Option<String>,
    /// Whether two histories of the keys contradict each other, so that nothing can be changed.
    pub contested: bool,
    /// Whether a key is kept back for the next rotation.
    pub has_next_key: bool,
    /// The key that can take the identity back.
    pub recovery: Option<PublicKey>,
    /// The keys that count.
    pub devices: Vec<DeviceView>,
    /// The devices that wait, newest first.
    pub requests: Vec<DeviceRequestView>,
}

/// One key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceView {
    /// The key.
    pub key: PublicKey,
    /// What its owner calls it.
    pub name: Option<String>,
    /// When it was added.
    pub added_at: Timestamp,
    /// The last login with it, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// Whether it opened the session that asks.
    pub current: bool,
}

/// A device that asks to be let in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceRequestView {
    /// Names the request when it is granted or refused.
    pub id: String,
    /// Must be the code that the new device shows.
    pub code: String,
    /// The Multikey to add.
    pub key: String,
    /// What the device calls itself.
    pub name: String,
    /// When it asked.
    pub created_at: Timestamp,
    /// When it stops waiting.
    pub expires_at: Timestamp,
}

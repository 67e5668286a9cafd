//! What auth keeps about somebody, for that somebody alone.

use imajin_did::Did;
use imajin_kernel::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{DeviceListView, IdentityView};

/// See [`crate::AuthApi::account_export`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountExport {
    /// Whose account: whoever asks has checked that it is the reader's own.
    pub did: Did,
}

/// What auth keeps about somebody.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountRecord {
    /// The public facts.
    pub identity: IdentityView,
    /// The Multikey that may sign a new key in.
    pub recovery_key: Option<String>,
    /// The mailboxes that were proven, as they were typed. Nobody else may learn them.
    pub mailboxes: Vec<String>,
    /// The sessions that are alive, newest first.
    pub sessions: Vec<SessionRecord>,
    /// The keys that count, with their names, and the devices that ask to be let in.
    pub devices: DeviceListView,
    /// The entries and receipts of the key log, as anybody can verify them; none before anything was published.
    pub key_log: Value,
    /// The passkeys, oldest first.
    pub passkeys: Vec<PasskeyRecord>,
    /// What applications may know, newest first.
    pub grants: Vec<GrantRecord>,
}

/// A session that is alive.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionRecord {
    /// Its identifier.
    pub id: String,
    /// How it was opened: key, recovery, mailbox, passkey or federated.
    pub method: String,
    /// What the client calls itself.
    pub client: Option<String>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was used last, to the quarter of an hour.
    pub last_seen_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

/// A passkey. Its private half is in the device.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PasskeyRecord {
    /// The credential's id.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was used last.
    pub last_used_at: Option<Timestamp>,
}

/// What an application may know.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GrantRecord {
    /// The application.
    pub client_id: String,
    /// Its name, while it is registered.
    pub client_name: Option<String>,
    /// Separated by spaces.
    pub scope: String,
    /// When it was first allowed.
    pub created_at: Timestamp,
    /// When it was last given something, as far as that is still kept.
    pub last_used_at: Option<Timestamp>,
}

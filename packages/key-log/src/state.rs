use imajin_did::{Did, PublicKey};
use serde::{Deserialize, Serialize};

use crate::{EntryHash, KeyHash};

/// Whether the keys of an identity may change anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// They may.
    Active,
    /// Two histories claim to be the right one: the keys are those before they part, and may change nothing until a
    /// recovery displaces both, or a witness settles it.
    Contested,
    /// The owner has ended the identity.
    Deactivated,
}

/// What a log says now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyState {
    /// Whose.
    pub did: Did,
    /// The newest entry that counts; none before anything was published, and while two first entries contest.
    pub head: Option<EntryHash>,
    /// The head's number.
    pub seq: u32,
    /// The keys whose signatures count, the first one first.
    pub keys: Vec<PublicKey>,
    /// The hash of the key that the next rotation needs.
    pub next_key_hash: Option<KeyHash>,
    /// The key that can take the identity back.
    pub recovery: Option<PublicKey>,
    /// Whether the keys may change anything.
    pub status: Status,
    /// The head's own time, in milliseconds.
    pub at: i64,
    /// From when on the head counts: the earliest receipt of a trusted witness, in milliseconds.
    pub since: Option<i64>,
}

impl KeyState {
    /// The state of an identity that has published nothing: the key that its DID is.
    ///
    /// `None` for a DID that is no key.
    pub fn implicit(did: &Did) -> Option<Self> {
        let did = did.canonical();
        let key = did.public_key()?;
        Some(Self {
            did,
            head: None,
            seq: 0,
            keys: vec![key],
            next_key_hash: None,
            recovery: None,
            status: Status::Active,
            at: 0,
            since: None,
        })
    }

    /// Whether a signature by this key counts.
    pub fn has_key(&self, key: &PublicKey) -> bool {
        self.keys.contains(key)
    }
}

//! Challenges that this node can tell from others without remembering them.
//!
//! The challenge is a sealed token: when and for what it was given out, and to whom. Asking for one costs no memory;
//! only one that was answered well leaves a row, so that it counts once.

use imajin_did::{Did, Keyring, Sealed};
use imajin_kernel::{Env, Span, Timestamp};
use imajin_proof::digest::sha256_hex;
use serde::{Deserialize, Serialize};

use crate::AuthError;

/// How long a challenge may be answered.
const LIFETIME: Span = Span::minutes(5);
const SEAL_LABEL: &str = "auth/passkey-challenge/1";
const LENGTH_MAX: usize = 1024;

/// What a challenge is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Purpose {
    /// A passkey is added to this identity.
    Add(Did),
    /// Somebody logs in.
    Login,
}

#[derive(Serialize, Deserialize)]
struct Payload {
    purpose: Purpose,
    until: Timestamp,
}

/// A challenge that came back.
#[derive(Debug, Clone)]
pub(crate) struct Returned {
    /// Names it in the table of those that were answered.
    pub(crate) digest: String,
    pub(crate) purpose: Purpose,
    pub(crate) until: Timestamp,
}

pub(crate) fn issue(keyring: &Keyring, env: &Env, purpose: Purpose) -> Result<Vec<u8>, AuthError> {
    let payload = Payload {
        purpose,
        until: env.now().plus(LIFETIME),
    };
    let bytes = serde_json::to_vec(&payload).map_err(|_error| imajin_kernel::Problem::internal())?;
    Ok(keyring.seal(SEAL_LABEL, &bytes, env).as_bytes().to_vec())
}

/// Reads a challenge that came back; `None` for what this node did not make.
pub(crate) fn open(keyring: &Keyring, bytes: &[u8]) -> Option<Returned> {
    if bytes.len() > LENGTH_MAX {
        return None;
    }
    let opened = keyring.open(SEAL_LABEL, &Sealed::from_bytes(bytes)).ok()?;
    let payload: Payload = serde_json::from_slice(&opened).ok()?;
    Some(Returned {
        digest: sha256_hex(bytes),
        purpose: payload.purpose,
        until: payload.until,
    })
}

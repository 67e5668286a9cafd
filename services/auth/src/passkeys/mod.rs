//! Passkeys: logging in with a device's own credential (W3C Web Authentication, Level 2 and later).
//!
//! | what | where |
//! |---|---|
//! | challenges without a row per challenge | `challenge` |
//! | what an authenticator sends, read | `authenticator`, `cose` |
//! | the checks of sections 7.1 and 7.2 | `ceremony` |
//! | adding, listing, removing; logging in | `store`, `login` |
//! | what `imajin verify` checks | `audit` |
//!
//! **Architecture Invariant:** a passkey opens a session, and a session reads. What changes something is signed by the
//! identity's key, which no passkey holds.

pub(crate) mod audit;
pub(crate) mod authenticator;
pub(crate) mod ceremony;
pub(crate) mod challenge;
pub(crate) mod cose;
pub(crate) mod login;
pub(crate) mod rows;
pub(crate) mod store;

use imajin_did::Did;
use imajin_kernel::{Code, Problem};
use imajin_proof::digest::sha256;
use url::Host;

use crate::AuthError;
use crate::auth::Auth;

/// How a session was opened.
pub(crate) const METHOD_PASSKEY: &str = "passkey";
/// How long a person may take, for the browser.
pub(crate) const TIMEOUT_MILLIS: u32 = 300_000;

/// Who this node is to an authenticator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RelyingParty {
    /// The host: credentials are bound to it.
    pub(crate) id: String,
    /// Where pages that use them must come from.
    pub(crate) origin: String,
}

/// Names an identity to an authenticator: it may show the handle to anybody, so it says nothing.
pub(crate) fn user_handle(did: &Did) -> [u8; 32] {
    sha256(format!("imajin passkey user 1\0{did}").as_bytes())
}

impl Auth {
    /// Who this node is; an address without a name cannot have passkeys.
    pub(crate) fn relying_party(&self) -> Result<RelyingParty, AuthError> {
        match self.public.0.host() {
            Some(Host::Domain(name)) => Ok(RelyingParty {
                id: name.to_owned(),
                origin: self.public.origin(),
            }),
            _ => Err(Problem::new(
                Code::Conflict,
                "Passkeys need a node with a name, and this one has only a number.",
            )
            .hint("Open the node under its name, or under localhost on this very machine.")
            .into()),
        }
    }
}

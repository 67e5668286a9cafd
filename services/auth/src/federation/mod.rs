//! Signing in at a node with an identity of another one.
//!
//! | step | where |
//! |---|---|
//! | the visited node learns where somebody's home is, and sends them there with a signed request | `visit` |
//! | the home asks them, and answers with a statement: for five minutes, for that node, once | `home` |
//! | the visited node checks the statement and opens a session | `arrive` |
//! | who another node is: its did:web document, fetched through the guarded client | `peer` |
//!
//! A home cannot vouch for whom it likes: the statement holds a message that is signed by a key that counts for the
//! DID, which is for the DID itself and its key log to say. And the first home that somebody came from is the only one
//! that they can come from.
//!
//! **Architecture Invariant:** a visitor owns nothing here but the session: no handle, no key kept by this node.

pub(crate) mod arrive;
pub(crate) mod audit;
pub(crate) mod home;
pub(crate) mod peer;
pub(crate) mod rows;
pub(crate) mod visit;

use imajin_did::Did;
use imajin_kernel::Span;
use imajin_proof::SignedMessage;
use imajin_proof::token::TokenKind;
use serde::{Deserialize, Serialize};

/// The type of the message that a person signs.
pub(crate) const MESSAGE_TYPE: &str = "login";
/// How long a statement counts.
pub(crate) const STATEMENT_LIFETIME: Span = Span::minutes(5);
/// How long somebody may take at home.
pub(crate) const REQUEST_LIFETIME: Span = Span::minutes(10);
/// Where a home is asked.
pub(crate) const AUTHORIZE_PATH: &str = "/auth/federation/authorize";
/// Where its answer comes back.
pub(crate) const CALLBACK_PATH: &str = "/auth/federation/callback";

/// What the visited node asks the home: signed by the visited node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct LoginRequest {
    /// Comes back in the statement.
    pub(crate) nonce: String,
    /// Where the answer goes: an address of the visited node.
    pub(crate) return_to: String,
}

impl TokenKind for LoginRequest {
    const TYP: &'static str = "login-request+jwt";
}

/// What the home answers: signed by the home; `sub` is the person.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct LoginStatement {
    /// As in the request.
    pub(crate) nonce: String,
    /// What kind of actor it is.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// The display name, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// What the person signed.
    pub(crate) message: SignedMessage,
}

impl TokenKind for LoginStatement {
    const TYP: &'static str = "login+jwt";
}

/// What the person signs: `to` of the message is the visited node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct LoginPayload {
    /// The home.
    pub(crate) home: Did,
    /// As in the request.
    pub(crate) nonce: String,
}

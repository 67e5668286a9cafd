//! Signing in at a node with an identity of another one.

use askama::Template;

use crate::Shell;

/// `/auth/federation/login`, at the visited node: where is your home?
///
/// The form posts `home` and `next` to `action`.
#[derive(Debug, Clone, Template)]
#[template(path = "visit_start.html")]
pub struct VisitStartPage {
    /// The frame.
    pub shell: Shell,
    /// Where the form posts to.
    pub action: String,
    /// Where to go afterwards: a path of this node.
    pub next: String,
    /// What was typed before, if anything.
    pub home: String,
}

/// `/auth/federation/authorize`, at home: do you want to sign in over there?
///
/// The form posts `request` and `decision` (`allow` or `deny`) to `action`. Where the person holds the key, `visit.js`
/// signs the answer instead.
#[derive(Debug, Clone, Template)]
#[template(path = "visit_consent.html")]
pub struct VisitConsentPage {
    /// The frame; its viewer is who is asked.
    pub shell: Shell,
    /// The host of the other node.
    pub visited_host: String,
    /// The DID of the other node.
    pub visited_did: String,
    /// The DID of this node.
    pub home_did: String,
    /// The number that the other node gave its request.
    pub nonce: String,
    /// The request, as it came.
    pub request: String,
    /// This node's time in milliseconds: a browser's clock may be wrong, and what it signs must be fresh.
    pub now_millis: i64,
    /// Where the form posts to.
    pub action: String,
}

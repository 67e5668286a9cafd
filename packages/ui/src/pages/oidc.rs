//! Signing in at an application through this node, and out of it.

use askama::Template;

use crate::Shell;

/// `/auth/oidc/authorize`: an application asks who somebody is.
///
/// The form posts `request`, `decision` (`allow` or `deny`) and one `scope` per ticked box to `action`. Where the
/// person holds the key, `consent.js` signs the answer instead.
#[derive(Debug, Clone, Template)]
#[template(path = "consent.html")]
pub struct ConsentPage {
    /// The frame; its viewer is who is asked.
    pub shell: Shell,
    /// What the application calls itself.
    pub client_name: String,
    /// Its identifier.
    pub client_id: String,
    /// The host that the answer goes to, for a person to read.
    pub goes_to: String,
    /// The address that the answer goes to.
    pub redirect_uri: String,
    /// Everything that was asked for, separated by spaces.
    pub asked: String,
    /// What can be given.
    pub scopes: Vec<ConsentScope>,
    /// The request, sealed by the node.
    pub request: String,
    /// Where the form posts to.
    pub action: String,
}

/// One thing that an application asks for.
#[derive(Debug, Clone, Default)]
pub struct ConsentScope {
    /// Its name in the protocol.
    pub name: String,
    /// What it means.
    pub text: String,
    /// Whether it can be left out.
    pub is_optional: bool,
    /// Whether the box is ticked at first.
    pub is_ticked: bool,
}

/// `/auth/oidc/logout`: an application wants the person to be logged out.
#[derive(Debug, Clone, Template)]
#[template(path = "oidc_logout.html")]
pub struct LogoutPage {
    /// The frame; its viewer is who is asked.
    pub shell: Shell,
    /// What the application calls itself, if it said who it is.
    pub client_name: Option<String>,
    /// Where the form posts to.
    pub action: String,
    /// The parameters of the request, to be sent again; any may be empty.
    pub id_token_hint: String,
    /// See [`LogoutPage::id_token_hint`].
    pub client_id: String,
    /// See [`LogoutPage::id_token_hint`].
    pub post_logout_redirect_uri: String,
    /// See [`LogoutPage::id_token_hint`].
    pub state: String,
}

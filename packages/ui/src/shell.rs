//! What every page has around its own content.

use crate::{did_short, name_or_handle};

/// The frame of a page: title, navigation, and who is looking.
#[derive(Debug, Clone, Default)]
pub struct Shell {
    /// The page's own title, without the node's name.
    pub title: String,
    /// Who is signed in, if anybody.
    pub viewer: Option<Viewer>,
    /// The path of this page, such as `/me`: marks the place in the navigation.
    pub path: String,
    /// Whether the node trades in test money: every page then says so.
    pub test_money: bool,
    /// What the node calls itself.
    pub node_name: String,
}

/// The person (or other identity) that is signed in.
#[derive(Debug, Clone, Default)]
pub struct Viewer {
    /// Display name, else handle, else a short form of the DID.
    pub name: String,
    /// The whole DID.
    pub did: String,
    /// The DID cut in the middle, for reading.
    pub short_did: String,
    /// Whether this identity runs the node: shows the way to the operator's page.
    pub is_operator: bool,
    /// Whether the node holds this identity's key (a mailbox identity) and signs in its name.
    pub custody_node: bool,
}

impl Viewer {
    /// A person who runs nothing and holds their own key.
    pub fn new(did: &str, name: Option<&str>, handle: Option<&str>) -> Self {
        let short_did = did_short(did);
        Self {
            name: name_or_handle(name, handle).unwrap_or_else(|| short_did.clone()),
            did: did.to_owned(),
            short_did,
            is_operator: false,
            custody_node: false,
        }
    }
}

impl Shell {
    /// Whether `path` is the page, or holds it.
    pub fn is_at(&self, path: &str) -> bool {
        self.path == path || (path != "/" && self.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('/')))
    }

    /// How the browser signs for the viewer: `none` (nobody is signed in), `node` or `key`.
    pub fn signer(&self) -> &'static str {
        match &self.viewer {
            None => "none",
            Some(viewer) if viewer.custody_node => "node",
            Some(_) => "key",
        }
    }

    /// The DID of the viewer, or nothing.
    pub fn viewer_did(&self) -> &str {
        self.viewer.as_ref().map_or("", |viewer| viewer.did.as_str())
    }
}

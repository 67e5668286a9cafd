use imajin_ui::{NodeCard, Shell, Viewer};
use imajin_web::{Custody, SessionView};

use crate::Www;
use crate::person::is_operator;

impl Www {
    /// What stands around a page's own content.
    pub(crate) fn frame(&self, title: &str, path: &str, session: Option<&SessionView>) -> Shell {
        Shell {
            title: title.to_owned(),
            viewer: session.map(viewer_of),
            path: path.to_owned(),
            test_money: self.deps.test_money,
            node_name: self.deps.node_name.clone(),
        }
    }

    /// The node in a few words.
    pub(crate) fn node_card(&self) -> NodeCard {
        NodeCard {
            name: self.deps.node_name.clone(),
            description: String::new(),
            did: self.deps.node_did.to_string(),
            url: self.deps.site.public.origin(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// The person of a session, as the pages show them.
pub(crate) fn viewer_of(session: &SessionView) -> Viewer {
    Viewer {
        is_operator: is_operator(session),
        custody_node: session.custody == Custody::Node,
        ..Viewer::new(session.did.as_str(), session.name.as_deref(), session.handle.as_deref())
    }
}

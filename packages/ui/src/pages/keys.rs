//! The keys of an identity: devices, a new device, and the way back when all are lost.

use askama::Template;

use crate::{Shell, qr_svg};

/// `/keys`: which keys speak for whoever is signed in. The browser module fills the lists.
#[derive(Debug, Clone, Template)]
#[template(path = "keys.html")]
pub struct KeysPage {
    /// The frame.
    pub shell: Shell,
    /// Whose keys.
    pub did: String,
    /// The handle or DID that a new device types.
    pub enrol_id: String,
    /// Where a new device goes: an absolute address.
    pub enrol_url: String,
}

impl KeysPage {
    fn qr(&self) -> Option<String> {
        qr_svg(&self.enrol_url).ok()
    }
}

/// `/enrol`: a new device asks to be let in.
#[derive(Debug, Clone, Template)]
#[template(path = "enrol.html")]
pub struct EnrolPage {
    /// The frame.
    pub shell: Shell,
    /// The handle or DID, where the address says it.
    pub id: String,
    /// Where to go afterwards: a path of this node.
    pub next: String,
}

/// `/recover`: the recovery key sets a new key.
#[derive(Debug, Clone, Template)]
#[template(path = "recover.html")]
pub struct RecoverPage {
    /// The frame.
    pub shell: Shell,
}

//! The passkeys of somebody.

use askama::Template;

use crate::{Shell, When};

/// `/auth/passkeys`: list, add, remove.
///
/// The form of each passkey posts `id` to `remove_action`; where the person holds the key, `passkeys.js` signs instead.
#[derive(Debug, Clone, Template)]
#[template(path = "passkeys.html")]
pub struct PasskeysPage {
    /// The frame; its viewer is whose passkeys these are.
    pub shell: Shell,
    /// Oldest first.
    pub passkeys: Vec<PasskeyItem>,
    /// Where the form that removes one posts to.
    pub remove_action: String,
}

/// A passkey in the list.
#[derive(Debug, Clone, Default)]
pub struct PasskeyItem {
    /// Its identifier.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// When it was added.
    pub created: When,
    /// When it was used last, if ever.
    pub used: Option<When>,
}

//! `/auth/notices`: what somebody is told by mail, and for the operator what was not sent.

use askama::Template;

use crate::{Shell, When};

/// Whether somebody wants mail.
///
/// The form posts `mail` to `/auth/notices`; where the person holds the key, `acts.js` signs instead.
#[derive(Debug, Clone, Template)]
#[template(path = "notices.html")]
pub struct NoticesPage {
    /// The frame; its viewer is whose setting this is.
    pub shell: Shell,
    /// Whether they want mail.
    pub mail: bool,
    /// How many mailboxes they have proven.
    pub mailboxes: usize,
    /// Whether it was changed a moment ago.
    pub is_saved: bool,
    /// What was not sent, for the operator.
    pub unsent: Option<Vec<NoticeItem>>,
}

/// A notice that was not sent.
#[derive(Debug, Clone)]
pub struct NoticeItem {
    /// Its identifier.
    pub id: String,
    /// Its subject.
    pub subject: String,
    /// Whose it is, shortened.
    pub short_did: String,
    /// Why it was not sent.
    pub problem: String,
    /// How often it was tried.
    pub attempts: i32,
    /// When it is tried again; none when it was given up.
    pub next: Option<When>,
    /// When it was told.
    pub created: When,
}

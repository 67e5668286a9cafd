//! Where somebody is signed in, and which applications they signed in to.

use askama::Template;

use crate::{Shell, When};

/// `/auth/sessions`: where somebody is signed in.
///
/// The forms post `id` to `/auth/sessions/end`, or nothing to `/auth/sessions/end-others`; where the person holds the
/// key, `sessions.js` signs instead.
#[derive(Debug, Clone, Template)]
#[template(path = "sessions.html")]
pub struct SessionsPage {
    /// The frame; its viewer is whose sessions these are.
    pub shell: Shell,
    /// The one that asks first, then the newest.
    pub sessions: Vec<SessionItem>,
    /// How many were ended a moment ago, if any.
    pub ended: Option<usize>,
}

/// A session in the list.
#[derive(Debug, Clone, Default)]
pub struct SessionItem {
    /// Its identifier.
    pub id: String,
    /// What was used, such as `Firefox on Linux`.
    pub client: String,
    /// How it was opened, as the rest of "signed in …".
    pub method: String,
    /// When it was opened.
    pub created: When,
    /// When it was used last.
    pub seen: When,
    /// When it ends by itself.
    pub expires: When,
    /// Whether it is the one that asks.
    pub is_current: bool,
}

impl SessionsPage {
    /// Whether there is another one than that which asks.
    pub fn has_others(&self) -> bool {
        self.sessions.iter().any(|session| !session.is_current)
    }

    /// What has just happened, if anything.
    pub fn ended_text(&self) -> Option<String> {
        Some(match self.ended? {
            0 => "There was no other one to end.".to_owned(),
            1 => "One sign-in has ended.".to_owned(),
            many => format!("{many} sign-ins have ended."),
        })
    }

    /// The one that asks.
    pub fn current_id(&self) -> &str {
        let current = self.sessions.iter().find(|session| session.is_current);
        current.map_or("", |session| session.id.as_str())
    }
}

/// `/auth/grants`: the applications that somebody signed in to through this node.
///
/// The forms post `id` to `/auth/grants/revoke`; where the person holds the key, `grants.js` signs instead.
#[derive(Debug, Clone, Template)]
#[template(path = "grants.html")]
pub struct GrantsPage {
    /// The frame; its viewer is whose consents these are.
    pub shell: Shell,
    /// Newest first.
    pub grants: Vec<GrantItem>,
    /// Whether one was taken back a moment ago.
    pub is_revoked: bool,
    /// Whether the node keeps what people allow others, and so has a page about it.
    pub has_consent: bool,
}

/// What somebody allows an application.
#[derive(Debug, Clone, Default)]
pub struct GrantItem {
    /// The application's identifier.
    pub client_id: String,
    /// What it calls itself; the identifier of one that is registered no more.
    pub name: String,
    /// What it may know, in words.
    pub scopes: Vec<String>,
    /// When it was first allowed.
    pub created: When,
    /// When it last asked, as far as that is still known.
    pub used: Option<When>,
}

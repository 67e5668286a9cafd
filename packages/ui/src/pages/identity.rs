//! Signing in, making an identity, claiming a node, and the mailbox.

use askama::Template;

use super::landing::NodeCard;
use crate::{Shell, When};

/// `/login`: with the key in this browser, a key or recovery file, or a mailbox.
///
/// The mailbox form posts `email`, `next` and `token` to `mailbox_action`.
#[derive(Debug, Clone, Template)]
#[template(path = "login.html")]
pub struct LoginPage {
    /// The frame.
    pub shell: Shell,
    /// Where to go afterwards: a path of this node.
    pub next: String,
    /// Where the mailbox form posts to; `None` when this node offers no mailbox identities.
    pub mailbox_action: Option<String>,
    /// Anti-forgery token of the mailbox form; may be empty.
    pub form_token: String,
}

/// `/join`: make an identity in this browser.
#[derive(Debug, Clone, Template)]
#[template(path = "join.html")]
pub struct JoinPage {
    /// The frame.
    pub shell: Shell,
    /// Where to go afterwards: a path of this node.
    pub next: String,
}

/// `/setup`: somebody with the one-time link becomes the operator.
///
/// `setup.js` takes the token from the address's fragment (`/setup#token=…`), or else from `token`.
#[derive(Debug, Clone, Template)]
#[template(path = "setup.html")]
pub struct SetupPage {
    /// The frame.
    pub shell: Shell,
    /// The node that is claimed.
    pub node: NodeCard,
    /// The token, where it came in the query.
    pub token: String,
    /// Whether somebody has claimed it already.
    pub is_claimed: bool,
}

/// After the mailbox form: a link was sent.
#[derive(Debug, Clone, Template)]
#[template(path = "check_mailbox.html")]
pub struct CheckMailboxPage {
    /// The frame.
    pub shell: Shell,
    /// The address as it was typed.
    pub email: String,
    /// How long the link is good for.
    pub minutes_valid: u32,
    /// Whether the message is on the development mailbox page instead of in the mail.
    pub is_dev_mailbox: bool,
}

/// `/auth/onboard?token`: asks before the link is used up, because mail scanners open links.
///
/// The form posts `token` and `next` to `action`.
#[derive(Debug, Clone, Template)]
#[template(path = "onboard.html")]
pub struct OnboardConfirmPage {
    /// The frame.
    pub shell: Shell,
    /// The mailbox, partly hidden, such as `a…@example.org`.
    pub mailbox_hint: String,
    /// The token of the link.
    pub token: String,
    /// Where to go afterwards: a path of this node.
    pub next: String,
    /// Where the form posts to.
    pub action: String,
}

/// `/mailbox`: what the node would have sent, while it has no mail server.
#[derive(Debug, Clone, Template)]
#[template(path = "mailbox.html")]
pub struct MailboxPage {
    /// The frame.
    pub shell: Shell,
    /// Newest first.
    pub messages: Vec<MailRow>,
}

/// A message in the list.
#[derive(Debug, Clone, Default)]
pub struct MailRow {
    /// Identifier: the message is at `/mailbox/{id}`.
    pub id: String,
    /// Whom it is to.
    pub to: String,
    /// What it is about.
    pub subject: String,
    /// When it was written.
    pub time: When,
}

/// `/mailbox/{id}`: one message.
#[derive(Debug, Clone, Template)]
#[template(path = "mail.html")]
pub struct MailPage {
    /// The frame.
    pub shell: Shell,
    /// The message's head.
    pub mail: MailRow,
    /// Whom it is from.
    pub from: String,
    /// Its text.
    pub body: String,
    /// The links in the text, to be followed.
    pub links: Vec<String>,
}

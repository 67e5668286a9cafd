//! Pages that only say something.

use askama::Template;

use crate::Shell;

/// Something was refused or went wrong (RFC 9457, for people).
#[derive(Debug, Clone, Template)]
#[template(path = "error.html")]
pub struct ErrorPage {
    /// The frame; its title is the problem's title.
    pub shell: Shell,
    /// HTTP status.
    pub status: u16,
    /// Stable name of the problem, such as `not_found`.
    pub code: String,
    /// Short summary.
    pub title: String,
    /// What was wrong.
    pub detail: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// For the operator: finds the request in the log.
    pub request_id: Option<String>,
    /// Where to go on; the landing page if there is none.
    pub link: Option<Link>,
}

/// A plain message.
#[derive(Debug, Clone, Template)]
#[template(path = "message.html")]
pub struct MessagePage {
    /// The frame.
    pub shell: Shell,
    /// The heading.
    pub heading: String,
    /// Its paragraphs.
    pub paragraphs: Vec<String>,
    /// Where to go on.
    pub link: Option<Link>,
}

/// A link with its text.
#[derive(Debug, Clone, Default)]
pub struct Link {
    /// Address: a path of this node, or `https`.
    pub href: String,
    /// What it leads to.
    pub text: String,
}

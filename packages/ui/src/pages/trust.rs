//! `/me/connections`: what one has signed and been asked; `/trust/{id}`: the graph around somebody, and the way there;
//! `/invited`: taking an invitation up.

use askama::Template;

use crate::Shell;
use crate::constellation::Constellation;

/// `/me/connections`. `connections.js` signs what its forms ask for; each entry says with `data-digest` what it is.
#[derive(Debug, Clone, Template)]
#[template(path = "connections.html")]
pub struct ConnectionsPage {
    /// The frame; its viewer is whose connections these are.
    pub shell: Shell,
    /// Others ask.
    pub received: Vec<TieRow>,
    /// Both have signed.
    pub connections: Vec<TieRow>,
    /// The viewer has asked.
    pub sent: Vec<TieRow>,
    /// The viewer vouches.
    pub given: Vec<TieRow>,
    /// Others vouch.
    pub vouched: Vec<TieRow>,
    /// Flags that the viewer has raised.
    pub flags: Vec<TieRow>,
    /// Who may see the ties: `nobody`, `connections`, `reach`, `everybody`.
    pub audience: String,
    /// The viewer's invitations, the newest first.
    pub invites: Vec<InviteRow>,
}

/// A tie in a list.
#[derive(Debug, Clone, Default)]
pub struct TieRow {
    /// What to call the other.
    pub name: String,
    /// The page about them.
    pub path: String,
    /// What a signature names.
    pub digest: String,
    /// What there is to say about it, such as since when or how much.
    pub note: String,
}

/// An invitation in a list.
#[derive(Debug, Clone, Default)]
pub struct InviteRow {
    /// `inv_…`.
    pub id: String,
    /// A word to whoever gets it.
    pub note: String,
    /// How many have taken it up, and until when others may.
    pub state: String,
    /// Whether somebody can take it up.
    pub is_open: bool,
}

impl ConnectionsPage {
    /// The choices of who may see the ties, with what they mean.
    pub fn audiences(&self) -> [(&'static str, &'static str); 4] {
        [
            ("nobody", "Nobody but you and the other"),
            ("connections", "Your connections"),
            ("reach", "People within three steps of you"),
            ("everybody", "Everybody"),
        ]
    }
}

/// `/trust/{id}`.
#[derive(Debug, Clone, Template)]
#[template(path = "trust.html")]
pub struct TrustPage {
    /// The frame.
    pub shell: Shell,
    /// What to call the one in the middle.
    pub name: String,
    /// The whole DID.
    pub did: String,
    /// Whether that is the viewer.
    pub is_own: bool,
    /// How far it is from the viewer, or why there is no way: a sentence.
    pub distance: String,
    /// The way there; empty where there is none or it is not shown.
    pub steps: Vec<TrustStep>,
    /// Whom both know.
    pub mutual: Vec<TieRow>,
    /// The people around, where they are shown.
    pub picture: Option<Constellation>,
    /// All of them, also those for whom the picture has no room.
    pub people: Vec<TieRow>,
    /// What others have said of the one in the middle, counted.
    pub standing: Vec<(String, u32)>,
}

/// A step on the way to somebody.
#[derive(Debug, Clone, Default)]
pub struct TrustStep {
    /// Who trusts.
    pub from: String,
    /// By what, as a word between the two.
    pub tie: String,
    /// Whom.
    pub to: String,
    /// The page about them.
    pub to_path: String,
}

/// `/invited`: `invited.js` reads the code behind the `#` and signs; the node does not see it before.
#[derive(Debug, Clone, Template)]
#[template(path = "invited.html")]
pub struct InvitedPage {
    /// The frame.
    pub shell: Shell,
}

//! `/me/pods`: the pods that one is in and invited to; `/pods/{id}`: one of them, with the people in it.

use askama::Template;

use crate::Shell;

/// `/me/pods`. `pods.js` signs what its forms ask for; each entry says with `data-pod` what it is.
#[derive(Debug, Clone, Template)]
#[template(path = "pods.html")]
pub struct PodsPage {
    /// The frame; its viewer is whose pods these are.
    pub shell: Shell,
    /// Invitations that nobody has answered.
    pub invitations: Vec<PodLine>,
    /// The pods that the viewer is in.
    pub pods: Vec<PodLine>,
    /// The viewer's own pods, in which a new one may stand.
    pub owned: Vec<PodChoice>,
    /// Where the next page is, if there are more.
    pub next: Option<String>,
}

/// A pod in a list.
#[derive(Debug, Clone, Default)]
pub struct PodLine {
    /// `pod_…`.
    pub id: String,
    /// The page about it.
    pub path: String,
    /// What it is called.
    pub name: String,
    /// What there is to say about it.
    pub note: String,
    /// What an invitation is to be accepted as; empty for whoever is in it.
    pub role: String,
}

/// A pod or a person to choose.
#[derive(Debug, Clone, Default)]
pub struct PodChoice {
    /// What is sent.
    pub value: String,
    /// What is read.
    pub name: String,
    /// Whether it is chosen already.
    pub is_chosen: bool,
}

/// `/pods/{id}`. `pods.js` signs what its forms ask for.
#[derive(Debug, Clone, Template)]
#[template(path = "pod.html")]
pub struct PodPage {
    /// The frame.
    pub shell: Shell,
    /// The pod.
    pub line: PodLine,
    /// What the viewer is in it: `owner`, `admin`, `member`, or empty.
    pub own_role: String,
    /// Who invites the viewer; empty without an invitation.
    pub invited_by: String,
    /// Whether it is offered to the viewer.
    pub is_offered: bool,
    /// Whom the viewer offers it to; empty when to nobody.
    pub offered_to: String,
    /// Whether it is the circle of one person.
    pub is_personal: bool,
    /// Whether it is known to people within the owner's reach.
    pub is_trust_bound: bool,
    /// What it stands within, as far as the viewer may know of it.
    pub outer: Option<PodLine>,
    /// What stands in it, as far as the viewer may know of it.
    pub inner: Vec<PodLine>,
    /// The people in it, and for its owner and admins those who are invited.
    pub people: Vec<PodPersonRow>,
    /// In which pods it may stand.
    pub owned: Vec<PodChoice>,
    /// Where the next page of people is, if there are more.
    pub next: Option<String>,
}

/// Somebody in a pod.
#[derive(Debug, Clone, Default)]
pub struct PodPersonRow {
    /// What to call them.
    pub name: String,
    /// The whole DID.
    pub did: String,
    /// The page about them.
    pub path: String,
    /// `owner`, `admin` or `member`.
    pub role: String,
    /// Since when, or that they have not accepted.
    pub note: String,
    /// Whether they are invited and have not accepted.
    pub is_invited: bool,
    /// Whether the viewer may remove them.
    pub may_remove: bool,
    /// What the viewer may make of them instead; empty when nothing.
    pub other_role: String,
}

impl PodPage {
    /// Whether the viewer owns it.
    pub fn is_owner(&self) -> bool {
        self.own_role == "owner"
    }

    /// Whether the viewer may invite and remove people.
    pub fn is_manager(&self) -> bool {
        self.is_owner() || self.own_role == "admin"
    }

    /// To whom it may be offered: the people on this page who are in it and do not own it.
    pub fn heirs(&self) -> impl Iterator<Item = &PodPersonRow> {
        self.people
            .iter()
            .filter(|person| !person.is_invited && person.role != "owner")
    }
}

//! `/p/{id}`: somebody's profile; `/me/profile`: writing one's own; `/people`: finding somebody.

use askama::Template;

use crate::{Shell, When, did_short};

/// How somebody is shown: picture, name, handle.
#[derive(Debug, Clone, Default)]
pub struct Person {
    /// The whole DID.
    pub did: String,
    /// The name that they chose; may be empty.
    pub name: String,
    /// The handle on this node, if any.
    pub handle: Option<String>,
    /// Such as `human` or `agent`.
    pub kind: String,
    /// Path of the picture on this node, if there is one.
    pub avatar: Option<String>,
}

impl Person {
    /// What to call them.
    pub fn title(&self) -> String {
        let name = Some(self.name.clone()).filter(|name| !name.is_empty());
        let handle = || self.handle.as_ref().map(|handle| format!("@{handle}"));
        name.or_else(handle).unwrap_or_else(|| did_short(&self.did))
    }

    /// What stands in the place of a picture.
    pub fn letter(&self) -> String {
        let first = self.title().chars().find(|letter| letter.is_alphanumeric());
        first.map_or_else(|| "·".to_owned(), |letter| letter.to_uppercase().to_string())
    }

    /// Where their page is: by handle if there is one, because that is what people pass on.
    pub fn path_id(&self) -> &str {
        self.handle.as_deref().unwrap_or(&self.did)
    }

    /// What they are, where it is something else than a person.
    pub fn kind_label(&self) -> Option<&str> {
        (!matches!(self.kind.as_str(), "" | "human")).then_some(self.kind.as_str())
    }
}

/// Somebody's profile.
#[derive(Debug, Clone, Template)]
#[template(path = "profile.html")]
pub struct ProfilePage {
    /// The frame.
    pub shell: Shell,
    /// Whose it is.
    pub person: Person,
    /// What they say about themselves; paragraphs.
    pub bio: Option<String>,
    /// Other places of theirs.
    pub links: Vec<ProfileLinkRow>,
    /// How to reach them, as far as the reader may know.
    pub contact: Vec<ContactRow>,
    /// What they have made, with the manifest that says who shares in it.
    pub works: Vec<WorkRow>,
    /// What others have signed about them.
    pub said: Vec<SaidRow>,
    /// Whether the reader is this person.
    pub is_own: bool,
    /// Whether this node knows who is connected with whom.
    pub has_connections: bool,
}

/// Something that somebody has signed about a person.
#[derive(Debug, Clone, Default)]
pub struct SaidRow {
    /// What kind of statement it is, such as `event.attended`.
    pub kind: String,
    /// Who says it: name, handle or a short DID.
    pub attester: String,
    /// The attester's page on this node.
    pub attester_path: String,
    /// When it arrived here.
    pub time: When,
    /// Path of the signed document.
    pub document_path: String,
}

impl SaidRow {
    /// The kind as words.
    pub fn kind_label(&self) -> String {
        self.kind.replace(['.', '_', '-'], " ")
    }
}

/// A link of somebody's.
#[derive(Debug, Clone, Default)]
pub struct ProfileLinkRow {
    /// What it is called; may be empty.
    pub label: String,
    /// Where it leads.
    pub url: String,
}

impl ProfileLinkRow {
    /// What is read.
    pub fn text(&self) -> &str {
        if self.label.is_empty() { &self.url } else { &self.label }
    }
}

/// A way to reach somebody.
#[derive(Debug, Clone, Default)]
pub struct ContactRow {
    /// Such as `E-mail`.
    pub label: String,
    /// The address or number.
    pub value: String,
    /// Who else may see it, for the person's own eyes.
    pub note: Option<String>,
}

/// Something that somebody has made.
#[derive(Debug, Clone, Default)]
pub struct WorkRow {
    /// Its title.
    pub title: String,
    /// Its page on this node.
    pub path: String,
    /// Path of its signed manifest.
    pub manifest_path: String,
}

/// Writing one's own profile. Use it only with `shell.viewer` set.
#[derive(Debug, Clone, Template)]
#[template(path = "profile_edit.html")]
pub struct ProfileEditPage {
    /// The frame.
    pub shell: Shell,
    /// The writer.
    pub person: Person,
    /// The version that is changed.
    pub version: u32,
    /// What they say about themselves.
    pub bio: String,
    /// Their links, with empty rows for more.
    pub links: Vec<ProfileLinkRow>,
    /// How to reach them: e-mail, phone, location.
    pub contact: Vec<ContactInput>,
    /// Whether it has just been saved.
    pub is_saved: bool,
    /// Whether the node keeps the writer's key: such a one has no handle.
    pub is_soft: bool,
}

/// A way to reach somebody, to be written.
#[derive(Debug, Clone, Default)]
pub struct ContactInput {
    /// The member's name, such as `email`.
    pub name: &'static str,
    /// Such as `E-mail`.
    pub label: &'static str,
    /// The kind of input: `email`, `tel` or `text`.
    pub input: &'static str,
    /// What the browser may fill in.
    pub autocomplete: &'static str,
    /// The address or number; may be empty.
    pub value: String,
    /// Whether connections may not see it either.
    pub is_private: bool,
}

/// Finding somebody.
#[derive(Debug, Clone, Template)]
#[template(path = "people.html")]
pub struct PeoplePage {
    /// The frame.
    pub shell: Shell,
    /// What was looked for; empty at first.
    pub query: String,
    /// Who was found.
    pub people: Vec<Person>,
    /// Path of the next page, if there is one.
    pub next_url: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_is_called_by_the_best_that_is_known() {
        let mut person = Person {
            did: "did:mjn:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK".to_owned(),
            ..Person::default()
        };
        assert_eq!(
            (person.title().as_str(), person.letter().as_str()),
            ("z6MkhaXg…ta2doK", "Z")
        );
        person.handle = Some("ada".to_owned());
        assert_eq!((person.title().as_str(), person.path_id()), ("@ada", "ada"));
        person.name = "ágnes".to_owned();
        assert_eq!((person.title().as_str(), person.letter().as_str()), ("ágnes", "Á"));
        person.name = "🦊".to_owned();
        assert_eq!(person.letter(), "·");
        assert_eq!(person.kind_label(), None);
        person.kind = "agent".to_owned();
        assert_eq!(person.kind_label(), Some("agent"));
    }
}

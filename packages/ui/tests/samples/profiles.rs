//! Profiles: somebody's page, writing one's own, and finding somebody.

use imajin_ui::{
    ContactInput, ContactRow, PeoplePage, Person, ProfileEditPage, ProfileLinkRow, ProfilePage, SaidRow, WorkRow,
};

use super::{DID, HASH, Ink, Sample, Who, sample};

pub(super) fn samples(ink: &Ink) -> Vec<Sample> {
    vec![
        sample("profile", &profile(ink, false)),
        sample("profile-own", &profile(ink, true)),
        sample("profile-edit", &edit(ink, Who::Key)),
        sample("profile-edit-mailbox", &edit(ink, Who::Mailbox)),
        sample("people", &people(ink, "mi")),
        sample("people-start", &people(ink, "")),
    ]
}

fn person(ink: &Ink, has_picture: bool) -> Person {
    Person {
        did: ink.text(DID),
        name: ink.text("Mira Okonkwo"),
        handle: ink.maybe(ink.text("mira")),
        kind: ink.text("agent"),
        avatar: ink
            .maybe(format!("/profile/api/avatars/{HASH}/256.jpg"))
            .filter(|_path| has_picture),
    }
}

fn link(ink: &Ink, label: &str, url: &str) -> ProfileLinkRow {
    ProfileLinkRow {
        label: ink.text(label),
        url: if url.is_empty() { String::new() } else { ink.text(url) },
    }
}

fn profile(ink: &Ink, is_own: bool) -> ProfilePage {
    let contact = |label: &str, value: &str| ContactRow {
        label: ink.text(label),
        value: ink.text(value),
        note: is_own.then(|| ink.text("only you")),
    };
    ProfilePage {
        shell: ink.shell("Mira Okonkwo", "/p", if is_own { Who::Key } else { Who::Nobody }),
        person: person(ink, is_own),
        bio: ink.maybe(ink.text("Sings, writes and mixes.\n\nBooks: mornings only.")),
        links: ink.list(vec![
            link(ink, "Songs", "https://mira.example/songs"),
            link(ink, "", "https://mira.example"),
        ]),
        contact: ink.list(vec![
            contact("E-mail", "mira@example.org"),
            contact("Location", "Berlin"),
        ]),
        works: ink.list(vec![WorkRow {
            title: ink.text("Two voices and a tape machine"),
            path: "/events/evt_1".to_owned(),
            manifest_path: "/events/api/events/evt_1/fair".to_owned(),
        }]),
        said: ink.list(vec![SaidRow {
            kind: ink.text("event.attended"),
            attester: ink.text("Jonas Weber"),
            attester_path: "/p/jonas".to_owned(),
            time: ink.now(),
            document_path: format!("/auth/api/attestations/{HASH}"),
        }]),
        is_own,
        has_connections: !is_own,
    }
}

fn edit(ink: &Ink, who: Who) -> ProfileEditPage {
    let contact = |name, label, input, autocomplete, value: &str| ContactInput {
        name,
        label,
        input,
        autocomplete,
        value: ink.text(value),
        is_private: name == "phone",
    };
    ProfileEditPage {
        shell: ink.shell("Your profile", "/me/profile", who),
        person: person(ink, true),
        version: 3,
        bio: ink.text("Sings, writes and mixes."),
        links: vec![
            link(ink, "Songs", "https://mira.example/songs"),
            ProfileLinkRow::default(),
        ],
        contact: vec![
            contact("email", "E-mail", "email", "email", "mira@example.org"),
            contact("phone", "Phone", "tel", "tel", "+49 30 1234"),
            contact("location", "Location", "text", "street-address", "Berlin"),
        ],
        is_saved: !ink.bare,
        is_soft: matches!(who, Who::Mailbox),
    }
}

fn people(ink: &Ink, query: &str) -> PeoplePage {
    PeoplePage {
        shell: ink.shell("People", "/people", Who::Nobody),
        query: if query.is_empty() {
            String::new()
        } else {
            ink.text(query)
        },
        people: ink.list(vec![person(ink, true), person(ink, false)]),
        next_url: ink.maybe("/people?q=mi&cursor=x".to_owned()),
    }
}

//! Where somebody is signed in, and at which applications.

use imajin_ui::{GrantItem, GrantsPage, SessionItem, SessionsPage};

use super::{Ink, Sample, Who, sample};

pub(super) fn samples(ink: &Ink) -> Vec<Sample> {
    vec![
        sample("sessions", &sessions(ink, Who::Key, None)),
        sample("sessions-mailbox", &sessions(ink, Who::Mailbox, Some(2))),
        sample("grants", &grants(ink, Who::Key, false)),
        sample("grants-mailbox", &grants(ink, Who::Mailbox, true)),
    ]
}

fn sessions(ink: &Ink, who: Who, ended: Option<usize>) -> SessionsPage {
    let item = |id: &str, client: &str, method: &str, is_current: bool| SessionItem {
        id: ink.text(id),
        client: ink.text(client),
        method: method.to_owned(),
        created: ink.now(),
        seen: ink.now(),
        expires: ink.soon(),
        is_current,
    };
    let mut sessions = vec![item("ses_1", "Firefox on Linux", "with your key", true)];
    sessions.extend(ink.list(vec![
        item("ses_2", "Safari on an iPhone", "through your mailbox", false),
        item("ses_3", "imajin command line", "with your key", false),
    ]));
    SessionsPage {
        shell: ink.shell("Where you are signed in", "/auth/sessions", who),
        sessions,
        ended,
    }
}

fn grants(ink: &Ink, who: Who, is_revoked: bool) -> GrantsPage {
    let item = |id: &str, name: &str, scopes: &[&str], used| GrantItem {
        client_id: ink.text(id),
        name: ink.text(name),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        created: ink.now(),
        used,
    };
    GrantsPage {
        shell: ink.shell("Applications", "/auth/grants", who),
        grants: ink.list(vec![
            item(
                "oic_1",
                "Linden Wiki",
                &["your DID, which is the same for every application", "your display name"],
                Some(ink.now()),
            ),
            item(
                "oic_2",
                "Tape Club",
                &["your DID, which is the same for every application"],
                None,
            ),
        ]),
        is_revoked,
    }
}

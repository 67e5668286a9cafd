//! Where somebody is signed in, and at which applications.

use imajin_ui::{GrantItem, GrantsPage, NoticeItem, NoticesPage, SessionItem, SessionsPage};

use super::{Ink, SHORT_DID, Sample, Who, sample};

pub(super) fn samples(ink: &Ink) -> Vec<Sample> {
    vec![
        sample("sessions", &sessions(ink, Who::Key, None)),
        sample("sessions-mailbox", &sessions(ink, Who::Mailbox, Some(2))),
        sample("grants", &grants(ink, Who::Key, false)),
        sample("grants-mailbox", &grants(ink, Who::Mailbox, true)),
        sample("notices", &notices(ink, Who::Operator, true, 1)),
        sample("notices-off", &notices(ink, Who::Key, false, 0)),
        sample("notices-mailbox", &notices(ink, Who::Mailbox, true, 2)),
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
        has_consent: !ink.bare,
    }
}

fn notices(ink: &Ink, who: Who, mail: bool, mailboxes: usize) -> NoticesPage {
    let item = |subject: &str, problem: &str, next| NoticeItem {
        id: ink.text("ntc_1"),
        subject: ink.text(subject),
        short_did: ink.text(SHORT_DID),
        problem: ink.text(problem),
        attempts: 3,
        next,
        created: ink.now(),
    };
    let unsent = vec![
        item("Receipt: An evening", "The mail server refused it (550).", None),
        item(
            "Paid out: 6.58 USD",
            "The mail server did not take it.",
            Some(ink.soon()),
        ),
    ];
    NoticesPage {
        shell: ink.shell("Mail to you", "/auth/notices", who),
        mail,
        mailboxes,
        is_saved: matches!(who, Who::Mailbox),
        unsent: matches!(who, Who::Operator).then(|| ink.list(unsent)),
    }
}

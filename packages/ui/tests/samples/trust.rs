//! Connections, the graph around somebody, an invitation.

use imajin_ui::{ConnectionsPage, Constellation, InviteRow, InvitedPage, TieRow, TrustPage, TrustStep};

use super::{DID, HASH, Ink, Sample, Who, sample};

pub(super) fn samples(ink: &Ink) -> Vec<Sample> {
    vec![
        sample("connections", &connections(ink, Who::Key)),
        sample("connections-mailbox", &connections(ink, Who::Mailbox)),
        sample("trust", &trust(ink, false, true)),
        sample("trust-own", &trust(ink, true, true)),
        sample("trust-hidden", &trust(ink, false, false)),
        sample("invited", &invited(ink, Who::Key)),
        sample("invited-stranger", &invited(ink, Who::Nobody)),
    ]
}

fn rows(ink: &Ink, note: &str) -> Vec<TieRow> {
    let row = |name: &str| TieRow {
        name: ink.text(name),
        path: format!("/trust/{}", "did:mjn:z6MkhaXg"),
        digest: HASH.to_owned(),
        note: ink.text(note),
    };
    ink.list(["Mira Okonkwo", "Jonas Weber", "@lena"].map(row).to_vec())
}

fn connections(ink: &Ink, who: Who) -> ConnectionsPage {
    ConnectionsPage {
        shell: ink.shell("Your connections", "/me/connections", who),
        received: rows(ink, "asked 21 November 2026"),
        connections: rows(ink, "since 21 November 2026"),
        sent: rows(ink, "asked 21 November 2026"),
        given: rows(ink, "0.7 of 1, until 12 December 2026"),
        vouched: rows(ink, "1 of 1"),
        flags: rows(ink, "amber"),
        audience: "reach".to_owned(),
        invites: ink.list(vec![InviteRow {
            id: "inv_00000000000000000000000000".to_owned(),
            note: ink.text("See you at the fair."),
            state: ink.text("0 of 1, until 5 December 2026"),
            is_open: true,
        }]),
    }
}

fn trust(ink: &Ink, is_own: bool, is_shown: bool) -> TrustPage {
    let people = rows(ink, "");
    let picture = Constellation {
        center: ink.text("Mira Okonkwo"),
        people: people.iter().map(|row| (row.name.clone(), row.path.clone())).collect(),
    };
    let step = |from: &str, to: &str| TrustStep {
        from: ink.text(from),
        tie: "knows".to_owned(),
        to: ink.text(to),
        to_path: "/trust/did:mjn:z6MkhaXg".to_owned(),
    };
    TrustPage {
        shell: ink.shell("Mira Okonkwo", "/trust", Who::Key),
        name: ink.text("Mira Okonkwo"),
        did: ink.text(DID),
        is_own,
        distance: ink.text("2 steps from you."),
        steps: ink.list(vec![step("you", "Jonas Weber"), step("Jonas Weber", "Mira Okonkwo")]),
        mutual: rows(ink, ""),
        picture: is_shown.then_some(picture),
        people,
        standing: ink.list(vec![("Connections".to_owned(), 12), ("Vouches".to_owned(), 3)]),
    }
}

fn invited(ink: &Ink, who: Who) -> InvitedPage {
    InvitedPage {
        shell: ink.shell("You are invited", "/invited", who),
    }
}

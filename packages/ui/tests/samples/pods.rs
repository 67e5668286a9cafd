//! Pods, and one of them as its owner, an admin, somebody invited and a stranger see it.

use imajin_ui::{PodChoice, PodLine, PodPage, PodPersonRow, PodsPage};

use super::{DID, Ink, Sample, Who, sample};

pub(super) fn samples(ink: &Ink) -> Vec<Sample> {
    vec![
        sample("pods", &pods(ink, Who::Key)),
        sample("pods-mailbox", &pods(ink, Who::Mailbox)),
        sample("pod-owner", &pod(ink, "owner")),
        sample("pod-admin", &pod(ink, "admin")),
        sample("pod-member", &pod(ink, "member")),
        sample("pod-invited", &invited(ink)),
        sample("pod-stranger", &stranger(ink)),
    ]
}

fn line(ink: &Ink, name: &str, note: &str) -> PodLine {
    PodLine {
        id: "pod_00000000000000000000000000".to_owned(),
        path: "/pods/pod_00000000000000000000000000".to_owned(),
        name: ink.text(name),
        note: ink.text(note),
        role: "member".to_owned(),
    }
}

fn choices(ink: &Ink) -> Vec<PodChoice> {
    let choice = |name: &str, is_chosen| PodChoice {
        value: "pod_00000000000000000000000000".to_owned(),
        name: ink.text(name),
        is_chosen,
    };
    ink.list(vec![choice("Choir", true), choice("Street", false)])
}

fn pods(ink: &Ink, who: Who) -> PodsPage {
    PodsPage {
        shell: ink.shell("Your pods", "/me/pods", who),
        invitations: ink.list(vec![line(ink, "Book club", "Jonas Weber invites you as member")]),
        pods: ink.list(vec![
            line(ink, "Choir", "a group, yours"),
            line(ink, "Street", "a group of Jonas Weber; you are admin"),
        ]),
        owned: choices(ink),
        next: ink.maybe("/me/pods?cursor=pod_00000000000000000000000000".to_owned()),
    }
}

fn person(ink: &Ink, name: &str, role: &str) -> PodPersonRow {
    PodPersonRow {
        name: ink.text(name),
        did: ink.text(DID),
        path: "/trust/did:mjn:z6MkhaXg".to_owned(),
        role: role.to_owned(),
        note: ink.text("since 21 November 2026"),
        is_invited: false,
        may_remove: false,
        other_role: String::new(),
    }
}

fn pod(ink: &Ink, own_role: &str) -> PodPage {
    let is_owner = own_role == "owner";
    let members = ["Jonas Weber", "@lena"].map(|name| PodPersonRow {
        may_remove: own_role != "member",
        other_role: if is_owner { "admin" } else { "" }.to_owned(),
        ..person(ink, name, "member")
    });
    let open = PodPersonRow {
        is_invited: true,
        may_remove: true,
        note: ink.text("has not accepted yet"),
        ..person(ink, "Ada", "admin")
    };
    let mut people = vec![person(ink, "Mira Okonkwo", "owner")];
    people.extend(members);
    people.extend((own_role != "member").then_some(open));
    PodPage {
        shell: ink.shell("Choir", "/pods", Who::Key),
        line: line(
            ink,
            "Choir",
            "A group, with 3 people; it is yours. Only those who are in it know of it.",
        ),
        own_role: own_role.to_owned(),
        invited_by: String::new(),
        is_offered: own_role == "admin",
        offered_to: String::new(),
        is_personal: false,
        is_trust_bound: true,
        outer: ink.maybe(line(ink, "Street", "")),
        inner: ink.list(vec![line(ink, "Basses", "")]),
        people: ink.list(people),
        owned: if is_owner { choices(ink) } else { Vec::new() },
        next: ink.maybe("/pods/pod_00000000000000000000000000?cursor=did".to_owned()),
    }
}

fn invited(ink: &Ink) -> PodPage {
    PodPage {
        own_role: String::new(),
        invited_by: ink.text("Jonas Weber"),
        is_offered: false,
        ..pod(ink, "member")
    }
}

fn stranger(ink: &Ink) -> PodPage {
    PodPage {
        shell: ink.shell("Choir", "/pods", Who::Nobody),
        own_role: String::new(),
        ..pod(ink, "member")
    }
}

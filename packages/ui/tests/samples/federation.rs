//! Signing in at a node with an identity of another one.

use imajin_ui::{VisitConsentPage, VisitStartPage};

use super::{DID, Ink, Sample, Who, sample};

pub(super) fn samples(ink: &Ink) -> Vec<Sample> {
    let start = VisitStartPage {
        shell: ink.shell("Sign in with your own node", "/auth/federation/login", Who::Nobody),
        action: "/auth/federation/login".to_owned(),
        next: ink.text("/me"),
        home: ink.text("ada@node.example"),
    };
    vec![
        sample("visit-start", &start),
        sample("visit-consent", &consent(ink, Who::Key)),
        sample("visit-consent-mailbox", &consent(ink, Who::Mailbox)),
    ]
}

fn consent(ink: &Ink, who: Who) -> VisitConsentPage {
    VisitConsentPage {
        shell: ink.shell("Sign in at another node", "/auth/federation/authorize", who),
        visited_host: ink.text("kulturhaus.example"),
        visited_did: ink.text("did:web:kulturhaus.example"),
        home_did: ink.text(DID),
        nonce: ink.text("0a0b"),
        request: ink.text("a.b.c"),
        now_millis: 1_763_000_000_000,
        action: "/auth/federation/consent".to_owned(),
    }
}

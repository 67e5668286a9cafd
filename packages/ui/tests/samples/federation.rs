//! Signing in at a node with an identity of another one, and what registries say of nodes.

use imajin_ui::{
    LieItem, MirrorItem, MirrorNode, MirrorPage, MirrorsPage, PeerItem, PeersPage, VisitConsentPage, VisitStartPage,
};

use super::{DID, Ink, SHORT_DID, Sample, Who, sample};

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
        sample("peers", &peers(ink)),
        sample("mirrors", &mirrors(ink)),
        sample("mirror", &mirror(ink)),
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

fn peers(ink: &Ink) -> PeersPage {
    let rule = |name: &str, is_blocked, reason: Option<&str>, since| PeerItem {
        name: ink.text(name),
        is_blocked,
        reason: reason.and_then(|reason| ink.maybe(ink.text(reason))),
        since,
        forget: ink.text("{\"name\":\"node.example\"}"),
    };
    PeersPage {
        shell: ink.shell("Other nodes", "/auth/peers", Who::Operator),
        did: DID.to_owned(),
        only_listed: false,
        rules: ink.list(vec![
            rule("*.spam.example", true, None, None),
            rule(
                "liar.example",
                true,
                Some("It made up a transfer."),
                ink.maybe(ink.now()),
            ),
            rule("friend.example", false, None, ink.maybe(ink.now())),
        ]),
    }
}

fn mirrors(ink: &Ink) -> MirrorsPage {
    let copy = |seq, problem: Option<String>, lies| MirrorItem {
        did: ink.text(DID),
        short_did: ink.text(SHORT_DID),
        url: ink.text("https://registry.example/registry"),
        seq,
        nodes: 1284,
        signed: ink.maybe(ink.now()),
        checked: ink.now(),
        problem,
        lies,
    };
    let lie = LieItem {
        seq: 17,
        source: ink.text("https://node.example/registry"),
        found: ink.now(),
    };
    MirrorsPage {
        shell: ink.shell("Copies of directories", "/directory/mirrors", Who::Nobody),
        copies: ink.list(vec![
            copy(18, None, Vec::new()),
            copy(17, ink.maybe(ink.text("The source does not answer.")), Vec::new()),
            copy(17, ink.maybe(ink.text("It lies.")), vec![lie]),
            copy(0, None, Vec::new()),
        ]),
    }
}

fn mirror(ink: &Ink) -> MirrorPage {
    let node = |name: &str, reason| MirrorNode {
        did: ink.text(DID),
        short_did: ink.text(SHORT_DID),
        name: ink.text(name),
        expires: ink.maybe(ink.soon()),
        reason,
    };
    MirrorPage {
        shell: ink.shell("A registry’s nodes", "/directory/mirrors/x", Who::Nobody),
        registry: ink.text(DID),
        seq: 18,
        total: 1284,
        signed: ink.now(),
        nodes: ink.list(vec![
            node("linden.nodes.example", None),
            node("gone", ink.maybe(ink.text("This node pretended to be another one."))),
        ]),
        next_url: ink.maybe("/directory/mirrors/x?cursor=abc".to_owned()),
    }
}

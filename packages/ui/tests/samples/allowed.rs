//! Who may do what with mine.

use imajin_ui::{AllowedPage, ComparisonRow, GrantRow, NodeParts, PurposeRow, UseRow};

use super::{DID, HASH, Ink, Sample, Who, sample};

pub(super) fn samples(ink: &Ink) -> Vec<Sample> {
    vec![
        sample("allowed", &allowed(ink, Who::Key)),
        sample("allowed-mailbox", &allowed(ink, Who::Mailbox)),
    ]
}

fn grant(ink: &Ink, who: &str, note: &str) -> GrantRow {
    GrantRow {
        digest: HASH.to_owned(),
        who: ink.text(who),
        mode: "may without asking".to_owned(),
        purpose: ink.text("directory"),
        fields: vec![ink.text("name"), ink.text("what you say about yourself")],
        note: ink.text(note),
    }
}

fn allowed(ink: &Ink, who: Who) -> AllowedPage {
    let uses = vec![UseRow {
        id: "qst_00000000000000000000000000".to_owned(),
        who: ink.text("Mira Okonkwo"),
        what: ink.text("An answer from your documents, to query"),
        at: ink.now(),
        declaration: HASH.to_owned(),
        receipt: ink.maybe("/receipts/rcp_00000000000000000000000000".to_owned()),
        document: ink.maybe(ink.text("{\"type\":\"use-receipt\"}")),
    }];
    let compared = |is_same: bool, differences: Vec<(String, String)>| ComparisonRow {
        who: ink.text("Mira Okonkwo"),
        did: ink.text(DID),
        state: ink.text("Both say the same of 3 uses."),
        is_same,
        has_log: true,
        differences,
    };
    let difference = (
        "use_00000000000000000000000000".to_owned(),
        ink.text("their log says that something else was told (here: profile.name; there: profile.bio)"),
    );
    AllowedPage {
        shell: ink.shell("Who may do what with mine", "/me/allowed", who),
        parts: NodeParts {
            profiles: !ink.bare,
            connections: !ink.bare,
            questions: true,
        },
        grants: ink.list(vec![
            grant(ink, "Mira Okonkwo", "since 21 November 2026"),
            grant(
                ink,
                "Your connections",
                "since 21 November 2026, until 12 December 2026",
            ),
        ]),
        ended: ink.list(vec![grant(ink, "Jonas Weber", "taken back 21 November 2026")]),
        uses: ink.list(uses),
        fields: vec![
            ("profile.name".to_owned(), "name".to_owned()),
            ("profile.contact.location".to_owned(), "location".to_owned()),
        ],
        purposes: ink.list(vec![PurposeRow {
            name: ink.text("directory"),
            fields: vec![
                ("profile.name".to_owned(), "name".to_owned(), true),
                ("profile.contact.location".to_owned(), "location".to_owned(), false),
            ],
        }]),
        trusted_hops: 2,
        comparisons: ink.list(vec![compared(true, Vec::new()), compared(false, vec![difference])]),
    }
}

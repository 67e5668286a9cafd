//! Works: reading one, publishing one, lists of them.

use imajin_ui::{PublishPage, ReadAccess, ReadPage, SafeHtml, SplitPart, SplitView, WorkFile, WorkItem, WorksPage};

use super::{Ink, SHORT_DID, Sample, Who, sample};

pub(super) fn samples(ink: &Ink) -> Vec<Sample> {
    vec![
        sample("read", &read(ink, Who::Key, ReadAccess::Unpaid)),
        sample("read-anonymous", &read(ink, Who::Nobody, ReadAccess::Unpaid)),
        sample("read-mailbox", &read(ink, Who::Mailbox, ReadAccess::Unpaid)),
        sample("read-paid", &read(ink, Who::Key, ReadAccess::Paid)),
        sample("read-author", &read(ink, Who::Key, ReadAccess::Author)),
        sample("read-free", &read(ink, Who::Nobody, ReadAccess::Free)),
        sample("read-withdrawn", &read(ink, Who::Nobody, ReadAccess::Withdrawn)),
        sample("publish", &publish(ink, Who::Key)),
        sample("publish-mailbox", &publish(ink, Who::Mailbox)),
        sample("works", &works(ink, "Works")),
        sample("works-own", &works(ink, "My works")),
        sample("works-library", &works(ink, "My library")),
    ]
}

fn read(ink: &Ink, who: Who, access: ReadAccess) -> ReadPage {
    let has_it = matches!(access, ReadAccess::Paid | ReadAccess::Author | ReadAccess::Free);
    let part = |name: &str, percent: &str, share_millionths: u32, accepted: bool| SplitPart {
        name: ink.text(name),
        short_id: ink.text(SHORT_DID),
        role: ink.text("author"),
        percent: percent.to_owned(),
        share_millionths,
        accepted,
        is_manifest: false,
    };
    ReadPage {
        shell: ink.shell("On strings", "/read", who),
        id: ink.text("cnt_1"),
        title: ink.text("On strings"),
        summary: ink.text("Why they sound, and what that has to do with money."),
        author: ink.text("Mira Okonkwo"),
        // Whoever fills the page has made it safe.
        preview: SafeHtml("<p>A string that is <em>plucked</em> moves.</p>".to_owned()),
        article: ink
            .maybe(SafeHtml("<h2>Strings</h2><p>They sound.</p>".to_owned()))
            .filter(|_article| has_it && access != ReadAccess::Author),
        file: ink
            .maybe(WorkFile {
                url: "/publisher/content/cnt_1".to_owned(),
                name: ink.text("strings.png"),
                about: ink.text("1 MB, image/png"),
            })
            .filter(|_file| has_it && access == ReadAccess::Author),
        price: ink.maybe(ink.money("0.50")),
        access,
        split: SplitView {
            manifest_id: ink.text("fair_1"),
            manifest_url: "/fair/fair_1".to_owned(),
            signed_by: ink.text("Mira Okonkwo"),
            parts: ink.list(vec![
                part("Mira Okonkwo", "70 %", 700_000, true),
                part("Jonas", "30 %", 300_000, false),
            ]),
        },
    }
}

fn publish(ink: &Ink, who: Who) -> PublishPage {
    PublishPage {
        shell: ink.shell("Publish a work", "/publish", who),
        currency: "TEST-USD".to_owned(),
    }
}

fn works(ink: &Ink, heading: &str) -> WorksPage {
    let is_library = heading == "My library";
    WorksPage {
        shell: ink.shell(heading, "/works", Who::Key),
        heading: ink.text(heading),
        empty: ink.text("Nothing is published here yet."),
        can_publish: !is_library,
        works: ink.list(vec![
            WorkItem {
                id: ink.text("cnt_1"),
                title: ink.text("On strings"),
                summary: ink.text("Why they sound."),
                price: Some(ink.money("0.50")),
                state: ink.text("version 2"),
                readers: ink.text("3 readers"),
                sums: vec![ink.money("1.50")],
                paid_at: Some(ink.soon()).filter(|_when| is_library),
                receipt: Some(ink.text("rcp_1")).filter(|_receipt| is_library),
            },
            WorkItem {
                id: ink.text("cnt_2"),
                title: ink.text("A letter"),
                ..WorkItem::default()
            },
        ]),
    }
}

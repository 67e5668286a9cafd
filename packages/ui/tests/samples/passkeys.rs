//! The passkeys of somebody.

use imajin_ui::{PasskeyItem, PasskeysPage};

use super::{Ink, Sample, Who, sample};

pub(super) fn samples(ink: &Ink) -> Vec<Sample> {
    let page = |who: Who| PasskeysPage {
        shell: ink.shell("Your passkeys", "/auth/passkeys", who),
        passkeys: ink.list(vec![
            PasskeyItem {
                id: ink.text("abc"),
                name: ink.text("Phone"),
                created: ink.now(),
                used: Some(ink.now()),
            },
            PasskeyItem {
                id: ink.text("def"),
                name: ink.text("Key in the drawer"),
                created: ink.now(),
                used: None,
            },
        ]),
        remove_action: "/auth/passkeys/remove".to_owned(),
    };
    vec![
        sample("passkeys", &page(Who::Key)),
        sample("passkeys-mailbox", &page(Who::Mailbox)),
    ]
}

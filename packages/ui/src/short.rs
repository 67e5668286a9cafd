//! Long identifiers, written for people.

const HEAD: usize = 8;
const TAIL: usize = 6;

/// A DID for reading: its own part, without the method, cut in the middle. A mailbox is never shown.
pub fn did_short(did: &str) -> String {
    match did.splitn(3, ':').collect::<Vec<_>>().as_slice() {
        ["did", "email", _mailbox] => "a mailbox".to_owned(),
        ["did", _method, specific] => id_short(specific),
        _ => id_short(did),
    }
}

/// Any long identifier, cut in the middle.
pub fn id_short(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    match (
        letters.get(..HEAD),
        letters.len().checked_sub(TAIL).and_then(|start| letters.get(start..)),
    ) {
        (Some(head), Some(tail)) if letters.len() > HEAD + TAIL + 4 => head.iter().chain(&['…']).chain(tail).collect(),
        _ => text.to_owned(),
    }
}

/// What to call somebody: their name, else their handle.
pub fn name_or_handle(name: Option<&str>, handle: Option<&str>) -> Option<String> {
    let name = name.map(str::trim).filter(|name| !name.is_empty());
    name.map(str::to_owned)
        .or_else(|| handle.map(|handle| format!("@{handle}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_did_is_cut_and_a_mailbox_hidden() {
        assert_eq!(
            did_short("did:mjn:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"),
            "z6MkhaXg…ta2doK"
        );
        assert_eq!(did_short("did:web:node.example"), "node.example");
        assert_eq!(did_short("did:email:mira_at_example_org"), "a mailbox");
        assert_eq!(did_short("ünä"), "ünä");
    }

    #[test]
    fn a_name_goes_before_a_handle() {
        assert_eq!(name_or_handle(Some(" Mira "), Some("mira")).as_deref(), Some("Mira"));
        assert_eq!(name_or_handle(Some("  "), Some("mira")).as_deref(), Some("@mira"));
        assert_eq!(name_or_handle(None, None), None);
    }
}

use imajin_did::{Did, Method};

const HEAD: usize = 8;
const TAIL: usize = 6;

/// A DID for reading: its own part, cut in the middle. A mailbox is never shown.
pub(crate) fn did_short(did: &Did) -> String {
    match did.method() {
        Method::Email => "a mailbox".to_owned(),
        _ => id_short(did.specific()),
    }
}

/// Any long identifier, cut in the middle.
pub(crate) fn id_short(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    match (
        letters.get(..HEAD),
        letters.len().checked_sub(TAIL).and_then(|start| letters.get(start..)),
    ) {
        (Some(head), Some(tail)) if letters.len() > HEAD + TAIL + 4 => head.iter().chain(&['…']).chain(tail).collect(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_did_is_cut_and_a_mailbox_hidden() {
        let key: Did = "did:mjn:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"
            .parse()
            .unwrap();
        assert_eq!(did_short(&key), "z6MkhaXg…ta2doK");
        let web: Did = "did:web:node.example".parse().unwrap();
        assert_eq!(did_short(&web), "node.example");
        let mail = Did::from_mailbox("mira@example.org").unwrap();
        assert_eq!(did_short(&mail), "a mailbox");
    }
}

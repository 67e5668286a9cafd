//! Which names there can be, and how a name, a full host name and a DID lead to a node.

use imajin_did::{Did, Method};

/// Names that mean something in a zone, and so are given to nobody.
const RESERVED: [&str; 11] = [
    "www", "api", "registry", "auth", "pay", "admin", "gateway", "mail", "smtp", "ns1", "ns2",
];

/// Why a text cannot be the name of a node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not 3 to 32 lower-case letters, digits and inner hyphens.
    #[error("a name has 3 to 32 lower-case letters, digits and hyphens, and begins and ends with a letter or digit")]
    Form,
    /// Two hyphens in the third and fourth place mark an encoding (RFC 5890, section 2.3.1): what a person reads would
    /// not be what is registered.
    #[error("a name has no hyphens in both its third and fourth place, because they mark an encoded name")]
    Encoded,
    /// It means something in the zone.
    #[error("this name is reserved")]
    Reserved,
    /// It looks like a name that means something in the zone.
    #[error("this name looks like `{0}`, which is reserved")]
    LooksReserved(String),
}

/// Accepts the names that a node may register.
pub(crate) fn name_check(name: &str) -> Result<(), NameError> {
    let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    let ends_plain = bytes.first().is_some_and(plain) && bytes.last().is_some_and(plain);
    if !(3..=32).contains(&bytes.len()) || !ends_plain || !bytes.iter().all(|byte| plain(byte) || *byte == b'-') {
        return Err(NameError::Form);
    }
    if bytes.get(2..4) == Some(b"--") {
        return Err(NameError::Encoded);
    }
    if RESERVED.contains(&name) {
        return Err(NameError::Reserved);
    }
    Ok(())
}

/// What a name looks like, after the skeletons of UTS 39 for the few characters that a name can have. Host names are
/// the same in either case, and whoever shows one chooses: `ALlCE` is `allce`, and with a capital `i` `alice` is that,
/// too. The database computes the same in `node_names.skeleton`.
pub(crate) fn skeleton(name: &str) -> String {
    let mut skeleton = name.to_owned();
    for (shape, looks_like) in [("0", "o"), ("1", "l"), ("i", "l"), ("rn", "m"), ("vv", "w")] {
        skeleton = skeleton.replace(shape, looks_like);
    }
    // Enough for as many hyphens as a name can have.
    for _pass in 0..5 {
        skeleton = skeleton.replace("--", "-");
    }
    skeleton
}

/// Refuses a name that means something in the zone, to the operator as well, and one that somebody would take for such
/// a name. Not for names that are given out already: a name does not end because it is refused to others.
pub(crate) fn reserved_look_check(name: &str, by_operator: &[String]) -> Result<(), NameError> {
    let looks = skeleton(name);
    let mut reserved = RESERVED.into_iter().chain(by_operator.iter().map(String::as_str));
    match reserved.find(|reserved| skeleton(reserved) == looks) {
        None => Ok(()),
        Some(reserved) if reserved == name => Err(NameError::Reserved),
        Some(reserved) => Err(NameError::LooksReserved(reserved.to_owned())),
    }
}

/// The full host name of a name.
pub(crate) fn host_of(name: &str, zone: &str) -> String {
    if zone.is_empty() {
        name.to_owned()
    } else {
        format!("{name}.{zone}")
    }
}

/// What somebody looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LookupKey {
    /// By its DID, in the native form.
    Did(Did),
    /// By its name.
    Name(String),
}

/// Understands a DID of any form, a name, or a full host name in this zone; none when no node can be meant.
pub(crate) fn lookup_key(text: &str, zone: &str) -> Option<LookupKey> {
    if text.starts_with("did:") {
        let did: Did = text.parse().ok()?;
        if did.method() != Method::Web {
            return Some(LookupKey::Did(did.canonical()));
        }
        // A node is also the did:web of its host; the port, if any, is not part of the name.
        let host = did.specific().split(':').next()?.split("%3A").next()?.to_owned();
        return name_of_host(&host, zone).map(LookupKey::Name);
    }
    name_of_host(text, zone).map(LookupKey::Name)
}

fn name_of_host(host: &str, zone: &str) -> Option<String> {
    let host = host.to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host);
    let in_zone = host
        .strip_suffix(&zone.to_ascii_lowercase())
        .and_then(|rest| rest.strip_suffix('.'));
    let name = if zone.is_empty() { host } else { in_zone.unwrap_or(host) };
    name_check(name).is_ok().then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_dns_label_that_reads_as_it_is() {
        for good in [
            "abc",
            "a-b",
            "0ab",
            "alice-and-bob",
            "aaa--b",
            "a123456789012345678901234567890b",
        ] {
            assert_eq!(name_check(good), Ok(()), "{good}");
        }
        let long = "a".repeat(33);
        for bad in [
            "", "ab", "-ab", "ab-", "Alice", "al ice", "al.ice", "älice", "a_b", "a\0b", &long,
        ] {
            assert_eq!(name_check(bad), Err(NameError::Form), "{bad}");
        }
        assert_eq!(name_check("xn--80ak6aa92e"), Err(NameError::Encoded));
        for reserved in RESERVED {
            assert_eq!(name_check(reserved), Err(NameError::Reserved), "{reserved}");
        }
    }

    #[test]
    fn names_that_look_alike_have_one_skeleton() {
        for (one, other) in [
            ("alice", "a1ice"),
            ("alice", "allce"),
            ("google", "g00gle"),
            ("modern", "rnodem"),
            ("wave", "vvave"),
            ("blue-note", "b1ue--note"),
            ("0l1", "oil"),
        ] {
            assert_eq!(skeleton(one), skeleton(other), "{one} {other}");
        }
        for (one, other) in [("alice", "alica"), ("blue-note", "bluenote"), ("anna", "arma")] {
            assert_ne!(skeleton(one), skeleton(other), "{one} {other}");
        }
        let hyphens = format!("a{}b", "-".repeat(30));
        assert_eq!(skeleton(&hyphens), "a-b");
        let own = ["shop".to_owned()];
        let looks = |name| reserved_look_check(name, &own);
        assert_eq!(looks("adm1n"), Err(NameError::LooksReserved("admin".to_owned())));
        assert_eq!(looks("vvvvw"), Err(NameError::LooksReserved("www".to_owned())));
        assert_eq!(looks("sh0p"), Err(NameError::LooksReserved("shop".to_owned())));
        assert_eq!(looks("shop"), Err(NameError::Reserved));
        assert_eq!(looks("mary"), Ok(()));
    }

    #[test]
    fn a_node_is_found_by_every_text_that_names_it() {
        let named = Some(LookupKey::Name("alice".to_owned()));
        let texts = [
            "alice",
            "ALICE",
            "alice.nodes.example",
            "Alice.Nodes.Example.",
            "did:web:alice.nodes.example",
        ];
        for text in texts {
            assert_eq!(lookup_key(text, "nodes.example"), named, "{text}");
        }
        for text in [
            "alice.other.example",
            "a.b.nodes.example",
            "nodes.example",
            "www",
            "did:web:evil.example",
            "did:x:y",
        ] {
            assert_eq!(lookup_key(text, "nodes.example"), None, "{text}");
        }
    }
}

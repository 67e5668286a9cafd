//! The names that other nodes go by.

use imajin_did::Did;
use imajin_kernel::Problem;
use imajin_web::PeerAsked;
use url::Url;

const NAME_BYTES_MAX: usize = 300;

/// A name in the form in which it is kept and looked for: a DID in its native form, or a host in small letters.
pub(crate) fn name_parse(text: &str) -> Result<String, Problem> {
    let text = text.trim();
    let wrong = || {
        Problem::invalid(format!(
            "`{}` names no node.",
            text.chars().take(80).collect::<String>()
        ))
        .hint("Write a DID, a host like node.example or node.example:8443, or *.node.example for all beneath it.")
    };
    if text.len() > NAME_BYTES_MAX {
        return Err(wrong());
    }
    if text.starts_with("did:") {
        let did: Did = text.parse().map_err(|_error| wrong())?;
        // A did:web is the host that it names.
        let host = did.web_document_url().and_then(|url| url.parse::<Url>().ok());
        return match host {
            Some(url) => PeerAsked::host(&url).host.ok_or_else(wrong),
            None if did.public_key().is_some() => Ok(did.canonical().to_string()),
            None => Err(wrong()),
        };
    }
    let (wild, host) = text.strip_prefix("*.").map_or(("", text), |host| ("*.", host));
    let url: Url = format!("https://{host}/").parse().map_err(|_error| wrong())?;
    let is_host = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    let host = PeerAsked::host(&url)
        .host
        .filter(|host| is_host && !host.is_empty() && !host.contains('*'));
    let host = host.filter(|host| wild.is_empty() || host.contains(|letter: char| letter.is_ascii_alphabetic()));
    host.map(|host| format!("{wild}{host}")).ok_or_else(wrong)
}

/// The names under which a rule about a node may be.
pub(crate) fn names_of(peer: &PeerAsked) -> Vec<String> {
    let mut names: Vec<String> = peer.did.iter().map(|did| did.canonical().to_string()).collect();
    if let Some(host) = &peer.host {
        names.push(host.clone());
        let bare = host
            .rsplit_once(':')
            .filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
        let bare = bare.map_or(host.as_str(), |(bare, _port)| bare);
        names.push(bare.to_owned());
        let mut rest = bare;
        while let Some((_label, parent)) = rest.split_once('.') {
            names.push(format!("*.{parent}"));
            rest = parent;
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_named_in_several_ways_and_kept_in_one() {
        let key = "did:mjn:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
        for (text, kept) in [
            (" Node.Example ", "node.example"),
            ("node.example:8443", "node.example:8443"),
            ("node.example:443", "node.example"),
            ("*.Example.org", "*.example.org"),
            ("did:web:node.example", "node.example"),
            ("did:web:localhost%3A7000", "localhost:7000"),
            (key, key),
            ("did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK", key),
            ("192.0.2.7", "192.0.2.7"),
            ("[2001:db8::1]:7000", "[2001:db8::1]:7000"),
        ] {
            assert_eq!(name_parse(text).unwrap(), kept, "{text}");
        }
        for bad in [
            "",
            "*.",
            "*",
            "a b",
            "node.example/x",
            "https://node.example",
            "did:email:a_at_b",
            "a@b",
            "*.*.x y",
        ] {
            assert!(name_parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_node_is_looked_for_under_all_its_names() {
        let peer = PeerAsked {
            did: None,
            host: Some("a.node.example:8443".to_owned()),
        };
        let names = names_of(&peer);
        for name in ["a.node.example:8443", "a.node.example", "*.node.example", "*.example"] {
            assert!(names.iter().any(|known| known == name), "{name}: {names:?}");
        }
        assert!(!names.iter().any(|name| name == "*.a.node.example"), "{names:?}");
    }
}

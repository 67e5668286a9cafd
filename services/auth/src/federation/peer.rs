//! Who another node is.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use imajin_did::{Did, DidDocument, Method, PublicKey};
use imajin_kernel::{Code, Problem};
use imajin_proof::token::key_id;
use serde_json::Value;
use url::{Host, Url};

use crate::AuthError;
use crate::auth::Auth;

/// Another node, as its document says now.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    /// Its did:web.
    pub(crate) did: Did,
    /// Scheme, host and port.
    pub(crate) origin: String,
    keys: Vec<PublicKey>,
}

impl Peer {
    /// Its keys.
    pub(crate) fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    /// The key behind the `kid` of a token.
    pub(crate) fn key_of(&self, kid: &str) -> Option<PublicKey> {
        self.keys.iter().copied().find(|key| key_id(key) == kid)
    }
}

fn not_a_node() -> Problem {
    Problem::invalid("This is no address of a node.")
        .hint("Write it like ada@node.example, did:web:node.example or https://node.example.")
}

/// The did:web of the node that somebody names: `handle@host`, `did…@host`, a did:web, a URL, or a bare host.
pub(crate) fn home_parse(text: &str) -> Result<Did, Problem> {
    let text = text.trim();
    if text.starts_with("did:web:") {
        let did: Did = text.parse().map_err(|_error| not_a_node())?;
        // A did:web with a path is somebody on a host, and the host is the home.
        let authority = did.specific().split(':').next().unwrap_or_default().replace("%3A", ":");
        return Did::from_web_authority(&authority).map_err(|_error| not_a_node());
    }
    if text.starts_with("did:") && !text.contains('@') {
        return Err(Problem::invalid("The DID does not say where its home is.")
            .hint("Write the node after it: did:mjn:…@node.example."));
    }
    if text.starts_with("https://") || text.starts_with("http://") {
        let url: Url = text.parse().map_err(|_error| not_a_node())?;
        let host = url.host_str().ok_or_else(not_a_node)?;
        let authority = url
            .port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        return Did::from_web_authority(&authority).map_err(|_error| not_a_node());
    }
    let host = text.rsplit_once('@').map_or(text, |(_who, host)| host);
    Did::from_web_authority(&host.to_ascii_lowercase()).map_err(|_error| not_a_node())
}

/// Who a token says that it is from: to be believed only after its signature was checked with that issuer's key.
pub(crate) fn issuer_claimed(token: &str) -> Result<Did, Problem> {
    let unreadable = || Problem::invalid("The request of the other node cannot be read.");
    let payload = token.split('.').nth(1).ok_or_else(unreadable)?;
    let bytes = URL_SAFE_NO_PAD.decode(payload).or(Err(unreadable()))?;
    let claims: Value = serde_json::from_slice(&bytes).or(Err(unreadable()))?;
    let issuer = claims.get("iss").and_then(Value::as_str).ok_or_else(unreadable)?;
    let did: Did = issuer.parse().or(Err(unreadable()))?;
    if did.method() == Method::Web && !did.specific().contains(':') {
        return Ok(did);
    }
    Err(unreadable())
}

impl Auth {
    /// Fetches the document of a node.
    pub(crate) async fn peer_resolve(&self, did: &Did) -> Result<Peer, AuthError> {
        if *did == self.node_web_did() {
            return Err(Problem::invalid("This is your node already.")
                .hint("Sign in at /login.")
                .into());
        }
        let text = did.web_document_url().ok_or_else(not_a_node)?;
        let mut url: Url = text.parse().map_err(|_error| not_a_node())?;
        if self.options.local_peers && is_this_machine(&url) {
            // Nodes under development have no certificate.
            let _cannot_fail = url.set_scheme("http");
        }
        let bytes = self.peers.document(&url).await?;
        let document: DidDocument = serde_json::from_slice(&bytes)
            .map_err(|_error| Problem::new(Code::Unavailable, "The other node's document cannot be read."))?;
        if document.id != *did {
            return Err(Problem::new(Code::Unavailable, "The other node's document is about somebody else.").into());
        }
        Ok(Peer {
            did: did.clone(),
            origin: url.origin().ascii_serialization(),
            keys: document.assertion_keys(),
        })
    }
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_can_be_named_in_several_ways() {
        for text in [
            "ada@node.example",
            " Ada@Node.Example ",
            "node.example",
            "did:web:node.example",
            "did:web:node.example:people:ada",
            "https://node.example/me?x=1",
            "did:mjn:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK@node.example",
        ] {
            assert_eq!(home_parse(text).unwrap().as_str(), "did:web:node.example", "{text}");
        }
        assert_eq!(
            home_parse("ada@localhost:7000").unwrap().as_str(),
            "did:web:localhost%3A7000"
        );
        for bad in [
            "",
            "ada@",
            "a b",
            "did:mjn:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK",
            "did:web:",
            "https://",
            "ada@node.example/../",
        ] {
            assert!(home_parse(bad).is_err(), "{bad}");
        }
    }
}

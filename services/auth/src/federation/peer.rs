//! Who another node is.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use imajin_did::{Did, DidDocument, Method, PublicKey};
use imajin_kernel::{Code, Problem};
use imajin_proof::token::key_id;
use imajin_web::GuardError;
use serde_json::Value;
use url::Url;

use crate::AuthError;
use crate::auth::Auth;

/// The largest document that is read.
const DOCUMENT_BYTES_MAX: usize = 256 * 1024;

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
        let url = self.options.reach.url(text.parse().map_err(|_error| not_a_node())?);
        let origin = url.origin().ascii_serialization();
        let answer = self.peers.get(url, "application/json", DOCUMENT_BYTES_MAX).await;
        let answer = answer.map_err(|error| unreachable(&origin, error))?;
        if !answer.status.is_success() {
            let text = format!("{origin} has no such document: it answered {}.", answer.status.as_u16());
            return Err(Problem::new(Code::Unavailable, text).into());
        }
        let document: DidDocument = serde_json::from_slice(&answer.body)
            .map_err(|_error| Problem::new(Code::Unavailable, "The other node's document cannot be read."))?;
        if document.id != *did {
            return Err(Problem::new(Code::Unavailable, "The other node's document is about somebody else.").into());
        }
        let keys = document.assertion_keys();
        // Under another name, it is still who it is.
        for key in &keys {
            self.peer_rules.caller_check(&Did::from_key(key)).await?;
        }
        Ok(Peer {
            did: did.clone(),
            origin,
            keys,
        })
    }
}

/// What the person who named the node is told.
fn unreachable(origin: &str, error: GuardError) -> Problem {
    match error {
        GuardError::Refused => Problem::invalid(format!("Nothing is fetched from {origin}."))
            .hint("The address must be public and use https."),
        GuardError::Blocked => Problem::new(
            Code::Forbidden,
            format!("Nobody comes here from {origin}, or goes there."),
        )
        .hint("The operator of this node has said that it does not talk to that one: ask them."),
        GuardError::Away => {
            Problem::new(Code::Unavailable, format!("{origin} does not answer.")).retry_after_seconds(5)
        }
        GuardError::TooLarge => Problem::new(Code::Unavailable, format!("{origin} sent too large a document.")),
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

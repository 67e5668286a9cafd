//! DIDs, Multikeys, mailboxes and the hosts of a did:web.

use imajin_did::{Did, Method, SecretKey, VerifyingKey};
use url::Url;

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let key = SecretKey::from_seed([1; 32]).public();
    let mut texts: Vec<String> = key.did().also_known_as().iter().map(ToString::to_string).collect();
    texts.extend([
        key.did().to_string(),
        Did::short_alias(&key).to_string(),
        key.multikey(),
        crate::P256_DID.to_owned(),
        "did:web:example.org%3A8443:users:ada".to_owned(),
        "example.org:8443".to_owned(),
        "did:email:j%C3%BCrgen+x_at_mail.example.org".to_owned(),
        "Jürgen@Example.org".to_owned(),
    ]);
    texts.into_iter().map(String::into_bytes).collect()
}

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(did) = text.parse::<Did>() {
        check(&did, text);
    }
    if let Ok(soft) = Did::from_mailbox(text) {
        check(&soft, soft.as_str());
        let again = soft.mailbox().map(|mailbox| Did::from_mailbox(&mailbox));
        assert_eq!(again, Some(Ok(soft)), "one mailbox has one DID");
    }
    if let Ok(web) = Did::from_web_authority(text) {
        check(&web, web.as_str());
    }
    if let Ok(key) = VerifyingKey::from_multikey(text) {
        assert_eq!(key.multikey(), text, "one key has one Multikey");
    }
}

fn check(did: &Did, text: &str) {
    assert_eq!(did.as_str(), text);
    assert_eq!(text.parse().as_ref(), Ok(did));
    let canonical = did.canonical();
    assert_eq!(canonical.canonical(), canonical);
    assert!(canonical.is_equivalent(did));
    for other in did.also_known_as() {
        assert_eq!(other.as_str().parse().as_ref(), Ok(&other));
        assert!(other.is_equivalent(did) && other != *did);
    }
    if let Some(key) = did.public_key() {
        assert_eq!(canonical, Did::from_key(&key));
    }
    let is_key = matches!(did.method(), Method::Mjn | Method::Key | Method::Imajin);
    assert_eq!(did.verifying_key().is_some(), is_key);
    if let Some(url) = did.web_document_url() {
        assert_url(did, &url);
    }
    let json = serde_json::to_string(did).unwrap_or_default();
    assert_eq!(serde_json::from_str::<Did>(&json).ok().as_ref(), Some(did));
}

/// The document of a did:web is at its host and nowhere else.
fn assert_url(did: &Did, text: &str) {
    let Ok(url) = Url::parse(text) else {
        unreachable!("{text} is no URL");
    };
    let authority = did.specific().split(':').next().unwrap_or_default().replace("%3A", ":");
    let host = authority.split(':').next();
    assert_eq!((url.scheme(), url.host_str()), ("https", host), "{text}");
    assert!(url.path().ends_with("/did.json"), "{text}");
    let is_plain = url.username().is_empty() && url.query().is_none() && url.fragment().is_none();
    assert!(is_plain, "{text}");
}

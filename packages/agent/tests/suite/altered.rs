//! A page that somebody has changed on its way.

use axum::Router;
use axum::routing::get;
use imajin_agent::{Agent, AgentHome, FetchWish, PAGE_BYTES_MAX};
use imajin_did::{Did, DidDocument, SecretKey};
use imajin_imagxp::policy::ContentOrigin;
use imajin_imagxp::{PROVENANCE, Provenance, Purpose};
use imajin_kernel::{Env, Problem, Timestamp};
use imajin_proof::digest::content_digest;
use imajin_proof::jose::SigningKey;

/// What an agent says of a page that was signed as `signed` and comes as `sent`.
async fn fetched(signed: &[u8], sent: &'static str) -> Result<imajin_agent::Fetched, Problem> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    let key = SecretKey::from_seed([7; 32]);
    let provenance = Provenance {
        origin: ContentOrigin::Human,
        url: format!("{origin}/page"),
        content_digest: Some(content_digest(signed)),
        at: Timestamp::from_seconds(Env::system().now().as_seconds()),
    };
    let said = provenance
        .sign(&SigningKey::from_ed25519(key.clone()), &origin)
        .unwrap();
    let keys = DidDocument::for_key(Did::from_key(&key.public()), &key.public(), Vec::new());
    // The digest in the headers is as wrong as the page: it is the signed one that counts.
    let headers = [
        (PROVENANCE.as_str().to_owned(), said),
        ("content-digest".to_owned(), content_digest(sent.as_bytes())),
    ];
    let routes = Router::new()
        .route(
            "/page",
            get(async move || (axum::response::AppendHeaders(headers), sent)),
        )
        .route("/.well-known/did.json", get(async move || axum::Json(keys)));
    // Served until the set is dropped.
    let mut served = tokio::task::JoinSet::new();
    served.spawn(async move { axum::serve(listener, routes).await.unwrap() });
    let folder = tempfile::tempdir().unwrap();
    let home = AgentHome::create(folder.path(), "bot.example.org", None).unwrap();
    let agent = Agent::new(home, None, Env::system()).unwrap();
    let wish = FetchWish {
        url: format!("{origin}/page").parse().unwrap(),
        purpose: Purpose::Summary,
        max: None,
        out: folder.path().join("out"),
        run: None,
        bytes_max: PAGE_BYTES_MAX,
    };
    agent.fetch(&wish).await
}

#[tokio::test]
async fn a_page_that_was_changed_on_its_way_is_noticed() {
    let whole = fetched(b"as it was written", "as it was written").await.unwrap();
    assert_eq!((whole.origin.as_deref(), whole.origin_unchecked), (Some("HUMAN"), None));
    let changed = fetched(b"as it was written", "as it was rewritten").await.unwrap_err();
    assert!(changed.detail.contains("is about another answer"), "{changed:?}");
}

//! The keys of agents: remembered, refreshed, bounded.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use imajin_gate::{AgentDirectory, Busy, Documents, GuardedDocuments};
use imajin_imagxp::{AgentId, AgentKey, Claim, ClaimHeaders, Names, Purpose};
use imajin_kernel::{Env, ManualClock, Span};

use crate::{NOW, ORIGIN, TestDocuments, World, agent, manifest_of};

fn asked(documents: &TestDocuments) -> usize {
    documents.asked.load(Ordering::SeqCst)
}

#[tokio::test]
async fn a_domain_is_asked_once_an_hour_and_at_once_when_its_key_has_changed() {
    let mut world = World::new();
    for _visit in 0..5 {
        assert_eq!(world.send("/about", world.claim("/about")).await.status, 200);
    }
    assert_eq!(asked(&world.documents), 1);
    world.clock.advance(Span::minutes(2));
    // A new key, which the domain publishes.
    world.key = AgentKey::generate().unwrap();
    let manifest = manifest_of(&agent(), &[&world.key]);
    world
        .documents
        .known
        .lock()
        .unwrap()
        .insert(agent().manifest_url(), manifest);
    assert_eq!(world.send("/about", world.claim("/about")).await.status, 200);
    assert_eq!(asked(&world.documents), 2);
    world.clock.advance(Span::minutes(61));
    assert_eq!(world.send("/about", world.claim("/about")).await.status, 200);
    assert_eq!(asked(&world.documents), 3);
}

#[tokio::test]
async fn a_domain_without_a_manifest_is_left_alone_for_a_minute() {
    let world = World::new();
    world.documents.known.lock().unwrap().clear();
    for _visit in 0..5 {
        let answer = world.send("/about", world.claim("/about")).await;
        assert_eq!(answer.error(), "IDENTITY_FAIL");
    }
    assert_eq!(asked(&world.documents), 1);
    world.clock.advance(Span::seconds(61));
    let manifest = manifest_of(&agent(), &[&world.key]);
    world
        .documents
        .known
        .lock()
        .unwrap()
        .insert(agent().manifest_url(), manifest);
    assert_eq!(world.send("/about", world.claim("/about")).await.status, 200);
}

#[tokio::test]
async fn many_requests_of_one_agent_ask_its_domain_once() {
    let world = World::new();
    let many = (0..32).map(|_| world.send("/about", world.claim("/about")));
    let answers = futures::future::join_all(many).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(asked(&world.documents), 1);
}

#[tokio::test]
async fn ten_thousand_domains_at_once_are_asked_a_few_at_a_time() {
    let documents = Arc::new(TestDocuments::default());
    let env = Env::fixed(ManualClock::at(NOW), 1);
    let directory = AgentDirectory::new(documents.clone(), env);
    let names: Vec<AgentId> = (0..10_000)
        .map(|n| format!("a{n}.example.org").parse().unwrap())
        .collect();
    let many = names.iter().map(|name| directory.manifest(name, false));
    let found = futures::future::join_all(many).await;
    assert!(found.iter().all(|one| matches!(one, Ok(None) | Err(Busy))));
    assert!(
        found.iter().any(Result::is_err),
        "nobody who was not asked is said to be nobody"
    );
    let most = documents.open_most.load(Ordering::SeqCst);
    assert!((1..=32).contains(&most), "{most} at once");
}

#[tokio::test]
async fn an_agent_that_nobody_has_time_to_look_for_comes_again() {
    let world = World::new();
    assert_eq!(world.send("/about", world.claim("/about")).await.status, 200);
    let held = world.documents.held.lock().await;
    let claim_of = |name: &str| {
        let url = format!("{ORIGIN}/about");
        let claim = Claim::new(&name.parse().unwrap(), NOW, "n", &url, Purpose::Summary, false).unwrap();
        ClaimHeaders::sign(&world.key, &claim).unwrap()
    };
    let others: Vec<_> = (0..32).map(|n| claim_of(&format!("a{n}.example.org"))).collect();
    let others = others.into_iter().map(|headers| world.send("/about", headers));
    let crowd = futures::future::join_all(others);
    let next = async {
        while world.documents.open.load(Ordering::SeqCst) < 32 {
            tokio::task::yield_now().await;
        }
        let busy = world.send("/about", claim_of("new.example.org")).await;
        assert_eq!((busy.status, busy.header("retry-after")), (503, "5"));
        assert!(busy.text.contains("\"hint\":\"Ask again in 5 seconds"), "{}", busy.text);
        // Who is known here is not kept out.
        assert_eq!(world.send("/about", world.claim("/about")).await.status, 200);
        drop(held);
    };
    let (crowd, ()) = futures::future::join(crowd, next).await;
    assert!(
        crowd
            .iter()
            .all(|answer| answer.error() == "IDENTITY_FAIL" && answer.status == 403)
    );
    let known = manifest_of(&"new.example.org".parse().unwrap(), &[&world.key]);
    let url = "https://new.example.org/.well-known/imagxp-agent.json".to_owned();
    world.documents.known.lock().unwrap().insert(url, known);
    assert_eq!(world.send("/about", claim_of("new.example.org")).await.status, 200);
}

#[tokio::test]
async fn documents_are_fetched_from_public_addresses_only() {
    let documents = GuardedDocuments::new(Names::Public).unwrap();
    for url in [
        "https://127.0.0.1/.well-known/imagxp-agent.json",
        "http://localhost/.well-known/imagxp-agent.json",
        "https://[::1]/",
        "https://169.254.169.254/latest",
        "https://localhost/",
        "no address",
    ] {
        assert_eq!(documents.document(url).await, None, "{url}");
    }
}

/// A domain that does what it should not, with a manifest that would be valid.
fn hostile() -> axum::Router {
    let moved = || async { axum::response::Redirect::temporary("/good") };
    let endless = || async {
        let zeros = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 8_192]));
        axum::body::Body::from_stream(zeros)
    };
    let slow = || async { std::future::pending::<()>().await };
    axum::Router::new()
        .route("/good", axum::routing::get(|| async { "{}" }))
        .route("/moved", axum::routing::get(moved))
        .route("/endless", axum::routing::get(endless))
        .route("/slow", axum::routing::get(slow))
        .route("/gone", axum::routing::get(|| async { http::StatusCode::GONE }))
}

#[tokio::test]
async fn a_redirect_a_slow_and_an_endless_body_are_no_documents() {
    let served = crate::proxy::Served::start(hostile()).await;
    let documents = GuardedDocuments::new(Names::Development).unwrap();
    let asked = ["/moved", "/endless", "/slow", "/gone"].map(|path| served.url(path).to_string());
    let answers = futures::future::join_all(asked.iter().map(|url| documents.document(url))).await;
    assert!(answers.iter().all(Option::is_none), "{answers:?}");
    let good = documents.document(served.url("/good").as_str()).await;
    assert_eq!(good.as_deref(), Some(b"{}".as_slice()));
}

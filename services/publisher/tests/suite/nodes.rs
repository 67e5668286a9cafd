//! Works of other nodes: found by what a manifest says, by peers and by a registry; believed only as far as they prove
//! themselves.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use imajin_fair::{Manifest, ManifestRecord};
use imajin_kernel::Span;
use imajin_publisher_api::{AddressFetch, PublisherApi};
use imajin_testkit::{Backend, on_both};
use imajin_web::{Reach, Tier};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use url::Url;

use crate::world::{FAIR, World, acceptance, did, now, signed};

on_both!(
    a_source_of_another_node_is_fetched_and_kept,
    the_place_of_a_source_is_found_in_several_ways,
    many_callers_cause_one_question,
    what_another_node_says_is_hashed_again,
    nothing_is_fetched_under_a_name_that_pins_nothing,
    the_network_of_the_node_is_out_of_reach,
    what_others_sign_at_home_arrives,
    a_line_of_works_is_fetched_level_by_level,
    an_address_is_read_once_and_not_kept,
);

/// A server on this machine that answers what it was told, and counts.
struct Server {
    base: Url,
    answers: Arc<Answers>,
    _task: JoinSet<()>,
}

/// Status, `Link` and body.
type Said = (StatusCode, &'static str, Vec<u8>);

#[derive(Default)]
struct Answers {
    by_path: Mutex<BTreeMap<String, Said>>,
    asked: AtomicUsize,
}

async fn answer(State(answers): State<Arc<Answers>>, uri: Uri) -> Response {
    answers.asked.fetch_add(1, Ordering::SeqCst);
    let found = answers.by_path.lock().unwrap().get(uri.path()).cloned();
    match found {
        Some((status, link, body)) => (status, [(header::LINK, link)], body).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

impl Server {
    async fn start() -> Self {
        let answers = Arc::new(Answers::default());
        let router = Router::new().fallback(answer).with_state(answers.clone());
        Self::serve(router, answers).await
    }

    /// Another node with its library.
    async fn of(world: &World) -> Self {
        Self::serve(world.router.clone(), Arc::default()).await
    }

    async fn serve(router: Router, answers: Arc<Answers>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut task = JoinSet::new();
        task.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            base: format!("http://localhost:{port}").parse().unwrap(),
            answers,
            _task: task,
        }
    }

    fn says(&self, path: &str, body: impl Into<Vec<u8>>) {
        let answer = (StatusCode::OK, "</>; rel=\"self\"", body.into());
        self.answers.by_path.lock().unwrap().insert(path.to_owned(), answer);
    }

    fn has(&self, manifest: &Manifest) {
        self.says(&format!("/fair/{}", manifest.id), manifest.canonical_bytes().unwrap());
    }

    fn asked(&self) -> usize {
        self.answers.asked.load(Ordering::SeqCst)
    }

    fn url(&self, path: &str) -> String {
        self.base.join(path).unwrap().to_string()
    }
}

/// A work with a source, which says where it is at home itself.
fn remix(source: &Manifest, more: &Value) -> Manifest {
    let mut all = json!({
        "contributors": [
            {"did": did("ben"), "role": "author", "share": 0.75},
            {"fair": source.id, "role": "source", "share": 0.25},
        ],
        "derives_from": [source.id],
    });
    for (name, value) in more.as_object().unwrap() {
        all[name] = value.clone();
    }
    signed("ben", "Remix", &all)
}

async fn a_source_of_another_node_is_fetched_and_kept(backend: Backend) {
    let (home, world) = (World::new(backend).await, World::new(backend).await);
    let split = json!({"contributors": [
        {"did": did("ada"), "role": "artist", "share": 0.5}, {"did": did("cleo"), "role": "engineer", "share": 0.5},
    ]});
    let source = signed("ada", "Strings", &split);
    let record = json!({"manifest": source, "acceptances": [acceptance("cleo", &source.id)]});
    home.publish(&record).await.expect(StatusCode::CREATED);
    let server = Server::of(&home).await;
    let work = remix(&source, &json!({"canonical": server.url("/works/remix")}));
    world.published(work.clone()).await;
    let chain = world.chain(&work.id).await;
    let found = &chain["sources"][0];
    assert_eq!(found["record"], record, "with what others have signed about it");
    assert_eq!(found["outstanding"], json!([]));
    let url = server.url(&format!("{FAIR}/{}/record", source.id));
    assert_eq!(found["kept"], json!({"place": "elsewhere", "url": url}));
    // The other node may go: there is a copy.
    drop(server);
    let read = world.get(&format!("{FAIR}/{}", source.id)).await;
    assert_eq!(read.expect(StatusCode::OK).json(), source.to_value());
    assert_eq!(world.audit().await, []);
    // Once somebody publishes it here, it is no copy any more.
    world.publish(&source).await.expect(StatusCode::CREATED);
    assert_eq!(
        world.chain(&source.id).await["work"]["kept"],
        json!({"place": "library"})
    );
    assert_eq!(world.audit().await, []);
}

async fn the_place_of_a_source_is_found_in_several_ways(backend: Backend) {
    let server = Server::start().await;
    let peers = vec![server.base.clone()];
    let world = World::with(backend, |config| config.peers = peers).await;
    let by_peer = signed("ada", "Known to a peer", &json!({}));
    server.has(&by_peer);
    world.published(remix(&by_peer, &json!({}))).await;

    let far = Server::start().await;
    let by_entry = signed("ada", "The entry says where", &json!({}));
    far.says("/anywhere.json", by_entry.canonical_bytes().unwrap());
    let entry = json!({"contributors": [
        {"did": did("ben"), "role": "author", "share": 0.5},
        {"fair": by_entry.id, "role": "source", "share": 0.5, "url": far.url("/anywhere.json")},
    ]});
    world.published(remix(&by_entry, &entry)).await;

    // The registry knows where the author, a node, is reached.
    let registry = server.url("/registry").parse().unwrap();
    let world = World::with(backend, |config| config.registry = Some(registry)).await;
    let by_registry = signed("ada", "At the author's node", &json!({}));
    far.has(&by_registry);
    let node = json!({
        "nodeId": did("ben"), "hostname": "ben", "subdomain": far.base.authority(), "services": [],
        "capabilities": [], "version": "1", "buildHash": "", "status": "active", "registeredAt": now(),
        "lastHeartbeatAt": null, "expiresAt": now(), "revokedReason": null,
    });
    let path = format!("/registry/api/node/lookup/{}", did("ben"));
    server.says(&path, serde_json::to_vec(&node).unwrap());
    world.published(remix(&by_registry, &json!({}))).await;
}

async fn many_callers_cause_one_question(backend: Backend) {
    let server = Server::start().await;
    let world = World::new(backend).await;
    let source = signed("ada", "Strings", &json!({}));
    let work = remix(&source, &json!({"canonical": server.url("/")}));
    let holder = world.person("holder", Tier::Key);
    let requests: Vec<_> = (0..8).map(|_| world.sign(&holder, FAIR, &work)).collect();
    let answers = futures::future::join_all(requests.iter().map(|request| world.send_signed(request))).await;
    for answer in answers {
        assert_eq!(
            answer.expect(StatusCode::BAD_REQUEST).json()["missing"],
            json!([source.id])
        );
    }
    assert_eq!(server.asked(), 2, "one address for the record, one for the manifest");
}

async fn what_another_node_says_is_hashed_again(backend: Backend) {
    let world = World::new(backend).await;
    let source = signed("ada", "Strings", &json!({}));
    let other = signed("ada", "Something else", &json!({}));
    let changed = |pointer: &str, value: Value| {
        let mut manifest = source.to_value();
        *manifest.pointer_mut(pointer).unwrap() = value;
        serde_json::to_vec(&manifest).unwrap()
    };
    let mut unsigned = source.clone();
    unsigned.signature = None;
    let mut cases = vec![
        other.canonical_bytes().unwrap(),
        changed("/title", json!("Stolen")),
        changed("/signature/created", json!("2020-01-01T00:00:00Z")),
        unsigned.canonical_bytes().unwrap(),
        b"<html>".to_vec(),
        vec![b' '; 2 * 1024 * 1024],
    ];
    // Under its own name it would be believed: the last case is in order.
    cases.push(source.canonical_bytes().unwrap());
    let last = cases.len() - 1;
    for (number, body) in cases.into_iter().enumerate() {
        let server = Server::start().await;
        server.says(&format!("/fair/{}", source.id), body);
        let work = remix(
            &source,
            &json!({"canonical": server.url("/"), "title": format!("Case {number}")}),
        );
        let answer = world.publish(&work).await;
        if number == last {
            answer.expect(StatusCode::CREATED);
        } else {
            let problem = answer.expect(StatusCode::BAD_REQUEST).json();
            assert_eq!(problem["missing"], json!([source.id]), "case {number}");
        }
    }
}

async fn nothing_is_fetched_under_a_name_that_pins_nothing(backend: Backend) {
    let server = Server::start().await;
    let world = World::new(backend).await;
    let mut named = signed("ada", "Strings", &json!({})).to_value();
    named["id"] = json!("fair_example01");
    server.says("/fair/fair_example01", serde_json::to_vec(&named).unwrap());
    let named = Manifest::from_value(named).unwrap();
    let work = remix(&named, &json!({"canonical": server.url("/")}));
    let answer = world.publish(&work).await;
    assert_eq!(
        answer.expect(StatusCode::BAD_REQUEST).json()["missing"],
        json!(["fair_example01"])
    );
    assert_eq!(server.asked(), 0);
}

async fn the_network_of_the_node_is_out_of_reach(backend: Backend) {
    let server = Server::start().await;
    let world = World::with(backend, |config| config.reach = Reach::Public).await;
    let source = signed("ada", "Strings", &json!({}));
    server.has(&source);
    let https = server.url("/").replacen("http:", "https:", 1);
    for canonical in [
        server.url("/"),
        https,
        "https://169.254.169.254/".to_owned(),
        "http://[::1]/".to_owned(),
    ] {
        let work = remix(&source, &json!({"canonical": canonical}));
        let answer = world.publish(&work).await;
        answer.expect(StatusCode::BAD_REQUEST);
        let url = format!("{canonical}fair/{}", source.id);
        let shown = world.publisher.address_fetch(AddressFetch { url }).await.unwrap_err();
        assert!(shown.detail.contains("Nothing is fetched from"), "{}", shown.detail);
    }
    assert_eq!(server.asked(), 0);
}

async fn what_others_sign_at_home_arrives(backend: Backend) {
    let (home, world) = (World::new(backend).await, World::new(backend).await);
    let split = json!({"contributors": [
        {"did": did("ada"), "role": "artist", "share": 0.5}, {"did": did("cleo"), "role": "engineer", "share": 0.5},
    ]});
    let source = home.published(signed("ada", "Strings", &split)).await;
    let server = Server::of(&home).await;
    let work = world
        .published(remix(&source, &json!({"canonical": server.url("/")})))
        .await;
    let outstanding = async || world.chain(&work.id).await["sources"][0]["outstanding"].clone();
    assert_eq!(outstanding().await, json!([did("cleo")]));
    let cleo = home.person("cleo", Tier::Key);
    let path = format!("{FAIR}/{}/accept", source.id);
    home.post(&cleo, &path, &acceptance("cleo", &source.id))
        .await
        .expect(StatusCode::OK);
    world.publisher.copies_refresh().await.unwrap();
    assert_eq!(
        outstanding().await,
        json!([did("cleo")]),
        "its home was asked a moment ago"
    );
    world.clock.advance(Span::hours(2));
    world.publisher.copies_refresh().await.unwrap();
    assert_eq!(outstanding().await, json!([]));
    // A home that is away is asked again later, and what is here stays.
    drop(server);
    world.clock.advance(Span::hours(2));
    world.publisher.copies_refresh().await.unwrap();
    assert_eq!(outstanding().await, json!([]));
    assert_eq!(world.audit().await, []);
}

async fn a_line_of_works_is_fetched_level_by_level(backend: Backend) {
    let server = Server::start().await;
    let world = World::new(backend).await;
    let mut last = signed("ada", "The first", &json!({}));
    server.has(&last);
    for number in 2..=5 {
        let more = json!({"title": format!("Work {number}"), "canonical": server.url("/")});
        last = remix(&last, &more);
        server.has(&last);
    }
    let work = world
        .published(remix(&last, &json!({"canonical": server.url("/")})))
        .await;
    let chain = world.chain(&work.id).await;
    let titles: Vec<_> = chain["sources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["record"]["manifest"]["title"])
        .collect();
    assert_eq!(titles, ["Work 5", "Work 4", "Work 3", "Work 2", "The first"]);
}

async fn an_address_is_read_once_and_not_kept(backend: Backend) {
    let server = Server::start().await;
    let world = World::new(backend).await;
    let manifest = signed("ada", "Strings", &json!({}));
    server.has(&manifest);
    let fetch = async |path: &str| {
        world
            .publisher
            .address_fetch(AddressFetch { url: server.url(path) })
            .await
    };
    let direct = fetch(&format!("/fair/{}", manifest.id)).await.unwrap();
    assert_eq!(direct, ManifestRecord::new(manifest.clone()));
    // A page that says where its manifest is.
    let link: &'static str = Box::leak(format!("</fair/{}>; rel=\"fair\"", manifest.id).into_boxed_str());
    let page = (StatusCode::OK, link, b"<p>the work".to_vec());
    server.answers.by_path.lock().unwrap().insert("/work".to_owned(), page);
    assert_eq!(fetch("/work").await.unwrap(), direct);
    assert!(fetch("/nothing").await.is_err());
    server.says("/no-manifest", b"{}".to_vec());
    assert!(fetch("/no-manifest").await.unwrap_err().detail.contains("no manifest"));
    let nonsense = AddressFetch {
        url: "no address".to_owned(),
    };
    assert!(
        world
            .publisher
            .address_fetch(nonsense)
            .await
            .unwrap_err()
            .detail
            .contains("is no address")
    );
    world
        .get(&format!("{FAIR}/{}", manifest.id))
        .await
        .expect(StatusCode::NOT_FOUND);
}

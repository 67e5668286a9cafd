//! Copies of another registry's directory: followed, served, and put to what others were told.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{Request, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use imajin_kernel::Span;
use imajin_registry::{Followed, MirrorSource, Mirrors};
use imajin_registry_api::directory::{DirectoryCopy, DirectoryPage};
use imajin_registry_api::{DirectorySource, MirrorList, MirrorLookup, MirrorView, RegistryApi};
use imajin_testkit::Backend;
use imajin_web::{HttpClient, Listener, PublicBase, TlsMode, serve};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::world::{Node, World};

macro_rules! on_both {
    ($($scenario:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $scenario() {
                super::$scenario(super::Pair::new(imajin_testkit::Backend::Sqlite).await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test] async fn $scenario() {
                super::$scenario(super::Pair::new(imajin_testkit::Backend::Postgres).await).await;
            })*
        }
    };
}

on_both![
    a_copy_follows_by_changes_and_a_client_verifies_it,
    a_registry_that_tells_another_story_is_kept_as_a_proof,
    a_copy_that_is_far_behind_catches_up_in_steps,
    a_copy_that_nobody_renews_is_called_stale,
    what_others_were_told_is_compared,
    a_source_that_changes_hides_or_withholds_is_not_believed,
    a_source_that_is_away_leaves_the_copy_as_it_was,
    a_source_that_never_ends_is_given_up_at_once,
    a_source_that_hangs_holds_no_other_up,
    every_column_of_a_copy_is_covered,
];

/// A registry, and a node that keeps a copy of its directory.
pub(crate) struct Pair {
    pub(crate) registry: World,
    pub(crate) mirror: World,
    pub(crate) source: Source,
}

/// What the address of the registry answers: itself, another world, or somebody in between.
#[derive(Clone)]
struct Answers(Arc<Mutex<(Router, Spoil)>>);

type Spoil = Option<Arc<dyn Fn(&str, Value) -> Value + Send + Sync>>;

pub(crate) struct Source {
    pub(crate) url: Url,
    answers: Answers,
    stop: CancellationToken,
}

async fn passed_on(State(answers): State<Answers>, uri: Uri, request: Request<axum::body::Body>) -> Response {
    let (router, spoil) = answers.0.lock().unwrap().clone();
    let answer = crate::world::answer(router, request).await;
    let json = spoil.map_or(answer.json.clone(), |spoil| spoil(uri.path(), answer.json));
    (answer.status, axum::Json(json)).into_response()
}

impl Source {
    pub(crate) async fn start(world: &World) -> Self {
        let answers = Answers(Arc::new(Mutex::new((world.router.clone(), None))));
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url: Url = format!("http://{}/", socket.local_addr().unwrap()).parse().unwrap();
        let router = Router::new().fallback(passed_on).with_state(answers.clone());
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let listener = Listener {
            socket,
            router,
            public: PublicBase(url.clone()),
            tls: TlsMode::Off,
            connections_max: 8,
        };
        tasks.spawn(serve(listener, stop.clone()));
        Self { url, answers, stop }
    }

    pub(crate) fn be(&self, world: &World) {
        self.answers.0.lock().unwrap().0 = world.router.clone();
    }

    pub(crate) fn spoil(&self, spoil: impl Fn(&str, Value) -> Value + Send + Sync + 'static) {
        self.answers.0.lock().unwrap().1 = Some(Arc::new(spoil));
    }

    pub(crate) fn spoil_no_more(&self) {
        self.answers.0.lock().unwrap().1 = None;
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn http() -> HttpClient {
    HttpClient::new(Duration::from_secs(5), None).unwrap()
}

impl Pair {
    pub(crate) async fn new(backend: Backend) -> Self {
        Self::between(World::new(backend).await, World::with_seed(backend, None, 8).await).await
    }

    pub(crate) async fn between(registry: World, mirror: World) -> Self {
        let source = Source::start(&registry).await;
        Self {
            registry,
            mirror,
            source,
        }
    }

    fn wanted(&self, compare: Vec<Url>) -> MirrorSource {
        MirrorSource {
            registry: self.registry.keyring.node_did().clone(),
            url: self.source.url.clone(),
            compare,
        }
    }

    pub(crate) async fn follow(&self, compare: Vec<Url>) -> Result<Followed, imajin_kernel::Problem> {
        let mirrors = Mirrors::new(self.mirror.registry.clone(), vec![self.wanted(compare)], &http()).unwrap();
        let mut all = mirrors.follow_all().await;
        all.pop().unwrap()
    }

    pub(crate) async fn registered(&self, name: &str) -> Node {
        registered(&self.registry, name).await
    }

    pub(crate) async fn view(&self) -> MirrorView {
        let mut all = self.mirror.registry.mirror_list(MirrorList {}).await.unwrap();
        all.pop().unwrap()
    }

    /// The path of the copy at the mirror.
    fn of(&self, query: &str) -> String {
        let registry = self.registry.keyring.node_did();
        format!("/api/directory?of={registry}{query}")
    }

    pub(crate) async fn audited(&self) {
        let findings = crate::audits::findings(&self.mirror).await;
        assert_eq!(findings, [], "{findings:?}");
    }
}

async fn registered(world: &World, name: &str) -> Node {
    let node = world.node();
    world.register(&node, name).await.expect(201);
    world.registry.directory_sign().await.unwrap();
    node
}

async fn a_copy_follows_by_changes_and_a_client_verifies_it(pair: Pair) {
    pair.mirror.get(&pair.of("")).await.expect(404);
    let alice = pair.registered("alice").await;
    let first = pair.registry.registry.directory_sign().await.unwrap();
    assert_eq!(first, 0);
    assert_eq!(pair.follow(vec![]).await, Ok(Followed::Updated(1)));
    assert_eq!(pair.follow(vec![]).await, Ok(Followed::Same));
    let bob = pair.registered("bob").await;
    pair.registered("carol").await;
    pair.registry.register(&alice, "alice-b").await.expect(200);
    pair.registry.registry.directory_sign().await.unwrap();
    assert_eq!(pair.follow(vec![]).await, Ok(Followed::Updated(4)));
    pair.audited().await;
    // A client that has the mirror's address and the registry's key, and nothing else.
    let serving = Source::start(&pair.mirror).await;
    let client = DirectorySource::new(http(), serving.url.clone(), pair.registry.keyring.node_did()).unwrap();
    let mut copy = DirectoryCopy::new(*client.key());
    copy.update(client.changes(0).await.unwrap()).unwrap();
    assert_eq!(copy.head().unwrap().payload.nodes, 3);
    assert_eq!(copy.entry(&alice.did()).unwrap()["hostname"], "alice-b");
    assert_eq!(client.head_of(3).await.unwrap().unwrap().payload.seq, 3);
    assert_eq!(client.head_of(99).await.unwrap(), None);
    // Another mirror can follow this one.
    let second = Pair {
        mirror: World::with_seed(Backend::Sqlite, None, 9).await,
        source: serving,
        registry: pair.registry,
    };
    assert_eq!(second.follow(vec![]).await, Ok(Followed::Updated(4)));
    let asked = MirrorLookup { node: bob.did() };
    let said = second.mirror.registry.mirror_lookup(asked).await.unwrap();
    assert_eq!(said[0].subdomain(), Some("bob.nodes.example"));
    // Pages, and an answer that is known already.
    let page = pair
        .mirror
        .get(&format!(
            "/api/directory?of={}&limit=2",
            second.registry.keyring.node_did()
        ))
        .await;
    let tag = page.headers[header::ETAG].clone();
    let page: DirectoryPage = serde_json::from_value(page.expect(200).json).unwrap();
    assert_eq!((page.entries.len(), page.cursor.is_some()), (2, true));
    let again = Request::get(format!(
        "/api/directory?of={}&limit=2",
        second.registry.keyring.node_did()
    ));
    let again = again.header(header::IF_NONE_MATCH, tag).body(axum::body::Body::empty());
    assert_eq!(pair.mirror.send(again.unwrap()).await.status, StatusCode::NOT_MODIFIED);
}

async fn a_copy_that_is_far_behind_catches_up_in_steps(pair: Pair) {
    pair.registered("alice").await;
    assert_eq!(pair.follow(vec![]).await, Ok(Followed::Updated(1)));
    for number in 0..7 {
        pair.registered(&format!("node-{number}")).await;
    }
    let mirrors = Mirrors::new(pair.mirror.registry.clone(), vec![pair.wanted(vec![])], &http()).unwrap();
    let mirrors = mirrors.with_heads_max(3);
    for reached in [
        Followed::Behind(4),
        Followed::Behind(7),
        Followed::Updated(8),
        Followed::Same,
    ] {
        assert_eq!(mirrors.follow_all().await, [Ok(reached)]);
        pair.audited().await;
    }
}

async fn a_copy_that_nobody_renews_is_called_stale(pair: Pair) {
    pair.registry.registry.directory_sign().await.unwrap();
    assert_eq!(pair.follow(vec![]).await, Ok(Followed::Updated(1)));
    for hours in [47, 2] {
        assert_eq!(pair.view().await.problem, None);
        pair.registry.pass(Span::hours(hours));
        pair.mirror.pass(Span::hours(hours));
        // The source answers, and shows what it showed before.
        assert_eq!(pair.follow(vec![]).await, Ok(Followed::Same));
    }
    assert!(pair.view().await.problem.unwrap().contains("stale"));
    // A registry that has nothing new to say says that.
    assert_eq!(pair.registry.registry.directory_sign().await.unwrap(), 0);
    assert_eq!(pair.follow(vec![]).await, Ok(Followed::Updated(2)));
    assert_eq!(pair.view().await.problem, None);
}

async fn a_registry_that_tells_another_story_is_kept_as_a_proof(pair: Pair) {
    let alice = pair.registered("alice").await;
    pair.follow(vec![]).await.unwrap();
    // The same randomness: the same key of the registry, and another story.
    let lying = World::new(Backend::Sqlite).await;
    registered(&lying, "mallory").await;
    pair.source.be(&lying);
    assert_eq!(pair.follow(vec![]).await, Ok(Followed::Lies));
    // Going on from the other story does not hide it.
    registered(&lying, "eve").await;
    assert_eq!(pair.follow(vec![]).await, Ok(Followed::Lies));
    let view = pair.view().await;
    assert_eq!(
        (view.seq, view.nodes, view.lies.len()),
        (1, 1, 1),
        "what was seen first stays"
    );
    assert!(view.problem.unwrap().contains("it lies"));
    let said = MirrorLookup { node: alice.did() };
    assert_eq!(pair.mirror.registry.mirror_lookup(said).await.unwrap().len(), 1);
    let shown = pair.mirror.get("/api/mirrors").await.expect(200).json;
    let seen = &shown[0]["lies"][0]["proof"];
    assert_eq!(seen["one"]["payload"]["seq"], 1, "{shown:#}");
    assert_ne!(seen["one"]["payload"]["root"], seen["other"]["payload"]["root"]);
    pair.audited().await;
}

async fn what_others_were_told_is_compared(pair: Pair) {
    pair.registered("alice").await;
    let honest = Source::start(&pair.registry).await;
    let lying = World::new(Backend::Sqlite).await;
    registered(&lying, "mallory").await;
    let lies = Source::start(&lying).await;
    let gone: Url = "http://127.0.0.1:9/".parse().unwrap();
    assert_eq!(
        pair.follow(vec![gone.clone(), honest.url.clone()]).await,
        Ok(Followed::Updated(1)),
        "who is away, and who was told the same, says nothing"
    );
    assert_eq!(
        pair.follow(vec![gone, honest.url.clone(), lies.url.clone()]).await,
        Ok(Followed::Lies)
    );
    let view = pair.view().await;
    assert_eq!(view.lies[0].source, lies.url);
    // Also when the other one has gone on meanwhile.
    registered(&lying, "eve").await;
    assert_eq!(pair.follow(vec![lies.url.clone()]).await, Ok(Followed::Lies));
    pair.audited().await;
}

async fn a_source_that_changes_hides_or_withholds_is_not_believed(pair: Pair) {
    pair.registered("alice").await;
    pair.follow(vec![]).await.unwrap();
    let before = pair.view().await;
    pair.registered("bob").await;
    pair.registered("carol").await;
    let changed: fn(&str, Value) -> Value = |path, mut page| {
        if path.ends_with("/directory") {
            page["entries"][0]["entry"]["subdomain"] = "evil.example".into();
        }
        page
    };
    let hidden: fn(&str, Value) -> Value = |path, mut page| {
        if path.ends_with("/directory") {
            page["entries"].as_array_mut().unwrap().remove(0);
        }
        page
    };
    let withheld: fn(&str, Value) -> Value = |path, mut page| {
        if path.ends_with("/heads") {
            page["heads"].as_array_mut().unwrap().remove(0);
        }
        page
    };
    let forged: fn(&str, Value) -> Value = |_path, mut page| {
        page["head"]["payload"]["nodes"] = 2.into();
        page
    };
    let nonsense: fn(&str, Value) -> Value = |_path, _page| "no directory".into();
    let cases = [
        (changed, "not those that the registry has signed"),
        (hidden, "not those that the registry has signed"),
        (withheld, "number 2 is not shown"),
        (forged, "not signed by the registry"),
        (nonsense, "could not be understood"),
    ];
    for (spoil, why) in cases {
        pair.source.spoil(spoil);
        let problem = pair.follow(vec![]).await.unwrap_err();
        assert!(problem.detail.contains(why), "{}: {why}", problem.detail);
        let view = pair.view().await;
        assert_eq!((view.seq, view.problem), (before.seq, Some(problem.detail)));
        pair.audited().await;
    }
    pair.source.spoil_no_more();
    assert_eq!(pair.follow(vec![]).await, Ok(Followed::Updated(3)));
    assert_eq!(pair.view().await.problem, None);
    // An old story that was seen then is only late.
    let late = pair.registry.get("/api/directory").await.expect(200).json;
    pair.registered("dora").await;
    assert_eq!(pair.follow(vec![]).await, Ok(Followed::Updated(4)));
    pair.source.spoil(move |_path, _page| late.clone());
    let problem = pair.follow(vec![]).await.unwrap_err();
    assert!(
        problem.detail.contains("went back from number 4 to 3"),
        "{}",
        problem.detail
    );
    assert_eq!(pair.view().await.lies, []);
}

async fn a_source_that_never_ends_is_given_up_at_once(pair: Pair) {
    let alice = pair.registered("alice").await.did();
    pair.registered("bob").await;
    let empty: fn(&mut Value) = |page| page["entries"] = Value::Array(Vec::new());
    let again: fn(&mut Value) = |_page| {};
    let forged: fn(&mut Value) = |page| page["head"]["payload"]["nodes"] = 3.into();
    let cases = [
        (empty, "does not go on", 1),
        (again, "does not go on", 2),
        (forged, "not signed by the registry", 1),
    ];
    for (spoil, why, pages) in cases {
        let (asked, alice) = (Arc::new(AtomicUsize::new(0)), alice.clone());
        let counted = Arc::clone(&asked);
        pair.source.spoil(move |_path, mut page| {
            counted.fetch_add(1, Ordering::Relaxed);
            spoil(&mut page);
            // Where the first entry is, again and again.
            page["cursor"] = format!("0.{alice}").into();
            page
        });
        let problem = pair.follow(vec![]).await.unwrap_err();
        assert!(problem.detail.contains(why), "{}: {why}", problem.detail);
        assert_eq!(asked.load(Ordering::Relaxed), pages, "{why}");
        pair.audited().await;
    }
    pair.source.spoil_no_more();
    assert_eq!(pair.follow(vec![]).await, Ok(Followed::Updated(2)));
}

async fn a_source_that_hangs_holds_no_other_up(pair: Pair) {
    pair.registered("alice").await;
    let other = World::with_seed(Backend::Sqlite, None, 9).await;
    // It takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hanging = MirrorSource {
        registry: other.keyring.node_did().clone(),
        url: format!("http://{}/", silent.local_addr().unwrap()).parse().unwrap(),
        compare: vec![],
    };
    let sources = vec![hanging, pair.wanted(vec![])];
    let mirrors = Mirrors::new(pair.mirror.registry.clone(), sources, &http()).unwrap();
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    mirrors.background(&tasks, &stop);
    let own = pair.registry.keyring.node_did();
    let is_followed = async || {
        let all = pair.mirror.registry.mirror_list(MirrorList {}).await.unwrap();
        all.iter().any(|copy| copy.registry == *own && copy.seq == 1)
    };
    // The other one is asked for five seconds.
    let followed = tokio::time::timeout(Duration::from_secs(4), async {
        while !is_followed().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    followed.await.unwrap();
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    let all = mirrors.with_round_max(Duration::from_secs(2)).follow_all().await;
    let given_up = all[0].as_ref().unwrap_err();
    assert!(given_up.detail.contains("too long"), "{}", given_up.detail);
    assert_eq!(all[1], Ok(Followed::Same));
}

async fn a_source_that_is_away_leaves_the_copy_as_it_was(pair: Pair) {
    let alice = pair.registered("alice").await;
    pair.follow(vec![]).await.unwrap();
    pair.source.spoil(|_path, _page| Value::Null);
    pair.mirror.pass(Span::days(40));
    pair.follow(vec![]).await.unwrap_err();
    let view = pair.view().await;
    assert_eq!((view.seq, view.nodes), (1, 1));
    assert_eq!(view.checked_at, pair.mirror.env.now());
    let said = pair
        .mirror
        .registry
        .mirror_lookup(MirrorLookup { node: alice.did() })
        .await
        .unwrap();
    assert_eq!(
        said[0].subdomain(),
        Some("alice.nodes.example"),
        "after forty days it is still known"
    );
    // Whom the operator has blocked is not asked any more.
    let host = format!("127.0.0.1:{}", pair.source.url.port().unwrap());
    pair.mirror.key_logs.blocked.lock().unwrap().push(host);
    let problem = pair.follow(vec![]).await.unwrap_err();
    assert!(problem.detail.contains("has blocked that one"), "{}", problem.detail);
    let own = MirrorSource {
        registry: pair.mirror.keyring.node_did().clone(),
        ..pair.wanted(vec![])
    };
    assert!(Mirrors::new(pair.mirror.registry.clone(), vec![own], &http()).is_err());
    let nobody = MirrorSource {
        registry: "did:web:registry.example".parse().unwrap(),
        ..pair.wanted(vec![])
    };
    assert!(Mirrors::new(pair.mirror.registry.clone(), vec![nobody], &http()).is_err());
}

async fn every_column_of_a_copy_is_covered(pair: Pair) {
    pair.registered("alice").await;
    pair.follow(vec![]).await.unwrap();
    pair.registered("bob").await;
    pair.follow(vec![]).await.unwrap();
    let lying = World::new(Backend::Sqlite).await;
    for name in ["mallory", "eve"] {
        registered(&lying, name).await;
    }
    pair.source.be(&lying);
    assert_eq!(pair.follow(vec![]).await, Ok(Followed::Lies));
    let (tried, unnoticed) = crate::audits::tampered(&pair.mirror).await;
    assert_eq!(unnoticed, Vec::<String>::new());
    assert!(tried > 30, "{tried}");
    pair.audited().await;
}

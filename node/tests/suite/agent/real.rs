use imajin_kernel::{Env, ManualClock, Span, Timestamp};
use imajin_node::config::{Overrides, load};
use imajin_node::data_dir::DataDir;
use imajin_node::run::RunningNode;
use imajin_testkit::{Backend, TestDatabase, on_both};
use serde_json::Value;
use url::Url;

use super::{Subject, http};

const START: Timestamp = Timestamp::from_millis(1_772_323_200_000);

/// A node with a registry, in this process, whose clock the test moves.
struct RegistryNode {
    folder: tempfile::TempDir,
    database: Option<TestDatabase>,
    env: Env,
    port: u16,
    running: Option<RunningNode>,
}

impl RegistryNode {
    async fn start(backend: Backend, env: Env) -> Self {
        let _first = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let mut node = Self {
            folder: tempfile::tempdir().unwrap(),
            database: (backend == Backend::Postgres).then(TestDatabase::postgres),
            env,
            port: 0,
            running: None,
        };
        node.up().await;
        node
    }

    async fn up(&mut self) {
        let data = DataDir::create(&self.folder.path().join("registry")).unwrap();
        let mut overrides = Overrides::default();
        overrides.set("listen", Some(format!("127.0.0.1:{}", self.port)));
        let url = self.database.as_ref().and_then(|database| database.url());
        overrides.set("database.url", url.map(str::to_owned));
        let loaded = load(data.path(), &overrides).unwrap();
        let start = Box::pin(RunningNode::start(&data, &loaded, self.env.clone(), false));
        let running = start.await.unwrap();
        self.port = running.banner().url.port().unwrap();
        self.running = Some(running);
    }

    async fn down(&mut self) {
        self.running.take().unwrap().stop().await;
    }

    fn url(&self) -> Url {
        format!("http://127.0.0.1:{}/registry", self.port).parse().unwrap()
    }

    async fn lookup(&self, name: &str) -> Value {
        let url = format!("{}/api/node/lookup/{name}", self.url()).parse().unwrap();
        let http = http();
        let answer = http.send(http::Method::GET, url, http::HeaderMap::new(), Vec::new());
        answer.await.unwrap().json().unwrap()
    }
}

async fn a_registry_that_is_away_for_forty_days_is_found_again(backend: Backend) {
    let clock = ManualClock::at(START);
    let env = Env::fixed(clock.clone(), 5);
    let mut registry = RegistryNode::start(backend, env.clone()).await;
    let folder = registry.folder.path().join("node");
    let subject = Subject::new(&folder, &env);
    subject.want(&registry.url(), "alice", env.now());
    subject.agent.tick().await;
    let first = subject.known();
    assert_eq!(first.last_error, None);
    assert_eq!(first.expires_at, Some(env.now().plus(Span::days(30))));
    assert_eq!(registry.lookup("alice").await["status"], "active");

    registry.down().await;
    let (end, mut attempts) = (env.now().plus(Span::days(1)), 0);
    while env.now() < end {
        let wait = subject.known().next_attempt_at.since(env.now());
        assert!(wait > Span::seconds(26) && wait <= Span::hours(1), "{wait:?}");
        clock.advance(wait);
        subject.agent.tick().await;
        attempts += 1;
    }
    // Half a minute, twice as long each time, and hours from then on.
    assert!((28..36).contains(&attempts), "{attempts}");
    clock.advance(Span::days(39));
    subject.agent.tick().await;
    let away = subject.known();
    assert_eq!(away.failures, attempts + 1);
    assert!(away.last_error.unwrap().contains("cannot be reached"));

    registry.up().await;
    clock.advance(Span::hours(1));
    subject.agent.tick().await;
    let back = subject.known();
    assert_eq!((back.failures, back.last_error), (0, None));
    assert_eq!(back.expires_at, Some(env.now().plus(Span::days(30))));
    assert_eq!(registry.lookup("alice").await["status"], "active");
    registry.down().await;
}

async fn another_name_is_taken_and_the_node_of_the_registry_witnesses(backend: Backend) {
    let clock = ManualClock::at(START);
    let env = Env::fixed(clock.clone(), 6);
    let mut registry = RegistryNode::start(backend, env.clone()).await;
    let folder = registry.folder.path().join("node");
    let subject = Subject::new(&folder, &env);
    // As people write it: the node, whose service the registry is.
    subject.want(&registry.url().join("/").unwrap(), "alice", env.now());
    subject.agent.tick().await;
    let known = subject.known();
    assert_eq!(known.registry, registry.url(), "{known:?}");
    let node = registry.running.as_ref().unwrap().keyring().node_did().clone();
    let witnesses = subject.state.witnesses();
    assert_eq!(witnesses, [(node, registry.url().join("/").unwrap())]);

    clock.advance(Span::minutes(5));
    subject.want(&registry.url(), "alice-b", env.now());
    subject.agent.tick().await;
    let known = subject.known();
    assert!(known.subdomain.unwrap().starts_with("alice-b."));
    assert_eq!(registry.lookup("alice-b").await["status"], "active");
    registry.down().await;
}

on_both!(
    a_registry_that_is_away_for_forty_days_is_found_again,
    another_name_is_taken_and_the_node_of_the_registry_witnesses,
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_clock_is_named() {
    let mut registry = RegistryNode::start(Backend::Sqlite, Env::system()).await;
    for (name, off, side) in [("early", -11, "11 min behind"), ("late", 12, "12 min ahead of")] {
        // A second more, because the registry's clock goes on.
        let wrong = Env::system()
            .now()
            .plus(Span::minutes(off))
            .plus(Span::seconds(off.signum()));
        let env = Env::fixed(ManualClock::at(wrong), 5);
        let subject = Subject::new(&registry.folder.path().join(name), &env);
        subject.want(&registry.url(), name, env.now());
        subject.agent.tick().await;
        let error = subject.known().last_error.unwrap();
        assert!(error.contains(&format!("The clock of this node is {side}")), "{error}");
    }
    registry.down().await;
}

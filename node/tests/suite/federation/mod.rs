//! Several nodes and one registry, all in this process, with clocks that the test moves: what goes on when the registry
//! is cut off, a peer lies or a clock is wrong, and what each refusal says.

mod five;
mod liar;
mod moving;
mod person;
mod two;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use imajin_did::{Did, SecretKey};
use imajin_kernel::{Env, ManualClock, Span, Timestamp};
use imajin_node::config::{Overrides, load};
use imajin_node::data_dir::DataDir;
use imajin_node::run::RunningNode;
use imajin_testkit::{Backend, TestDatabase};
use reqwest::Client;
use serde_json::Value;
use url::Url;

use crate::agent::Subject;
use crate::support::free_address;

/// How long something may take to come about.
const PATIENCE: Duration = Duration::from_secs(30);
const START: Timestamp = Timestamp::from_millis(1_772_323_200_000);

/// A client that follows no redirects.
#[expect(clippy::disallowed_methods, reason = "a browser's part, on loopback only")]
pub(super) fn browser() -> Client {
    let _first = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let builder = Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
    builder.pool_max_idle_per_host(0).build().unwrap()
}

/// A node of the net.
pub(super) struct Member {
    folder: tempfile::TempDir,
    database: Option<TestDatabase>,
    pub(super) port: u16,
    pub(super) clock: ManualClock,
    pub(super) env: Env,
    pub(super) did: Did,
    running: Option<RunningNode>,
}

impl Member {
    /// A node with a clock of its own, which is not up yet.
    pub(super) fn new(backend: Backend, seed: u64) -> Self {
        let clock = ManualClock::at(START);
        let env = Env::fixed(clock.clone(), seed);
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::create(&folder.path().join("node")).unwrap();
        let did = data.keyring_ensure(&env).unwrap().node_did().clone();
        let member = Self {
            folder,
            database: (backend == Backend::Postgres).then(TestDatabase::postgres),
            port: free_address().port(),
            clock,
            env,
            did,
            running: None,
        };
        let origin = member.origin();
        member.configure(&format!(
            "public_url = \"{origin}/\"\ndev = true\nnode_name = \"node {seed}\"\n"
        ));
        member
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("node")
    }

    /// Appends to the configuration.
    pub(super) fn configure(&self, toml: &str) {
        let path = self.data().join("imajin.toml");
        let before = std::fs::read_to_string(&path).unwrap_or_default();
        std::fs::write(path, format!("{before}\n{toml}\n")).unwrap();
    }

    pub(super) fn origin(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    pub(super) fn web_did(&self) -> Did {
        format!("did:web:localhost%3A{}", self.port).parse().unwrap()
    }

    pub(super) fn registry_url(&self) -> Url {
        format!("{}/registry", self.origin()).parse().unwrap()
    }

    pub(super) async fn up(&mut self) {
        let _first = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let mut overrides = Overrides::default();
        overrides.set("listen", Some(format!("127.0.0.1:{}", self.port)));
        let url = self.database.as_ref().and_then(|database| database.url());
        overrides.set("database.url", url.map(str::to_owned));
        let data = DataDir::open(&self.data()).unwrap();
        let loaded = load(data.path(), &overrides).unwrap();
        let start = Box::pin(RunningNode::start(&data, &loaded, self.env.clone(), false));
        self.running = Some(start.await.unwrap());
    }

    pub(super) async fn down(&mut self) {
        self.running.take().unwrap().stop().await;
    }

    /// The node's own key.
    pub(super) fn key(&self) -> SecretKey {
        let running = self.running.as_ref().unwrap();
        running.keyring().node_key().clone()
    }

    /// Announces the node to a registry under a name, as its agent does.
    pub(super) async fn register(&self, registry: &Member, name: &str) {
        let subject = Subject::new(&self.data(), &self.env);
        subject.want(&registry.registry_url(), name, self.env.now());
        subject.agent.tick().await;
        let known = subject.known();
        assert_eq!(known.last_error, None, "{known:?}");
    }

    /// What this node says about a DID.
    pub(super) async fn resolves(&self, did: &Did) -> Value {
        let url = format!("{}/1.0/identifiers/{did}", self.origin());
        let answer = browser().get(url).send().await.unwrap();
        answer.json().await.unwrap()
    }

    pub(super) async fn json(&self, path: &str) -> Value {
        let answer = browser().get(format!("{}{path}", self.origin())).send().await.unwrap();
        answer.json().await.unwrap()
    }
}

/// Lets time pass for some nodes.
pub(super) fn pass<'m>(members: impl IntoIterator<Item = &'m Member>, span: Span) {
    for member in members {
        member.clock.advance(span);
    }
}

pub(super) async fn down_all(members: &mut [Member]) {
    for member in members {
        if member.running.is_some() {
            member.down().await;
        }
    }
}

/// Waits until something is as it must be.
pub(super) async fn settled(member: &Member, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = member.json(path).await;
        if is_so(&found) {
            return found;
        }
        assert!(Instant::now() < deadline, "{found:#}");
    }
}

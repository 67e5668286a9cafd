use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::Router;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, StatusCode};
use imajin_kernel::{Env, ManualClock, Span, Timestamp};
use imajin_node::agent::NodeFacts;
use imajin_web::{Listener, PublicBase, TlsMode, serve};
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;

use super::Subject;

const START: Timestamp = Timestamp::from_millis(1_772_323_200_000);

/// An answer to a heartbeat: the status, a `Retry-After` and the body.
type Said = (u16, Option<&'static str>, Value);

#[derive(Default)]
struct Memory {
    registrations: Vec<Value>,
    heartbeats: Vec<Value>,
    next: VecDeque<Said>,
}

/// A registry that takes everything, and says to heartbeats what the test wants.
#[derive(Clone)]
struct Stub {
    memory: Arc<Mutex<Memory>>,
    env: Env,
}

async fn answer(
    State(stub): State<Stub>,
    OriginalUri(uri): OriginalUri,
    Json(body): Json<Value>,
) -> (StatusCode, HeaderMap, Json<Value>) {
    let mut memory = stub.memory.lock().unwrap();
    let mut headers = HeaderMap::new();
    let now = stub.env.now();
    if uri.path().ends_with("/register") {
        memory.registrations.push(body["attestation"].clone());
        let subdomain = format!("{}.nodes.example", body["attestation"]["hostname"].as_str().unwrap());
        let expires = now.plus(Span::days(30)).as_millis();
        let said = json!({"status": "verified", "subdomain": subdomain, "expiresAt": expires});
        return (StatusCode::CREATED, headers, Json(said));
    }
    memory.heartbeats.push(body);
    let calm = json!({"ack": true, "nextHeartbeat": now.plus(Span::days(1)).as_millis()});
    let (status, retry_after, said) = memory.next.pop_front().unwrap_or((200, None, calm));
    if let Some(seconds) = retry_after {
        headers.insert("retry-after", seconds.parse().unwrap());
    }
    (StatusCode::from_u16(status).unwrap(), headers, Json(said))
}

struct World {
    stub: Stub,
    clock: ManualClock,
    folder: tempfile::TempDir,
    url: Url,
    _stop: DropGuard,
}

impl World {
    async fn start() -> Self {
        let clock = ManualClock::at(START);
        let stub = Stub {
            memory: Arc::default(),
            env: Env::fixed(clock.clone(), 9),
        };
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: SocketAddr = socket.local_addr().unwrap();
        let url: Url = format!("http://{address}/registry").parse().unwrap();
        let listener = Listener {
            socket,
            router: Router::new().fallback(answer).with_state(stub.clone()),
            public: PublicBase(url.clone()),
            tls: TlsMode::Off,
            connections_max: 8,
        };
        let stop = CancellationToken::new();
        tokio_util::task::TaskTracker::new().spawn(serve(listener, stop.clone()));
        Self {
            stub,
            clock,
            folder: tempfile::tempdir().unwrap(),
            url,
            _stop: stop.drop_guard(),
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn now(&self) -> Timestamp {
        self.stub.env.now()
    }

    /// A node that is registered and was heard of.
    async fn subject(&self) -> Subject {
        let subject = Subject::new(self.path(), &self.stub.env);
        subject.want(&self.url, "alice", self.now());
        subject.agent.tick().await;
        subject
    }

    fn will_say(&self, said: Said) {
        self.stub.memory.lock().unwrap().next.push_back(said);
    }

    fn asks(&self, actions: &Value) {
        let next = self.now().plus(Span::days(1)).as_millis();
        self.will_say((
            200,
            None,
            json!({"ack": true, "nextHeartbeat": next, "actions": actions}),
        ));
    }

    fn counts(&self) -> (usize, usize) {
        let memory = self.stub.memory.lock().unwrap();
        (memory.registrations.len(), memory.heartbeats.len())
    }

    fn addresses_told(&self) -> Value {
        self.stub.memory.lock().unwrap().heartbeats.last().unwrap()["addresses"].clone()
    }
}

#[tokio::test]
async fn a_new_address_is_told_within_a_minute_and_an_unknown_one_never() {
    let world = World::start().await;
    let subject = world.subject().await;
    assert_eq!(world.addresses_told(), Value::Null);
    subject.probe.set(&["192.0.2.7"]);
    // The agent looks every five seconds.
    world.clock.advance(Span::seconds(30));
    subject.agent.tick().await;
    assert_eq!(world.addresses_told(), json!(["192.0.2.7"]));

    subject.probe.set(&["192.0.2.8", "2001:db8::8"]);
    world.clock.advance(Span::seconds(5));
    subject.agent.tick().await;
    assert_eq!(world.counts().1, 2, "an address that flutters is not told each time");
    world.clock.advance(Span::seconds(25));
    subject.agent.tick().await;
    assert_eq!(world.addresses_told(), json!(["192.0.2.8", "2001:db8::8"]));

    // The network is gone for a while: the registry keeps what it has.
    subject.probe.set(&[]);
    world.clock.advance(Span::hours(2));
    subject.agent.tick().await;
    assert_eq!((world.counts().1, world.addresses_told()), (4, Value::Null));
    assert_eq!(subject.known().addresses.len(), 2);
}

#[tokio::test]
async fn what_a_registry_asks_for_is_done_once() {
    let world = World::start().await;
    let subject = world.subject().await;
    assert_eq!(world.counts(), (1, 1));
    for asked in ["renew", "reattest"] {
        let before = world.counts();
        world.asks(&json!([{"type": asked, "reason": "because"}]));
        world.clock.advance(Span::hours(1));
        subject.agent.tick().await;
        // It still asks after it was done; that is not done again at once.
        world.asks(&json!([{"type": asked, "reason": "because"}]));
        subject.agent.tick().await;
        subject.agent.tick().await;
        assert_eq!(world.counts(), (before.0 + 1, before.1 + 2), "{asked}");
    }
    world.asks(&json!([{"type": "upgrade", "targetVersion": "9.0.0", "reason": "a weakness was mended"}]));
    world.clock.advance(Span::hours(1));
    subject.agent.tick().await;
    let notice = subject.known().upgrade.unwrap();
    assert_eq!(
        (notice.target_version.as_str(), notice.reason.as_str()),
        ("9.0.0", "a weakness was mended")
    );
    world.clock.advance(Span::hours(1));
    subject.agent.tick().await;
    assert_eq!(subject.known().upgrade, None, "the registry does not ask any more");
}

#[tokio::test]
async fn a_registry_that_says_later_is_not_asked_before() {
    let world = World::start().await;
    let subject = world.subject().await;
    world.will_say((
        429,
        Some("7200"),
        json!({"code": "rate_limited", "detail": "This node calls too often."}),
    ));
    world.clock.advance(Span::hours(1));
    subject.agent.tick().await;
    let known = subject.known();
    assert_eq!(known.next_attempt_at.since(world.now()), Span::hours(2));
    assert!(known.last_error.unwrap().contains("too often"));
    // An address that has changed is no reason to go on asking.
    subject.probe.set(&["192.0.2.7"]);
    world.clock.advance(Span::hours(1));
    subject.agent.tick().await;
    assert_eq!(world.counts().1, 2);
}

#[tokio::test]
async fn a_registry_that_says_years_later_is_asked_within_hours() {
    let world = World::start().await;
    let subject = world.subject().await;
    let said = json!({"code": "rate_limited", "detail": "This node calls too often."});
    world.will_say((429, Some("4294967295"), said));
    world.clock.advance(Span::hours(1));
    subject.agent.tick().await;
    assert_eq!(subject.known().next_attempt_at.since(world.now()), Span::hours(6));
}

#[tokio::test]
async fn a_clock_that_was_ahead_once_silences_nobody() {
    let world = World::start().await;
    let subject = world.subject().await;
    world.clock.advance(Span::days(3650));
    subject.agent.tick().await;
    let counted = world.counts().1;
    world.clock.advance(Span::days(-3650));
    // A failure in between plans from the clock as it is now, and not at each look.
    world.will_say((503, None, json!({"code": "unavailable", "detail": "Later."})));
    subject.agent.tick().await;
    subject.agent.tick().await;
    assert_eq!(world.counts().1, counted + 1);
    world.clock.advance(Span::minutes(1));
    subject.agent.tick().await;
    assert_eq!(world.counts().1, counted + 2);
    assert_eq!(subject.known().last_heartbeat_at, Some(world.now()));
}

#[tokio::test]
async fn a_registry_that_forgot_the_node_gets_it_again() {
    let world = World::start().await;
    let subject = world.subject().await;
    let unknown = json!({"code": "not_found", "detail": "No such node is registered."});
    // It was restored from a backup, and has a key that the node has replaced since then.
    let by_another_key = json!({"code": "bad_signature", "detail": "The signature is wrong."});
    for (registered, (status, said)) in (1..).zip([(404, unknown), (401, by_another_key)]) {
        world.will_say((status, None, said));
        world.clock.advance(Span::days(1));
        subject.agent.tick().await;
        assert_eq!(world.counts().0, registered);
        world.clock.advance(Span::seconds(30));
        subject.agent.tick().await;
        assert_eq!(world.counts().0, registered + 1);
        assert_eq!(subject.known().last_error, None);
    }
}

#[tokio::test]
async fn each_registry_is_attended_to_on_its_own() {
    let world = World::start().await;
    let subject = Subject::new(world.path(), &world.stub.env);
    let gone: Url = "http://127.0.0.1:9/registry".parse().unwrap();
    subject.want(&gone, "alice", world.now());
    subject.want(&world.url, "alice", world.now());
    subject.agent.tick().await;
    let known = subject.state.load().unwrap();
    assert_eq!((known[0].failures, known[1].failures), (1, 0));
    assert_eq!(known[1].subdomain.as_deref(), Some("alice.nodes.example"));
    assert_eq!(
        (known[0].build_standing(), known[1].build_standing()),
        ("reported", "verified")
    );
}

#[tokio::test]
async fn another_build_is_attested_at_once() {
    let world = World::start().await;
    let before = world.subject().await.known();
    let facts = NodeFacts::of_this_process(Vec::new(), world.now()).with_build_hash("cd".repeat(32));
    let subject = Subject::with_facts(world.path(), &world.stub.env, facts);
    world.clock.advance(Span::hours(1));
    subject.agent.tick().await;
    assert_eq!(world.counts(), (2, 2));
    let after = subject.known();
    assert_ne!(after.attested_build, before.attested_build);
    assert_eq!(after.attested_build, Some("cd".repeat(32)));
}

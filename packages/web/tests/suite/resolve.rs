//! Resolvers against a real server on this machine.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use imajin_did::{Did, DidDocument, PublicKey, Resolution, ResolveError, Resolver, SecretKey};
use imajin_kernel::{Code, Env, ManualClock, Problem, Span};
use imajin_web::resolve::{Chain, PeerResolver, RegistryResolver, WebResolver, resolve_status};
use imajin_web::{GuardError, GuardedClient, PeerAsked, PeerPolicy, Reach};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::support::clock;

/// What the host answers, whatever it is asked for.
#[derive(Clone)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) media_type: &'static str,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(body: &Value) -> Self {
        Self {
            status: StatusCode::OK,
            media_type: "application/json",
            body: body.to_string(),
        }
    }

    pub(crate) fn status(status: StatusCode) -> Self {
        Self {
            status,
            ..Self::json(&json!({}))
        }
    }
}

#[derive(Clone)]
struct Shared {
    reply: Arc<Mutex<Reply>>,
    asked: Arc<Mutex<Vec<String>>>,
}

/// A host that is reached as `localhost:<port>`; it ends when it is dropped.
pub(crate) struct Host {
    authority: String,
    shared: Shared,
    _server: JoinSet<()>,
}

async fn answer(State(shared): State<Shared>, uri: Uri) -> Response {
    shared.asked.lock().unwrap().push(uri.to_string());
    let reply = shared.reply.lock().unwrap().clone();
    let headers = [
        (header::CONTENT_TYPE, reply.media_type),
        (header::LOCATION, "/elsewhere"),
    ];
    (reply.status, headers, reply.body).into_response()
}

impl Host {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = format!("localhost:{}", listener.local_addr().unwrap().port());
        let shared = Shared {
            reply: Arc::new(Mutex::new(Reply::status(StatusCode::NOT_FOUND))),
            asked: Arc::default(),
        };
        let router = Router::new().fallback(answer).with_state(shared.clone());
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            authority,
            shared,
            _server: server,
        }
    }

    pub(crate) fn says(&self, reply: Reply) {
        *self.shared.reply.lock().unwrap() = reply;
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap().clone()
    }

    fn did(&self) -> Did {
        Did::from_web_authority(&self.authority).unwrap()
    }

    pub(crate) fn url(&self) -> url::Url {
        format!("http://{}/", self.authority).parse().unwrap()
    }
}

pub(crate) fn key(seed: u8) -> PublicKey {
    SecretKey::from_seed([seed; 32]).public()
}

pub(crate) fn document(did: Did, key: PublicKey) -> Value {
    serde_json::to_value(DidDocument::for_key(did, &key, vec![])).unwrap()
}

fn web(clock: &ManualClock, reach: Reach) -> WebResolver {
    WebResolver::new(Env::fixed(clock.clone(), 1), reach, Arc::new(Everybody)).unwrap()
}

#[tokio::test]
async fn a_did_web_is_fetched_once_in_five_minutes() {
    let (host, clock) = (Host::start().await, clock());
    host.says(Reply::json(&document(host.did(), key(1))));
    let resolver = web(&clock, Reach::Development);
    for _ in 0..3 {
        let resolution = resolver.resolve(&host.did()).await.unwrap();
        assert_eq!((resolution.did, resolution.keys), (host.did(), vec![key(1)]));
        assert!(!resolution.stale && !resolution.contested);
        clock.advance(Span::minutes(1));
    }
    assert_eq!(host.asked(), ["/.well-known/did.json"]);
    host.says(Reply::json(&document(host.did(), key(2))));
    clock.advance(Span::minutes(2));
    assert_eq!(
        resolver.resolve(&host.did()).await.unwrap().keys,
        [key(2)],
        "a new key is seen"
    );
    assert_eq!(host.asked().len(), 2);
    let path: Did = format!("{}:users:ada", host.did()).parse().unwrap();
    host.says(Reply::json(&document(path.clone(), key(3))));
    assert_eq!(resolver.resolve(&path).await.unwrap().keys, [key(3)]);
    assert_eq!(host.asked()[2], "/users/ada/did.json");
}

#[tokio::test]
async fn while_the_host_is_away_the_last_document_is_given_as_stale() {
    let (host, clock) = (Host::start().await, clock());
    host.says(Reply::json(&document(host.did(), key(1))));
    let resolver = web(&clock, Reach::Development);
    resolver.resolve(&host.did()).await.unwrap();
    host.says(Reply::status(StatusCode::BAD_GATEWAY));
    clock.advance(Span::minutes(5));
    for _ in 0..3 {
        let resolution = resolver.resolve(&host.did()).await.unwrap();
        assert_eq!((resolution.stale, resolution.keys), (true, vec![key(1)]));
    }
    assert_eq!(host.asked().len(), 2, "a host that is away is left alone for a while");
    clock.advance(Span::seconds(30));
    assert!(resolver.resolve(&host.did()).await.unwrap().stale);
    assert_eq!(host.asked().len(), 3);
    clock.advance(Span::hours(24));
    assert_eq!(
        resolver.resolve(&host.did()).await,
        Err(ResolveError::Unavailable),
        "after a day no more"
    );
    clock.advance(Span::seconds(30));
    host.says(Reply::json(&document(host.did(), key(1))));
    assert!(!resolver.resolve(&host.did()).await.unwrap().stale);
    for (status, error) in [
        (StatusCode::GONE, ResolveError::Deactivated),
        (StatusCode::NOT_FOUND, ResolveError::NotFound),
    ] {
        host.says(Reply::status(status));
        clock.advance(Span::minutes(6));
        assert_eq!(
            resolver.resolve(&host.did()).await,
            Err(error),
            "an answer is not bridged"
        );
    }
}

#[tokio::test]
async fn many_callers_cause_one_question() {
    let (host, clock) = (Host::start().await, clock());
    host.says(Reply::json(&document(host.did(), key(1))));
    let resolver = Arc::new(web(&clock, Reach::Development));
    let mut callers = JoinSet::new();
    for _ in 0..50 {
        let (resolver, did) = (Arc::clone(&resolver), host.did());
        callers.spawn(async move { resolver.resolve(&did).await.map(|resolution| resolution.keys) });
    }
    for keys in callers.join_all().await {
        assert_eq!(keys, Ok(vec![key(1)]));
    }
    assert_eq!(host.asked().len(), 1);
}

#[tokio::test]
async fn what_is_no_document_of_the_did_is_refused() {
    let host = Host::start().await;
    let good = document(host.did(), key(1));
    let large = json!({"id": host.did(), "junk": "x".repeat(70_000)});
    let cases = [
        (
            Reply::json(&document("did:web:other.example".parse().unwrap(), key(1))),
            ResolveError::Unavailable,
        ),
        (Reply::json(&document(key(1).did(), key(1))), ResolveError::Unavailable),
        (Reply::json(&json!({"keys": []})), ResolveError::Unavailable),
        (Reply::json(&large), ResolveError::Unavailable),
        (
            Reply {
                media_type: "text/html",
                ..Reply::json(&good)
            },
            ResolveError::Representation,
        ),
        (
            Reply {
                status: StatusCode::FOUND,
                ..Reply::json(&good)
            },
            ResolveError::Unavailable,
        ),
        (
            Reply {
                body: "{".to_owned(),
                ..Reply::json(&good)
            },
            ResolveError::Unavailable,
        ),
    ];
    for (reply, error) in cases {
        host.says(reply.clone());
        let resolver = web(&clock(), Reach::Development);
        assert_eq!(
            resolver.resolve(&host.did()).await,
            Err(error),
            "{} {}",
            reply.status,
            reply.media_type
        );
    }
    assert!(
        host.asked().iter().all(|path| path == "/.well-known/did.json"),
        "no redirect is followed"
    );
    host.says(Reply {
        media_type: "application/did+ld+json; charset=utf-8",
        ..Reply::json(&good)
    });
    assert!(web(&clock(), Reach::Development).resolve(&host.did()).await.is_ok());
    let other_method = web(&clock(), Reach::Development).resolve(&key(1).did()).await;
    assert_eq!(other_method, Err(ResolveError::Unsupported));
}

#[tokio::test]
async fn a_private_address_is_not_called() {
    let host = Host::start().await;
    host.says(Reply::json(&document(host.did(), key(1))));
    let error = web(&clock(), Reach::Public).resolve(&host.did()).await.unwrap_err();
    assert_eq!((error.clone(), error.code()), (ResolveError::Refused, Some("notFound")));
    assert_eq!(host.asked(), Vec::<String>::new());
    let peer = PeerResolver::new(host.url(), Reach::Public).unwrap();
    assert_eq!(peer.resolve(&key(1).did()).await, Err(ResolveError::Refused));
    assert_eq!(host.asked(), Vec::<String>::new());
}

pub(crate) fn result_of(document: &Value) -> Value {
    json!({"didDocument": document, "didResolutionMetadata": {}, "didDocumentMetadata": {}})
}

#[tokio::test]
async fn another_node_may_add_services_but_no_keys() {
    let host = Host::start().await;
    let peer = PeerResolver::new(host.url(), Reach::Development).unwrap();
    let did = key(1).did();
    let mut good = document(did.clone(), key(1));
    good["service"] = json!([{"id": "#mjn", "type": "MJNNode", "serviceEndpoint": "https://node.example/mjn"}]);
    host.says(Reply::json(&result_of(&good)));
    for asked in did.also_known_as().into_iter().chain([did.clone()]) {
        let resolution = peer.resolve(&asked).await.unwrap();
        assert_eq!((resolution.did, resolution.keys), (did.clone(), vec![key(1)]));
        assert_eq!(resolution.document.service.len(), 1);
    }
    assert_eq!(host.asked().last().unwrap(), &format!("/1.0/identifiers/{did}"));
    let mut added = good.clone();
    let foreign = json!({
        "id": "#x", "type": "Multikey", "controller": did, "publicKeyMultibase": key(2).multikey(),
    });
    added["authentication"].as_array_mut().unwrap().push(foreign);
    let mut replaced = document(did.clone(), key(2));
    replaced["id"] = json!(did);
    let mut none = good.clone();
    (none["authentication"], none["assertionMethod"]) = (json!([]), json!([]));
    for lie in [added, replaced, none, document(key(2).did(), key(2))] {
        host.says(Reply::json(&result_of(&lie)));
        assert_eq!(peer.resolve(&did).await, Err(ResolveError::Unavailable), "{lie}");
    }
    let mut ended = result_of(&Value::Null);
    ended["didDocumentMetadata"]["deactivated"] = json!(true);
    let mut contested = result_of(&good);
    contested["didDocumentMetadata"]["contested"] = json!(true);
    host.says(Reply::json(&contested));
    assert!(peer.resolve(&did).await.unwrap().contested);
    for (reply, error) in [
        (Reply::json(&ended), ResolveError::Deactivated),
        (Reply::json(&result_of(&Value::Null)), ResolveError::NotFound),
        (Reply::status(StatusCode::GONE), ResolveError::Deactivated),
        (Reply::status(StatusCode::NOT_FOUND), ResolveError::NotFound),
        (Reply::status(StatusCode::NOT_IMPLEMENTED), ResolveError::Unsupported),
        (
            Reply {
                media_type: "text/plain",
                ..Reply::json(&good)
            },
            ResolveError::Representation,
        ),
    ] {
        host.says(reply);
        assert_eq!(peer.resolve(&did).await, Err(error));
    }
    let before = host.asked().len();
    let unproven = [
        "did:web:example.org",
        "did:email:a_at_example.org",
        "did:imajin:0123456789abcdef",
    ];
    for text in unproven {
        let answer = peer.resolve(&text.parse().unwrap()).await;
        assert_eq!(answer, Err(ResolveError::Unsupported), "{text}");
    }
    assert_eq!(host.asked().len(), before, "a mailbox is told to nobody");
}

#[tokio::test]
async fn a_registry_says_where_a_node_is_and_the_node_who_it_is() {
    let (registry, node) = (Host::start().await, Host::start().await);
    let did = key(1).did();
    let base = registry.url().join("registry/").unwrap();
    let resolver = RegistryResolver::new(base, Reach::Development, Arc::new(Everybody)).unwrap();
    let entry = |node: &Did, host: &str, status: &str| json!({"nodeId": node, "subdomain": host, "status": status});
    node.says(Reply::json(&result_of(&document(did.clone(), key(1)))));
    registry.says(Reply::json(&entry(&did, &node.authority, "active")));
    assert_eq!(resolver.resolve(&did).await.unwrap().keys, [key(1)]);
    assert_eq!(registry.asked(), [format!("/registry/api/node/lookup/{did}")]);
    assert_eq!(node.asked(), [format!("/1.0/identifiers/{did}")]);
    let refused = [
        (entry(&key(2).did(), &node.authority, "active"), ResolveError::NotFound),
        (entry(&did, &node.authority, "revoked"), ResolveError::NotFound),
        (entry(&did, &node.authority, "expired"), ResolveError::NotFound),
        (entry(&did, "evil.example/path?", "active"), ResolveError::Unavailable),
        (entry(&did, "user@evil.example", "active"), ResolveError::Unavailable),
        (entry(&did, "127.0.0.1", "active"), ResolveError::Unavailable),
    ];
    for (entry, error) in refused {
        registry.says(Reply::json(&entry));
        assert_eq!(resolver.resolve(&did).await, Err(error), "{entry}");
    }
    assert_eq!(node.asked().len(), 1);
    registry.says(Reply::status(StatusCode::NOT_FOUND));
    assert_eq!(resolver.resolve(&did).await, Err(ResolveError::NotFound));
    let web = resolver.resolve(&"did:web:example.org".parse().unwrap()).await;
    assert_eq!(web, Err(ResolveError::Unsupported));
}

/// Says one thing, and counts how often.
struct Fixed(Result<Resolution, ResolveError>, AtomicU32);

#[async_trait]
impl Resolver for Fixed {
    async fn resolve(&self, _did: &Did) -> Result<Resolution, ResolveError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.clone()
    }
}

fn fixed(outcome: Result<Resolution, ResolveError>) -> Arc<Fixed> {
    Arc::new(Fixed(outcome, AtomicU32::new(0)))
}

#[tokio::test]
async fn a_chain_asks_until_somebody_knows() {
    let did = key(1).did();
    let fresh = imajin_did::SelfCertifying.resolve_now(&did).unwrap();
    let stale = Resolution {
        stale: true,
        ..fresh.clone()
    };
    let ask = async |links: Vec<Arc<Fixed>>| {
        let mut all: Vec<Arc<dyn Resolver>> = Vec::new();
        for link in links {
            all.push(link);
        }
        Chain::new(all).resolve(&did).await
    };
    let cases = [
        (vec![], Err(ResolveError::Unsupported)),
        (
            vec![Err(ResolveError::Unsupported), Ok(fresh.clone())],
            Ok(fresh.clone()),
        ),
        (
            vec![Err(ResolveError::Unavailable), Ok(fresh.clone())],
            Ok(fresh.clone()),
        ),
        (vec![Ok(stale.clone()), Ok(fresh.clone())], Ok(fresh.clone())),
        (
            vec![Ok(stale.clone()), Err(ResolveError::Unavailable)],
            Ok(stale.clone()),
        ),
        (
            vec![Err(ResolveError::Deactivated), Ok(fresh.clone())],
            Err(ResolveError::Deactivated),
        ),
        (
            vec![Err(ResolveError::NotFound), Err(ResolveError::Unsupported)],
            Err(ResolveError::NotFound),
        ),
        (
            vec![Err(ResolveError::Unavailable), Err(ResolveError::NotFound)],
            Err(ResolveError::Unavailable),
        ),
    ];
    for (outcomes, expected) in cases {
        assert_eq!(ask(outcomes.into_iter().map(fixed).collect()).await, expected);
    }
    let (first, second) = (fixed(Ok(fresh.clone())), fixed(Ok(fresh)));
    ask(vec![Arc::clone(&first), Arc::clone(&second)]).await.unwrap();
    assert_eq!(
        (first.1.load(Ordering::Relaxed), second.1.load(Ordering::Relaxed)),
        (1, 0)
    );
}

#[test]
fn every_refusal_has_its_code_and_status() {
    let cases = [
        (ResolveError::Invalid, Some("invalidDid"), 400),
        (ResolveError::NotFound, Some("notFound"), 404),
        (ResolveError::Refused, Some("notFound"), 404),
        (ResolveError::Deactivated, None, 410),
        (ResolveError::Unsupported, Some("methodNotSupported"), 501),
        (ResolveError::Representation, Some("representationNotSupported"), 406),
        (ResolveError::Unavailable, Some("internalError"), 500),
    ];
    for (error, code, status) in cases {
        assert_eq!((error.code(), resolve_status(&error).as_u16()), (code, status));
    }
}

/// Talks to every node.
struct Everybody;

#[async_trait]
impl PeerPolicy for Everybody {
    async fn peer_check(&self, _peer: &PeerAsked) -> Result<(), Problem> {
        Ok(())
    }
}

/// Talks to none.
struct NobodyAtAll(Code);

#[async_trait]
impl PeerPolicy for NobodyAtAll {
    async fn peer_check(&self, peer: &PeerAsked) -> Result<(), Problem> {
        assert_eq!(peer.host.as_deref(), Some("localhost:1"));
        Err(Problem::new(self.0, "no"))
    }
}

#[tokio::test]
async fn a_host_that_the_operator_has_blocked_is_not_asked() {
    for (code, expected) in [
        (Code::Forbidden, GuardError::Blocked),
        // Whether somebody is welcome is not known: they are not asked, either.
        (Code::Internal, GuardError::Away),
    ] {
        let client = GuardedClient::new(Reach::Development, std::time::Duration::from_secs(1)).unwrap();
        let client = client.with_policy(Arc::new(NobodyAtAll(code)));
        let answer = client
            .get("http://localhost:1/".parse().unwrap(), "application/json", 10)
            .await;
        assert_eq!(answer.unwrap_err(), expected);
    }
}

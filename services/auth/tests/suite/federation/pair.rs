//! The two nodes, and the browser between them.

use axum::http::Method;
use imajin_did::{Did, SecretKey};
use imajin_kernel::ManualClock;
use imajin_proof::SignedMessage;
use imajin_proof::token::{Standard, TokenKind, issue, key_id};
use imajin_testkit::Backend;
use imajin_web::{Listener, PublicBase, TlsMode, serve};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::oidc::{Person, hidden};
use crate::world::{Reply, World};

/// Two or more nodes that can reach each other.
pub(crate) struct Nodes {
    pub(crate) clock: ManualClock,
    tasks: TaskTracker,
    stop: CancellationToken,
    backend: Backend,
}

impl Nodes {
    pub(crate) fn new(backend: Backend) -> Self {
        Self {
            clock: World::clock(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            backend,
        }
    }

    /// A further node, which answers on a port of its own.
    pub(crate) async fn node(&self, seed: u64) -> World {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://localhost:{}", socket.local_addr().unwrap().port());
        let world = World::at(self.backend, &origin, seed, self.clock.clone()).await;
        let listener = Listener {
            socket,
            router: world.router(),
            public: PublicBase(origin.parse().unwrap()),
            tls: TlsMode::Off,
            connections_max: 16,
        };
        self.tasks.spawn(serve(listener, self.stop.clone()));
        world
    }

    pub(crate) async fn close(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

pub(crate) fn web_did(world: &World) -> Did {
    let url: Url = world.origin.parse().unwrap();
    Did::from_web_authority(&format!("localhost:{}", url.port().unwrap())).unwrap()
}

/// What the browser of somebody who leaves for home knows: the address there, and the cookie of the visited node.
pub(crate) struct Departed {
    pub(crate) path: String,
    pub(crate) request: String,
    pub(crate) cookie: String,
}

pub(crate) async fn start(visited: &World, home: &str) -> Reply {
    let body = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("home", home)
        .append_pair("next", "/events/evt_1")
        .finish();
    visited
        .post_form("/auth/federation/login", &[("origin", &visited.origin)], &body)
        .await
}

pub(crate) async fn depart(visited: &World, home: &World) -> Departed {
    let named = format!("ada@{}", home.origin.strip_prefix("http://").unwrap());
    let reply = start(visited, &named).await;
    let url = reply
        .header("refresh")
        .strip_prefix("0; url=")
        .unwrap_or_else(|| panic!("{reply:?}"));
    let path = url
        .strip_prefix(&home.origin)
        .unwrap_or_else(|| panic!("{url}"))
        .to_owned();
    let parsed: Url = url.parse().unwrap();
    let request = parsed
        .query_pairs()
        .find(|(name, _)| name == "request")
        .unwrap()
        .1
        .into_owned();
    Departed {
        cookie: reply.cookie(),
        request,
        path,
    }
}

/// The claims of a token, unchecked.
pub(crate) fn claims(token: &str) -> Value {
    use base64::Engine;
    let payload = token.split('.').nth(1).unwrap();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(payload)
        .unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

pub(crate) fn message(key: &SecretKey, visited: &Did, home: &Did, nonce: &str, world: &World) -> SignedMessage {
    let payload = json!({"home": home, "nonce": nonce});
    SignedMessage::sign(key, key.did(), "login", Some(visited.clone()), world.env.now(), payload).unwrap()
}

/// What the browser module sends at home.
pub(crate) async fn allow(home: &World, person: &Person, body: &Value) -> Reply {
    let (path, text) = ("/auth/api/federation/allow", body.to_string());
    let signed = home.signed(person.key.as_ref().unwrap(), "POST", path, &text);
    let cookie = person.cookie();
    let pairs = signed.headers();
    let mut headers: Vec<(&str, &str)> = vec![("content-type", "application/json"), ("cookie", &cookie)];
    headers.extend(pairs.iter().map(|(name, value)| (name.as_str(), *value)));
    home.send(Method::POST, path, &headers, &text).await
}

/// At home: the page, and a signed yes. Gives the path back at the visited node.
pub(crate) async fn at_home(visited: &World, home: &World, person: &Person, departed: &Departed) -> String {
    let page = person.open(home, &departed.path).await;
    assert_eq!(hidden(&page, "request"), departed.request);
    let nonce = claims(&departed.request)["nonce"].as_str().unwrap().to_owned();
    assert!(page.text.contains(&nonce), "{}", page.text);
    let key = person.key.as_ref().unwrap();
    let message = message(key, &web_did(visited), &web_did(home), &nonce, home);
    let reply = allow(home, person, &json!({"request": departed.request, "message": message})).await;
    assert!(reply.status.is_success(), "{reply:?}");
    let back = reply.json()["redirectTo"].as_str().unwrap().to_owned();
    back.strip_prefix(&visited.origin)
        .unwrap_or_else(|| panic!("{back}"))
        .to_owned()
}

/// Back at the visited node.
pub(crate) async fn arrive(visited: &World, path: &str, cookie: &str) -> Reply {
    let headers = [("cookie", cookie), ("sec-fetch-site", "cross-site")];
    visited.get(path, &headers).await
}

pub(crate) fn statement_of(path: &str) -> String {
    path.split_once("statement=").unwrap().1.to_owned()
}

/// A statement as a home makes it, for tests that make it wrongly.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Statement {
    pub(crate) nonce: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) message: SignedMessage,
}

impl TokenKind for Statement {
    const TYP: &'static str = "login+jwt";
}

pub(crate) struct Forger<'a> {
    pub(crate) visited: &'a World,
    pub(crate) home: &'a World,
    pub(crate) person: &'a Person,
    pub(crate) nonce: String,
}

impl Forger<'_> {
    pub(crate) fn standard(&self) -> Standard {
        let now = self.home.env.now();
        Standard {
            iss: web_did(self.home).to_string(),
            aud: web_did(self.visited).to_string(),
            sub: self.person.key.as_ref().unwrap().did().to_string(),
            jti: hex::encode(self.home.env.random_bytes::<16>()),
            iat: now,
            exp: now.plus(imajin_kernel::Span::minutes(5)),
        }
    }

    pub(crate) fn statement(&self) -> Statement {
        let key = self.person.key.as_ref().unwrap();
        Statement {
            nonce: self.nonce.clone(),
            kind: "human".to_owned(),
            message: message(key, &web_did(self.visited), &web_did(self.home), &self.nonce, self.home),
        }
    }

    /// Signed by the home's own key.
    pub(crate) fn path<K: TokenKind>(&self, standard: &Standard, statement: &K) -> String {
        Self::path_by(self.home.keyring.node_key(), standard, statement)
    }

    pub(crate) fn path_by<K: TokenKind>(key: &SecretKey, standard: &Standard, statement: &K) -> String {
        let token = issue(key, &key_id(&key.public()), standard, statement).unwrap();
        format!("/auth/federation/callback?statement={token}")
    }
}

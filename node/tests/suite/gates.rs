//! A site behind a gate, with the real program, and agents that pay. What they try instead is in `attacks`.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use imajin_imagxp::{
    AgentId, AgentKey, AgentManifest, Claim, ClaimHeaders, Names, PaymentRequired, Provenance, Purpose,
};
use imajin_kernel::{Env, Timestamp};
use imajin_proof::jose::{Jwk, Jwks};
use imajin_testkit::broker_peer::{BrokerPeer, VisaWish};
use imajin_testkit::{Backend, on_both};
use reqwest::{Client, Response};
use serde_json::{Value, json};

use crate::fair_library::{fair, key_of, register, work};
use crate::support::{Home, Node, Server, imajin, text};

on_both!(
    an_agent_pays_for_a_page_and_the_authors_have_their_shares,
    a_changed_policy_is_in_force_and_a_wrong_one_changes_nothing,
    a_dry_run_refuses_nothing_and_writes_it_down,
);

/// A site, a node with a gate in front of it, a broker, and an agent.
pub(crate) struct Scene {
    pub(crate) home: Home,
    pub(crate) node: Node,
    pub(crate) broker: BrokerPeer,
    /// Another broker that the node trusts, and the site's policy does not name.
    pub(crate) rival: BrokerPeer,
    pub(crate) agent: AgentId,
    pub(crate) key: AgentKey,
    http: Client,
    nonces: AtomicUsize,
    /// Under which the site is reached: what claims and visas name.
    pub(crate) origin: String,
    /// The host to which requests go: the gate's, or that of one of several.
    pub(crate) door: String,
    _servers: [Server; 2],
}

/// What a site and its node have beside what all of them have here.
#[derive(Clone, Copy, Default)]
pub(crate) struct Site<'a> {
    /// Whether the policy takes the bearers' visas of the broker.
    pub(crate) takes_bearer: bool,
    /// In the policy, before its tables.
    pub(crate) head: &'a str,
    /// Rules of the policy.
    pub(crate) rules: &'a str,
    /// In the configuration of the gate.
    pub(crate) gate: &'a str,
    /// Whether the node believes in the names and addresses of the whole world only, as one does that is no
    /// developer's.
    pub(crate) is_public: bool,
}

fn policy(broker: &str, site: &Site<'_>) -> String {
    let broker = if site.takes_bearer {
        format!("{{ issuer = \"{broker}\", bearer = true }}")
    } else {
        format!("\"{broker}\"")
    };
    format!(
        "version = 1\nbrokers = [{broker}]\n{}\n[default]\nprice = \"free\"\n\
         [[rules]]\npath = \"/cheap\"\nprice = \"0.01 TEST-USD\"\n\
         [[rules]]\npath = \"/dear\"\nprice = \"0.50 TEST-USD\"\n{}",
        site.head, site.rules
    )
}

async fn agent_server(key: &AgentKey) -> Server {
    let public = key.public().clone();
    let manifest = get(move |headers: HeaderMap| async move {
        let host = headers["host"].to_str().unwrap();
        let manifest = AgentManifest {
            agent: AgentId::parse(host, Names::Development).unwrap(),
            keys: vec![public],
            contact: None,
        };
        axum::Json(manifest.to_document())
    });
    Server::start(Router::new().route("/.well-known/imagxp-agent.json", manifest)).await
}

fn site() -> Router {
    let page = |headers: HeaderMap| async move {
        let agent = headers.get("x-imagxp-agent-id").and_then(|value| value.to_str().ok());
        format!("a page for {}", agent.unwrap_or("nobody"))
    };
    let missing = || async { StatusCode::NOT_FOUND };
    Router::new().route("/cheap/missing", get(missing)).fallback(get(page))
}

impl Scene {
    pub(crate) async fn new(backend: Backend) -> Self {
        Self::at(Home::new(backend), &[], &Site::default()).await
    }

    /// The same, in a home that was made before, with more on the command line of the node.
    pub(crate) async fn at(home: Home, extra: &[&str], wanted: &Site<'_>) -> Self {
        let (broker, rival) = (
            BrokerPeer::start(Env::system()).await,
            BrokerPeer::start(Env::system()).await,
        );
        let site = Server::start(site()).await;
        let key = AgentKey::generate().unwrap();
        let agents = agent_server(&key).await;
        let agent = AgentId::parse(&agents.host, Names::Development).unwrap();
        std::fs::write(home.path("policy.toml"), policy(broker.issuer(), wanted)).unwrap();
        home.configure(&format!(
            "dev = {}\n[brokers]\ntrusted = [\"{}\", \"{}\"]\n[gate.blog]\nupstream = \"http://{}\"\n\
             policy = \"{}\"\nlisten = \"127.0.0.1:0\"\n{}",
            !wanted.is_public,
            broker.issuer(),
            rival.issuer(),
            site.host,
            text(&home.path("policy.toml")),
            wanted.gate
        ));
        let node = home.up(extra);
        let door = gate_host(&node);
        #[expect(clippy::disallowed_methods, reason = "a client that may do what ours refuses to do")]
        let http = Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
        Self {
            home,
            node,
            broker,
            rival,
            agent,
            key,
            http,
            nonces: AtomicUsize::new(0),
            origin: format!("http://{door}"),
            door,
            _servers: [site, agents],
        }
    }

    /// The host of the site, with its port if it has one.
    pub(crate) fn host(&self) -> String {
        self.origin.split_once("://").unwrap().1.to_owned()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// The headers of a claim for a URL, made at a moment.
    pub(crate) fn claim_at(&self, url: &str, at: Timestamp) -> HeaderMap {
        let nonce = format!("n-{}", self.nonces.fetch_add(1, Ordering::SeqCst));
        let claim = Claim::new(&self.agent, at, &nonce, url, Purpose::RagRetrieval, false).unwrap();
        ClaimHeaders::sign(&self.key, &claim).unwrap()
    }

    pub(crate) fn claim(&self, path: &str) -> HeaderMap {
        self.claim_at(&self.url(path), Env::system().now())
    }

    pub(crate) fn wish(&self, max_micros: i64) -> VisaWish {
        VisaWish::once(&self.host(), self.key.public().clone(), "TEST-USD", max_micros)
    }

    pub(crate) fn visa(&self, max_micros: i64) -> String {
        self.broker.visa(&self.wish(max_micros))
    }

    /// A fresh claim with a visa.
    pub(crate) fn paid(&self, path: &str, visa: &str) -> HeaderMap {
        let mut headers = self.claim(path);
        headers.insert("x-imagxp-credential", visa.parse().unwrap());
        headers
    }

    pub(crate) async fn get(&self, path: &str, headers: HeaderMap) -> Response {
        self.send(&self.door, path, headers).await.unwrap()
    }

    /// Asks at one of several doors, which may be gone.
    pub(crate) async fn send(&self, door: &str, path: &str, headers: HeaderMap) -> reqwest::Result<Response> {
        self.http
            .get(format!("http://{door}{path}"))
            .headers(headers)
            .send()
            .await
    }
}

/// The status and the protocol's word of a refusal.
pub(crate) async fn refusal(answer: Response) -> (u16, String) {
    let status = answer.status().as_u16();
    let document: Value = answer.json().await.unwrap();
    (status, document["error"].as_str().unwrap().to_owned())
}

/// The host of a node's gate, with its port: what visas call it when it has no other name.
pub(crate) fn gate_host(node: &Node) -> String {
    let address = node.banner()["ports"]["gate blog"].as_str().unwrap();
    address.replace("127.0.0.1", "localhost")
}

/// What somebody has, once it is there.
pub(crate) fn balance_wait(node: &Node, key: &std::path::Path, amount: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let balances = imajin(&["balance", "--node", &node.url(), "--key", text(key)]).expect_success();
        let has = balances["balances"].as_array().unwrap().iter();
        let mut has = has.filter(|line| line["purpose"] == "available");
        if has.any(|line| line["balance"]["amount"] == amount) {
            return;
        }
        assert!(Instant::now() < deadline, "{amount}: {balances}");
        std::thread::yield_now();
    }
}

/// A work of two authors in the library of the node.
fn post_publish(scene: &Scene) -> (PathBuf, PathBuf, String) {
    let (ada, ben) = (scene.home.key("ada.key"), scene.home.key("ben.key"));
    register(&scene.node, &ada, "ada");
    register(&scene.node, &ben, "ben");
    let draft = json!({"title": "A post", "type": "article", "contributors": [
        {"did": key_of(&ada).did(), "role": "author", "share": 0.7},
        {"did": key_of(&ben).did(), "role": "editor", "share": 0.3},
    ]});
    let (file, manifest) = work(&scene.home, "post.fair.json", &ada, draft);
    fair(&scene.node, &["publish", &file, "--key", text(&ada)]).expect_success();
    fair(&scene.node, &["accept", manifest.id.as_str(), "--key", text(&ben)]).expect_success();
    (ada, ben, manifest.id.to_string())
}

/// The policy of a site with more rules.
fn policy_of(scene: &Scene, rules: &str) -> String {
    let site = Site {
        rules,
        ..Site::default()
    };
    policy(scene.broker.issuer(), &site)
}

async fn policy_wait(scene: &Scene, path: &str, status: u16) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while scene.get(path, scene.claim(path)).await.status().as_u16() != status {
        assert!(Instant::now() < deadline, "the policy is not in force");
        tokio::task::yield_now().await;
    }
}

async fn an_agent_pays_for_a_page_and_the_authors_have_their_shares(backend: Backend) {
    let scene = Scene::new(backend).await;
    let (ada, ben, work) = post_publish(&scene);
    let rules = format!("[[rules]]\npath = \"/posts/\"\nprice = \"0.10 TEST-USD\"\nfair = \"{work}\"\n");
    std::fs::write(scene.home.path("policy.toml"), policy_of(&scene, &rules)).unwrap();
    policy_wait(&scene, "/posts/1", 402).await;

    let answer = scene.get("/posts/1", scene.claim("/posts/1")).await;
    assert_eq!(answer.headers()["crawler-price"], "TEST-USD 0.10");
    let required = PaymentRequired::parse(&answer.bytes().await.unwrap()).unwrap();
    assert_eq!(required.brokers, [scene.broker.issuer()]);
    assert_eq!(
        (required.audience.as_str(), required.price.to_string()),
        (scene.host().as_str(), "0.10 TEST-USD".into())
    );
    assert_eq!(
        scene.get("/about", scene.claim("/about")).await.text().await.unwrap(),
        format!("a page for {}", scene.agent)
    );

    let visa = scene.visa(100_000);
    let mut headers = scene.paid("/posts/1", &visa);
    headers.insert("idempotency-key", "once".parse().unwrap());
    let answer = scene.get("/posts/1", headers).await;
    assert_eq!(answer.status(), 200);
    let receipt = answer.headers()["x-imagxp-receipt"].clone();
    let provenance = answer.headers()["x-imagxp-provenance-sig"].to_str().unwrap().to_owned();
    assert_eq!(answer.text().await.unwrap(), format!("a page for {}", scene.agent));
    provenance_check(&scene, &provenance).await;
    // The answer was lost: asked again, it costs nothing more.
    let mut headers = scene.paid("/posts/1", &visa);
    headers.insert("idempotency-key", "once".parse().unwrap());
    let again = scene.get("/posts/1", headers).await;
    assert_eq!(
        (again.status().as_u16(), &again.headers()["x-imagxp-receipt"]),
        (200, &receipt)
    );
    // What is not there costs nothing.
    let missing = scene
        .get("/cheap/missing", scene.paid("/cheap/missing", &scene.visa(10_000)))
        .await;
    assert_eq!(
        (missing.status().as_u16(), missing.headers().get("x-imagxp-receipt")),
        (404, None)
    );

    balance_wait(&scene.node, &ada, "0.07");
    balance_wait(&scene.node, &ben, "0.03");
    let shown = imajin(&[
        "receipt",
        "show",
        receipt.to_str().unwrap(),
        "--node",
        &scene.node.url(),
        "--key",
        text(&ada),
    ]);
    let shown = shown.expect_success();
    assert!(shown.to_string().contains("Reading http://"), "{shown}");
    assert_eq!(scene.broker.redemptions().len(), 1);
    let Scene { node, home, .. } = scene;
    node.stop();
    home.verify_clean();
}

/// The node that the site names has signed where the answer is from.
async fn provenance_check(scene: &Scene, text: &str) {
    let document: Value = scene
        .get("/.well-known/did.json", HeaderMap::new())
        .await
        .json()
        .await
        .unwrap();
    let document: imajin_did::DidDocument = serde_json::from_value(document).unwrap();
    let keys = document.assertion_keys().into_iter().map(Jwk::from_key).collect();
    let origin = format!("http://{}", scene.host());
    let said = Provenance::verify(text, &Jwks::new(keys).unwrap(), &origin, Env::system().now()).unwrap();
    assert_eq!(said.url, scene.url("/posts/1"));
}

pub(crate) fn denied(status: u16, error: &str) -> (u16, String) {
    (status, error.to_owned())
}

async fn a_changed_policy_is_in_force_and_a_wrong_one_changes_nothing(backend: Backend) {
    let scene = Scene::new(backend).await;
    assert_eq!(scene.get("/closed", scene.claim("/closed")).await.status(), 200);
    let file = scene.home.path("policy.toml");
    let closed = policy_of(&scene, "[[rules]]\npath = \"/closed\"\nallow = false\n");
    std::fs::write(&file, &closed).unwrap();
    policy_wait(&scene, "/closed", 403).await;
    // First a file with a mistake, then one with another broker, then a good one: only the last changes anything.
    std::fs::write(&file, closed.replace("allow = false", "allow = 7")).unwrap();
    assert_eq!(scene.get("/closed", scene.claim("/closed")).await.status(), 403);
    std::fs::write(&file, policy("https://elsewhere.example/broker", &Site::default())).unwrap();
    assert_eq!(scene.get("/closed", scene.claim("/closed")).await.status(), 403);
    std::fs::write(&file, policy_of(&scene, "")).unwrap();
    policy_wait(&scene, "/closed", 200).await;
    scene.node.stop();
    let refused = scene.home.up_refused(&["--services", "auth,pay,events"]);
    assert!(
        refused.contains("`gate.blog` needs the service `publisher`"),
        "{refused}"
    );
    std::fs::write(&file, "version = 7").unwrap();
    let refused = scene.home.up_refused(&[]);
    assert!(
        refused.contains("`gate.blog`") && refused.contains("policy.toml"),
        "{refused}"
    );
}

async fn a_dry_run_refuses_nothing_and_writes_it_down(backend: Backend) {
    let site = Site {
        gate: "dry_run = true",
        ..Site::default()
    };
    let scene = Scene::at(Home::new(backend), &[], &site).await;
    let answer = scene.get("/dear", scene.claim("/dear")).await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["x-imagxp-dry-run"]),
        (200, &"PAYMENT_REQUIRED".parse().unwrap())
    );
    let visa = scene.visa(500_000);
    let answer = scene.get("/dear", scene.paid("/dear", &visa)).await;
    assert_eq!(
        (answer.status().as_u16(), answer.headers().get("x-imagxp-receipt")),
        (200, None)
    );
    assert!(scene.broker.redemptions().is_empty());
    scene.node.stop();
    scene.home.verify_clean();
}

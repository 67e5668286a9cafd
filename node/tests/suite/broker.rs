//! A broker at one node, a publisher at another: with real ledgers on both sides.

use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use base64::Engine;
use imajin_agent::AgentHome;
use imajin_did::Did;
use imajin_imagxp::{AgentId, AgentKey, AgentManifest, Names};
use imajin_kernel::Env;
use imajin_proof::digest::content_digest;
use imajin_proof::http_sig::{MessageParams, MessageView, Signer};
use imajin_testkit::{Backend, on_both};
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::agents::Scene;
use crate::interop::Script;
use crate::support::{Buyer, Home, Node, imajin, text};

on_both!(
    a_visa_of_one_node_pays_an_author_at_another,
    who_wins_a_dispute_has_the_money_back_and_the_statement_says_so,
);

pub(crate) const SERVICES: &str = r#"services = [
    "auth", "pay", "events", "connections", "profile", "publisher", "broker", "registry", "www",
]
dev = true

[broker]
"#;

/// An agent whose domain is a port of this machine.
struct Agent {
    key: AgentKey,
    host: String,
    _tasks: tokio::task::JoinSet<()>,
}

impl Agent {
    async fn new() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = format!("localhost:{}", listener.local_addr().unwrap().port());
        let key = AgentKey::generate().unwrap();
        let manifest = AgentManifest {
            agent: AgentId::parse(&host, Names::Development).unwrap(),
            keys: vec![key.public().clone()],
            contact: None,
        };
        let manifest = axum::Json(manifest.to_document());
        let answer = get(move || {
            let manifest = manifest.clone();
            async move { manifest }
        });
        let router = Router::new().route("/.well-known/imagxp-agent.json", answer);
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            key,
            host,
            _tasks: tasks,
        }
    }

    /// Its key, as programs keep it.
    fn pem(&self) -> String {
        let der = self.key.to_pkcs8().unwrap();
        let text = base64::engine::general_purpose::STANDARD.encode(&*der);
        format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
    }

    async fn ask(&self, buyer: &Buyer, method: Method, path: &str, body: &[u8]) -> Response {
        agent_ask((&self.key, &self.host), (&buyer.http, buyer.url(path)), method, body).await
    }
}

/// A request that an agent has signed.
async fn agent_ask(
    (key, host): (&dyn Signer, &str),
    (http, url): (&reqwest::Client, String),
    method: Method,
    body: &[u8],
) -> Response {
    let env = Env::system();
    let mut headers = HeaderMap::new();
    headers.insert("content-digest", HeaderValue::from_str(&content_digest(body)).unwrap());
    let (did, nonce) = (
        Did::from_web_authority(host).unwrap(),
        hex::encode(env.random_bytes::<16>()),
    );
    let params = MessageParams {
        label: "sig1",
        keyid: did.as_str(),
        created: env.now(),
        expires: None,
        nonce: Some(&nonce),
        tag: None,
    };
    let covered = [r#""@method""#, r#""@target-uri""#, r#""content-digest""#];
    let view = MessageView::request(method.as_str(), &url, &headers);
    let fields = view.sign(key, &covered, &params).unwrap();
    let request = http
        .request(method, &url)
        .headers(headers)
        .header("signature-input", fields.signature_input)
        .header("signature", fields.signature)
        .header("content-type", "application/json");
    request.body(body.to_vec()).send().await.unwrap()
}

pub(crate) async fn signed(buyer: &Buyer, path: &str, body: &Value) -> Value {
    let body = serde_json::to_vec(body).unwrap();
    let key = path.rsplit('/').next();
    let response = buyer.send(&buyer.signed("POST", path, &body, key)).await;
    let status = response.status();
    let said: Value = response.json().await.unwrap_or_default();
    assert!(status.is_success(), "{path}: {status} {said}");
    said
}

/// Money for an agent goes through a checkout, and all of it arrives.
async fn agent_is_funded(agent: &Agent, buyer: &Buyer) {
    let opened = agent.ask(buyer, Method::POST, "/broker/api/agents", b"{}").await;
    assert!(opened.status().is_success(), "{}", opened.text().await.unwrap());
    let ask = json!({"agentId": agent.host, "amount": {"amount": "2.00", "currency": "TEST-USD"}});
    let deposit = signed(buyer, "/broker/api/deposits", &ask).await;
    let checkout = deposit["url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let token = buyer.login().await;
    let pressed = buyer.sandbox_press(&token, &json!(checkout), "pay").await;
    assert!(pressed.status().is_redirection(), "{}", pressed.status());
    let balances = waited(async || {
        let own = agent.ask(buyer, Method::GET, "/broker/api/accounts/me", b"").await;
        let own: Value = own.json().await.unwrap();
        own["balances"][0]["amount"].as_str().map(str::to_owned)
    });
    assert_eq!(balances.await, "2.00");
}

/// Asks until there is an answer.
pub(crate) async fn waited<T>(ask: impl AsyncFn() -> Option<T>) -> T {
    for _time in 0..200 {
        if let Some(answer) = ask().await {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it did not come in time");
}

fn host_of(node: &Node) -> String {
    node.url()
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .to_owned()
}

/// A broker's node, and one where Ben has read a work of Ada's for 0.50 with a visa of the first.
struct Sale {
    far: Home,
    home: Home,
    far_node: Node,
    node: Node,
    at_broker: Buyer,
}

async fn sale(backend: Backend) -> Sale {
    let (far, home) = (Home::new(backend), Home::new(backend));
    far.configure(&format!("{SERVICES}dispute_window_seconds = 0\n"));
    let far_node = far.up(&[]);
    let broker = format!("{}/broker", far_node.url().trim_end_matches('/'));
    home.configure(&format!("dev = true\n\n[brokers]\ntrusted = [\"{broker}\"]"));
    let node = home.up(&[]);
    let (ada, ben) = (home.key("ada.key"), home.key("ben.key"));
    for (place, key, handle) in [(&node, &ada, "ada"), (&node, &ben, "ben"), (&far_node, &ben, "ben")] {
        imajin(&["login", "--node", &place.url(), "--key", text(key), "--handle", handle]).expect_success();
    }
    let at_broker = Buyer::from_file(&far_node, &home, "ben.key");
    // Ben has money at the broker's node, and reads at the other.
    let topup = ["topup", "5.00 TEST-USD", "--node", &far_node.url(), "--key", text(&ben)];
    imajin(&topup).expect_success();
    let order = json!({
        "publisher": host_of(&node), "max_amount": {"amount": "2.00", "currency": "TEST-USD"}, "ttl": 600,
    });
    let issued = signed(&at_broker, "/issue-visa", &order).await;
    let work = home.path("work.txt");
    std::fs::write(&work, "A page that is worth something.").unwrap();
    let (work, url) = (text(&work).to_owned(), node.url());
    let add = [
        "content",
        "add",
        &work,
        "--price",
        "0.50 TEST-USD",
        "--node",
        &url,
        "--key",
        text(&ada),
    ];
    let work = imajin(&add).expect_success();
    let reader = Buyer::from_file(&node, &home, "ben.key");
    let goods = json!({"goods": {"type": "content", "id": work["id"]}});
    let quote = signed(&reader, "/pay/api/quote", &goods).await;
    let means = json!({"quoteId": quote["id"], "means": {"visa": issued["token"]}});
    let settled = signed(&reader, "/pay/api/settle", &means).await;
    assert_eq!(settled["state"], "settled");
    Sale {
        far,
        home,
        far_node,
        node,
        at_broker,
    }
}

impl Sale {
    fn end(self) {
        self.node.stop();
        self.far_node.stop();
        self.home.verify_clean();
        self.far.verify_clean();
    }
}

async fn a_visa_of_one_node_pays_an_author_at_another(backend: Backend) {
    let sale = sale(backend).await;
    let (at_broker, node) = (&sale.at_broker, &sale.node);
    let agent = Agent::new().await;
    agent_is_funded(&agent, at_broker).await;
    // The broker has paid the publisher's node, so the author can spend it.
    let ada_token = Buyer::from_file(node, &sale.home, "ada.key");
    let session = ada_token.login().await;
    let available = waited(async || {
        let (_, balances) = ada_token.get(&session, "/pay/api/balance").await;
        let lines = balances["balances"].as_array().unwrap().clone();
        let free = lines.iter().find(|line| line["purpose"] == "available");
        let amount = free.and_then(|line| line["balance"]["amount"].as_str());
        amount.filter(|amount| *amount != "0.00").map(str::to_owned)
    });
    assert_eq!(available.await, "0.50");
    let session = at_broker.login().await;
    let (_, visas) = at_broker.get(&session, "/broker/api/visas").await;
    assert_eq!(visas["items"][0]["credited"]["amount"], "0.50", "{visas}");
    // All keys stand together at the root, and beneath the issuer are the broker's own.
    let root: Value = reqwest_json(at_broker, "/.well-known/jwks.json").await;
    let own: Value = reqwest_json(at_broker, "/broker/.well-known/jwks.json").await;
    let all = root["keys"].as_array().unwrap();
    assert!(
        own["keys"].as_array().unwrap().iter().all(|key| all.contains(key)),
        "{root}"
    );
    sale.end();
}

/// An agent that has paid 0.10 for a page and objects to it, at a publisher who answers by hand.
pub(crate) struct Objection {
    pub(crate) scene: Scene,
    /// What the broker calls the dispute.
    pub(crate) id: String,
    pub(crate) page: String,
}

pub(crate) async fn objection(backend: Backend) -> Objection {
    let mut scene = Scene::with(backend, None, "dispute_window_seconds = 3600\n").await;
    scene.publisher.end();
    scene
        .home
        .configure_replace("disputes_seconds = 1\n", "disputes_seconds = 86400\n");
    scene.publisher = scene.home.up(&[]);
    let page = scene.url("/posts/1");
    scene.fetch_url(&page, &["--max", "0.10 TEST-USD"]).expect_success();
    // The publisher asks the broker for its money in a moment.
    let said = waited(async || {
        let said = scene.agent(&[
            "dispute",
            &page,
            "--score",
            "0.2",
            "--reason",
            "There is nothing on it.",
        ]);
        said.success.then_some(said.json)
    });
    let dispute = said.await;
    assert_eq!(dispute["state"], "open", "{dispute}");
    let id = dispute["id"].as_str().unwrap().to_owned();
    Objection { scene, id, page }
}

impl Objection {
    /// What is credited to the agent for something, by its statement.
    async fn credits(&self, part: &str) -> Vec<Value> {
        let home = AgentHome::open(&self.scene.home.path("agent")).unwrap();
        let url = format!("{}/api/statements?currency=TEST-USD", self.scene.issuer());
        let (key, http) = (home.key().unwrap(), reqwest::Client::new());
        let answer = agent_ask((&key, home.id().as_str()), (&http, url), Method::GET, b"").await;
        let statement: Value = answer.json().await.unwrap();
        let lines = statement["lines"].as_array().unwrap().iter();
        let of = lines.filter(|line| line["reference"].as_str().unwrap().contains(part));
        of.map(|line| line["credit"]["amount"].clone()).collect()
    }
}

async fn who_wins_a_dispute_has_the_money_back_and_the_statement_says_so(backend: Backend) {
    let objection = objection(backend).await;
    let (scene, id) = (&objection.scene, objection.id.as_str());
    let shown = scene.agent(&["dispute", &objection.page]).expect_success();
    assert_eq!(shown["state"], "open", "{shown}");
    // Nobody but the publisher's node answers, and nobody but the operator decides.
    let url = scene.broker.url();
    let give_in = |data: PathBuf| {
        let data = text(&data).to_owned();
        imajin(&[
            "broker",
            "dispute",
            "answer",
            id,
            "--concede",
            "--node",
            &url,
            "--data",
            &data,
        ])
    };
    assert_eq!(give_in(scene.far.data()).refusal()["error"], "not_found");
    let ben = scene.far.path("ben.key");
    let mut decide = vec!["broker", "dispute", "decide", id, "agent", "--reason", "r"];
    decide.extend(["--node", &url, "--key", text(&ben)]);
    assert_eq!(imajin(&decide).refusal()["error"], "forbidden");
    assert_eq!(give_in(scene.home.data()).expect_success()["state"], "reversed");
    assert_eq!(objection.credits("won dispute").await, [json!("0.10")]);
    assert_eq!(scene.balance().as_deref(), Some("2.00"));
    objection.scene.end();
}

async fn reqwest_json(buyer: &Buyer, path: &str) -> Value {
    buyer
        .http
        .get(buyer.url(path))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unmodified_jose_verifies_a_visa_and_an_unmodified_openid_client_gets_a_token() {
    let home = Home::new(Backend::Sqlite);
    home.configure(SERVICES);
    let node = home.up(&[]);
    let key = home.key("ben.key");
    imajin(&["login", "--node", &node.url(), "--key", text(&key), "--handle", "ben"]).expect_success();
    let at_broker = Buyer::from_file(&node, &home, "ben.key");
    let agent = Agent::new().await;
    agent_is_funded(&agent, &at_broker).await;
    let order = json!({
        "publisher": "news.example", "max_amount": {"amount": "0.50", "currency": "TEST-USD"}, "ttl": 600,
    })
    .to_string();
    let bought = agent.ask(&at_broker, Method::POST, "/issue-visa", order.as_bytes());
    let bought: Value = bought.await.json().await.unwrap();
    let visa = bought["token"].as_str().unwrap();
    let issuer = format!("{}/broker", node.url());
    let pem = agent.pem();
    let mut script = Script::start("broker.mjs", &[&issuer, &agent.host, &pem, visa, "news.example"]);
    let said = script.read();
    assert_eq!(
        (&said["alg"], &said["payload"]["max_micros"]),
        (&json!("ES256"), &json!(500_000)),
        "{said}"
    );
    assert_eq!(said["payload"]["cnf"]["jkt"], json!(agent.key.thumbprint()));
    let refused = (&said["elsewhere"], &said["forged"]);
    assert_eq!(
        refused,
        (
            &json!("ERR_JWT_CLAIM_VALIDATION_FAILED"),
            &json!("ERR_JWS_SIGNATURE_VERIFICATION_FAILED")
        )
    );
    assert_eq!(said["own"]["balances"][0]["amount"], "1.50");
    assert_eq!(said["own"]["reserved"][0]["amount"], "0.50");
    assert_eq!(said["inspected"]["active"], true);
    node.stop();
}

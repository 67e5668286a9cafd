//! A broker at one node, a publisher at another: with real ledgers on both sides.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use base64::Engine;
use imajin_did::Did;
use imajin_imagxp::{AgentId, AgentKey, AgentManifest, Names};
use imajin_kernel::Env;
use imajin_proof::digest::{content_digest, sha256_hex};
use imajin_proof::http_sig::{MessageParams, MessageView};
use imajin_testkit::{Backend, on_both};
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, Response};
use serde_json::{Value, json};

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
        let (url, env) = (buyer.url(path), Env::system());
        let mut headers = HeaderMap::new();
        headers.insert("content-digest", HeaderValue::from_str(&content_digest(body)).unwrap());
        let (did, nonce) = (
            Did::from_web_authority(&self.host).unwrap(),
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
        let fields = view.sign(&self.key, &covered, &params).unwrap();
        let request = buyer
            .http
            .request(method, &url)
            .headers(headers)
            .header("signature-input", fields.signature_input)
            .header("signature", fields.signature)
            .header("content-type", "application/json");
        request.body(body.to_vec()).send().await.unwrap()
    }
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
pub(crate) struct Sale {
    pub(crate) far: Home,
    pub(crate) home: Home,
    pub(crate) far_node: Node,
    pub(crate) node: Node,
    pub(crate) at_broker: Buyer,
    /// SHA-256 of the visa, in hex: what a payment by a DID is called.
    digest: String,
}

pub(crate) async fn sale(backend: Backend, dispute_window_seconds: u32) -> Sale {
    let (far, home) = (Home::new(backend), Home::new(backend));
    far.configure(&format!(
        "{SERVICES}dispute_window_seconds = {dispute_window_seconds}\n"
    ));
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
        digest: sha256_hex(issued["token"].as_str().unwrap().as_bytes()),
        far,
        home,
        far_node,
        node,
        at_broker,
    }
}

impl Sale {
    /// What Ben has against what he has paid for.
    pub(crate) fn feedback(&self) -> Value {
        json!({
            "url": format!("https://{}/a", host_of(&self.node)), "quality_score": 0.2,
            "reason": "There is nothing on it.", "claim_digest": self.digest,
        })
    }

    pub(crate) fn end(self) {
        self.node.stop();
        self.far_node.stop();
        self.home.verify_clean();
        self.far.verify_clean();
    }
}

async fn a_visa_of_one_node_pays_an_author_at_another(backend: Backend) {
    let sale = sale(backend, 0).await;
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

/// Waits until the publisher has asked for its money; a session of Ben's.
pub(crate) async fn redeemed(sale: &Sale) -> String {
    let session = sale.at_broker.login().await;
    let redeemed = waited(async || {
        let (_, visas) = sale.at_broker.get(&session, "/broker/api/visas").await;
        let redeemed = visas["items"][0]["redeemed"]["amount"].as_str();
        redeemed.filter(|amount| *amount != "0.00").map(str::to_owned)
    });
    assert_eq!(redeemed.await, "0.50");
    session
}

async fn who_wins_a_dispute_has_the_money_back_and_the_statement_says_so(backend: Backend) {
    let sale = sale(backend, 3_600).await;
    let session = redeemed(&sale).await;
    let dispute = signed(&sale.at_broker, "/broker/api/disputes", &sale.feedback()).await;
    assert_eq!(dispute["state"], "open");
    let id = dispute["id"].as_str().unwrap();
    let (url, data, ben) = (sale.far_node.url(), sale.home.data(), sale.home.path("ben.key"));
    let shown = ["broker", "dispute", "show", id, "--node", &url, "--key", text(&ben)];
    assert_eq!(imajin(&shown).expect_success()["state"], "open");
    // Nobody but the publisher's node answers, and nobody but the operator decides.
    let far_data = sale.far.data();
    let give_in = |data| {
        [
            "broker",
            "dispute",
            "answer",
            id,
            "--concede",
            "--node",
            &url,
            "--data",
            data,
        ]
    };
    assert_eq!(imajin(&give_in(text(&far_data))).refusal()["error"], "not_found");
    let decide = [
        "broker",
        "dispute",
        "decide",
        id,
        "agent",
        "--reason",
        "r",
        "--node",
        &url,
        "--key",
        text(&ben),
    ];
    assert_eq!(imajin(&decide).refusal()["error"], "forbidden");
    assert_eq!(imajin(&give_in(text(&data))).expect_success()["state"], "reversed");
    let statement = async |part: &str| {
        let path = "/broker/api/statements?currency=TEST-USD";
        let (_, statement) = sale.at_broker.get(&session, path).await;
        let lines = statement["lines"].as_array().unwrap().clone();
        let of = |line: &&Value| line["reference"].as_str().unwrap().contains(part);
        lines
            .iter()
            .filter(of)
            .map(|line| line["credit"]["amount"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(statement("won dispute").await, [json!("0.50")]);
    // The visa was for one use: the rest of it is back as well.
    let rest = waited(async || statement("rest of visa").await[..].first().map(ToString::to_string));
    assert_eq!(rest.await, "\"1.50\"");
    sale.end();
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

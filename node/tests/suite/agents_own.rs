//! The agent that goes by a node's own name: publishers know it by what the node answers with.

use imajin_imagxp::web_bot_auth::{DIRECTORY_PATH, DIRECTORY_TYPE, directory_parse};
use imajin_kernel::{Env, Timestamp};
use imajin_proof::http_sig::MessageView;
use imajin_testkit::{Backend, on_both};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::agents::Scene;
use crate::broker::waited;
use crate::support::{Home, Node, Outcome, free_address, imajin, text};

on_both!(
    the_agent_of_a_node_is_known_by_its_documents,
    an_agent_pays_by_web_bot_auth_too,
);

const MANIFEST_PATH: &str = "/.well-known/imagxp-agent.json";

/// A node with a name that others can ask, and where its agent is.
struct Own {
    home: Home,
    listen: String,
    host: String,
}

impl Own {
    fn new(backend: Backend) -> Self {
        let (home, listen) = (Home::new(backend), free_address());
        let host = format!("localhost:{}", listen.port());
        home.configure(&format!("public_url = \"http://{host}\""));
        Self {
            home,
            listen: listen.to_string(),
            host,
        }
    }

    fn agent(&self, args: &[&str]) -> Outcome {
        let folder = self.home.data().join("agent");
        let mut all = vec!["agent"];
        all.extend(args);
        all.extend(["--agent", text(&folder)]);
        imajin(&all)
    }

    fn options(&self) -> [&str; 2] {
        ["--listen", &self.listen]
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        reqwest::get(format!("http://{}{path}", self.host)).await.unwrap()
    }
}

async fn the_agent_of_a_node_is_known_by_its_documents(backend: Backend) {
    let own = Own::new(backend);
    let node = own.home.up(&own.options());
    for path in [MANIFEST_PATH, DIRECTORY_PATH] {
        let answer = own.get(path).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        assert!(answer.text().await.unwrap().contains("no agent of its own"));
    }
    node.stop();

    own.home.configure("[imagxp]\nagent = \"agent\"");
    let said = own.home.up_refused(&[]);
    assert!(said.contains(&format!("imajin agent key new {}", own.host)), "{said}");
    own.agent(&["key", "new", "other.example"]).expect_success();
    let said = own.home.up_refused(&[]);
    assert!(said.contains("is other.example, and this node is localhost:"), "{said}");
    std::fs::remove_dir_all(own.home.data().join("agent")).unwrap();

    own.agent(&["key", "new", &own.host]).expect_success();
    let node = own.home.up(&own.options());
    // Keys change without the node.
    own.agent(&["key", "rotate"]).expect_success();
    let manifest: Value = own.get(MANIFEST_PATH).await.json().await.unwrap();
    assert_eq!(manifest, own.agent(&["manifest"]).expect_success());
    assert_eq!(
        (&manifest["agent_id"], manifest["keys"].as_array().unwrap().len()),
        (&json!(own.host), 2)
    );

    let answer = own.get(DIRECTORY_PATH).await;
    let headers = answer.headers().clone();
    assert_eq!(headers["content-type"], DIRECTORY_TYPE);
    assert_eq!(headers["access-control-allow-origin"], "*");
    let document = answer.bytes().await.unwrap();
    let shown: Value = serde_json::from_slice(&document).unwrap();
    assert_eq!(shown, own.agent(&["directory"]).expect_success());
    let keys = directory_parse(&document).unwrap();
    let empty = reqwest::header::HeaderMap::new();
    let url = format!("http://{}{DIRECTORY_PATH}", own.host);
    let request = MessageView::request("GET", &url, &empty);
    let view = MessageView::response(200, &headers, Some(&request));
    for (label, key) in ["sig1", "sig2"].into_iter().zip(keys.keys()) {
        let signature = view.signature(label).unwrap();
        let key = key.verifying_key().unwrap();
        assert!(signature.verify(&view, &key).is_ok(), "{label}");
        let until = signature.expires().unwrap();
        let now: Timestamp = Env::system().now();
        assert!(until > now && until.since(now) <= imajin_kernel::Span::minutes(5));
    }
    node.stop();
    own.home.verify_clean();
}

/// An agent of a node's own, with 0.30 at a broker, and a gate where pages cost 0.10.
pub(crate) struct Paying {
    pub(crate) scene: Scene,
    own: Own,
    pub(crate) node: Node,
}

impl Paying {
    pub(crate) async fn new(backend: Backend) -> Self {
        let (scene, own) = (Scene::new(backend).await, Own::new(backend));
        own.home.configure("[imagxp]\nagent = \"agent\"");
        own.agent(&["key", "new", &own.host]).expect_success();
        let node = own.home.up(&own.options());
        Self { scene, own, node }
    }

    /// Opens the agent's account and puts money into it.
    pub(crate) async fn deposit(&self) {
        let issuer = self.scene.issuer();
        self.own.agent(&["account", "--broker", issuer]).expect_success();
        let ben = self.scene.far.path("ben.key");
        let mut deposit = vec!["deposit", "0.30 TEST-USD", "--broker", issuer];
        deposit.extend(["--key", text(&ben), "--from", "sandbox"]);
        self.own.agent(&deposit).expect_success();
        waited(async || {
            let account = self.own.agent(&["account", "--broker", issuer]).expect_success();
            (account["balances"][0]["amount"] == "0.30").then_some(())
        })
        .await;
    }

    pub(crate) fn fetch(&self, path: &str, more: &[&str]) -> Outcome {
        let (url, out) = (self.scene.url(path), self.own.home.path("page"));
        let mut args = vec!["fetch", &url, "--out", text(&out), "--max", "0.10 TEST-USD"];
        args.extend(more);
        self.own.agent(&args)
    }

    pub(crate) fn end(self) {
        self.node.stop();
        self.scene.end();
    }
}

async fn an_agent_pays_by_web_bot_auth_too(backend: Backend) {
    let paying = Paying::new(backend).await;
    let bot: &[&str] = &["--as", "web-bot-auth"];
    let free = paying.fetch("/about", bot).expect_success();
    assert_eq!((&free["paid"], &free["origin"]), (&Value::Null, &json!("HUMAN")));
    let refused = paying.fetch("/posts/1", bot).refusal();
    assert_eq!(refused["error"], "payment_required", "it has no account: {refused}");

    paying.deposit().await;
    for (path, more) in [("/posts/1", bot), ("/posts/2", &[])] {
        let read = paying.fetch(path, more).expect_success();
        assert_eq!(read["paid"]["price"]["amount"], "0.10", "{read}");
        let part = &read["paid"]["parts"][0];
        assert_eq!(part["amount"]["amount"], "0.10", "its receipt was read: {read}");
    }
    let spent = paying.own.agent(&["spend"]).expect_success();
    assert_eq!(
        spent["spent"],
        json!([{"amount": "0.20", "currency": "TEST-USD"}]),
        "{spent}"
    );
    paying.end();
}

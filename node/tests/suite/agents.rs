//! The agent of the command line at a gate: a broker on one node, a site behind another, authors who are paid.

use std::path::PathBuf;
use std::process::Stdio;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::broker::{SERVICES, signed, waited};
use crate::gates::{balance_wait, gate_host};
use crate::support::{Buyer, Home, IMAJIN, Node, Outcome, Server, imajin, text};

on_both!(an_agent_of_the_command_line_pays_once_and_within_its_budget,);

const PAGE: &str = "A page that is worth something.";

/// A broker's node with an agent who has money there, and a publisher's node with a gate.
struct Scene {
    home: Home,
    publisher: Node,
    far: Home,
    broker: Node,
    issuer: String,
    servers: [Server; 2],
}

fn site() -> Router {
    Router::new()
        .route("/robots.txt", get(|| async { "User-agent: *\nDisallow: /secret\n" }))
        .route("/missing", get(|| async { StatusCode::NOT_FOUND }))
        .fallback(get(|| async { PAGE }))
}

/// The domain of an agent: whatever its manifest is at the moment.
async fn domain(manifest: PathBuf) -> Server {
    let answer = get(move || async move { std::fs::read_to_string(&manifest).unwrap_or_default() });
    Server::start(Router::new().route("/.well-known/imagxp-agent.json", answer)).await
}

impl Scene {
    async fn new(backend: Backend) -> Self {
        let (far, home) = (Home::new(backend), Home::new(backend));
        far.configure(SERVICES);
        let broker = far.up(&[]);
        let issuer = format!("{}/broker", broker.url());
        let (site, agents) = (Server::start(site()).await, domain(home.path("manifest.json")).await);
        let policy = format!(
            "version = 1\nbrokers = [\"{issuer}\"]\norigin = \"HUMAN\"\n[[rules]]\npath = \"/posts/\"\n\
             price = \"0.10 TEST-USD\"\n[[rules]]\npath = \"/dear\"\nprice = \"0.90 TEST-USD\"\n"
        );
        std::fs::write(home.path("policy.toml"), policy).unwrap();
        let ada = home.key("ada.key");
        home.configure(&format!(
            "dev = true\n[brokers]\ntrusted = [\"{issuer}\"]\n[gate.blog]\nupstream = \"http://{}\"\n\
             policy = \"{}\"\nlisten = \"127.0.0.1:0\"\npayee = \"{}\"",
            site.host,
            text(&home.path("policy.toml")),
            crate::fair_library::key_of(&ada).did()
        ));
        let publisher = home.up(&[]);
        let scene = Self {
            home,
            publisher,
            far,
            broker,
            issuer,
            servers: [site, agents],
        };
        scene.agent_make().await;
        scene
    }

    fn agent(&self, args: &[&str]) -> Outcome {
        let folder = self.home.path("agent");
        let mut all = vec!["agent"];
        all.extend(args);
        all.extend(["--agent", text(&folder)]);
        imajin(&all)
    }

    fn fetch(&self, path: &str, more: &[&str]) -> Outcome {
        let (url, out) = (self.url(path), self.home.path("page"));
        let mut all = vec!["fetch", url.as_str(), "--out", text(&out)];
        all.extend(more);
        self.agent(&all)
    }

    fn page(&self) -> String {
        std::fs::read_to_string(self.home.path("page")).unwrap()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", gate_host(&self.publisher))
    }

    fn manifest_publish(&self) {
        let manifest = self.agent(&["manifest"]).expect_success();
        std::fs::write(self.home.path("manifest.json"), manifest.to_string()).unwrap();
    }

    /// An agent with a key, an account, and 2.00 in it, which ben has put there.
    async fn agent_make(&self) {
        let host = self.servers[1].host.clone();
        self.agent(&["key", "new", &host]).expect_success();
        self.manifest_publish();
        let opened = self.agent(&["account", "--broker", &self.issuer]).expect_success();
        assert_eq!((&opened["agent"], &opened["balances"]), (&json!(host), &json!([])));
        let ben = self.far.key("ben.key");
        crate::fair_library::register(&self.broker, &ben, "ben");
        let buyer = Buyer::from_file(&self.broker, &self.far, "ben.key");
        let ask = json!({"agentId": host, "amount": {"amount": "2.00", "currency": "TEST-USD"}});
        let deposit = signed(&buyer, "/broker/api/deposits", &ask).await;
        let checkout = deposit["url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        let token = buyer.login().await;
        let pressed = buyer.sandbox_press(&token, &json!(checkout), "pay").await;
        assert!(pressed.status().is_redirection(), "{}", pressed.status());
        let has = waited(async || self.balance()).await;
        assert_eq!(has, "2.00");
    }

    /// What the agent has at its broker.
    fn balance(&self) -> Option<String> {
        let account = self.agent(&["account", "--broker", &self.issuer]).expect_success();
        account["balances"][0]["amount"].as_str().map(str::to_owned)
    }

    fn spent(&self) -> Value {
        self.agent(&["spend"]).expect_success()
    }
}

async fn an_agent_of_the_command_line_pays_once_and_within_its_budget(backend: Backend) {
    let scene = Scene::new(backend).await;
    let free = scene.fetch("/about", &[]).expect_success();
    assert_eq!((&free["paid"], scene.page().as_str()), (&Value::Null, PAGE));
    refusals(&scene);

    let read = scene.fetch("/posts/1", &["--max", "0.10 TEST-USD"]).expect_success();
    assert_eq!(read["paid"]["price"], json!({"amount": "0.10", "currency": "TEST-USD"}));
    assert_eq!(
        (&read["paid"]["broker"], &read["origin"]),
        (&json!(scene.issuer), &json!("HUMAN"))
    );
    assert_eq!(scene.page(), PAGE);
    let ada = scene.home.path("ada.key");
    crate::fair_library::register(&scene.publisher, &ada, "ada");
    balance_wait(&scene.publisher, &ada, "0.10");
    interrupted(&scene);

    let spent = scene.spent();
    assert_eq!(
        spent["spent"],
        json!([{"amount": "0.20", "currency": "TEST-USD"}]),
        "{spent}"
    );
    balance_wait(&scene.publisher, &ada, "0.20");
    assert!(scene.balance().is_some());
    let Scene {
        publisher,
        home,
        broker,
        far,
        ..
    } = scene;
    publisher.stop();
    broker.stop();
    home.verify_clean();
    far.verify_clean();
}

/// What is not read costs nothing, and nothing is even asked of the broker.
fn refusals(scene: &Scene) {
    let refused = |path: &str, more: &[&str], says: &str| {
        let outcome = scene.fetch(path, more);
        assert!(
            !outcome.success && outcome.stderr.contains(says),
            "{path}: {}",
            outcome.stderr
        );
    };
    refused("/posts/1", &[], "at most nothing was to be paid");
    refused("/posts/1", &["--max", "0.09 TEST-USD"], "It costs 0.10 TEST-USD");
    refused("/posts/1", &["--max", "1.00"], "It costs 0.10 TEST-USD");
    refused("/secret/1", &["--max", "1.00 TEST-USD"], "robots.txt");
    refused("/missing", &["--max", "1.00 TEST-USD"], "404");
    scene.agent(&["spend", "--per-day", "0.50 TEST-USD"]).expect_success();
    refused(
        "/dear",
        &["--max", "1.00 TEST-USD"],
        "the limit of a day is 0.50 TEST-USD",
    );
    assert_eq!(scene.spent()["purchases"], json!([]));
    assert_eq!(scene.balance().unwrap(), "2.00");
}

/// An agent that is killed while it pays, at whatever moment, goes on and pays once.
fn interrupted(scene: &Scene) {
    let (url, out, folder) = (scene.url("/posts/2"), scene.home.path("page"), scene.home.path("agent"));
    let args = [
        "agent",
        "fetch",
        url.as_str(),
        "--max",
        "0.10 TEST-USD",
        "--out",
        text(&out),
        "--agent",
        text(&folder),
    ];
    let journal = folder.join("spent.jsonl");
    let before = std::fs::metadata(&journal).unwrap().len();
    let mut child = std::process::Command::new(IMAJIN)
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The moment at which the intention is on disk.
    while std::fs::metadata(&journal).unwrap().len() == before && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    let _ended_already = child.kill();
    child.wait().unwrap();
    let on_its_way = scene.spent()["purchases"][0]["state"].clone();
    assert_ne!(on_its_way, "unspent");
    if on_its_way != "paid" {
        let read = scene.fetch("/posts/2", &["--max", "0.10 TEST-USD"]).expect_success();
        assert_eq!(read["paid"]["isResumed"], true, "{read}");
    }
    let purchases = scene.spent()["purchases"].clone();
    let of_page = purchases.as_array().unwrap().iter().filter(|one| one["url"] == url);
    assert_eq!(of_page.count(), 1, "{purchases}");
}

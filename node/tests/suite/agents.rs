//! The agent of the command line at a gate: a broker on one node, a site behind another, authors who are paid.

use std::path::PathBuf;
use std::process::Stdio;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, Redirect};
use axum::routing::get;
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::broker::{SERVICES, waited};
use crate::crash::relay::Relay;
use crate::gates::{balance_wait, gate_host};
use crate::support::{Home, IMAJIN, Node, Outcome, Server, free_address, imajin, text};

on_both!(
    an_agent_of_the_command_line_pays_once_and_within_its_budget,
    an_agent_says_what_a_page_was_worth_and_sees_how_it_stands,
);

pub(crate) const PAGE: &str = "A page that is worth something.";

/// A broker's node with an agent who has money there, and a publisher's node with a gate.
pub(crate) struct Scene {
    pub(crate) home: Home,
    pub(crate) publisher: Node,
    pub(crate) far: Home,
    pub(crate) broker: Node,
    /// Where the broker's node listens, also when it was started again.
    pub(crate) broker_listen: String,
    issuer: String,
    site_url: Option<String>,
    servers: [Server; 2],
}

/// The links of the first page of the site.
const INDEX: &str = "<title>All</title><a href=/posts/1>1</a><a href='posts/2#top'>2</a><a href=/posts/1?>1</a>\
    <a href=/secret/1>no</a><a href=/missing>none</a><a href=/dear>dear</a><a href=https://other.example/>far</a>";
const SITEMAP: &str = "<urlset><url><loc>HOST/posts/8</loc></url><url><loc>HOST/about</loc></url>\
    <url><loc>https://other.example/posts/9</loc></url></urlset>";

/// A page of the site with many pages.
async fn many() -> Html<String> {
    let links = (100..120).map(|number| format!("<a href=/posts/{number}>{number}</a>"));
    Html(links.collect())
}

fn site() -> Router {
    let sitemap = |headers: HeaderMap| async move {
        let host = headers["x-forwarded-host"].to_str().unwrap();
        SITEMAP.replace("HOST", &format!("http://{host}"))
    };
    Router::new()
        .route("/robots.txt", get(|| async { "User-agent: *\nDisallow: /secret\n" }))
        .route("/missing", get(|| async { StatusCode::NOT_FOUND }))
        .route("/index", get(|| async { Html(INDEX) }))
        .route(
            "/moved",
            get(|| async { Html("<a href=/posts/old>old</a><a href=/posts/1>new</a>") }),
        )
        .route("/posts/old", get(|| async { Redirect::permanent("/posts/1") }))
        .route("/many", get(many))
        .route("/sitemap.xml", get(sitemap))
        .fallback(get(|| async { PAGE }))
}

/// The domain of an agent: whatever its manifest is at the moment.
async fn domain(manifest: PathBuf) -> Server {
    let answer = get(move || async move { std::fs::read_to_string(&manifest).unwrap_or_default() });
    Server::start(Router::new().route("/.well-known/imagxp-agent.json", answer)).await
}

/// Lines by which all others reach a broker's node and a site.
pub(crate) struct Lines {
    pub(crate) broker: Relay,
    pub(crate) site: Relay,
}

impl Scene {
    pub(crate) async fn new(backend: Backend) -> Self {
        Self::behind(backend, None).await
    }

    /// The same, where everything goes over these lines.
    pub(crate) async fn behind(backend: Backend, lines: Option<&Lines>) -> Self {
        Self::with(backend, lines, "").await
    }

    /// The same, with more in the configuration of the broker.
    pub(crate) async fn with(backend: Backend, lines: Option<&Lines>, broker_more: &str) -> Self {
        let (far, home) = (Home::new(backend), Home::new(backend));
        let public_of = |line: &Relay| format!("public_url = \"{}\"\n", line.url());
        let public = lines.map(|lines| public_of(&lines.broker)).unwrap_or_default();
        far.configure(&format!("{public}{SERVICES}{broker_more}"));
        let broker_listen = free_address().to_string();
        let broker = far.up(&["--listen", &broker_listen]);
        let broker_url = lines.map_or_else(|| broker.url(), |lines| lines.broker.url());
        let issuer = format!("{broker_url}/broker");
        let (site, agents) = (Server::start(site()).await, domain(home.path("manifest.json")).await);
        let policy = format!(
            "version = 1\nbrokers = [\"{issuer}\"]\norigin = \"HUMAN\"\n[[rules]]\npath = \"/posts/\"\n\
             price = \"0.10 TEST-USD\"\n[[rules]]\npath = \"/dear\"\nprice = \"0.90 TEST-USD\"\n"
        );
        std::fs::write(home.path("policy.toml"), policy).unwrap();
        let ada = home.key("ada.key");
        let public = lines.map(|lines| public_of(&lines.site)).unwrap_or_default();
        home.configure(&format!(
            "dev = true\n[brokers]\ntrusted = [\"{issuer}\"]\ndisputes_seconds = 1\n[gate.blog]\n\
             upstream = \"http://{}\"\npolicy = \"{}\"\nlisten = \"127.0.0.1:0\"\n{public}payee = \"{}\"",
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
            broker_listen,
            issuer,
            site_url: lines.map(|lines| lines.site.url()),
            servers: [site, agents],
        };
        if let Some(lines) = lines {
            scene.lead(lines);
        }
        scene.agent_make().await;
        scene
    }

    /// Leads the lines to where the nodes are at present.
    pub(crate) fn lead(&self, lines: &Lines) {
        lines.broker.lead_to(&format!("http://{}", self.broker_listen));
        lines.site.lead_to(&format!("http://{}", gate_host(&self.publisher)));
    }

    pub(crate) fn agent_host(&self) -> &str {
        &self.servers[1].host
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    pub(crate) fn agent(&self, args: &[&str]) -> Outcome {
        let folder = self.home.path("agent");
        let mut all = vec!["agent"];
        all.extend(args);
        all.extend(["--agent", text(&folder)]);
        imajin(&all)
    }

    fn fetch(&self, path: &str, more: &[&str]) -> Outcome {
        self.fetch_url(&self.url(path), more)
    }

    pub(crate) fn fetch_url(&self, url: &str, more: &[&str]) -> Outcome {
        let out = self.home.path("page");
        let mut all = vec!["fetch", url, "--out", text(&out)];
        all.extend(more);
        self.agent(&all)
    }

    fn page(&self) -> String {
        std::fs::read_to_string(self.home.path("page")).unwrap()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        let own = || format!("http://{}", gate_host(&self.publisher));
        format!("{}{path}", self.site_url.clone().unwrap_or_else(own))
    }

    fn manifest_publish(&self) {
        let manifest = self.agent(&["manifest"]).expect_success();
        std::fs::write(self.home.path("manifest.json"), manifest.to_string()).unwrap();
    }

    /// An agent with a key, an account, and 2.00 in it, which ben has put there: 1.50 of test money, 0.50 of his own.
    async fn agent_make(&self) {
        let host = self.servers[1].host.clone();
        self.agent(&["key", "new", &host]).expect_success();
        self.manifest_publish();
        let opened = self.agent(&["account", "--broker", &self.issuer]).expect_success();
        assert_eq!((&opened["agent"], &opened["balances"]), (&json!(host), &json!([])));
        let ben = self.far.key("ben.key");
        crate::fair_library::register(&self.broker, &ben, "ben");
        let topup = [
            "topup",
            "1.00 TEST-USD",
            "--node",
            &self.broker.url(),
            "--key",
            text(&ben),
        ];
        imajin(&topup).expect_success();
        self.deposits(text(&ben));
        let has = waited(async || self.balance().filter(|has| has == "2.00")).await;
        assert_eq!(has, "2.00");
    }

    fn deposits(&self, key: &str) {
        let deposit = |amount: &str, more: &[&str]| {
            let mut args = vec!["deposit", amount, "--broker", &self.issuer];
            args.extend(more);
            self.agent(&args)
        };
        // Without anybody who pays, it is said where to.
        let asked = deposit("3.00 TEST-USD", &["--idempotency-key", "k"]).expect_success();
        assert_eq!(
            (&asked["state"], &asked["receipt"]),
            (&json!("open"), &Value::Null),
            "{asked}"
        );
        assert!(asked["url"].as_str().unwrap().contains("/pay/checkout/"), "{asked}");
        let again = deposit("3.00 TEST-USD", &["--idempotency-key", "k"]).expect_success();
        assert_eq!((&again["id"], &again["url"]), (&asked["id"], &asked["url"]));
        let paid = deposit("1.50 TEST-USD", &["--key", key, "--from", "sandbox"]).expect_success();
        assert_eq!(paid["state"], "paid", "{paid}");
        let paid = deposit("0.50 TEST-USD", &["--key", key]).expect_success();
        assert!(paid["receipt"].is_string(), "{paid}");
        let short = deposit("0.51 TEST-USD", &["--key", key]).refusal();
        assert_eq!(short["error"], "payment_required", "{short}");
        let left = imajin(&["balance", "--node", &self.broker.url(), "--key", key]).expect_success();
        assert!(left.to_string().contains("\"0.50\""), "{left}");
    }

    pub(crate) fn end(self) {
        self.publisher.stop();
        self.broker.stop();
        self.home.verify_clean();
        self.far.verify_clean();
    }

    /// What the agent has at its broker.
    pub(crate) fn balance(&self) -> Option<String> {
        let account = self.agent(&["account", "--broker", &self.issuer]).expect_success();
        account["balances"][0]["amount"].as_str().map(str::to_owned)
    }

    pub(crate) fn spent(&self) -> Value {
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
    // The receipt was read and checked: all of it is ada's.
    let ada = scene.home.path("ada.key");
    let part = json!({
        "did": crate::fair_library::key_of(&ada).did(), "role": "publisher",
        "amount": {"amount": "0.10", "currency": "TEST-USD"},
    });
    assert_eq!(
        (&read["paid"]["parts"], &read["paid"]["receiptUnchecked"]),
        (&json!([part]), &Value::Null)
    );
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
    to_the_output(&scene);
    scene.end();
}

async fn an_agent_says_what_a_page_was_worth_and_sees_how_it_stands(backend: Backend) {
    let scene = Scene::new(backend).await;
    let (first, second) = (scene.url("/posts/1"), scene.url("/posts/2"));
    let paid = scene.fetch("/posts/1", &["--max", "0.10 TEST-USD"]).expect_success();
    scene.fetch("/posts/2", &["--max", "0.10 TEST-USD"]).expect_success();
    let refusal = |args: &[&str]| scene.agent(args).refusal()["error"].clone();
    assert_eq!(refusal(&["dispute", &scene.url("/posts/3")]), "not_found");
    assert_eq!(refusal(&["dispute", &first]), "not_found", "nothing was said yet");
    let say = async |page: &str, score: &str| {
        // The publisher asks the broker for its money in a moment.
        let said = waited(async || {
            let said = scene.agent(&["dispute", page, "--score", score, "--reason", "There is nothing on it."]);
            said.success.then(|| said.json.to_string())
        });
        serde_json::from_str::<Value>(&said.await).unwrap()
    };
    let dispute = say(&first, "0.2").await;
    assert_eq!(
        (&dispute["url"], &dispute["qualityScore"]),
        (&json!(first), &json!("0.2"))
    );
    assert_eq!(dispute["amount"], json!({"amount": "0.10", "currency": "TEST-USD"}));
    let shown = scene
        .agent(&["dispute", paid["paid"]["receipt"].as_str().unwrap()])
        .expect_success();
    assert_eq!(shown["id"], dispute["id"]);
    assert!(
        ["open", "answered"].contains(&shown["state"].as_str().unwrap()),
        "{shown}"
    );
    assert_eq!(say(&second, "0.9").await["state"], "released");
    let changed = scene.agent(&["dispute", &second, "--score", "0.1", "--reason", "After all."]);
    assert_eq!(changed.refusal()["error"], "conflict");
    let purchases = scene.spent()["purchases"].clone();
    assert!(
        purchases
            .as_array()
            .unwrap()
            .iter()
            .all(|one| one["dispute"].is_string()),
        "{purchases}"
    );
    scene.end();
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

/// Without a file the page is the output, and what was paid is told beside it.
fn to_the_output(scene: &Scene) {
    let (url, folder) = (scene.url("/posts/3"), scene.home.path("agent"));
    let fetch = |more: &[&str], out: Stdio| {
        let mut command = std::process::Command::new(IMAJIN);
        command.args(["agent", "fetch", url.as_str(), "--agent", text(&folder)]);
        let child = command.args(more).stdout(out).stderr(Stdio::piped()).spawn().unwrap();
        let ran = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (ran.status.success(), text(ran.stdout), text(ran.stderr))
    };
    let max = ["--max", "0.10 TEST-USD"];
    let (success, page, said) = fetch(&[], Stdio::piped());
    assert!(
        !success && page.is_empty() && said.contains("at most nothing"),
        "{said}"
    );
    // Nobody could take it, so it is not given out: the next one gives it, and pays nothing more.
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let (success, _, said) = fetch(&max, full.into());
    assert!(!success && said.contains("nothing is paid twice"), "{said}");
    let (success, page, said) = fetch(&max, Stdio::piped());
    assert!(success && page == PAGE, "{page}");
    let host = url.strip_prefix("http://").unwrap().split('/').next().unwrap();
    assert!(said.contains(&format!("Paid 0.10 TEST-USD to {host}")), "{said}");
    let of_page = |purchase: &&Value| purchase["url"] == url;
    let spent = scene.spent();
    assert_eq!(spent["purchases"].as_array().unwrap().iter().filter(of_page).count(), 1);
    let (success, page, said) = fetch(&["--max", "0.10 TEST-USD", "--json"], Stdio::piped());
    let said: Value = serde_json::from_str(&said).unwrap();
    assert!(success && page == PAGE && said["file"].is_null(), "{said}");
    assert_eq!(said["paid"]["price"]["amount"], "0.10", "{said}");
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

//! A site behind a gate: pages that cost nothing, and pages that are paid for, beside nginx as a plain proxy in front
//! of the same site.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use imajin_did::Verify;
use imajin_imagxp::{AgentId, AgentKey, AgentManifest, Claim, ClaimHeaders, Names, Purpose};
use imajin_kernel::Env;
use imajin_proof::http_sig::Signer;
use imajin_testkit::broker_peer::{BrokerPeer, VisaWish};
use imajin_testkit::{Guarded, free_address};
use reqwest::Client;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::task::JoinSet;

use crate::caller::{Measured, client, paced, run};
use crate::node::{NodeProcess, Storage};

type Failed = Box<dyn std::error::Error + Send + Sync>;

const NGINX: &str = "/usr/sbin/nginx";
/// What a page of the site has.
const PAGE: &str = "A page of some length, as pages are. ";
const PRICE_MICROS: i64 = 10_000;

/// A server of the measuring program, until it is dropped.
struct Served {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Served {
    async fn start(router: Router) -> Result<Self, Failed> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let (address, mut tasks) = (listener.local_addr()?, JoinSet::new());
        tasks.spawn(async move {
            let _ended = axum::serve(listener, router).await;
        });
        Ok(Self { address, _tasks: tasks })
    }
}

/// The site, what stands in front of it, and an agent with money.
pub(crate) struct Site {
    pub(crate) node: NodeProcess,
    upstream: Served,
    nginx: SocketAddr,
    gate: SocketAddr,
    agent: AgentId,
    key: AgentKey,
    broker: BrokerPeer,
    http: Client,
    _nginx: Guarded,
    _agents: Served,
}

/// Which way a page is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Upstream,
    Nginx,
    /// Through the gate, by a browser.
    Plain,
    /// Through the gate, with a fresh claim for each request.
    Claimed,
    /// The same, and each page is paid with a visa of its own.
    Paid,
}

fn nginx_start(address: SocketAddr, upstream: SocketAddr) -> Result<Guarded, Failed> {
    let folder = tempfile::Builder::new().prefix("load-nginx-").tempdir_in("target")?;
    let folder = std::path::absolute(folder.keep())?;
    let (at, file) = (folder.display(), folder.join("nginx.conf"));
    let text = format!(
        "daemon off; worker_processes 2; pid {at}/pid; error_log {at}/log; events {{}}\n\
         http {{ access_log off; client_body_temp_path {at}/a; proxy_temp_path {at}/b;\n\
         fastcgi_temp_path {at}/c; uwsgi_temp_path {at}/d; scgi_temp_path {at}/e;\n\
         upstream site {{ server {upstream}; keepalive 64; }}\n\
         server {{ listen {address}; keepalive_requests 1000000;\n\
           location / {{ proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_pass http://site; }} }} }}\n"
    );
    std::fs::write(&file, text)?;
    let arguments = ["-c".to_owned(), file.display().to_string()];
    Ok(Guarded::start(Path::new(NGINX), &arguments, "TERM", folder)?)
}

impl Site {
    pub(crate) async fn start(binary: &Path, storage: &Storage) -> Result<Self, Failed> {
        let page: &'static str = PAGE.repeat(100).leak();
        let upstream = Served::start(Router::new().fallback(get(move || async move { page }))).await?;
        let (nginx, gate, key) = (free_address()?, free_address()?, AgentKey::generate()?);
        let (agents, agent) = agent_serve(&key).await?;
        let broker = BrokerPeer::start(Env::system()).await;
        let folder = tempfile::Builder::new().prefix("load-gate-").tempdir_in("target")?;
        let policy = std::path::absolute(folder.keep())?.join("policy.toml");
        let (issuer, price) = (broker.issuer(), "0.01 TEST-USD");
        std::fs::write(
            &policy,
            format!(
                "version = 1\nbrokers = [\"{issuer}\"]\n[default]\nprice = \"free\"\n[[rules]]\npath = \"/paid/\"\n\
                 price = \"{price}\"\n"
            ),
        )?;
        let config = format!(
            "dev = true\n[brokers]\ntrusted = [\"{issuer}\"]\n[gate.site]\nupstream = \"http://{}\"\n\
             policy = \"{}\"\nlisten = \"{gate}\"\npublic_url = \"http://localhost:{}\"\n",
            upstream.address,
            policy.display(),
            gate.port()
        );
        let node = NodeProcess::start_with(binary, storage, &config).await;
        Ok(Self {
            node: node.map_err(|error| error.to_string())?,
            _nginx: nginx_start(nginx, upstream.address)?,
            upstream,
            nginx,
            gate,
            agent,
            key,
            broker,
            http: client()?,
            _agents: agents,
        })
    }

    fn url(&self, way: Way, number: usize) -> String {
        let (nginx, upstream) = (self.nginx, self.upstream.address);
        match way {
            Way::Upstream => format!("http://{upstream}/free/{number}"),
            Way::Nginx => format!("http://{nginx}/free/{number}"),
            Way::Plain | Way::Claimed => format!("http://localhost:{}/free/{number}", self.gate.port()),
            Way::Paid => format!("http://localhost:{}/paid/{number}", self.gate.port()),
        }
    }

    /// What goes with a request: signed beforehand, so that only the gate's work is measured.
    fn headers(&self, way: Way, url: &str, env: &Env) -> Result<HeaderMap, Failed> {
        if !matches!(way, Way::Claimed | Way::Paid) {
            let browser = [
                ("user-agent", "Mozilla/5.0 (X11; Linux x86_64)"),
                ("accept", "text/html"),
                ("accept-language", "en"),
                ("sec-fetch-dest", "document"),
            ];
            let pairs = browser.map(|(name, text)| (HeaderName::from_static(name), HeaderValue::from_static(text)));
            return Ok(pairs.into_iter().collect());
        }
        let nonce = hex::encode(env.random_bytes::<16>());
        let claim = Claim::new(&self.agent, env.now(), &nonce, url, Purpose::Summary, false)?;
        let mut headers = ClaimHeaders::sign(&self.key, &claim)?;
        if way == Way::Paid {
            let audience = format!("localhost:{}", self.gate.port());
            let wish = VisaWish::once(&audience, self.key.public().clone(), "TEST-USD", PRICE_MICROS);
            headers.insert("x-imagxp-credential", self.broker.visa(&wish).parse()?);
        }
        Ok(headers)
    }

    fn requests(&self, way: Way, count: usize) -> Result<Vec<(String, HeaderMap)>, Failed> {
        let env = Env::system();
        let made = (0..count).map(|number| {
            let url = self.url(way, number);
            let headers = self.headers(way, &url, &env)?;
            Ok((url, headers))
        });
        made.collect()
    }

    /// Asks for pages one way, as fast as so many callers can, or so many a second; and the processor time of the node
    /// for each.
    pub(crate) async fn ask(&self, way: Way, how: How, count: usize) -> Result<(Measured, Duration), Failed> {
        // The agent is known by then, and so are the keys of the broker.
        self.ask_one(self.requests(way, 1)?.remove(0)).await?;
        let (http, requests) = (self.http.clone(), Mutex::new(self.requests(way, count)?));
        let requests = Arc::new(requests);
        let next = move |_number| {
            let (http, requests) = (http.clone(), Arc::clone(&requests));
            async move {
                let taken = requests.lock().map_err(|_poisoned| "a caller has ended")?.pop();
                let Some((url, headers)) = taken else { return Ok(false) };
                let answer = http.get(url).headers(headers).send().await?;
                let is_there = answer.status().is_success();
                answer.bytes().await?;
                Ok::<_, Failed>(is_there)
            }
        };
        let before = self.cpu()?;
        let measured = match how {
            How::Callers(callers) => run(callers, count, next).await.map_err(|error| error.to_string())?,
            How::PerSecond(per_second) => paced(per_second, count, next).await?,
        };
        let cpu = self.cpu()?.saturating_sub(before) / u32::try_from(count)?;
        Ok((measured, cpu))
    }

    fn cpu(&self) -> Result<Duration, Failed> {
        self.node.cpu().map_err(|error| error.to_string().into())
    }

    async fn ask_one(&self, (url, headers): (String, HeaderMap)) -> Result<(), Failed> {
        let answer = self.http.get(url).headers(headers).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        if status.is_success() {
            Ok(())
        } else {
            Err(format!("{status}: {text}").into())
        }
    }
}

/// How fast.
#[derive(Debug, Clone, Copy)]
pub(crate) enum How {
    Callers(usize),
    PerSecond(usize),
}

async fn agent_serve(key: &AgentKey) -> Result<(Served, AgentId), Failed> {
    let document: Arc<Mutex<serde_json::Value>> = Arc::default();
    let of_route = Arc::clone(&document);
    let answer = get(move || {
        let document = of_route.lock().map(|document| document.clone()).unwrap_or_default();
        async move { axum::Json(document) }
    });
    let served = Served::start(Router::new().route("/.well-known/imagxp-agent.json", answer)).await?;
    let agent = AgentId::parse(&format!("localhost:{}", served.address.port()), Names::Development)?;
    let manifest = AgentManifest {
        agent: agent.clone(),
        keys: vec![key.public().clone()],
        contact: None,
    };
    *document.lock().map_err(|_poisoned| "a route has ended")? = serde_json::to_value(manifest.to_document())?;
    Ok((served, agent))
}

/// How long one P-256 signature takes to verify, with a key that is there already.
pub(crate) fn verification() -> Result<Duration, Failed> {
    const TIMES: u32 = 20_000;
    let (key, message) = (AgentKey::generate()?, [7; 200]);
    let signature = key.sign_bytes(&message)?;
    let began = Instant::now();
    for _ in 0..TIMES {
        key.public()
            .verify_signature(std::hint::black_box(&message), &signature)?;
    }
    Ok(began.elapsed() / TIMES)
}

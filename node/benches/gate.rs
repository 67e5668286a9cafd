//! A gate as a layer around an application, in process, on SQLite and on Postgres, beside what one P-256 signature
//! takes in the same run: `cargo bench -p imajin-node`.
//!
//! Inside a page: the agent's claim is read and verified (the agent is known), and spent durably; where the page is
//! paid, the visa of a broker is checked and spent, the price split and receipted by pay, all of it durable before the
//! answer. Then the provenance is signed, and the decision goes into the site's chain. There is no HTTP in it. Claims
//! and visas are signed before the clock starts.
//!
//! `cargo bench -p imajin-node -- sqlite` measures only one of both.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::integer_division,
    reason = "a benchmark stops at the first surprise and prints what it measured"
)]

#[path = "../../services/publisher/tests/suite/world.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod world;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use imajin_did::Verify;
use imajin_gate::{AgentDirectory, Documents, Gate, GateDeps, GateOptions, gated};
use imajin_imagxp::policy::Policy;
use imajin_imagxp::{AgentId, AgentKey, AgentManifest, Claim, ClaimHeaders, Names, Purpose};
use imajin_kernel::Span;
use imajin_pay::{BrokersConfig, Pay, PayConfig, PayDeps};
use imajin_pay_api::{PayClient, SellerClient};
use imajin_proof::http_sig::Signer;
use imajin_proof::jose::SigningKey;
use imajin_publisher::{GateBooks, GateSite};
use imajin_store::{Db, Location, Options};
use imajin_testkit::broker_peer::{BrokerPeer, VisaWish};
use imajin_testkit::{Backend, Place, TestDatabase};
use imajin_web::{PublicBase, Reach, Site};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::world::{PUBLIC, World};

const CALLERS: usize = 64;
const PAGES: usize = 12_800;
const PRICE_MICROS: i64 = 10_000;
const ORIGIN: &str = "https://site.example";
const AGENT: &str = "bot.example.org";

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let named: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    for backend in Backend::ALL {
        if named.is_empty() || named.contains(&backend.to_string()) {
            runtime.block_on(measure(backend));
        }
    }
}

/// Which pages an agent asks for, and how it pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// They cost nothing.
    Free,
    /// Each is paid with a visa of its own.
    VisaEach,
    /// One visa pays all of them.
    VisaForAll,
}

async fn measure(backend: Backend) {
    let scene = Scene::new(backend).await;
    println!("{backend}: {CALLERS} callers, {PAGES} pages of each kind");
    for way in [Way::Free, Way::VisaEach, Way::VisaForAll] {
        scene.ask(scene.requests(way, 64)).await;
        let requests = scene.requests(way, PAGES);
        let verifications = verifications_per_second(&scene.key);
        let started = Instant::now();
        let mut times = scene.ask(requests).await;
        let per_second = u128::try_from(PAGES).unwrap() * 1_000_000 / started.elapsed().as_micros();
        times.sort();
        let at = |hundredth: usize| times.get(times.len() * hundredth / 100).copied().unwrap_or_default();
        println!(
            "{:<12} {per_second:>6}/s  p50 {:>8.1?}  p99 {:>8.1?}  {verifications} verifications/s on all cores: {} %",
            format!("{way:?}"),
            at(50),
            at(99),
            per_second * 100 / verifications.max(1),
        );
    }
}

/// A gate with a real library and a real pay behind it, and an agent whose keys it knows.
struct Scene {
    // Ends with the scene: the databases are in it.
    _world: World,
    _money: TestDatabase,
    app: Router,
    broker: BrokerPeer,
    key: AgentKey,
    agent: AgentId,
    env: imajin_kernel::Env,
    stop: CancellationToken,
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What the agent publishes at its domain.
struct OneAgent(Vec<u8>);

#[async_trait]
impl Documents for OneAgent {
    async fn document(&self, _url: &str) -> Option<Vec<u8>> {
        Some(self.0.clone())
    }
}

impl Scene {
    async fn new(backend: Backend) -> Self {
        let world = World::new(backend).await;
        let (env, key) = (world.env.clone(), AgentKey::generate().unwrap());
        let agent: AgentId = AGENT.parse().unwrap();
        let manifest = AgentManifest {
            agent: agent.clone(),
            keys: vec![key.public().clone()],
            contact: None,
        };
        let broker = BrokerPeer::start(env.clone()).await;
        let (pay, money) = pay_start(&world, backend, &broker).await;
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        pay.background(&tasks, &stop);
        let site = GateSite {
            name: "site".to_owned(),
            audience: "site.example".to_owned(),
            payee: world.keyring.node_did().clone(),
            kept: Span::days(90),
        };
        let books = GateBooks::new(Arc::clone(&world.publisher), PayClient::local(pay), site);
        books.background(&tasks, &stop);
        let policy = format!(
            "version = 1\nbrokers = [\"{}\"]\n[default]\nprice = \"free\"\n[[rules]]\npath = \"/paid/\"\n\
             price = \"0.01 TEST-USD\"\n",
            broker.issuer()
        );
        let documents = OneAgent(serde_json::to_vec(&manifest.to_document()).unwrap());
        let deps = GateDeps {
            env: env.clone(),
            directory: AgentDirectory::new(Arc::new(documents), env.clone()),
            replays: books.clone(),
            till: books.clone(),
            records: books.clone(),
            feedbacks: Some(books),
            key: SigningKey::from_ed25519(world.keyring.node_key().clone()),
        };
        let options = GateOptions {
            public: PublicBase(ORIGIN.parse().unwrap()),
            names: Names::Public,
            is_dry: false,
        };
        let gate = Arc::new(Gate::new(options, deps, Policy::parse(&policy).unwrap()));
        let page = get(async || "A page of some length, as pages are. ".repeat(100));
        Self {
            app: Router::new().fallback(page).layer(from_fn_with_state(gate, gated)),
            _world: world,
            _money: money,
            broker,
            key,
            agent,
            env,
            stop,
        }
    }

    fn requests(&self, way: Way, count: usize) -> Vec<Request<Body>> {
        let wish = |uses: usize| VisaWish {
            max_micros: PRICE_MICROS * i64::try_from(uses).unwrap(),
            uses: u32::try_from(uses).unwrap(),
            ..VisaWish::once("site.example", self.key.public().clone(), "TEST-USD", PRICE_MICROS)
        };
        let shared = self.broker.visa(&wish(count));
        let one = |number: usize| {
            let folder = if way == Way::Free { "free" } else { "paid" };
            let path = format!("/{folder}/{number}");
            let nonce = hex::encode(self.env.random_bytes::<16>());
            let url = format!("{ORIGIN}{path}");
            let claim = Claim::new(&self.agent, self.env.now(), &nonce, &url, Purpose::Summary, false).unwrap();
            let mut request = Request::get(path).body(Body::empty()).unwrap();
            *request.headers_mut() = ClaimHeaders::sign(&self.key, &claim).unwrap();
            let visa = match way {
                Way::Free => None,
                Way::VisaEach => Some(self.broker.visa(&wish(1))),
                Way::VisaForAll => Some(shared.clone()),
            };
            if let Some(visa) = visa {
                request
                    .headers_mut()
                    .insert("x-imagxp-credential", visa.parse().unwrap());
            }
            request
        };
        (0..count).map(one).collect()
    }

    /// Asks for all of them, as fast as the callers can; how long each took.
    async fn ask(&self, mut requests: Vec<Request<Body>>) -> Vec<Duration> {
        let mut callers = tokio::task::JoinSet::new();
        let each = requests.len().div_ceil(CALLERS);
        while !requests.is_empty() {
            let (app, own) = (
                self.app.clone(),
                requests.split_off(requests.len().saturating_sub(each)),
            );
            callers.spawn(async move {
                let mut times = Vec::with_capacity(own.len());
                for request in own {
                    let began = Instant::now();
                    let answer = app.clone().oneshot(request).await.unwrap();
                    assert_eq!(answer.status(), StatusCode::OK);
                    times.push(began.elapsed());
                }
                times
            });
        }
        callers.join_all().await.into_iter().flatten().collect()
    }
}

async fn pay_start(world: &World, backend: Backend, broker: &BrokerPeer) -> (Arc<Pay>, TestDatabase) {
    let database = TestDatabase::new(backend);
    let location = match database.place_for("pay") {
        Place::SqliteFile(path) => Location::sqlite(path),
        Place::Postgres { url, schema } => Location::postgres(url, schema),
    };
    let deps = PayDeps {
        site: Site {
            env: world.env.clone(),
            public: PublicBase(PUBLIC.parse().unwrap()),
            identities: world.register.clone(),
        },
        keyring: world.keyring.clone(),
        db: Db::open(location, "pay", imajin_pay::MIGRATIONS, Options::default()).unwrap(),
        seller: SellerClient::local(world.publisher.clone()),
        config: PayConfig {
            brokers: BrokersConfig {
                trusted: vec![broker.issuer().parse().unwrap()],
                reach: Reach::Development,
                test_money: true,
            },
            ..PayConfig::default()
        },
    };
    (Box::pin(Pay::start(deps)).await.unwrap(), database)
}

/// What the machine verifies, with a key that is there already, on all of its cores.
fn verifications_per_second(key: &AgentKey) -> u128 {
    const TIMES: u32 = 20_000;
    let message = [7; 200];
    let signature = key.sign_bytes(&message).unwrap();
    let cores = std::thread::available_parallelism().unwrap().get();
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _core in 0..cores {
            scope.spawn(|| {
                for _ in 0..TIMES {
                    let verified = key
                        .public()
                        .verify_signature(std::hint::black_box(&message), &signature);
                    verified.unwrap();
                }
            });
        }
    });
    u128::from(TIMES) * u128::try_from(cores).unwrap() * 1_000_000 / started.elapsed().as_micros()
}

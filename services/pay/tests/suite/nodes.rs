//! Nodes that listen on loopback, and a broker between them.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use imajin_did::{Did, DidDocument, Keyring};
use imajin_kernel::id::CheckoutId;
use imajin_kernel::{Env, ManualClock, Span, Timestamp};
use imajin_pay::PayConfig;
use imajin_pay_api::CheckoutState;
use imajin_testkit::broker_peer::{BrokerPeer, VisaWish};
use imajin_testkit::{Backend, TestDatabase};
use imajin_web::{Listener, PublicBase, TlsMode, serve};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::balance::quote;
use crate::brokers::{config, settle};
use crate::world::{World, key};

/// How a node treats what comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    Works,
    /// Nothing is done.
    Away,
    /// It is done, and the answer is lost.
    LosesAnswers,
}

/// A node that others can reach.
pub(crate) struct Node {
    pub(crate) world: World,
    pub(crate) url: String,
    pub(crate) line: Arc<Mutex<Line>>,
    _stop: DropGuard,
}

async fn line_apply(State(line): State<Arc<Mutex<Line>>>, request: Request, next: Next) -> Response {
    let line = *line.lock().unwrap();
    if line == Line::Away {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let answer = next.run(request).await;
    if line == Line::LosesAnswers {
        let broken = futures::stream::once(async { Err::<Vec<u8>, _>(std::io::Error::other("the line is dead")) });
        return Response::new(Body::from_stream(broken));
    }
    answer
}

impl Node {
    async fn start(backend: Backend, clock: &ManualClock, env: &Env, config: PayConfig) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", socket.local_addr().unwrap());
        let (database, keyring) = (TestDatabase::new(backend), Keyring::generate(env));
        let document = DidDocument::for_key(keyring.node_did().clone(), &keyring.node_public(), Vec::new());
        let env = env.clone();
        let world = World::assemble_at(&url, database, clock.clone(), env, keyring, Arc::default(), config).await;
        let line = Arc::new(Mutex::new(Line::Works));
        let router = Router::new()
            .route(
                "/.well-known/did.json",
                get(move || async move { axum::Json(document) }),
            )
            .fallback_service(world.router.clone())
            .layer(axum::middleware::from_fn_with_state(Arc::clone(&line), line_apply));
        let stop = CancellationToken::new();
        let listener = Listener {
            socket,
            router,
            public: PublicBase(url.parse().unwrap()),
            tls: TlsMode::Off,
            connections_max: 16,
        };
        TaskTracker::new().spawn(serve(listener, stop.clone()));
        Self {
            world,
            url,
            line,
            _stop: stop.drop_guard(),
        }
    }

    pub(crate) fn line_set(&self, line: Line) {
        *self.line.lock().unwrap() = line;
    }

    pub(crate) fn did(&self) -> Did {
        self.world.keyring.node_did().clone()
    }

    pub(crate) fn audience(&self) -> &str {
        self.url.trim_start_matches("http://")
    }
}

/// The address of a node that says who it is, and nothing else.
pub(crate) async fn silent_node(env: &Env) -> (String, DropGuard) {
    silent_node_of(&Keyring::generate(env)).await
}

/// The same, which calls itself by the name of this node.
pub(crate) async fn silent_node_of(keyring: &Keyring) -> (String, DropGuard) {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    let document = DidDocument::for_key(keyring.node_did().clone(), &keyring.node_public(), Vec::new());
    let stop = CancellationToken::new();
    let listener = Listener {
        socket,
        router: Router::new().route(
            "/.well-known/did.json",
            get(move || async move { axum::Json(document) }),
        ),
        public: PublicBase(url.parse().unwrap()),
        tls: TlsMode::Off,
        connections_max: 16,
    };
    TaskTracker::new().spawn(serve(listener, stop.clone()));
    (url, stop.drop_guard())
}

/// A node that sells, a node where authors are at home, and the broker that both trust.
pub(crate) struct Nodes {
    pub(crate) seller: Node,
    pub(crate) home: Node,
    pub(crate) broker: BrokerPeer,
    pub(crate) clock: ManualClock,
}

impl Nodes {
    pub(crate) async fn new(backend: Backend) -> Self {
        Self::with(backend, |config| config).await
    }

    /// The node that sells is set up in another way.
    pub(crate) async fn with(backend: Backend, change: impl FnOnce(PayConfig) -> PayConfig) -> Self {
        let clock = ManualClock::at(Timestamp::from_seconds(1_900_000_000));
        let env = Env::fixed(clock.clone(), 7);
        let broker = BrokerPeer::start(env.clone()).await;
        let seller = Node::start(backend, &clock, &env, change(config(&broker))).await;
        let home = Node::start(backend, &clock, &env, config(&broker)).await;
        Self {
            seller,
            home,
            broker,
            clock,
        }
    }

    /// The node that sells starts again, as it usually is.
    pub(crate) async fn seller_restart(mut self) -> Self {
        let world = self.seller.world.restart(config(&self.broker)).await;
        self.seller = Node { world, ..self.seller };
        self
    }

    /// Somebody says at the node that sells where they are at home.
    pub(crate) async fn at_home(&self, who: &str) {
        let body = json!({"node": self.home.url});
        let answer = self.seller.world.put(who, "/pay/api/connect/home", &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert_eq!(answer.json()["home"]["node"], json!(self.home.did()));
    }

    /// An agent buys a work of this price, 70 % Mira's and 30 % Jonas', with a visa.
    pub(crate) async fn sale(&self, agent: &str, micros: i64) -> CheckoutId {
        let world = &self.seller.world;
        let price = format!("{}.{:06} TEST-USD", micros / 1_000_000, micros % 1_000_000);
        let quoted = quote(world, agent, &world.work(&price)).await;
        let wish = VisaWish::once(self.seller.audience(), key(agent).public(), "TEST-USD", micros);
        let answer = settle(world, agent, &quoted, &self.broker.visa(&wish), "k").await;
        assert_eq!(answer.json()["state"], "settled", "{}", answer.text());
        let id: CheckoutId = quoted["id"].as_str().unwrap().parse().unwrap();
        assert_eq!(world.state(id).await, CheckoutState::Settled);
        world.pay.drive().await.unwrap();
        id
    }

    /// Everything that is due at both nodes, now and within the next hours.
    pub(crate) async fn follow(&self) {
        for _ in 0..4 {
            self.seller.world.pay.remittances_batch().await.unwrap();
            self.seller.world.pay.drive().await.unwrap();
            self.home.world.pay.drive().await.unwrap();
            self.clock.advance(Span::minutes(15));
        }
    }

    pub(crate) async fn audit_clean(&self) {
        self.seller.world.audit_clean().await;
        self.home.world.audit_clean().await;
    }

    /// What somebody has at both nodes, in all accounts.
    pub(crate) async fn all_of(&self, who: &str) -> i64 {
        let mut sum = 0;
        for node in [&self.seller, &self.home] {
            for purpose in ["available", "pending", "debt"] {
                let text = node.world.balance(&key(who).did(), purpose).await;
                let text = text.trim_end_matches(" TEST-USD");
                sum += imajin_money::Amount::parse_decimal(text).unwrap().micros();
            }
        }
        sum
    }
}

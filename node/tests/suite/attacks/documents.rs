//! Agents whose names or manifests would lead the node where it must not go, or keep it there.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::response::Redirect;
use futures::StreamExt;
use imajin_imagxp::{AgentId, AgentKey, AgentManifest, Names};
use imajin_kernel::Env;
use serde_json::json;

use super::{Setting, Stage, attacks, millis, signed};
use crate::gates::{Site, denied};
use crate::support::Server;

attacks!(
    an_agent_id_that_is_an_address_asks_nobody,
    an_agent_id_that_is_localhost_asks_nobody,
    an_agent_id_that_is_a_private_name_asks_nobody,
    a_manifest_that_redirects_leads_nowhere,
    a_slow_manifest_is_given_up,
    an_endless_manifest_is_given_up,
);

/// What a node waits for a manifest, several times over: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(20);
/// What the buffers of a line may take beside what a node reads of a manifest.
const BYTES_MAX: usize = 32 * 1024 * 1024;

/// A server that has good manifests, for whichever of its names it is asked, and counts who asks.
struct Lair {
    server: Server,
    asked: Arc<AtomicUsize>,
    key: AgentKey,
}

impl Lair {
    async fn open() -> Self {
        let (key, asked) = (AgentKey::generate().unwrap(), Arc::new(AtomicUsize::new(0)));
        let (public, counted) = (key.public().clone(), Arc::clone(&asked));
        let answer = move |headers: HeaderMap| async move {
            counted.fetch_add(1, Ordering::SeqCst);
            let mut document = manifest("localhost", public).to_document();
            document["agent_id"] = json!(headers["host"].to_str().unwrap());
            axum::Json(document)
        };
        Self {
            server: Server::start(Router::new().fallback(answer)).await,
            asked,
            key,
        }
    }

    fn port(&self) -> &str {
        self.server.host.split_once(':').unwrap().1
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn manifest(host: &str, key: imajin_did::P256Key) -> AgentManifest {
    AgentManifest {
        agent: AgentId::parse(host, Names::Development).unwrap(),
        keys: vec![key],
        contact: None,
    }
}

impl Stage {
    /// A claim of an agent that says that it is called so.
    fn claim_as(&self, agent: &str, key: &AgentKey) -> HeaderMap {
        let nonce = hex::encode(Env::system().random_bytes::<8>());
        let claim = json!({
            "v": "1.1", "ts": millis(Env::system().now()), "nonce": nonce, "agent_id": agent,
            "resource": self.scene.url("/about"), "purpose": "RAG_RETRIEVAL", "context": {"ads_displayed": false},
        });
        signed(key, &claim)
    }
}

/// Claims in these names, at the port of a server that would vouch for each, are refused, and the server is not asked.
async fn names_ask_nobody(setting: Setting, names: impl FnOnce(&str) -> Vec<String>) {
    let public = Site {
        is_public: true,
        ..Site::default()
    };
    let stage = Stage::with(setting, public).await;
    let lair = Lair::open().await;
    for name in names(lair.port()) {
        for door in stage.doors() {
            let asked = stage.claim_as(&name, &lair.key);
            let refused = stage.refused(&door, "/about", asked).await;
            assert_eq!(refused, denied(403, "IDENTITY_FAIL"), "{name}");
        }
    }
    assert_eq!(lair.asked(), 0);
    stage.end(0).await;
}

async fn an_agent_id_that_is_an_address_asks_nobody(setting: Setting) {
    names_ask_nobody(setting, |port| {
        let hosts = ["127.0.0.1", "[::1]", "0.0.0.0", "2130706433", "0x7f000001", "127.1"];
        let here = hosts.map(|host| format!("{host}:{port}"));
        let bare = [
            "127.0.0.1",
            "127.1",
            "0177.0.0.1",
            "10.0.0.1",
            "169.254.169.254",
            "192.0.2.1",
            "::1",
        ];
        here.into_iter().chain(bare.map(str::to_owned)).collect()
    })
    .await;
}

async fn an_agent_id_that_is_localhost_asks_nobody(setting: Setting) {
    names_ask_nobody(setting, |port| {
        let hosts = [
            "localhost",
            "LOCALHOST",
            "localhost.",
            "agent.localhost",
            "localhost.localdomain",
        ];
        let here = hosts.map(|host| format!("{host}:{port}"));
        here.into_iter().chain(hosts.map(str::to_owned)).collect()
    })
    .await;
}

async fn an_agent_id_that_is_a_private_name_asks_nobody(setting: Setting) {
    names_ask_nobody(setting, |port| {
        let names = [
            "db.internal",
            "printer.local",
            "intranet",
            "node.home.arpa",
            "user@localhost",
            "localhost/agent.example",
        ];
        let with_port = names.map(|name| format!("{name}:{port}"));
        with_port.into_iter().chain(names.map(str::to_owned)).collect()
    })
    .await;
}

/// A claim of an agent with such a server is refused in time at each door, and a good agent is served meanwhile.
async fn refused_in_time(stage: &Stage, lair: &Lair, server: &Server) {
    for door in stage.doors() {
        let started = Instant::now();
        let bad = stage.claim_as(&server.host, &lair.key);
        let (refused, ()) = tokio::join!(
            stage.refused(&door, "/about", bad),
            stage.read(&door, "/about", stage.scene.claim("/about"))
        );
        assert_eq!(refused, denied(403, "IDENTITY_FAIL"));
        assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
    }
}

async fn a_manifest_that_redirects_leads_nowhere(setting: Setting) {
    let stage = Stage::new(setting).await;
    let lair = Lair::open().await;
    let target = format!("http://{}/.well-known/imagxp-agent.json", lair.server.host);
    let answer = move || async move { Redirect::temporary(&target) };
    let server = Server::start(Router::new().fallback(answer)).await;
    refused_in_time(&stage, &lair, &server).await;
    assert_eq!(lair.asked(), 0);
    // The agent at whose manifest the redirect points is one.
    for door in stage.doors() {
        stage
            .read(&door, "/about", stage.claim_as(&lair.server.host, &lair.key))
            .await;
    }
    stage.end(0).await;
}

async fn a_slow_manifest_is_given_up(setting: Setting) {
    let stage = Stage::new(setting).await;
    let lair = Lair::open().await;
    let silent = Server::start(Router::new().fallback(|| async { std::future::pending::<()>().await })).await;
    refused_in_time(&stage, &lair, &silent).await;
    // One that begins, and does not come to its end.
    let begun = || async {
        let first = futures::stream::once(async { Ok::<_, Infallible>(Bytes::from_static(b"{\"agent_id\":")) });
        Body::from_stream(first.chain(futures::stream::pending()))
    };
    let slow = Server::start(Router::new().fallback(begun)).await;
    refused_in_time(&stage, &lair, &slow).await;
    stage.end(0).await;
}

async fn an_endless_manifest_is_given_up(setting: Setting) {
    let stage = Stage::new(setting).await;
    let lair = Lair::open().await;
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    // Spaces are the beginning of a JSON document, however many there are.
    let endless = move || async move {
        let part = Bytes::from(vec![b' '; 16 * 1024]);
        let parts = futures::stream::repeat_with(move || {
            counted.fetch_add(part.len(), Ordering::SeqCst);
            Ok::<_, Infallible>(part.clone())
        });
        Body::from_stream(parts)
    };
    let server = Server::start(Router::new().fallback(endless)).await;
    refused_in_time(&stage, &lair, &server).await;
    let bytes = sent.load(Ordering::SeqCst);
    assert!(bytes > 0 && bytes < BYTES_MAX * stage.doors().len(), "{bytes} bytes");
    stage.end(0).await;
}

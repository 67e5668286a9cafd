//! A registry that knows many nodes: what it costs that they live.

use std::sync::Arc;
use std::time::{Duration, Instant};

use imajin_did::SecretKey;
use imajin_kernel::Env;
use imajin_registry_api::{Health, Heartbeat, NodeAttestation, Unsigned};
use reqwest::Client;
use serde::Serialize;
use serde_json::{Value, json};

use crate::caller::{Measured, client, paced, run};

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// How often each reading question is asked.
const QUESTIONS: usize = 200;

/// Somebody's nodes, and the registry that they talk to.
pub(crate) struct Nodes {
    http: Client,
    base: String,
    env: Env,
    count: usize,
}

impl Nodes {
    pub(crate) fn new(node_url: &str, count: usize) -> Result<Self, Failed> {
        Ok(Self {
            http: client()?,
            base: format!("{node_url}/registry/api"),
            env: Env::system(),
            count,
        })
    }

    /// The key of a node: the same each time, so that none has to be kept.
    fn key(number: usize) -> SecretKey {
        let mut seed = [7; 32];
        seed.iter_mut()
            .zip(number.to_le_bytes())
            .for_each(|(byte, number)| *byte = number);
        SecretKey::from_seed(seed)
    }

    async fn post(&self, path: &str, body: &impl Serialize) -> Result<bool, Failed> {
        let answer = self
            .http
            .post(format!("{}/{path}", self.base))
            .json(body)
            .send()
            .await?;
        let taken = answer.status().is_success();
        answer.bytes().await?;
        Ok(taken)
    }

    async fn register(&self, number: usize) -> Result<bool, Failed> {
        let key = Self::key(number);
        let attestation = NodeAttestation {
            node_id: key.did(),
            public_key: key.public().to_hex(),
            build_hash: "ab".repeat(32),
            source_commit: "unknown".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            // Letters and digits that are taken for no others.
            hostname: format!("node-{number:06x}").replace('0', "g").replace('1', "h"),
            node_type: None,
            services: vec!["auth".to_owned(), "pay".to_owned()],
            capabilities: Vec::new(),
            timestamp: self.env.now().as_millis(),
            signature: None,
        };
        self.post("node/register", &json!({"attestation": attestation.sign(&key)?}))
            .await
    }

    async fn beat(&self, number: usize) -> Result<bool, Failed> {
        let key = Self::key(number);
        let health = Health {
            status: "healthy".to_owned(),
            services: [("auth".to_owned(), "up".to_owned())].into(),
            uptime: 60,
            metrics: serde_json::Map::new(),
        };
        let heartbeat = Heartbeat {
            node_id: key.did(),
            timestamp: self.env.now().as_millis(),
            build_hash: "ab".repeat(32),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            health,
            addresses: Some(vec![std::net::IpAddr::from([198, 51, 100, 7])]),
            signature: None,
        };
        self.post("node/heartbeat", &heartbeat.sign(&key)?).await
    }

    /// Registers every node, as many at a time as there are callers.
    pub(crate) async fn register_all(self: &Arc<Self>, callers: usize) -> Result<Measured, Box<dyn std::error::Error>> {
        let nodes = Arc::clone(self);
        run(callers, self.count, move |number| {
            let nodes = Arc::clone(&nodes);
            async move { nodes.register(number).await }
        })
        .await
    }

    /// Heartbeats of so many nodes a second, whether or not the last ones were answered; latencies are from the
    /// moment at which each was due.
    pub(crate) async fn beat_all(self: &Arc<Self>, per_second: usize, seconds: usize) -> Result<Measured, Failed> {
        paced(per_second, per_second * seconds, |number| {
            let nodes = Arc::clone(self);
            async move { nodes.beat(number % nodes.count).await }
        })
        .await
    }

    async fn ask(&self, path: &str) -> Result<Value, Failed> {
        let answer = self.http.get(format!("{}/{path}", self.base)).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    }

    /// Asks the same question one time after the other.
    pub(crate) async fn asked(&self, path: &str) -> Result<Measured, Failed> {
        let (mut latencies, started) = (Vec::with_capacity(QUESTIONS), Instant::now());
        for _question in 0..QUESTIONS {
            let began = Instant::now();
            self.ask(path).await?;
            latencies.push(began.elapsed());
        }
        Ok(Measured::of(latencies, 0, started.elapsed()))
    }

    /// The number of the newest head whose directory has all nodes.
    pub(crate) async fn directory_whole(&self) -> Result<u64, Failed> {
        loop {
            let page = self.ask(&format!("directory?limit=1&since={}", i64::MAX)).await;
            if let Ok(page) = page {
                let head = &page["head"]["payload"];
                if head["nodes"].as_u64() == u64::try_from(self.count).ok() {
                    return head["seq"].as_u64().ok_or_else(|| "the head has no number".into());
                }
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Renews some nodes and waits until the directory says so; returns the number before.
    pub(crate) async fn directory_move(&self, nodes: usize) -> Result<u64, Failed> {
        let before = self.directory_whole().await?;
        for number in 0..nodes {
            if !self.register(number).await? {
                return Err("a node was not renewed".into());
            }
        }
        loop {
            let page = self.ask(&format!("directory?limit=1000&since={before}")).await?;
            if page["entries"].as_array().is_some_and(|entries| entries.len() >= nodes) {
                return Ok(before);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

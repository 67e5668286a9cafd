use std::collections::BTreeMap;
use std::net::IpAddr;

use imajin_kernel::{Problem, Timestamp};
use imajin_registry_api::{Health, Heartbeat, NodeAttestation, NodeType, Unsigned};
use imajin_web::Readiness;

use super::Registrant;

/// What this process can say about itself.
#[derive(Debug, Clone)]
pub struct NodeFacts {
    services: Vec<String>,
    node_type: Option<NodeType>,
    build_hash: String,
    started: Timestamp,
}

impl NodeFacts {
    /// The running binary and the services in it.
    pub fn of_this_process(services: Vec<String>, started: Timestamp) -> Self {
        Self {
            services,
            node_type: None,
            build_hash: build_hash(),
            started,
        }
    }

    /// SHA-256 of the running binary in hex.
    pub fn build_hash(&self) -> &str {
        &self.build_hash
    }

    /// Whose node it is, unless a registration says something else.
    #[must_use]
    pub fn with_type(self, node_type: Option<NodeType>) -> Self {
        Self { node_type, ..self }
    }

    /// The same process with another binary; for tests.
    #[must_use]
    pub fn with_build_hash(self, build_hash: impl Into<String>) -> Self {
        Self {
            build_hash: build_hash.into(),
            ..self
        }
    }

    /// The attestation that a registry asks for.
    pub fn attestation(
        &self,
        registrant: &Registrant,
        (hostname, node_type): (&str, Option<NodeType>),
        now: Timestamp,
    ) -> Result<NodeAttestation, Problem> {
        let unsigned = NodeAttestation {
            node_id: registrant.did.clone(),
            public_key: registrant.key.public().to_hex(),
            build_hash: self.build_hash.clone(),
            source_commit: option_env!("IMAJIN_SOURCE_COMMIT").unwrap_or("unknown").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            hostname: hostname.to_owned(),
            node_type: node_type.or(self.node_type),
            services: self.services.clone(),
            capabilities: Vec::new(),
            timestamp: now.as_millis(),
            signature: None,
        };
        unsigned
            .sign(&registrant.key)
            .map_err(|error| Problem::new(error.code(), error.to_string()))
    }

    /// A sign of life. Each service is asked whether it can answer.
    pub async fn heartbeat(
        &self,
        registrant: &Registrant,
        now: Timestamp,
        checks: &[(String, Readiness)],
        addresses: &[IpAddr],
    ) -> Result<Heartbeat, Problem> {
        let mut services = BTreeMap::new();
        for (name, ready) in checks {
            let standing = if ready().await.is_ok() { "up" } else { "down" };
            services.insert(name.clone(), standing.to_owned());
        }
        let healthy = services.values().all(|standing| standing == "up");
        let unsigned = Heartbeat {
            node_id: registrant.did.clone(),
            timestamp: now.as_millis(),
            build_hash: self.build_hash.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            health: Health {
                status: if healthy { "healthy" } else { "degraded" }.to_owned(),
                services,
                uptime: u64::try_from(now.since(self.started).as_seconds()).unwrap_or(0),
                metrics: serde_json::Map::new(),
            },
            addresses: (!addresses.is_empty()).then(|| addresses.to_vec()),
            signature: None,
        };
        unsigned
            .sign(&registrant.key)
            .map_err(|error| Problem::new(error.code(), error.to_string()))
    }
}

/// SHA-256 of the running binary, read in pieces so that a small board does not need its size in memory.
fn build_hash() -> String {
    use std::io::Read;
    let mut digest = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    let hashed = std::fs::File::open("/proc/self/exe").and_then(|mut file| {
        let mut piece = [0; 16 * 1024];
        loop {
            match file.read(&mut piece)? {
                0 => return Ok(()),
                length => digest.update(piece.get(..length).unwrap_or_default()),
            }
        }
    });
    match hashed {
        Ok(()) => hex::encode(digest.finish()),
        Err(_) => "0".repeat(64),
    }
}

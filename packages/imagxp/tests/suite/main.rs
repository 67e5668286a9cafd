//! The public behaviour of `imajin-imagxp`.
#![cfg(test)]

mod bearers;
mod bots;
mod claims;
mod doors;
mod feedback;
mod laws;
mod names;
mod policies;
mod receipts;
mod robots;
mod vectors;
mod visas;

use imajin_imagxp::{AgentId, AgentKey, AgentManifest, Claim, ClaimExpectation, Purpose};
use imajin_kernel::Timestamp;

const NOW: Timestamp = Timestamp::from_millis(1_772_323_200_250);
const URL: &str = "https://site.example/posts/1?page=2";
const PATH: &str = "/posts/1?page=2";

const EXPECT: ClaimExpectation<'_> = ClaimExpectation {
    now: NOW,
    url: URL,
    path_and_query: PATH,
    is_v10_allowed: false,
};

fn agent() -> AgentId {
    "bot.example.org".parse().unwrap()
}

/// A key of its own for each call.
fn key() -> AgentKey {
    let key = AgentKey::generate().unwrap();
    AgentKey::from_pkcs8(&key.to_pkcs8().unwrap()).unwrap()
}

fn manifest(keys: &[&AgentKey]) -> AgentManifest {
    AgentManifest {
        agent: agent(),
        keys: keys.iter().map(|key| key.public().clone()).collect(),
        contact: None,
    }
}

fn claim(resource: &str) -> Claim {
    Claim::new(&agent(), NOW, "n-1", resource, Purpose::RagRetrieval, false).unwrap()
}

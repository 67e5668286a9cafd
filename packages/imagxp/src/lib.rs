#![doc = include_str!("../README.md")]

mod agent;
mod claim;
mod error;
mod headers;
mod key;
mod manifest;
mod verify;

pub use agent::AgentId;
pub use claim::{Claim, Purpose};
pub use error::ClaimError;
pub use headers::{ClaimHeaders, PAYLOAD, PUBLIC_KEY, SIGNATURE};
pub use key::{AgentKey, NoAgentKey, key_from_spki, key_to_spki};
pub use manifest::{AgentManifest, KEYS_MAX, MANIFEST_BYTES_MAX};
pub use verify::{Binding, ClaimExpectation, VerifiedClaim};

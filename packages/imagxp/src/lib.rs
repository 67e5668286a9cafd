#![doc = include_str!("../README.md")]

mod ads;
mod agent;
pub mod broker;
mod claim;
mod dispute;
mod error;
mod headers;
mod key;
mod manifest;
mod path;
pub mod pay_per_crawl;
pub mod policy;
mod provenance;
mod refusal;
mod required;
mod robots;
pub mod rsl;
mod verify;
pub mod visa;
pub mod web_bot_auth;
pub mod x402;

pub use ads::{AD_PROOF, ad_proof_read, ad_proof_verify};
pub use agent::{AgentId, Names};
pub use claim::{Claim, Purpose};
pub use dispute::{FEEDBACK, Feedback};
pub use error::ClaimError;
pub use headers::{ClaimHeaders, PAYLOAD, PUBLIC_KEY, SIGNATURE};
pub use key::{AgentKey, NoAgentKey, key_from_spki, key_to_spki};
pub use manifest::{AgentManifest, KEYS_MAX, MANIFEST_BYTES_MAX};
pub use path::{NoPattern, PathPattern, path_normal};
pub use provenance::{CONTENT_ORIGIN, PROVENANCE, Provenance, RECEIPT};
pub use refusal::{Refusal, VisitorType};
pub use required::{PAYMENT_REQUIRED_BYTES_MAX, POLICY, PaymentRequired, refusal_document};
pub use robots::{ROBOTS_BYTES_MAX, Robots};
pub use verify::{Binding, ClaimExpectation, VerifiedClaim};

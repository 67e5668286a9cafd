//! The `.fair` manifest: who made a work, what each is due, and what may be done with it.
//!
//! A [`Manifest`] is parsed strictly and kept exactly: members that this crate does not know stay where they were, so a
//! signature made elsewhere still covers the same bytes. [`plan::plan`] turns a price and a manifest into the legs of a
//! settlement. Everything here is pure: manifests, acceptances and the time are handed in.

mod acceptance;
mod apportion;
pub mod commits;
mod contributor;
pub mod distribution;
mod endorsement;
mod id;
pub mod import;
mod lineage;
mod manifest;
mod members;
pub mod plan;
mod record;
#[cfg(test)]
mod schema;
mod sign;
mod terms;

pub use acceptance::{Acceptance, AcceptanceError, AcceptancePayload};
pub use contributor::{Contributor, KNOWN_ROLES, Payee};
pub use endorsement::{Endorsement, EndorsementError, EndorsementPayload};
pub use id::{ManifestId, ManifestIdError};
pub use lineage::{LinePath, LineageError, Lookup, SOURCES_MAX, Sources};
pub use manifest::{Content, Manifest, ManifestError};
pub use members::MemberError;
pub use record::{HELD_FOR, HeldShare, ManifestRecord, RecordError, SignerKeys, Standing};
pub use sign::{ManifestSignature, NativeSignature, SignatureError};
pub use terms::{Action, Price, Term, Terms};

/// How many manifests may stand on one path, from the work itself to the furthest source.
pub const DEPTH_MAX: usize = 16;

/// The JSON Schema of the manifest (draft 2020-12), to be published as it is.
pub const MANIFEST_SCHEMA: &str = include_str!("../schemas/fair-1.0.json");

//! The directory of nodes: who is registered under which name, and who is alive.
//!
//! A node registers with a document that it signs itself; no session and no account is needed, the signature is the
//! proof, and it is kept in the mutation log. A name belongs to the DID that registered it: an attestation must be
//! signed by a key that the DID's key log lists now (by the key that the DID is, where there is no log), and a name
//! that runs out stays reserved for its holder for a while. Heartbeats are not logged, only the latest one and each
//! change of status are kept. Statuses are computed when they are read.
//!
//! | what | where |
//! |---|---|
//! | what a node signs, and how it is checked | `document` |
//! | which names there can be | `names` |
//! | statuses and their bounds in time | `status` |
//! | changes and queries, sync, over a connection | `domain` |
//! | names in DNS, and who publishes them | `dns` |
//! | copies of other registries' directories | `mirrors` |
//! | copies that others keep of this one's | `copies` |
//! | what runs beside the requests | `upkeep` |
//! | HTTP | `routes` |
//! | what `imajin verify` checks | `audit` |
//!
//! Architecture Invariant: nothing here asks who is logged in, and nothing reads a header to learn who calls.

mod api;
mod audit;
mod audit_directory;
mod audit_mirrors;
mod audit_operator;
mod context;
mod copies;
mod dns;
mod document;
mod domain;
mod error;
mod limits;
mod mirrors;
mod names;
mod registry;
mod routes;
mod rows;
mod schema;
mod status;
mod upkeep;

use imajin_store::{Migrations, embed_migrations};

pub use audit::audit;
pub use dns::{DnsSettings, TTL_SECONDS_DEFAULT};
pub use domain::sweep::NamesSwept;
pub use error::RegistryError;
pub use limits::NewNodes;
pub use mirrors::{Followed, MirrorSource, Mirrors};
pub use names::NameError;
pub use registry::{Registry, RegistryConfig, RegistryDeps};
pub use status::{GRACE, REGISTERED_FOR, RENEW_WITHIN, STALE_AFTER, UNREACHABLE_AFTER};

/// The service's name: its prefix, its schema, its seals.
pub(crate) const SERVICE: &str = "registry";

/// The tables of this service, for both databases.
pub const MIGRATIONS: Migrations = Migrations {
    sqlite: embed_migrations!("../migrations/registry/sqlite"),
    postgres: embed_migrations!("../migrations/registry/postgres"),
};

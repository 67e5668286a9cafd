//! The library of manifests: what somebody published here, copies of what other nodes have, and the chains of works
//! that they form.
//!
//! | what | where |
//! |---|---|
//! | what a record must be to be believed | `check` |
//! | publishing, countersignatures, endorsements | `domain` |
//! | finding a manifest elsewhere, and what its home has since | `fetch`, `copies` |
//! | a work with everything behind it | `chain` |
//! | works that are read for money: their bytes, versions, and who has paid | `works`, `content`, `seller` |
//! | gates in front of sites: claims, charges, records, disputes | `gate` |
//! | the operator's pages about gates | `pages` |
//! | what `imajin verify` checks | `audit`, `audit_works`, `audit_gate` |
//!
//! A manifest has one place: with the service that keeps it for its goods ([`imajin_publisher_api::KeeperApi`]), or
//! here. Both are asked for under one address.
//!
//! **Architecture Invariant:** nothing enters the library whose author's signature was not verified, and no bytes from
//! another node are believed that are not pinned by the id they were asked for under.
//!
//! **Architecture Invariant:** the bytes of a work go to its author, to whoever has paid, and to everybody only if it
//! is free; they are another's, and never run on this node's origin.
//!
//! **Architecture Invariant:** an address that somebody named is called through `GuardedClient`, and never while a
//! transaction is open.

mod api;
mod audit;
mod audit_gate;
mod audit_works;
mod chain;
mod check;
mod config;
mod content;
mod context;
mod copies;
mod domain;
mod error;
mod fetch;
mod gate;
mod log;
mod pages;
mod routes;
mod rows;
mod schema;
mod seller;
mod service;
mod uploads;
mod using;
mod works;

use imajin_store::{Migrations, embed_migrations};

pub use audit::audit;
pub use audit_works::{FilesAudit, files_audit};
pub use config::{PublisherConfig, WorksConfig};
pub use error::PublisherError;
pub use gate::{ACCESS_GOODS, GateBooks, GateShown, GateSite, policy_read};
pub use service::{Publisher, PublisherDeps};
pub use works::CONTENT_GOODS;

/// The service's name: its prefix, its database, its sealer.
pub(crate) const SERVICE: &str = "publisher";

/// The service's schema.
pub const MIGRATIONS: Migrations = Migrations {
    sqlite: embed_migrations!("../../migrations/publisher/sqlite"),
    postgres: embed_migrations!("../../migrations/publisher/postgres"),
};

//! The trust graph as a service: what people sign about each other is kept as it was signed, held in memory as a graph,
//! and asked.
//!
//! | what | where |
//! |---|---|
//! | the documents, and what they prove | `imajin_connections_api::statement` |
//! | keeping, accepting, ending, replacing, bringing them | `domain::{issue, accept, revoke, invite, import}` |
//! | the graph in memory, which follows the database | `live` |
//! | questions, and what their readers may see of the answers | `ask`, `sight` |
//! | pods: named groups, and who is in them | `domain::pod`, `pods` |
//! | what `imajin verify` checks | `audit` |
//!
//! Every change has a number, and every answer says which it had seen last: its token. A question with a token is
//! answered by a graph that has seen that change, or not at all.
//!
//! **Architecture Invariant:** a tie without the signatures of those whom it needs is in no answer: a row is made from
//! documents, and `imajin verify` makes it again from them.
//!
//! **Architecture Invariant:** nobody is in a pod who has not signed to be, and to be in one ties nobody to anybody:
//! the graph does not know of pods.
//!
//! **Architecture Invariant:** who has raised a flag is shown to whoever raised it, and to nobody else.

mod api;
mod ask;
mod audit;
mod config;
mod context;
mod domain;
mod error;
mod live;
mod log;
mod pods;
mod routes;
mod rows;
mod schema;
mod service;
mod sight;

use imajin_store::{Migrations, embed_migrations};

pub use audit::audit;
pub use config::ConnectionsConfig;
pub use error::ConnectionsError;
pub use service::{Connections, ConnectionsDeps};

/// The service's name: its prefix, its database, its sealer.
pub(crate) const SERVICE: &str = "connections";

/// The service's schema.
pub const MIGRATIONS: Migrations = Migrations {
    sqlite: embed_migrations!("../../migrations/connections/sqlite"),
    postgres: embed_migrations!("../../migrations/connections/postgres"),
};

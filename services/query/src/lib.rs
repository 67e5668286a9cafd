//! Paid questions: a leader says under which terms questions are answered and from which documents; somebody within the
//! leader's trust asks; the money is held, the answer is made, signed and attributed, and only what it has cost is
//! taken.
//!
//! | what | where |
//! |---|---|
//! | the terms, the documents, quotes and questions; standing grants | `domain` |
//! | the documents as they are searched | `library` |
//! | whether somebody may ask | `admission` |
//! | a question on its way: hold, inference, capture | `course` |
//! | the answer and its manifest | `answer` |
//! | what pay asks about it | `seller` |
//! | what is told about people, by their grants and profiles | `disclosure` |
//! | what those who were told say themselves | `reading` |
//! | what of it is in the export of one's own data | `export` |
//! | what is forgotten in time | `retention` |
//! | what `imajin verify` checks | `audit` |
//!
//! **Architecture Invariant:** the order is signature, trust, consent, hold, inference, capture. Each step is durable
//! before the next begins, and whatever stops between two of them ends in the same place: an answer that is paid for,
//! or no answer and no charge.
//!
//! **Architecture Invariant:** people's keys are not here. A leader signs terms that name this node, and the node signs
//! the answers.

mod admission;
mod answer;
mod api;
mod audit;
mod audit_consent;
mod config;
mod context;
mod course;
mod disclosure;
mod domain;
mod error;
mod export;
mod library;
mod reading;
mod retention;
mod routes;
mod rows;
mod schema;
mod seller;
mod service;

use imajin_store::{Migrations, embed_migrations};

pub use audit::audit;
pub use config::{Interrupt, QueryConfig, Step};
pub use error::QueryError;
pub use export::EXPORT_PARTS;
pub use service::{Query, QueryDeps};

/// The service's name: its prefix, its database, its sealer.
pub(crate) const SERVICE: &str = "query";

/// The service's schema.
pub const MIGRATIONS: Migrations = Migrations {
    sqlite: embed_migrations!("../../migrations/query/sqlite"),
    postgres: embed_migrations!("../../migrations/query/postgres"),
};

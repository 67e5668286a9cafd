//! Profiles: what people say about themselves, their picture, who may see how to reach them; finding each other; and
//! the export of everything that a node keeps about its reader.
//!
//! | what | where |
//! |---|---|
//! | the text of a profile, with a version against lost changes | `domain::draft`, `domain::change` |
//! | who sees what | `domain::view`, `reader` |
//! | pictures: decoded within bounds, written anew, served by hash | `picture`, `domain::avatar` |
//! | finding people | `domain::terms`, `domain::search` |
//! | everything of one's own | `export` |
//! | what `imajin verify` checks | `audit` |
//!
//! Handles are auth's: here is a copy for lists and search, made anew when auth says that it has changed.
//!
//! **Architecture Invariant:** no byte of an uploaded file is kept or served. A picture is decoded and written anew,
//! without whatever else the file held; the log keeps the digest of what was signed, not the file.
//!
//! **Architecture Invariant:** contact fields leave this crate for the person and for those whom the person is
//! connected to. Nobody is connected until a service says so.

mod api;
mod audit;
mod config;
mod context;
mod copies;
mod domain;
mod error;
mod export;
mod log;
mod picture;
mod reader;
mod routes;
mod rows;
mod schema;
mod service;

use imajin_store::{Migrations, embed_migrations};

pub use audit::audit;
pub use config::ProfileConfig;
pub use error::ProfileError;
pub use picture::{LARGE_SIDE, PictureError, Pictures, SMALL_SIDE, picture_read};
pub use service::{Profile, ProfileDeps};

/// The service's name: its prefix, its database, its sealer.
pub(crate) const SERVICE: &str = "profile";

/// The service's schema.
pub const MIGRATIONS: Migrations = Migrations {
    sqlite: embed_migrations!("../../migrations/profile/sqlite"),
    postgres: embed_migrations!("../../migrations/profile/postgres"),
};

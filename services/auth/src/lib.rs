//! Identities, challenge login, sessions and mailbox proofs.
//!
//! Auth alone knows which keys speak for an identity, which sessions are alive, and holds the sealed keys of soft
//! identities. Other services ask through [`imajin_auth_api::AuthClient`]; people through [`Auth::routes`].
//!
//! | what | where |
//! |---|---|
//! | a key becomes known here | `registration` |
//! | a challenge is given out (without a row) and answered (once) | `challenge`, `login` |
//! | a session: a signed token that names a row | `sessions`, `session_keys` |
//! | a mailbox is proven, a soft identity stands for it | `mailbox`, `mailer`, `soft`, `custodial` |
//! | somebody becomes the operator | `setup` |
//! | DID documents, key sets, resolution | `documents` |
//! | what `imajin verify` checks | `audit` |
//!
//! **Architecture Invariant:** a did:email leaves this crate in no answer, document, token or log.
//!
//! **Architecture Invariant:** a session reads. What changes something is signed by the identity's key, or is the end
//! of the session itself.

mod api;
mod audit;
mod auth;
mod challenge;
mod custodial;
mod documents;
mod error;
mod export;
mod handle;
mod identities;
mod log;
mod login;
mod mailbox;
mod mailer;
mod names;
mod purge;
mod registration;
mod routes;
mod rows;
mod schema;
mod session_keys;
mod sessions;
mod setup;
mod soft;

use imajin_store::{Migrations, embed_migrations};

pub use audit::audit;
pub use auth::{Auth, AuthDeps};
pub use error::AuthError;
pub use mailer::MailConfig;

/// The service's name: its prefix, its database, its chain in the mutation log.
const SERVICE: &str = "auth";

/// Auth's tables.
pub const MIGRATIONS: Migrations = Migrations {
    sqlite: embed_migrations!("../../migrations/auth/sqlite"),
    postgres: embed_migrations!("../../migrations/auth/postgres"),
};

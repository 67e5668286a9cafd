//! Identities, challenge login, sessions and mailbox proofs.
//!
//! Auth alone knows which keys speak for an identity, which sessions are alive, and holds the sealed keys of soft
//! identities. Other services ask through [`imajin_auth_api::AuthClient`]; people through [`Auth::routes`].
//!
//! | what | where |
//! |---|---|
//! | a key becomes known here | `registration` |
//! | a challenge is given out (without a row) and answered (once) | `challenge`, `login` |
//! | a handle is taken, changed, given up | `handle`, `handles` |
//! | its keys change: entries, witnesses, mirrors, devices | `key_log` |
//! | a session: a signed token that names a row | `sessions`, `session_keys` |
//! | a mailbox is proven, a soft identity stands for it | `mailbox`, `mailer`, `soft`, `custodial` |
//! | a soft identity is claimed by a key | `claims` |
//! | one identity says something about another, and takes it back | `attestations` |
//! | people of other nodes sign in here, and ours there | `federation` |
//! | a visitor registers here as well | `residents` |
//! | somebody moves to another node, or has come from one that they left | `moves`, `new_home` |
//! | people are told by mail what has happened | `notices` |
//! | passkeys open sessions (WebAuthn) | `passkeys` |
//! | applications learn who somebody is (OpenID Connect) | `oidc` |
//! | somebody becomes the operator | `setup` |
//! | DID documents, key sets, resolution | `documents` |
//! | what `imajin verify` checks | `audit` |
//!
//! **Architecture Invariant:** a did:email leaves this crate in no answer, document, token or log.
//!
//! **Architecture Invariant:** a session reads. What changes something is signed by the identity's key, or is the end
//! of the session itself.

mod api;
mod attestations;
mod audit;
mod auth;
mod challenge;
mod claims;
mod client_name;
mod custodial;
mod documents;
mod error;
mod export;
mod federation;
mod handle;
mod handles;
mod identities;
mod key_log;
mod key_rotation;
mod links_asked;
mod log;
mod login;
mod mailbox;
mod mailer;
mod moves;
mod names;
mod new_home;
mod notices;
mod oidc;
mod passkeys;
mod peer_names;
mod peers;
mod profiles;
mod purge;
mod registration;
mod residents;
mod routes;
mod rows;
mod schema;
mod session_keys;
mod sessions;
mod setup;
mod soft;
mod testimonies;
mod vault;

use imajin_store::{Migrations, embed_migrations};

pub use audit::audit;
pub use auth::{Auth, AuthDeps, AuthOptions, MoreKeys, Witness};
pub use error::AuthError;
pub use key_log::{KeyRefusal, MirrorOutcome, key_histories, keys_ever};
pub use key_rotation::session_keys_rotate;
pub use mailer::MailConfig;
pub use peers::PeersOptions;
pub use vault::SEALED_COLUMNS;

/// The service's name: its prefix, its database, its chain in the mutation log.
const SERVICE: &str = "auth";

/// Auth's tables.
pub const MIGRATIONS: Migrations = Migrations {
    sqlite: embed_migrations!("../../migrations/auth/sqlite"),
    postgres: embed_migrations!("../../migrations/auth/postgres"),
};

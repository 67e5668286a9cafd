//! The broker: agents put money in, get visas for publishers, and publishers get their money here.
//!
//! | what | where |
//! |---|---|
//! | who calls: an agent by its domain's keys, a node by its DID | `caller`, `agents` |
//! | accounts, and money that comes in through a checkout of pay | `domain::account`, `domain::deposit`, `seller` |
//! | visas: money set aside, a token signed | `domain::visa`, `visas`, `keys` |
//! | what publishers ask to be paid, and when they are | `domain::redemption`, `redemptions`, `publishers` |
//! | what agents object to, and how it ends | `domain::dispute`, `domain::rules`, `disputes` |
//! | money passed on between nodes | `domain::transfer`, `transfers` |
//! | OAuth: tokens to read with, and what a token is worth | `oauth` |
//! | the operator's console, and the page of an account | `pages` |
//! | what `imajin verify` checks | `audit` |
//!
//! **Architecture Invariant:** no money is here. Balances and what is set aside are in pay's ledger, and every movement
//! has a name, so that a step that is repeated after a lost answer moves nothing twice. A row here says what is wanted
//! before pay is asked, and what has happened after pay has answered; the background goes on where a process ended.
//!
//! **Architecture Invariant:** of each visa, what is paid, what went back after disputes, and what is returned are
//! together what was set aside.

mod agents;
mod audit;
mod caller;
mod config;
mod context;
mod disputes;
mod domain;
mod error;
mod keys;
mod log;
mod oauth;
mod pages;
mod publishers;
mod redemptions;
mod routes;
mod rows;
mod schema;
mod seller;
mod service;
mod transfers;
mod visas;

use imajin_store::{Migrations, embed_migrations};

pub use audit::audit;
pub use config::BrokerConfig;
pub use error::BrokerError;
pub use rows::SEALED_COLUMNS;
pub use service::{Broker, BrokerDeps};

/// The service's name: its prefix, its database, its sealer.
pub(crate) const SERVICE: &str = "broker";

/// The service's schema.
pub const MIGRATIONS: Migrations = Migrations {
    sqlite: embed_migrations!("../../migrations/broker/sqlite"),
    postgres: embed_migrations!("../../migrations/broker/postgres"),
};

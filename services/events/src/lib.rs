//! Events, tiers, holds and tickets.
//!
//! An event is sold by whoever signed its manifest, and has a DID of its own whose key signs the tickets and never
//! leaves the node. A buyer's order reserves places in one transaction with the tier's counters, so nothing is sold
//! twice; pay then asks for price and manifest ([`imajin_pay_api::SellerApi::goods_quote`]) and, when the money is
//! there, for the tickets ([`imajin_pay_api::SellerApi::goods_deliver`]).
//!
//! Handlers call `domain`, which knows neither HTTP nor other services: synchronous functions over one connection.

mod api;
mod audit;
mod checkout;
mod config;
mod context;
mod demo;
mod domain;
mod error;
mod fair;
mod ics;
mod keys;
mod log;
mod routes;
mod rows;
mod schema;
mod service;
mod vault;

use imajin_store::{Migrations, embed_migrations};

pub use audit::{FulfilledOrder, audit, fulfilled_order_list};
pub use config::EventsConfig;
pub use demo::{DemoIdentity, DemoSeed, demo_identities, demo_seed};
pub use error::EventsError;
pub use service::{Events, EventsDeps};
pub use vault::SEALED_COLUMNS;

/// The service's name: its prefix, its database, its sealer.
pub(crate) const SERVICE: &str = "events";

/// The service's schema.
pub const MIGRATIONS: Migrations = Migrations {
    sqlite: embed_migrations!("../../migrations/events/sqlite"),
    postgres: embed_migrations!("../../migrations/events/postgres"),
};

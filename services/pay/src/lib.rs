//! Checkout, ledger, settlement and receipts.
//!
//! A seller asks for a checkout; its price and its manifest come from the seller, never from the buyer. When a rail
//! says that the money is there, the message is stored, then booked and held in one transaction with the order to
//! deliver. Once the seller has handed the goods over, the money is split along the manifest and a receipt is signed,
//! in one transaction; if they cannot be had, it goes back. Every step can be repeated, and after a crash each payment
//! goes on where it was.
//!
//! Handlers call `domain`, which knows neither HTTP nor other services: synchronous functions over one connection.

mod api;
mod audit;
mod batching;
mod brokers;
mod config;
mod context;
mod csv;
mod domain;
mod error;
mod lanes;
mod later;
mod measured;
mod notices;
mod opening;
mod own_goods;
mod pages;
mod payouts;
mod purse;
mod rails;
mod reconcile;
mod refunds;
mod remits;
mod routes;
mod rows;
mod schema;
mod service;
mod settler;
mod shares;
mod solana;
mod sweeps;
mod visas;
mod wallet_calls;
mod worker;

use imajin_store::{Migrations, embed_migrations};

pub use audit::{PaidGoods, audit, audit_until, audit_with_keys, paid_goods_list};
pub use brokers::BrokersConfig;
pub use config::{Interrupt, PayConfig, Step};
pub use error::PayError;
pub use imajin_rails::{PayoutLimit, RailSetupError, SolanaConfig, StripeConfig};
pub use rails::{RailsConfig, SandboxUse};
pub use routes::PayRouter;
pub use rows::SEALED_COLUMNS;
pub use service::{Pay, PayDeps, Surroundings, WebhookReceipt};

/// The service's name: its prefix, its database, its sealer.
pub(crate) const SERVICE: &str = "pay";

/// The service's schema.
pub const MIGRATIONS: Migrations = Migrations {
    sqlite: embed_migrations!("../../migrations/pay/sqlite"),
    postgres: embed_migrations!("../../migrations/pay/postgres"),
};

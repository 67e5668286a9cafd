//! What the tests of every crate share: databases of both kinds, and a real browser.
//!
//! Nothing here is part of the product. It knows no service, and but for the broker no crate above `imajin_kernel`, so
//! that every crate, the store included, can use it in its own tests.
//!
//! - [`TestDatabase`]: a database of its own for one test, on SQLite or on Postgres, gone afterwards.
//! - [`Cluster`]: a private Postgres server, and [`postgres()`], the one that the tests of a run share.
//! - [`on_both!`]: the same tests over both databases.
//! - [`simulation`]: dice, tasks and a trace, for histories that one seed decides.
//! - `router` (cargo feature `router`): a service's routes, asked in this process.
//! - `stripe_peer` (cargo feature `stripe-peer`): a payment processor that behaves as Stripe does.
//! - `broker_peer` (cargo feature `broker-peer`): a broker between nodes.
//! - `SolanaPeer` (cargo feature `solana-peer`): a Solana node with the real virtual machine.
//! - `OpenAiPeer` (cargo feature `openai-peer`): a language model's server without a model.
//! - [`KnotPeer`]: a real authoritative DNS server.
//! - [`PebblePeer`]: a real certificate authority.
//! - `CloudflarePeer` (cargo feature `cloudflare-peer`): a hoster of zones.
//! - `browser` (cargo feature `browser`): chromedriver and headless Chromium.
//!
//! The `imajin-testkit` binary starts one Postgres server for a whole run of tests.

mod address;
#[cfg(feature = "broker-peer")]
pub mod broker_peer;
#[cfg(feature = "browser")]
pub mod browser;
#[cfg(feature = "cloudflare-peer")]
mod cloudflare_peer;
mod cluster;
mod database;
mod error;
mod guard;
mod knot;
#[cfg(feature = "openai-peer")]
mod openai_peer;
mod pebble;
#[cfg(feature = "router")]
mod router;
#[cfg(feature = "served")]
mod served;
pub mod simulation;
#[cfg(feature = "solana-peer")]
mod solana_peer;
mod stamp;
#[cfg(feature = "stripe-peer")]
pub mod stripe_peer;

pub use address::free_address;
#[cfg(feature = "cloudflare-peer")]
pub use cloudflare_peer::{CloudflareFault, CloudflarePeer};
pub use cluster::{Cluster, ClusterOptions, POSTGRES_URL_VARIABLE, postgres};
pub use database::{Backend, Place, TestDatabase};
pub use error::TestkitError;
pub use guard::Guarded;
pub use knot::KnotPeer;
#[cfg(feature = "openai-peer")]
pub use openai_peer::{OpenAiPeer, OpenAiQuestion, OpenAiReply};
pub use pebble::PebblePeer;
#[cfg(feature = "router")]
pub use router::Answer;
#[cfg(feature = "solana-peer")]
pub use solana_peer::SolanaPeer;

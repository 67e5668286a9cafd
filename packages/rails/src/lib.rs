//! Payment rails behind one trait.
//!
//! A rail takes money from a buyer somewhere else and says so in messages. This crate turns such a message into a
//! [`RailEvent`] after checking who sent it; what an event means for a checkout is decided elsewhere, the same way for
//! every rail. The sandbox is the rail that is always there: it pays with test money, on a page of the node itself.
//! Solana (cargo feature `solana`) takes USDC and SOL.
//!
//! **Architecture Invariant:** a rail knows no database and no ledger. It never says what something costs.

mod rail;
mod sandbox;
#[cfg(feature = "solana")]
pub mod solana;
mod solana_config;

pub use rail::{Headers, Opened, Rail, RailCheckout, RailError, RailEvent, RailOutcome, RailRefund, Refunded};
pub use sandbox::{SANDBOX, SandboxOutcome, SandboxPayment, SandboxRail};
pub use solana_config::{PayoutLimit, SOLANA, SOLANA_BUILT, SolanaConfig, SolanaSetupError};

//! Payment rails behind one trait.
//!
//! A rail takes money from a buyer somewhere else and says so in messages. This crate turns such a message into a
//! [`RailEvent`] after checking who sent it; what an event means for a checkout is decided elsewhere, the same way for
//! every rail. The sandbox is the rail that is always there: it pays with test money, on a page of the node itself.
//! Stripe (cargo feature `stripe`) takes cards.
//! Solana (cargo feature `solana`) takes USDC and SOL.
//!
//! **Architecture Invariant:** a rail knows no database and no ledger. It never says what something costs.

mod config;
mod event;
mod fact;
mod rail;
mod sandbox;
mod share;
#[cfg(feature = "solana")]
pub mod solana;
mod solana_config;
mod solana_desk;
mod solana_message;
#[cfg(feature = "stripe")]
pub mod stripe;

use std::sync::Arc;

use imajin_kernel::Env;

pub use config::{RailSetupError, STRIPE_URL, StripeConfig};
pub use event::{Confirmed, DisputeState, RailDispute, RailEvent, RailFee, RailOutcome};
pub use fact::{FACT_DONE, FACT_FAILED, FACT_UNDER_WAY, FactCut, FactKind, FactPage, RailBalance, RailFact};
pub use rail::{
    Headers, Opened, Rail, RailCheckout, RailError, RailHealth, RailPayee, RailRefund, RailTransfer, Refunded,
};
pub use sandbox::{SANDBOX, SandboxOutcome, SandboxPayment, SandboxRail};
pub use share::{RailDirect, RailShare};
pub use solana_config::{PayoutLimit, SOLANA, SOLANA_BUILT, SolanaConfig};
pub use solana_desk::{
    RailMessage, SOLANA_WALLET_LABEL, SolanaClaim, SolanaDesk, SolanaInfo, SolanaPage, SolanaRecord, SolanaRecordKind,
    SolanaRecords, SolanaStray, SolanaTick, SolanaToken, SolanaTransaction, SolanaWallet, solana_claim_holds,
    solana_desk, solana_wallet,
};
pub use solana_message::SolanaMessages;

/// Stripe's name among the rails.
pub const STRIPE: &str = "stripe";

/// Whether this program was built with Stripe.
pub const STRIPE_BUILT: bool = cfg!(feature = "stripe");

/// The rail of a configuration of Stripe; asks nobody.
///
/// # Errors
/// [`RailSetupError::NotBuilt`] without the cargo feature `stripe`; otherwise when a setting cannot be right.
#[cfg(feature = "stripe")]
pub fn stripe_rail(config: &StripeConfig, env: Env) -> Result<Arc<dyn Rail>, RailSetupError> {
    Ok(Arc::new(stripe::StripeRail::new(config, env)?))
}

/// The rail of a configuration of Stripe; asks nobody.
///
/// # Errors
/// [`RailSetupError::NotBuilt`], in a program without the cargo feature `stripe`.
#[cfg(not(feature = "stripe"))]
pub fn stripe_rail(_config: &StripeConfig, _env: Env) -> Result<Arc<dyn Rail>, RailSetupError> {
    Err(RailSetupError::NotBuilt {
        rail: STRIPE,
        feature: "stripe",
    })
}

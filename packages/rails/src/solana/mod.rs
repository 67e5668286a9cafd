//! Solana: USDC and SOL.
//!
//! - [`Payment::plan`] decides which shares of a checkout go to their payees on the chain, in one transaction, and
//!   which through the node and the ledger, and says why.
//! - [`transfer_request_url`] and [`transaction_request_url`] are what the buyer's wallet reads, as a link or a QR
//!   code; [`endpoint_answer`] is what the wallet is given to sign.
//! - [`Watch`] looks for the payment by its [`reference()`] until it is final, and [`judge()`] says what it is.
//! - [`Payout`] pays out of the node's [`Wallet`], within limits, once.
//! - [`SolanaRail`] is all of it as a [`Rail`](crate::Rail), with its state in a [`SolanaStore`].
//!
//! Time is handed in, state is a plain value that goes in and comes out, and only [`Rpc`] speaks with anybody.
//!
//! **Architecture Invariant:** what a payment paid is what the transfers say that carry its reference, in a finalised
//! transaction, and nothing else.

mod address;
mod as_rail;
mod binding;
mod coin;
mod desk;
mod error;
mod facts;
mod history;
mod judge;
mod keep;
mod landed;
mod message;
mod payout;
pub mod program;
mod rail;
mod records;
mod request;
mod rpc;
mod servers;
mod split;
mod transfers;
mod wallet;
mod watch;
mod wire;

use imajin_kernel::Span;

pub use address::{Address, AddressError};
pub use binding::{AddressChallenge, BindingError, BoundAddress, CHALLENGE_MINUTES};
pub use coin::{Coin, KnownToken, MJN_MINT, Network, USDC_DEVNET_MINT, USDC_MINT};
pub(crate) use desk::{claim_holds, desk_new, wallet_new};
pub use error::SolanaError;
pub use judge::{Finding, Sighting, judge};
pub use keep::SolanaStore;
pub use landed::{Change, Landed, Move};
pub use payout::{Payer, Payout, PayoutLimits, PayoutState, PayoutStep};
pub use rail::{PaymentView, SolanaRail, Ticked};
pub use request::{
    EndpointAnswer, EndpointInfo, EndpointRequest, Shown, endpoint_answer, reference, transaction_request_url,
    transfer_request_url,
};
pub use rpc::{Finality, Holding, ListQuery, Listed, Recent, Rpc, RpcError, SignatureStatus, Tip};
pub use split::{
    ACCOUNTS_CREATED_MAX, Form, PAYEES_MAX, Payment, Place, PlanInput, Priority, RENT_LAMPORTS, Share, Standing,
    Transfer, Why,
};
pub use wallet::Wallet;
pub use watch::{Report, Watch, Watched};
pub use wire::{AccountUse, Blockhash, Instruction, Message, TRANSACTION_BYTES_MAX, WireError};

/// How long to wait after so many failures in a row: 2, 4, 8 … seconds, and five minutes at most.
fn backoff(failures: u32) -> Span {
    const SECONDS_MAX: i64 = 300;
    let seconds = 1_i64.checked_shl(failures.min(16)).unwrap_or(SECONDS_MAX);
    Span::seconds(seconds.min(SECONDS_MAX))
}

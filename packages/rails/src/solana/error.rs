use imajin_kernel::Code;
use imajin_money::{Amount, Asset};

use super::rpc::RpcError;
use super::wire::WireError;
use crate::RailError;

/// Why something cannot be done on Solana.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SolanaError {
    /// The asset does not exist on the configured network.
    #[error("{0} cannot be paid here: this network settles USDC and SOL, as test assets where it is a test network")]
    Asset(Asset),
    /// No account of the coin can belong to this address.
    #[error("this address can own no account: give the address of a wallet")]
    Address,
    /// The shares do not make up what is paid.
    #[error("the shares sum to {shares}, and {gross} is paid")]
    Sum {
        /// What the shares sum to.
        shares: Amount,
        /// What is paid.
        gross: Amount,
    },
    /// Nothing is to be paid.
    #[error("nothing is to be paid: a payment on the chain is more than zero")]
    Nothing,
    /// The chain behind the RPC address is not the configured one.
    #[error("the RPC address leads to another chain than the configured network: correct one of the two")]
    WrongChain,
    /// The key that the node keeps cannot be opened.
    #[error("the node's wallet cannot be opened with this master key")]
    Wallet,
    /// A payout is above what may leave at once or in a day.
    #[error("{amount} cannot be paid out now: at most {left} may leave at the moment")]
    Limit {
        /// What was asked.
        amount: Amount,
        /// What may leave.
        left: Amount,
    },
    /// The wallet holds less than what is to be paid out.
    #[error("the node's wallet holds {holds}, and {amount} is to be paid out: add money to it")]
    Balance {
        /// What it holds.
        holds: Amount,
        /// What was asked.
        amount: Amount,
    },
    /// The wallet holds too little SOL for what a transaction costs.
    #[error("the node's wallet holds {holds} lamports, and this transaction needs {needed}: send it SOL")]
    Lamports {
        /// What it holds.
        holds: u64,
        /// What must be there.
        needed: u64,
    },
    /// A transaction cannot be written.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The RPC server did not give an answer that helps.
    #[error(transparent)]
    Rpc(#[from] RpcError),
}

impl SolanaError {
    /// How a caller should see it.
    pub const fn code(&self) -> Code {
        match self {
            Self::Asset(_) | Self::Address | Self::Sum { .. } | Self::Nothing | Self::Wire(_) => Code::InvalidRequest,
            Self::Limit { .. } | Self::Balance { .. } | Self::Lamports { .. } => Code::Conflict,
            Self::WrongChain | Self::Wallet => Code::Internal,
            Self::Rpc(_) => Code::Unavailable,
        }
    }
}

impl From<SolanaError> for RailError {
    fn from(error: SolanaError) -> Self {
        match error {
            SolanaError::Rpc(_) => Self::Unavailable(error.to_string()),
            _ => Self::Refused(error.to_string()),
        }
    }
}

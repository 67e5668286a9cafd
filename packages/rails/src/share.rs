use imajin_did::Did;
use imajin_money::Amount;
use serde::{Deserialize, Serialize};

/// A share of a checkout: one leg of the settlement plan, as a rail may pay it to its payee itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RailShare {
    /// Whose it is.
    pub did: Did,
    /// How much.
    pub amount: Amount,
    /// Where the payee is paid at this rail; `None`: the share stays in the ledger.
    pub address: Option<String>,
    /// Whether the share waits for something, and so must stay in the ledger.
    pub held: bool,
}

/// A share that a rail has paid to its payee itself, with the payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RailDirect {
    /// Its place among the shares with which the checkout was opened, from 0.
    pub share: usize,
    /// Whose it is.
    pub did: Did,
    /// How much.
    pub amount: Amount,
    /// Where it went.
    pub address: String,
}

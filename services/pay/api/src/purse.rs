//! What a broker at this node does with the money that it keeps for agents, publishers and nodes: all of it is in pay's
//! ledger, and moves there only.

use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_kernel::id::HoldId;
use imajin_money::Money;
use imajin_web::service_api;
use serde::{Deserialize, Serialize};

/// The goods that put money into somebody's balance here: all of it arrives, and nothing is taken off.
pub const DEPOSIT: &str = "deposit";

service_api! {
    /// Balances in the hands of a broker. Every method may be called again with the same request.
    pub trait PurseApi, client PurseClient, service "purse" {
        /// Sets a part of somebody's balance aside, until the broker captures or returns it.
        async fn purse_reserve(PurseReserve) -> PurseDone;

        /// Pays somebody from what was set aside.
        async fn purse_capture(PurseCapture) -> PurseDone;

        /// Gives back whatever is left of what was set aside.
        async fn purse_return(PurseReturn) -> PurseReturned;

        /// Moves money from one balance to another.
        async fn purse_transfer(PurseTransfer) -> PurseDone;

        /// What somebody can spend, one line per currency.
        async fn purse_balances(PurseBalances) -> Vec<Money>;

        /// What came into and went out of a balance, newest first.
        async fn purse_statement(PurseStatement) -> Vec<PurseLine>;
    }
}

/// See [`PurseApi::purse_reserve`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PurseReserve {
    /// The name of what is set aside, chosen by the broker.
    pub hold: HoldId,
    /// Whose money it is.
    pub owner: Did,
    /// How much.
    pub amount: Money,
    /// What for.
    pub reference: String,
}

/// See [`PurseApi::purse_capture`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PurseCapture {
    /// What was set aside.
    pub hold: HoldId,
    /// Names this payment: the same name is the same payment.
    pub key: String,
    /// Who is paid.
    pub payee: Did,
    /// How much.
    pub amount: Money,
    /// What for.
    pub reference: String,
}

/// See [`PurseApi::purse_return`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PurseReturn {
    /// What was set aside.
    pub hold: HoldId,
    /// What for.
    pub reference: String,
}

/// See [`PurseApi::purse_transfer`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PurseTransfer {
    /// Names this transfer: the same name is the same transfer.
    pub key: String,
    /// Who has it.
    pub from: Did,
    /// Who gets it.
    pub to: Did,
    /// How much.
    pub amount: Money,
    /// What for.
    pub reference: String,
}

/// See [`PurseApi::purse_balances`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PurseBalances {
    /// Whose.
    pub owner: Did,
}

/// See [`PurseApi::purse_statement`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PurseStatement {
    /// Whose.
    pub owner: Did,
    /// In which currency.
    pub currency: String,
    /// Only lines before this one.
    pub before: Option<i64>,
    /// At most so many, 1 to 500.
    pub limit: u32,
}

/// It is in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurseDone {
    /// The ledger's entry.
    pub entry: String,
}

/// What was left is its owner's again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurseReturned {
    /// How much went back.
    pub returned: Money,
}

/// One line of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PurseLine {
    /// The how-manieth line of its account this is, from 1.
    pub number: i64,
    /// When.
    pub time: Timestamp,
    /// Why the ledger has booked it.
    pub kind: String,
    /// What for.
    pub reference: String,
    /// Millionths that came in, or went out below zero.
    pub units: i64,
    /// What was there afterwards.
    pub balance: Money,
    /// The ledger's entry.
    pub entry: String,
}

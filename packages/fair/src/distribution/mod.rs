//! Distribution contracts: what somebody does with what comes in.
//!
//! A [`Contract`] is a payee's own, signed and versioned. It divides what the payee gets, after the split along the
//! manifests, among others: a studio, a charity, a co-author of everything. [`History`] keeps every version and tells
//! which one was in effect; [`distribute`] applies them to a plan. Everything is pure: the same plan, contracts and
//! accruals give the same parts.

mod aggregate;
mod contract;
mod effect;
mod history;
mod route;
mod sign;

pub use aggregate::{LabelTotal, label_totals};
pub use contract::{Allocation, Contract, ContractError, Moment};
pub use effect::effect;
pub use history::{History, HistoryError};
pub use route::{
    Accrual, AccrualKey, Distribution, DistributionError, DistributionInput, End, Hop, Outcome, Part, Release,
    distribute,
};

/// How many contracts may stand on one route.
pub const ROUTE_DEPTH_MAX: usize = 8;
/// How many contracts are applied to one leg of a plan: a bound on what a payee's contracts can cost.
pub const CONTRACTS_PER_LEG_MAX: usize = 256;

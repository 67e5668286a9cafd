//! Assets, amounts and exact splits.
//!
//! Money here is a non-negative integer and the asset that it counts. There is no `Add`, no `From<i64>` and no float:
//! every operation is checked and returns a typed error, and JSON carries decimal text. [`split`] divides an amount so
//! that the parts always sum to the whole.
#![deny(clippy::arithmetic_side_effects)]

mod amount;
mod asset;
mod money;
mod share;
mod split;

pub use amount::{Amount, AmountError};
pub use asset::{Asset, AssetError};
pub use money::{Money, MoneyError};
pub use share::{Share, ShareError};
pub use split::{SplitError, Weighted, split};

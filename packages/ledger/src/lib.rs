//! The double-entry ledger: accounts, balanced entries, holds, one hash chain per writer.
//!
//! Everything that moves money is a [`Command`]; [`Ledger::execute`] books a batch of them in a few statements, each on
//! its own: one that is refused leaves the others alone. Booking is idempotent by the command's key: the same key with
//! the same content answers with what was booked the first time, with another content it is refused.
//!
//! An entry never changes. Its hash covers all of it and the hash of the entry before it; where each chain ends is kept
//! in a sealed row and signed in checkpoints, and every receipt carries the hash of its entry under the node's
//! signature. Balances are kept in the account's row, and [`audit`](audit()) recomputes each of them from the legs.
//!
//! **Architecture Invariant:** this crate knows no checkout, no rail and no HTTP. Its functions are synchronous, work
//! on the connection that they are given, and leave the transaction to the caller.

mod account;
mod audit;
mod book;
mod booking;
mod checkpoint;
mod encoding;
mod entry;
mod error;
mod evaluate;
mod hold;
mod ledger;
mod limits;
mod linked;
mod periods;
mod queries;
mod rows;
mod schema;
mod settlement;
mod tree;

pub use account::{AccountId, AccountKey, Owner, Purpose, UnknownText};
pub use audit::audit;
pub use checkpoint::checkpoint_sign;
pub use entry::{EntryKind, Leg, Movement, Posted};
pub use error::{LedgerError, Refusal};
pub use hold::{Hold, HoldCapture, HoldPlace, HoldRelease, HoldState, Release};
pub use ledger::{Command, GroupAnswer, Ledger, MOVEMENTS_MAX, Note, Outcome, Posting};
pub use limits::{Limit, LimitedAccount, Limits, limited_page, limits_fetch};
pub use periods::{balance_at, statement_between};
pub use queries::{
    Account, Entry, StatementLine, account_fetch, account_find, account_list, account_lock, account_page,
    accounts_above, accounts_fetch, balance_lines, entry_count, entry_fetch, entry_find, hold_expired_list, hold_fetch,
    statement_list,
};
pub use settlement::{Recipients, credits};
pub use tree::{entry_proof, tree_sign};

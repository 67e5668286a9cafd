//! What events does: synchronous functions over one connection, called inside one transaction each.
//!
//! Whoever changes counters locks the tier first and the orders after it, in every function, so that two processes on
//! one Postgres database cannot wait for each other.

pub(crate) mod accept;
pub(crate) mod create;
pub(crate) mod deliver;
pub(crate) mod draft;
pub(crate) mod hold;
pub(crate) mod issue;
pub(crate) mod kept;
pub(crate) mod list;
pub(crate) mod locks;
pub(crate) mod order;
pub(crate) mod quote;
pub(crate) mod release;
pub(crate) mod status;
pub(crate) mod take_back;
pub(crate) mod text;
pub(crate) mod views;

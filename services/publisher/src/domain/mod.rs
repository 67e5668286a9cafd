//! What is done with the rows: synchronous functions over a connection, in one transaction.

pub(crate) mod find;
pub(crate) mod list;
pub(crate) mod state;
pub(crate) mod store;

//! What paid questions do, as synchronous functions over one connection; the caller holds the transaction.

pub(crate) mod documents;
pub(crate) mod grants;
pub(crate) mod leaders;
pub(crate) mod questions;
pub(crate) mod quotes;
pub(crate) mod uses;

//! What paid questions do, as synchronous functions over one connection; the caller holds the transaction.

pub(crate) mod comparing;
pub(crate) mod disclose;
pub(crate) mod documents;
pub(crate) mod export;
pub(crate) mod grants;
pub(crate) mod leaders;
pub(crate) mod profiles;
pub(crate) mod questions;
pub(crate) mod quotes;
pub(crate) mod records;
pub(crate) mod retention;
pub(crate) mod uses;

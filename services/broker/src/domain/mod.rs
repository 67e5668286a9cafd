//! What the broker's rows mean: synchronous functions over a connection, without HTTP.

pub(crate) mod account;
pub(crate) mod deposit;
pub(crate) mod lists;
pub(crate) mod redemption;
pub(crate) mod transfer;
pub(crate) mod visa;

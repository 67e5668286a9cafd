//! What the broker's rows mean: synchronous functions over a connection, without HTTP.

pub(crate) mod account;
pub(crate) mod deposit;
pub(crate) mod dispute;
pub(crate) mod dispute_find;
pub(crate) mod lists;
pub(crate) mod overview;
pub(crate) mod redemption;
pub(crate) mod rules;
pub(crate) mod transfer;
pub(crate) mod visa;

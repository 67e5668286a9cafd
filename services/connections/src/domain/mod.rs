//! What connections knows and decides: synchronous functions over one connection.

pub(crate) mod accept;
pub(crate) mod find;
pub(crate) mod import;
pub(crate) mod invite;
pub(crate) mod issue;
pub(crate) mod own;
pub(crate) mod pod;
pub(crate) mod privacy;
pub(crate) mod revoke;
pub(crate) mod sequence;

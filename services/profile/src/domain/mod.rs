//! What profile knows and decides: synchronous functions over one connection.

pub(crate) mod avatar;
pub(crate) mod change;
pub(crate) mod draft;
pub(crate) mod find;
pub(crate) mod search;
pub(crate) mod terms;
mod text;
pub(crate) mod view;

//! What is done with the rows: synchronous functions over a connection, in one transaction.

pub(crate) mod access;
pub(crate) mod charge;
pub(crate) mod dispute;
pub(crate) mod evidence;
pub(crate) mod feedback;
pub(crate) mod find;
pub(crate) mod list;
mod objection;
pub(crate) mod record;
pub(crate) mod state;
pub(crate) mod store;
pub(crate) mod traffic;
pub(crate) mod work;
pub(crate) mod work_change;
pub(crate) mod work_files;
pub(crate) mod work_find;

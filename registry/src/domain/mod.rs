//! What the registry does: sync functions over a connection, without HTTP.

pub(crate) mod application;
pub(crate) mod build_rules;
pub(crate) mod builds;
pub(crate) mod catch_up;
pub(crate) mod console;
pub(crate) mod credentials;
pub(crate) mod directory;
pub(crate) mod heartbeat;
pub(crate) mod list;
mod locks;
pub(crate) mod mirror;
mod mirror_heads;
pub(crate) mod naming;
pub(crate) mod order;
pub(crate) mod publication;
pub(crate) mod register;
pub(crate) mod releases;
pub(crate) mod resume;
pub(crate) mod revocation;
pub(crate) mod sweep;
mod unproven;
pub(crate) mod vacancy;

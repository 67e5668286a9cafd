//! One struct per page, one file per group of pages. The markup is in `templates/`, under the same names.

pub(crate) mod access;
pub(crate) mod account;
pub(crate) mod ask;
pub(crate) mod contract;
pub(crate) mod directory;
pub(crate) mod event;
pub(crate) mod fair;
pub(crate) mod federation;
pub(crate) mod identity;
pub(crate) mod keys;
pub(crate) mod landing;
pub(crate) mod message;
pub(crate) mod mirrors;
pub(crate) mod money;
pub(crate) mod oidc;
pub(crate) mod operator;
pub(crate) mod order;
pub(crate) mod passkeys;
pub(crate) mod pay;
pub(crate) mod pay_solana;
pub(crate) mod peers;
pub(crate) mod profile;
pub(crate) mod read;
pub(crate) mod receipt;
pub(crate) mod ticket;
pub(crate) mod trust;

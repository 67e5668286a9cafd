#![doc = include_str!("../README.md")]

mod audit;
mod bulk;
mod bytes;
mod canon;
mod catalog;
mod conn;
mod db;
pub mod dump;
mod error;
mod faults;
mod finding;
pub mod idempotency;
mod interrupt;
mod job;
mod literal;
mod location;
mod migrate;
pub mod mutation;
pub mod nonce;
pub mod outbox;
pub mod parity;
pub mod plans;
mod purge;
mod readers;
mod row_update;
mod schema;
mod seal;
mod stepped;
mod sweep;
pub mod tamper;
pub mod vault;
mod word_lock;
mod writer;

pub use audit::audit;
#[doc(hidden)]
pub use bulk::{ArrayInsert, ArrayUpdate, all_there, in_chunks};
pub use bytes::{as_bytes, as_optional_bytes};
pub use conn::{Conn, MultiBackend, sum_to_cast};
pub use db::{Db, Options};
pub use diesel_migrations::embed_migrations;
pub use error::{StoreError, is_unique_violation};
pub use finding::Finding;
pub use interrupt::Interrupt;
pub use literal::{Literal, OneOf, one_of};
pub use location::Location;
pub use migrate::{Migrations, revert_all};
pub use purge::purge;
#[doc(hidden)]
pub use row_update::RowUpdate;
pub use seal::{SealedRow, Sealer, intact_all, sealed_all};
#[doc(hidden)]
pub use seal::{audit_begin, audit_rows, name_unreadable};
pub use stepped::{Fate, Stepper};
pub use sweep::{Sweep, Swept, SweptRows};
pub use word_lock::word_lock;

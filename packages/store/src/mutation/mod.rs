//! The mutation log: who changed what, when, and by which proof.
//!
//! [`append`] writes one row in the transaction of the change itself. The rows of a [`Writer`] are a hash chain, whose
//! head is kept beside it and signed by the node every [`CHECKPOINT_EVERY`] rows and at [`checkpoint`]. [`audit`]
//! recomputes all of it: body, digest, proof, hash, chain, checkpoints.
//!
//! What one database can show about itself ends here: who holds the master key, or takes the whole chain away with its
//! head and checkpoints, leaves no trace in it.

mod append;
mod audit;
mod erase;
mod proof;
mod query;
mod row;
mod signers;

pub use append::{Mutation, Seq, Writer, append, append_without_body, checkpoint, head_sign};
pub use audit::{Keys, audit, unproven_text};
pub use erase::{ERASE_ACTION, erase};
pub use proof::Proof;
pub use query::{Logged, history, last_bodies, last_body};
pub use signers::{KeysThen, audit_signers};

/// So many rows lie between two signed checkpoints at most.
pub const CHECKPOINT_EVERY: i64 = 64;

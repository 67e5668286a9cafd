use diesel::prelude::*;

use super::row::LogRow;
use super::{Mutation, Proof, Seq, Writer, append};
use crate::schema::mutation_log;
use crate::{Conn, SealedRow, StoreError, for_update};

/// The action that the log gives to an erasure.
pub const ERASE_ACTION: &str = "mutation.erase";

/// What an erasure is logged under.
pub(super) fn erased_object(chain: &str, seq: Seq) -> String {
    format!("mutation_log/{chain}/{seq}")
}

/// Empties the body of a logged mutation because a person demands it. The digest, the proof and the place in the
/// chain stay, and the erasure is logged itself.
///
/// # Errors
/// [`StoreError::Database`] with `NotFound` when there is no such row; [`StoreError::Damaged`] when it was changed
/// outside the node; otherwise as [`append`].
pub fn erase(conn: &mut Conn, writer: &Writer, chain: &str, seq: Seq, proof: Proof) -> Result<Seq, StoreError> {
    let row: LogRow = for_update!(conn, mutation_log::table.find((chain, seq)).select(LogRow::as_select()) => first)?;
    let mut row = row.intact(writer.sealer())?;
    let owner = row
        .owner_did
        .parse()
        .map_err(|error| diesel::result::Error::DeserializationError(Box::new(error)))?;
    let mutation = Mutation {
        owner,
        action: ERASE_ACTION,
        object: erased_object(chain, seq),
        body: hex::encode(&row.body_digest).into_bytes(),
        proof,
    };
    row.body = None;
    row.save(conn, writer.sealer())?;
    append(conn, writer, &mutation)
}

//! The rows of the tables, and what they mean.

mod audience;
mod block;
mod invite;
mod pod;
mod pod_member;
mod sequence;
mod statement;
mod tie;

pub(crate) use audience::AudienceRow;
pub(crate) use block::BlockRow;
pub(crate) use invite::InviteRow;
pub(crate) use pod::PodRow;
pub(crate) use pod_member::PodMemberRow;
pub(crate) use sequence::SequenceRow;
pub(crate) use statement::{StatementRow, tie_name};
pub(crate) use tie::TieRow;

use imajin_proof::SignedMessage;
use serde::Serialize;

use crate::ConnectionsError;

/// Writes a document into a text column.
pub(crate) fn json_text<T: Serialize>(value: &T) -> Result<String, ConnectionsError> {
    serde_json::to_string(value)
        .map_err(|error| ConnectionsError::Fault(format!("a column could not be written: {error}")))
}

/// Reads a signed document from a text column.
fn message(text: &str) -> Result<SignedMessage, imajin_proof::ProofError> {
    SignedMessage::from_slice(text.as_bytes())
}

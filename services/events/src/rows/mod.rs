//! The rows of the tables, and what they mean.

mod acceptance;
mod event;
mod order;
mod ticket;
mod tier;

pub(crate) use acceptance::AcceptanceRow;
pub(crate) use event::{EventRow, status_text};
pub(crate) use order::{HELD, OrderRow, state_text};
pub(crate) use ticket::{REVOKED, TicketRow, VALID};
pub(crate) use tier::TierRow;

use crate::EventsError;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Writes a list or document into a text column.
pub(crate) fn json_text<T: Serialize>(value: &T) -> Result<String, EventsError> {
    serde_json::to_string(value).map_err(|error| EventsError::Fault(format!("a column could not be written: {error}")))
}

/// Reads it back.
pub(crate) fn json_read<T: DeserializeOwned>(table: &str, row: &impl ToString, text: &str) -> Result<T, EventsError> {
    serde_json::from_str(text).map_err(|_error| EventsError::damaged(table, row, "a document in it cannot be read"))
}

/// A count in a column, which both databases hold as a 64-bit integer.
pub(crate) fn count(table: &str, row: &impl ToString, value: i64) -> Result<u32, EventsError> {
    u32::try_from(value).map_err(|_error| EventsError::damaged(table, row, "a count in it is impossible"))
}

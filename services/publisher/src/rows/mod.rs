//! The rows of the tables, and what they mean.

mod dispute;
pub(crate) mod feedback;
mod gate;
mod manifest;
mod statement;
mod work;

pub(crate) use dispute::{ClaimRow, DisputeRow};
pub(crate) use feedback::FeedbackRow;
pub(crate) use gate::{ChainRow, ChargeRow, ChargeState, HeadRow, RecordRow};
pub(crate) use manifest::ManifestRow;
pub(crate) use statement::{StatementKind, StatementRow};
pub(crate) use work::{AccessRow, VersionRow, WorkRow};

use serde::Serialize;

use crate::PublisherError;

/// Writes a document into a text column.
pub(crate) fn json_text<T: Serialize>(value: &T) -> Result<String, PublisherError> {
    serde_json::to_string(value)
        .map_err(|error| PublisherError::Fault(format!("a column could not be written: {error}")))
}

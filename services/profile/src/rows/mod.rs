//! The rows of the tables, and what they mean.

mod avatar;
mod profile;
mod term;

pub(crate) use avatar::AvatarRow;
pub(crate) use profile::ProfileRow;
pub(crate) use term::TermRow;

use serde::Serialize;

use crate::ProfileError;

/// Writes a list or document into a text column.
pub(crate) fn json_text<T: Serialize>(value: &T) -> Result<String, ProfileError> {
    serde_json::to_string(value).map_err(|error| ProfileError::Fault(format!("a column could not be written: {error}")))
}

//! Reading an object in which every member must be understood: what is not read could have been a restriction.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::ConsentError;

/// How much of a reason is shown: it may quote what came from outside.
const REASON_CHARS_MAX: usize = 160;

pub(crate) struct Members(Map<String, Value>);

impl Members {
    pub(crate) fn of(members: Map<String, Value>) -> Self {
        Self(members)
    }

    /// The member if it is there; `null` is not absence.
    pub(crate) fn take<T: DeserializeOwned>(&mut self, name: &'static str) -> Result<Option<T>, ConsentError> {
        let Some(value) = self.0.remove(name) else {
            return Ok(None);
        };
        let read = serde_json::from_value(value).map(Some);
        read.map_err(|error| wrong(name, &error))
    }

    /// The member, which must be there.
    pub(crate) fn require<T: DeserializeOwned>(&mut self, name: &'static str) -> Result<T, ConsentError> {
        self.take(name)?.ok_or_else(|| wrong(name, &"is missing"))
    }

    /// Refuses what nobody has taken.
    pub(crate) fn finish(self) -> Result<(), ConsentError> {
        match self.0.keys().next() {
            Some(name) => Err(ConsentError::UnknownMember {
                name: name.chars().take(64).collect(),
            }),
            None => Ok(()),
        }
    }
}

pub(crate) fn wrong(name: &'static str, reason: &dyn std::fmt::Display) -> ConsentError {
    ConsentError::Member {
        name,
        reason: reason.to_string().chars().take(REASON_CHARS_MAX).collect(),
    }
}

/// Text that will stand on pages and receipts: not empty, not long, no control characters.
pub(crate) fn text_check(name: &'static str, text: &str, chars_max: usize) -> Result<(), ConsentError> {
    if text.trim().is_empty() {
        return Err(wrong(name, &"must not be empty"));
    }
    if text.chars().count() > chars_max {
        return Err(wrong(name, &format!("must have at most {chars_max} characters")));
    }
    if text.chars().any(char::is_control) {
        return Err(wrong(name, &"must not have control characters"));
    }
    Ok(())
}

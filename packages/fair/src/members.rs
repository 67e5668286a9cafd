//! Taking an object apart member by member, so that each refusal names the member and the rest is kept.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// How much of a reason is shown: it may quote what came from outside.
const REASON_LENGTH_MAX: usize = 200;

/// A member of a manifest is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{reason}", if .name.is_empty() { String::new() } else { format!("{}: ", .name) })]
pub struct MemberError {
    /// Where it is, for example `contributors[2].share`; empty for the manifest itself.
    pub name: String,
    /// What is wrong with it.
    pub reason: String,
}

impl MemberError {
    pub(crate) fn new(name: impl Into<String>, reason: &dyn std::fmt::Display) -> Self {
        Self {
            name: name.into(),
            reason: reason.to_string().chars().take(REASON_LENGTH_MAX).collect(),
        }
    }

    /// The same, seen from the object that holds it.
    pub(crate) fn within(self, outer: &str) -> Self {
        let name = if self.name.is_empty() {
            outer.to_owned()
        } else {
            format!("{outer}.{}", self.name)
        };
        Self {
            name,
            reason: self.reason,
        }
    }
}

/// The members of an object that nobody has taken yet.
pub(crate) struct Members(Map<String, Value>);

impl Members {
    pub(crate) fn of(value: Value) -> Result<Self, MemberError> {
        match value {
            Value::Object(members) => Ok(Self(members)),
            _ => Err(MemberError::new("", &"must be an object")),
        }
    }

    /// The member if it is there. `null` is not the same as absent and is refused like any other wrong value.
    pub(crate) fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, MemberError> {
        let Some(value) = self.0.remove(name) else {
            return Ok(None);
        };
        serde_json::from_value(value)
            .map(Some)
            .map_err(|error| MemberError::new(name, &error))
    }

    /// The member, which must be there.
    pub(crate) fn require<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, MemberError> {
        self.take(name)?.ok_or_else(|| MemberError::new(name, &"is missing"))
    }

    /// What is left: members that this crate does not know.
    pub(crate) fn rest(self) -> Map<String, Value> {
        self.0
    }
}

/// Refuses text that is empty, too long or has control characters in it: such text ends up on receipts and pages.
pub(crate) fn check_text(name: &str, text: &str, chars_max: usize) -> Result<(), MemberError> {
    if text.trim().is_empty() {
        return Err(MemberError::new(name, &"must not be empty"));
    }
    if text.chars().count() > chars_max {
        return Err(MemberError::new(
            name,
            &format!("must have at most {chars_max} characters"),
        ));
    }
    if text.chars().any(char::is_control) {
        return Err(MemberError::new(name, &"must not have control characters"));
    }
    Ok(())
}

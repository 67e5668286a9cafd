//! The JSON Canonicalization Scheme (RFC 8785), restricted to what every reader reads alike (I-JSON, RFC 7493).
//!
//! Two documents must never share their bytes by accident. So integers beyond ±(2^53 − 1) are refused, and floats whose
//! text would be such an integer. For text that comes in, [`from_slice`] refuses member names that occur twice and
//! numbers with more digits than a double keeps.
//!
//! A float that is not finite never gets here: serde's data model turns it into `null` for any JSON writer.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value};

use crate::jcs_text;

/// The largest integer that every JSON reader keeps: 2^53 − 1 (RFC 7493, section 2.2).
pub const INTEGER_MAX: u64 = 9_007_199_254_740_991;
/// How deep a document may nest; the JSON parser stops at the same depth.
const DEPTH_MAX: usize = 127;

/// Why a value has no canonical form, or a text is not the only text of its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JcsError {
    /// The value does not serialize, for example a map whose keys are no text.
    #[error("it cannot be written as JSON")]
    NotJson,
    /// The text is no JSON, or not the JSON that was expected.
    #[error("the JSON is not valid: {0}")]
    Malformed(String),
    /// A number that some reader would round.
    #[error("it holds an integer beyond ±(2^53 − 1); write it as a string")]
    IntegerTooLarge,
    /// A number with more digits than a double keeps.
    #[error("it holds a number with more digits than a double keeps; write it as a string")]
    NumberTooPrecise,
    /// One object has two members of the same name.
    #[error("an object has two members of the same name")]
    DuplicateName,
    /// Nested deeper than any document of ours.
    #[error("it is nested deeper than {DEPTH_MAX} levels")]
    TooDeep,
}

/// The canonical bytes of anything that serializes.
///
/// # Errors
/// [`JcsError`] when it is no JSON, nests too deeply or holds a number that readers would round.
pub fn to_bytes<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, JcsError> {
    value_to_bytes(&serde_json::to_value(value).or(Err(JcsError::NotJson))?)
}

/// The canonical text of anything that serializes.
///
/// # Errors
/// As for [`to_bytes`].
pub fn to_string<T: Serialize + ?Sized>(value: &T) -> Result<String, JcsError> {
    String::from_utf8(to_bytes(value)?).or(Err(JcsError::NotJson))
}

/// The canonical bytes of a JSON value, without a copy of it.
///
/// # Errors
/// As for [`to_bytes`].
pub fn value_to_bytes(value: &Value) -> Result<Vec<u8>, JcsError> {
    let mut bytes = Vec::with_capacity(256);
    write_value(value, &mut bytes, 0)?;
    Ok(bytes)
}

/// Reads a document whose signature will be checked: any other reader must see the same document.
///
/// # Errors
/// [`JcsError`] when the text is no JSON of this type, repeats a member name or holds a number that readers round.
pub fn from_slice<T: DeserializeOwned>(text: &[u8]) -> Result<T, JcsError> {
    let value = jcs_text::parse(text)?;
    serde_json::from_value(value).map_err(|error| JcsError::Malformed(error.to_string()))
}

fn write_value(value: &Value, out: &mut Vec<u8>, depth: usize) -> Result<(), JcsError> {
    if depth > DEPTH_MAX {
        return Err(JcsError::TooDeep);
    }
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => out.extend_from_slice(number_to_string(number)?.as_bytes()),
        Value::String(text) => write_string(text, out)?,
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_value(item, out, depth.saturating_add(1))?;
            }
            out.push(b']');
        }
        Value::Object(members) => write_object(members, out, depth)?,
    }
    Ok(())
}

fn write_object(members: &Map<String, Value>, out: &mut Vec<u8>, depth: usize) -> Result<(), JcsError> {
    let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
    // RFC 8785, section 3.2.3, sorts by UTF-16 code units. That differs from the order of UTF-8 only beyond ASCII.
    if sorted.iter().all(|(name, _)| name.is_ascii()) {
        sorted.sort_unstable_by_key(|(name, _)| *name);
    } else {
        sorted.sort_unstable_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
    }
    out.push(b'{');
    for (index, (name, value)) in sorted.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_string(name, out)?;
        out.push(b':');
        write_value(value, out, depth.saturating_add(1))?;
    }
    out.push(b'}');
    Ok(())
}

/// `serde_json` escapes exactly as RFC 8785, section 3.2.2.2, asks for; the property tests compare it.
fn write_string(text: &str, out: &mut Vec<u8>) -> Result<(), JcsError> {
    serde_json::to_writer(out, text).or(Err(JcsError::NotJson))
}

/// A number as ECMAScript writes it (RFC 8785, section 3.2.2.3).
pub(crate) fn number_to_string(number: &Number) -> Result<String, JcsError> {
    if number.is_f64() {
        let text = json_canon::to_string(number).or(Err(JcsError::NotJson))?;
        // 2^53 as a float would be written without a point, and read back as an integer that we refuse.
        let is_integer = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        return if is_integer && !is_safe(text.trim_start_matches('-')) {
            Err(JcsError::IntegerTooLarge)
        } else {
            Ok(text)
        };
    }
    let text = number.to_string();
    if is_safe(text.trim_start_matches('-')) {
        Ok(text)
    } else {
        Err(JcsError::IntegerTooLarge)
    }
}

/// Whether the digits of an integer are at most [`INTEGER_MAX`].
pub(crate) fn is_safe(digits: &str) -> bool {
    digits.parse::<u64>().is_ok_and(|value| value <= INTEGER_MAX)
}

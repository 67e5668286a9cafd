//! Reading JSON so that no other reader can see another document in it.

use std::collections::HashSet;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::jcs::{JcsError, is_safe, number_to_string};

/// What the visitor says about a repeated name; serde carries errors as text only.
const DUPLICATE: &str = "an object has two members of the same name";

/// Parses and checks: no repeated names, no number that a double does not keep.
pub(crate) fn parse(text: &[u8]) -> Result<Value, JcsError> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = UniqueNames
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value));
    let value = value.map_err(|error| {
        let message = error.to_string();
        if message.starts_with(DUPLICATE) {
            JcsError::DuplicateName
        } else {
            JcsError::Malformed(message)
        }
    })?;
    for token in (NumberTokens { rest: text }) {
        number_check(token)?;
    }
    Ok(value)
}

struct UniqueNames;

impl<'de> DeserializeSeed<'de> for UniqueNames {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for UniqueNames {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("a number is out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(Self)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        let mut names = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            if !names.insert(name.clone()) {
                return Err(de::Error::custom(DUPLICATE));
            }
            object.insert(name, members.next_value_seed(Self)?);
        }
        Ok(Value::Object(object))
    }
}

/// The number tokens of a text that is known to be JSON.
struct NumberTokens<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for NumberTokens<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        loop {
            let (&first, tail) = self.rest.split_first()?;
            if first == b'"' {
                self.rest = after_string(tail);
            } else if first == b'-' || first.is_ascii_digit() {
                let is_part = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E');
                let end = self
                    .rest
                    .iter()
                    .position(|byte| !is_part(byte))
                    .unwrap_or(self.rest.len());
                let (token, rest) = self.rest.split_at_checked(end)?;
                self.rest = rest;
                return std::str::from_utf8(token).ok();
            } else {
                self.rest = tail;
            }
        }
    }
}

/// What follows the closing quote, given what follows the opening one.
fn after_string(text: &[u8]) -> &[u8] {
    let mut is_escaped = false;
    for (index, byte) in text.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return text.get(index.saturating_add(1)..).unwrap_or_default(),
            _ => {}
        }
    }
    &[]
}

fn number_check(token: &str) -> Result<(), JcsError> {
    let is_integer = !token.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E'));
    if is_integer {
        return if is_safe(token.trim_start_matches('-')) {
            Ok(())
        } else {
            Err(JcsError::IntegerTooLarge)
        };
    }
    let number: Number = serde_json::from_str(token).or(Err(JcsError::NumberTooPrecise))?;
    if decimal(token) == decimal(&number_to_string(&number)?) {
        Ok(())
    } else {
        Err(JcsError::NumberTooPrecise)
    }
}

/// A decimal number apart from how it is written: its digits without zeros at the ends, and the power of ten of the
/// last of them. None when the exponent is beyond any double.
#[derive(PartialEq, Eq)]
struct Decimal {
    is_negative: bool,
    digits: String,
    exponent: i64,
}

fn decimal(token: &str) -> Option<Decimal> {
    let (mantissa, exponent) = token.split_once(['e', 'E']).unwrap_or((token, "0"));
    let exponent: i64 = exponent.trim_start_matches('+').parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_negative = whole.starts_with('-');
    let all = format!("{}{fraction}", whole.trim_start_matches('-'));
    let without_end = all.trim_end_matches('0');
    let dropped = all.len().checked_sub(without_end.len())?;
    let digits = without_end.trim_start_matches('0');
    if digits.is_empty() {
        return Some(Decimal {
            is_negative: false,
            digits: String::new(),
            exponent: 0,
        });
    }
    let exponent = exponent
        .checked_sub(i64::try_from(fraction.len()).ok()?)?
        .checked_add(i64::try_from(dropped).ok()?)?;
    Some(Decimal {
        is_negative,
        digits: digits.to_owned(),
        exponent,
    })
}

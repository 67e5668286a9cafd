//! Imajin's manifests 1.0 and 1.1.

use imajin_money::{Amount, Asset, Money};
use serde_json::{Map, Value, json};

use super::shares::Entry;
use super::{Found, ImportError, ImportOptions};
use crate::MemberError;
use crate::members::Members;

/// What is read, or is the document's frame; everything else gets a note.
const FRAME: [&str; 4] = ["fair", "version", "signature", "platformSignature"];

/// Where the rights of 1.1 have a place among the native actions.
const RIGHTS: [(&str, &str); 3] = [
    ("streaming", "read"),
    ("syndication", "redistribute"),
    ("derivative", "remix"),
];

pub(super) fn read(document: Value, options: &ImportOptions) -> Result<Found, ImportError> {
    let mut members = Members::of(document)?;
    let kind: String = members.require("type")?;
    let (kind, media_type) = kind_of(kind);
    let mut found = Found {
        id: members.take("id")?,
        kind: Some(kind),
        created: members.take("created")?,
        author: Some(members.require("owner")?),
        entries: Entry::read_all("attribution", members.require("attribution")?, &options.payees)?,
        ..Found::default()
    };
    if let Some(integrity) = members.take::<Map<String, Value>>("integrity")? {
        found.content = content(&integrity, media_type.as_deref());
        if found.content.is_none() {
            found
                .notes
                .push("The hash in integrity is not a SHA-256: it is in the original only.".to_owned());
        }
    }
    if let Some(training) = members.take::<Map<String, Value>>("training")? {
        training_term(&training, &mut found);
    }
    if let Some(rights) = members.take::<Map<String, Value>>("distribution")? {
        distribution_terms(&rights, &mut found)?;
    }
    for name in members.rest().keys() {
        if !FRAME.contains(&name.as_str()) {
            found.notes.push(format!(
                "{name} has no place in the native form: it is in the original only."
            ));
        }
    }
    Ok(found)
}

/// There the type is often a media type.
fn kind_of(text: String) -> (String, Option<String>) {
    let Some((family, _)) = text.split_once('/') else {
        return (text, None);
    };
    let kind = match family {
        "image" | "audio" | "video" => family,
        "text" => "article",
        _ => "document",
    };
    (kind.to_owned(), Some(text))
}

fn content(integrity: &Map<String, Value>, media_type: Option<&str>) -> Option<Value> {
    let hash = integrity.get("hash")?.as_str()?;
    let hex = hash
        .strip_prefix("sha256:")
        .or_else(|| hash.strip_prefix("sha256-"))
        .unwrap_or(hash);
    if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut content = Map::from_iter([("sha256".to_owned(), hex.to_ascii_lowercase().into())]);
    if let Some(size) = integrity.get("size").and_then(Value::as_u64) {
        content.insert("size".to_owned(), size.into());
    }
    if let Some(media_type) = media_type {
        content.insert("media_type".to_owned(), media_type.into());
    }
    Some(content.into())
}

fn training_term(training: &Map<String, Value>, found: &mut Found) {
    let is_allowed = training.get("allowed").and_then(Value::as_bool);
    let is_plain = training
        .get("grants")
        .and_then(Value::as_array)
        .is_none_or(Vec::is_empty);
    match (is_allowed, is_plain) {
        (Some(true), true) => found.terms.insert("train".to_owned(), json!({"price": "free"})),
        // What is granted for some purposes only is not free for all.
        (Some(true), false) => {
            found
                .notes
                .push("The grants of training are in the original only: each use has to be asked for.".to_owned());
            found.terms.insert("train".to_owned(), json!({"consent": "explicit"}))
        }
        _ => found.terms.insert("train".to_owned(), json!({"price": "prohibited"})),
    };
}

fn distribution_terms(rights: &Map<String, Value>, found: &mut Found) -> Result<(), MemberError> {
    for (right, action) in RIGHTS {
        let Some(value) = rights.get(right) else { continue };
        let term = right_term(value).map_err(|error| error.within(right).within("distribution"))?;
        match term {
            Some(term) => {
                found.terms.insert(action.to_owned(), term);
            }
            None => found.notes.push(format!(
                "The mode of distribution.{right} is not known: it is in the original only."
            )),
        }
    }
    let other = rights
        .keys()
        .filter(|name| !RIGHTS.iter().any(|(right, _)| right == name));
    for name in other {
        found.notes.push(format!(
            "distribution.{name} has no place in the native form: it is in the original only."
        ));
    }
    Ok(())
}

fn right_term(value: &Value) -> Result<Option<Value>, MemberError> {
    let mode = value.get("mode").and_then(Value::as_str).unwrap_or_default();
    let mut term = Map::new();
    match mode {
        "reserved" | "prohibited" => return Ok(Some(json!({"price": "prohibited"}))),
        "allowed" => {}
        "allow-with-attribution" => {
            term.insert("conditions".to_owned(), json!(["attribution-required"]));
        }
        "allow-with-share" => {
            if let Some(share) = value.pointer("/sampling/share") {
                term.insert("royalty".to_owned(), share.clone());
            }
        }
        _ => return Ok(None),
    }
    match value.get("price") {
        None => {
            term.insert("price".to_owned(), "free".into());
        }
        Some(price) => {
            let money = minor_units(price)
                .ok_or_else(|| MemberError::new("price", &"must have an amount in whole minor units and a currency"))?;
            let is_free = money.amount.is_zero();
            let price = if is_free { "free".to_owned() } else { money.decimal() };
            term.insert("price".to_owned(), price.into());
            term.insert("currency".to_owned(), money.asset.as_str().into());
        }
    }
    Ok(Some(term.into()))
}

/// An amount in minor units, for example cents.
fn minor_units(price: &Value) -> Option<Money> {
    let units = price.get("amount")?.as_u64()?;
    let asset: Asset = price.get("currency")?.as_str()?.parse().ok()?;
    let exponent = asset.scale().checked_sub(asset.minor_digits())?;
    let micros = units.checked_mul(10_u64.checked_pow(exponent)?)?;
    let amount = Amount::from_micros(i64::try_from(micros).ok()?).ok()?;
    Some(Money::new(amount, asset))
}

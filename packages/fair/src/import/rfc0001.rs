//! The manifest of MJN RFC-0001.

use serde_json::{Map, Value};

use super::shares::Entry;
use super::{Found, ImportError, ImportOptions, price};
use crate::members::Members;
use crate::{ManifestId, MemberError};

pub(super) fn read(document: Value, options: &ImportOptions) -> Result<Found, ImportError> {
    let mut members = Members::of(document)?;
    let mut found = Found {
        created: members.take("created")?,
        author: members.take("did")?,
        canonical: members.take("canonical")?,
        entries: Entry::read_all("contributors", members.require("contributors")?, &options.payees)?,
        ..Found::default()
    };
    let sources: Vec<String> = members.take("derivedFrom")?.unwrap_or_default();
    for source in sources {
        let id: Option<ManifestId> = source.parse().ok().or_else(|| options.sources.get(&source).cloned());
        match id {
            Some(id) => found.derives_from.push(id),
            None => found.notes.push(format!(
                "The source {} is not the id of a manifest and was left out: say which manifest is meant.",
                source.chars().take(200).collect::<String>()
            )),
        }
    }
    let terms: Map<String, Value> = members.take("terms")?.unwrap_or_default();
    for (action, value) in terms {
        let native = term(value).map_err(|error| error.within(&action).within("terms"))?;
        found.terms.insert(action, native);
    }
    for name in members.rest().keys() {
        if !matches!(name.as_str(), "version" | "signature") {
            found.notes.push(format!(
                "{name} has no place in the native form: it is in the original only."
            ));
        }
    }
    Ok(found)
}

/// There a price may be a number and conditions one word.
fn term(value: Value) -> Result<Value, MemberError> {
    let mut members = match value {
        Value::Object(members) => members,
        // The whole term in one word.
        Value::String(word) if word == "free" || word == "prohibited" => {
            Map::from_iter([("price".to_owned(), word.into())])
        }
        _ => return Err(MemberError::new("", &"must be an object, \"free\" or \"prohibited\"")),
    };
    if let Some(value) = members.get_mut("price") {
        *value = price(value);
    }
    if let Some(value) = members.get_mut("conditions")
        && value.is_string()
    {
        *value = Value::Array(vec![value.take()]);
    }
    Ok(members.into())
}

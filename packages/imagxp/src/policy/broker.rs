use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// A broker whose visas are taken.
///
/// In a file it is its address, `"https://broker.example/broker"`, or a table that says more about it:
/// `{ issuer = "https://broker.example/broker", bearer = true }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyBroker {
    /// Its address, as its visas name it.
    pub issuer: String,
    /// Whether its visas are taken that name neither the publisher nor a key: whoever has copied one can spend it.
    pub bearer: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    issuer: String,
    #[serde(default)]
    bearer: bool,
}

impl<'de> Deserialize<'de> for PolicyBroker {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not an untagged enum: that could not say which word of a table is unknown.
        deserializer.deserialize_any(AddressOrTable)
    }
}

struct AddressOrTable;

impl<'de> Visitor<'de> for AddressOrTable {
    type Value = PolicyBroker;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the address of a broker, or a table with its `issuer` and `bearer`")
    }

    fn visit_str<E: Error>(self, issuer: &str) -> Result<PolicyBroker, E> {
        Ok(PolicyBroker {
            issuer: issuer.to_owned(),
            bearer: false,
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<PolicyBroker, A::Error> {
        let Table { issuer, bearer } = Table::deserialize(MapAccessDeserializer::new(members))?;
        Ok(PolicyBroker { issuer, bearer })
    }
}

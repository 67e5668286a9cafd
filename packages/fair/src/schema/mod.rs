//! The JSON Schema of the manifest, generated from what the types write.
//!
//! The shapes here are made from the types field by field: a member that a type gains does not compile until it has a
//! place here. The schema that comes out is kept in `schemas/fair-1.0.json` and published as it is.

mod samples;
mod shapes;

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::MANIFEST_SCHEMA;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/fair-1.0.json");

fn generated() -> String {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema: Value = generator.into_root_schema_for::<shapes::ManifestShape>().into();
    noise_strip(&mut schema);
    schema["$id"] = json!("urn:imajin:schemas:fair-1.0");
    schema["title"] = json!(".fair manifest 1.0");
    serde_json::to_string_pretty(&schema).unwrap() + "\n"
}

/// `double` and `uint64` are no formats of JSON Schema but how Rust keeps a number, and a member that may be left out
/// has no default: it is absent.
fn noise_strip(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            let is_machine_type = |format: &Value| matches!(format.as_str(), Some("double" | "uint64"));
            if members.get("format").is_some_and(is_machine_type) {
                members.remove("format");
            }
            members.remove("default");
            members.values_mut().for_each(noise_strip);
        }
        Value::Array(items) => items.iter_mut().for_each(noise_strip),
        _ => {}
    }
}

#[test]
fn the_published_schema_is_that_of_the_types() {
    let generated = generated();
    if std::env::var_os("IMAJIN_BLESS").is_some() {
        std::fs::write(GOLDEN, &generated).unwrap();
        return;
    }
    assert_eq!(
        MANIFEST_SCHEMA, generated,
        "{GOLDEN} is out of date: IMAJIN_BLESS=1 cargo nextest run -p imajin-fair schema"
    );
}

//! The schema and the parser against the same samples, judged by a validator that is not ours.

use boon::{Compiler, SchemaIndex, Schemas};
use imajin_did::SecretKey;
use imajin_kernel::Timestamp;
use serde_json::{Value, json};

use super::shapes::ManifestShape;
use crate::{MANIFEST_SCHEMA, Manifest};

struct Validator {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Validator {
    fn new() -> Self {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.enable_format_assertions();
        compiler
            .add_resource(
                "urn:imajin:schemas:fair-1.0",
                serde_json::from_str(MANIFEST_SCHEMA).unwrap(),
            )
            .unwrap();
        let index = compiler.compile("urn:imajin:schemas:fair-1.0", &mut schemas).unwrap();
        Self { schemas, index }
    }

    fn accepts(&self, value: &Value) -> bool {
        self.schemas.validate(value, self.index).is_ok()
    }
}

fn did() -> String {
    SecretKey::from_seed([1; 32]).did().to_string()
}

fn full() -> Value {
    json!({
        "version": "1.0", "id": "fair_full", "title": "Strings and bells", "type": "audio",
        "created": "2026-03-01T12:00:00Z", "author": did(),
        "contributors": [
            {"did": did(), "role": "artist", "share": 0.7, "name": "Ana"},
            {"fair": "fair_yyy", "role": "sampled", "share": 0.3},
        ],
        "derives_from": ["fair_yyy"], "supersedes": "fair_old",
        "terms": {
            "read": {"price": "0.08", "currency": "USD", "consent": "implicit"}, "train": {"price": "prohibited"},
            "redistribute": {"price": "free", "conditions": ["attribution-required"]},
            "remix": {"price": "free", "royalty": 0.1}, "broadcast": 1,
        },
        "content": {"sha256": "00".repeat(32), "size": 12, "media_type": "audio/flac", "codec": null},
        "canonical": "https://example.org/strings", "mood": ["kept"],
    })
}

/// `full()` with a member set, or with none of that name.
fn with(pointer: &str, name: &str, value: Option<Value>) -> Value {
    let mut manifest = full();
    let object = manifest.pointer_mut(pointer).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => object.insert(name.to_owned(), value),
        None => object.remove(name),
    };
    manifest
}

fn signed() -> Manifest {
    let key = SecretKey::from_seed([1; 32]);
    let draft = Manifest::from_value(full()).unwrap();
    draft
        .sign(&key, key.did(), Timestamp::from_seconds(1_772_323_200))
        .unwrap()
}

fn valid() -> Vec<Value> {
    let minimal: Value = serde_json::from_str(include_str!("../../tests/vectors/manifest.json")).unwrap();
    let author = did();
    vec![
        full(),
        signed().to_value(),
        minimal["manifest"].clone(),
        json!({"contributors": [{"did": author, "role": "author", "share": 1}]}),
        with("", "type", None),
        with("/terms", "read", Some(json!({}))),
        with("/terms/remix", "royalty", Some(json!(0))),
        with("/content", "size", None),
    ]
}

fn invalid() -> Vec<Value> {
    let mut half_signed = signed().to_value();
    half_signed.as_object_mut().unwrap().remove("terms");
    let mut wrong_algorithm = signed().to_value();
    wrong_algorithm["signature"]["alg"] = json!("none");
    let set = |pointer: &str, name: &str, value: Value| with(pointer, name, Some(value));
    vec![
        json!([]),
        json!({}),
        half_signed,
        wrong_algorithm,
        set("", "version", json!("2.0")),
        set("", "id", json!("other")),
        set("", "title", json!(null)),
        set("", "title", json!("  ")),
        set("", "title", json!("a\u{7}b")),
        set("", "title", json!("x".repeat(501))),
        set("", "created", json!("yesterday")),
        set("", "author", json!("me")),
        set("", "contributors", json!([])),
        set("/contributors/0", "fair", json!("fair_x")),
        with("/contributors/0", "did", None),
        with("/contributors/0", "role", None),
        set("/contributors/0", "share", json!(0)),
        set("/contributors/0", "share", json!(1.5)),
        set("/contributors/0", "share", json!("0.7")),
        set("", "derives_from", json!(["x"])),
        set("", "supersedes", json!(1)),
        set("", "terms", json!([])),
        set("/terms", "read", json!("free")),
        set("/terms/read", "price", json!("cheap")),
        set("/terms/read", "price", json!(0.08)),
        with("/terms/read", "currency", None),
        set("/terms/read", "currency", json!("usd")),
        set("/terms/remix", "royalty", json!(2)),
        set("/terms/remix", "conditions", json!("one")),
        set("/content", "sha256", json!("AB")),
        set("/content", "size", json!(-1)),
        set("", "canonical", json!("javascript:alert(1)")),
        set("", "signature", json!("ab")),
    ]
}

#[test]
fn schema_and_parser_agree_about_the_samples() {
    let validator = Validator::new();
    for sample in valid() {
        assert!(validator.accepts(&sample), "the schema refuses {sample}");
        Manifest::from_value(sample.clone()).unwrap_or_else(|error| panic!("{error}: {sample}"));
    }
    for sample in invalid() {
        assert!(!validator.accepts(&sample), "the schema accepts {sample}");
        assert!(
            Manifest::from_value(sample.clone()).is_err(),
            "the parser accepts {sample}"
        );
    }
}

#[test]
fn what_only_the_parser_can_refuse() {
    let validator = Validator::new();
    for sample in [
        with("/contributors/0", "share", Some(json!(0.6))),
        with("/contributors/0", "share", Some(json!(0.700_000_1))),
        with("", "derives_from", Some(json!(["fair_full"]))),
        with("/terms/read", "price", Some(json!("0.000000001"))),
    ] {
        assert!(validator.accepts(&sample));
        assert!(Manifest::from_value(sample).is_err());
    }
}

#[test]
fn the_shapes_are_what_the_types_write() {
    for sample in valid() {
        let manifest = Manifest::from_value(sample).unwrap();
        let shape = serde_json::to_value(ManifestShape::from(manifest.clone())).unwrap();
        assert_eq!(shape, manifest.to_value());
    }
}

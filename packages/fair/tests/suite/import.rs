use imajin_did::Did;
use imajin_fair::import::{ForeignSignatureError, Format, ImportError, ImportOptions, Original, SignedAs, import};
use imajin_fair::{Action, Manifest, Payee, Price};
use imajin_kernel::Code;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::foreign::Signer;
use crate::support::{config, person};

const VECTORS: &str = include_str!("../vectors/foreign.json");

fn vector(name: &str) -> String {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    vectors[name].as_str().unwrap().to_owned()
}

fn options() -> ImportOptions {
    ImportOptions {
        payees: [("platform".to_owned(), person(9))].into(),
        sources: [(key_two(), "fair_theirs".parse().unwrap())].into(),
        normalise: false,
    }
}

fn key_two() -> String {
    "did:mjn:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw".to_owned()
}

fn nobody(_did: &Did) -> Option<imajin_did::PublicKey> {
    None
}

fn shares(manifest: &Manifest) -> Vec<u32> {
    manifest
        .contributors
        .iter()
        .map(|entry| entry.share.millionths())
        .collect()
}

/// A manifest of Imajin 1.0 with these shares, as its software would sign it.
fn imajin(shares: &Value) -> String {
    let signers: Vec<Signer> = (1..=9).map(Signer::new).collect();
    let entries = shares.as_array().unwrap().iter().zip(&signers);
    let entries: Vec<_> = entries
        .map(|(share, signer)| json!({"did": signer.did, "role": "creator", "share": share}))
        .collect();
    let mut document = json!({
        "fair": "1.0", "id": "asset_1", "type": "article", "owner": signers[0].did, "created": "2026-03-01T12:00:00Z",
        "access": "public", "attribution": entries,
    });
    document["signature"] = signers[0].hex(&document);
    document.to_string()
}

#[test]
fn the_shape_of_rfc_0001_is_read_and_its_signature_holds() {
    let text = vector("rfc0001");
    let imported = import(text.as_bytes(), &options()).unwrap();
    let manifest = &imported.manifest;
    assert_eq!(
        manifest.author.clone().map(Payee::Did),
        Some(manifest.contributors[0].payee.clone())
    );
    assert_eq!(shares(manifest), [850_000, 100_000, 50_000]);
    let sources: Vec<_> = manifest.derives_from.iter().map(ToString::to_string).collect();
    assert_eq!(sources, ["fair_earlier", "fair_theirs"]);
    let price = |action| manifest.terms.get(action).unwrap().price;
    assert_eq!(price(Action::Read), Some(Price::Of("0.08 MJN".parse().unwrap())));
    assert_eq!(price(Action::Train), Some(Price::Prohibited));
    assert_eq!(
        (price(Action::Redistribute), price(Action::Remix)),
        (Some(Price::Free), Some(Price::Free))
    );
    let conditions = &manifest.terms.get(Action::Redistribute).unwrap().conditions;
    assert_eq!(conditions, &["attribution-required"]);
    assert_eq!(manifest.canonical.as_deref(), Some("https://example.org/essay"));
    assert!(imported.notes.is_empty(), "{:?}", imported.notes);
    let signatures = imported.original.verify(&nobody).unwrap();
    assert_eq!((signatures.len(), signatures[0].signed_as), (1, SignedAs::Signer));
    // Without a word about it, a source that is no manifest is left out, and said so.
    let imported = import(text.as_bytes(), &ImportOptions::default()).unwrap();
    assert_eq!(imported.manifest.derives_from.len(), 1);
    assert!(imported.notes[0].contains(&key_two()), "{:?}", imported.notes);
}

#[test]
fn imajin_1_0_is_read_and_both_its_signatures_hold() {
    let text = vector("imajin10");
    let imported = import(text.as_bytes(), &options()).unwrap();
    let manifest = &imported.manifest;
    assert_eq!(manifest.kind.as_deref(), Some("image"));
    let content = manifest.content.as_ref().unwrap();
    assert_eq!(
        (content.size, content.media_type.as_deref()),
        (Some(3), Some("image/png"))
    );
    assert_eq!(manifest.contributors[0].extra["note"], "“Leitung”");
    assert_eq!(manifest.extra["imported_from"]["id"], "asset_01h9é");
    assert_eq!(manifest.extra["imported_from"]["format"], "imajin-1.0");
    assert!(manifest.id.names_a_digest() && manifest.signature.is_none());
    let noted = |name: &str| imported.notes.iter().any(|note| note.starts_with(name));
    assert!(
        noted("transfer") && noted("fees") && noted("access"),
        "{:?}",
        imported.notes
    );
    let signatures = imported.original.verify(&nobody).unwrap();
    let by: Vec<_> = signatures.iter().map(|signature| signature.signed_as).collect();
    assert_eq!(by, [SignedAs::Signer, SignedAs::Platform]);
    assert_eq!(signatures[1].did.canonical().as_str(), key_two());
}

#[test]
fn imajin_1_1_is_read_with_its_rights_as_terms() {
    let text = vector("imajin11");
    let refused = import(text.as_bytes(), &ImportOptions::default()).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("attribution[1].did: is missing: nobody can be paid as platform")
    );
    let imported = import(text.as_bytes(), &options()).unwrap();
    let manifest = &imported.manifest;
    assert_eq!(manifest.contributors[1].payee, Payee::Did(person(9)));
    let term = |action| manifest.terms.get(action).unwrap();
    assert_eq!(term(Action::Read).price, Some(Price::Of("0.01 USD".parse().unwrap())));
    assert_eq!(term(Action::Remix).royalty.unwrap().millionths(), 50_000);
    assert_eq!(term(Action::Redistribute).conditions, ["attribution-required"]);
    assert!(manifest.terms.prohibits(Action::Train));
    assert!(
        imported
            .notes
            .iter()
            .any(|note| note.starts_with("distribution.reproduction"))
    );
    assert_eq!(imported.original.verify(&nobody).unwrap().len(), 2);
}

#[test]
fn the_original_is_kept_byte_for_byte_and_named_by_its_digest() {
    for name in ["rfc0001", "imajin10", "imajin11"] {
        let text = vector(name);
        let imported = import(text.as_bytes(), &options()).unwrap();
        let wire = serde_json::to_string(&imported.original).unwrap();
        let original: Original = serde_json::from_str(&wire).unwrap();
        assert_eq!(original.bytes, text.as_bytes());
        assert_eq!(imported.manifest.extra["imported_from"]["sha256"], original.sha256());
        let other = wire.replace(&original.sha256(), &"0".repeat(64));
        assert!(serde_json::from_str::<Original>(&other).is_err());
    }
}

#[test]
fn a_changed_original_is_noticed() {
    for (name, from, to) in [
        ("rfc0001", "0.85", "0.95"),
        ("imajin10", "\"Ana\"", "\"Eva\""),
        ("imajin11", "\"amount\": 1,", "\"amount\": 2,"),
    ] {
        let changed = vector(name).replacen(from, to, 1);
        let original = Original {
            format: Format::detect(&serde_json::from_str(&changed).unwrap()).unwrap(),
            bytes: changed.into(),
        };
        let refused = original.verify(&nobody).unwrap_err();
        assert!(
            matches!(refused, ForeignSignatureError::Bad { .. }),
            "{name}: {refused}"
        );
        assert_eq!(refused.code(), Code::BadSignature);
    }
    let unsigned = vector("rfc0001").replace("\"signature\"", "\"no\"");
    let original = Original {
        format: Format::Rfc0001,
        bytes: unsigned.into(),
    };
    assert_eq!(original.verify(&nobody), Err(ForeignSignatureError::Unsigned));
}

#[test]
fn a_second_independent_signer_is_believed_and_a_forged_one_is_not() {
    let (owner, node) = (Signer::new(5), Signer::new(6));
    let mut document = json!({
        "fair": "1.1", "version": "1.1", "id": "a", "type": "audio", "owner": owner.did,
        "created": "2026-03-01T12:00:00Z", "access": "public",
        "attribution": [{"did": owner.did, "role": "creator", "share": 1}],
    });
    document["signature"] = owner.base64url(&document);
    document["platformSignature"] = node.hex(&document);
    let imported = import(document.to_string().as_bytes(), &options()).unwrap();
    assert_eq!(imported.original.verify(&nobody).unwrap().len(), 2);
    document["platformSignature"] = node.hex(&json!({"other": 1}));
    let imported = import(document.to_string().as_bytes(), &options()).unwrap();
    let refused = imported.original.verify(&nobody).unwrap_err();
    assert!(refused.to_string().contains(&node.did), "{refused}");
    document["platformSignature"]["publicKeyRef"] = json!("did:web:example.org");
    let imported = import(document.to_string().as_bytes(), &options()).unwrap();
    assert!(matches!(
        imported.original.verify(&nobody),
        Err(ForeignSignatureError::NoKey { .. })
    ));
}

#[test]
fn shares_that_are_off_by_rounding_are_refused_with_their_sum_and_made_exact_on_demand() {
    let normalise = ImportOptions {
        normalise: true,
        ..ImportOptions::default()
    };
    for (given, sum, made) in [
        (
            json!([0.333_333, 0.333_333, 0.333_333]),
            "0.999999",
            vec![333_334, 333_333, 333_333],
        ),
        (
            json!([0.333_334, 0.333_334, 0.333_333]),
            "1.000001",
            vec![333_334, 333_333, 333_333],
        ),
        (
            json!([0.333_333_333_333, 0.666_666_666_667]),
            "1, and some have more",
            vec![333_333, 666_667],
        ),
        (
            json!([0.7, 0.3, 0.000_000_1]),
            "1.0000001, and some",
            vec![699_999, 300_000, 1],
        ),
    ] {
        let text = imajin(&given);
        let refused = import(text.as_bytes(), &ImportOptions::default()).unwrap_err();
        assert!(matches!(refused, ImportError::NotExact { .. }), "{refused}");
        assert!(refused.to_string().contains(&format!("sum to {sum}")), "{refused}");
        assert!(refused.to_string().contains("normalise"), "{refused}");
        let imported = import(text.as_bytes(), &normalise).unwrap();
        let mut sorted = shares(&imported.manifest);
        sorted.sort_unstable();
        let mut expected = made;
        expected.sort_unstable();
        assert_eq!(sorted, expected, "{given}");
        assert_eq!(imported.original.verify(&nobody).unwrap().len(), 1);
    }
    // More than rounding is a mistake that only its author can correct.
    for (given, sum) in [(json!([0.5, 0.4]), "0.9"), (json!([1, 0.000_2]), "1.0002")] {
        let refused = import(imajin(&given).as_bytes(), &normalise).unwrap_err();
        assert_eq!(refused, ImportError::NotWhole { sum: sum.to_owned() });
    }
}

#[test]
fn what_the_native_form_does_not_know_is_left_out_and_said() {
    let text = imajin(&json!([0.5, 0.5, 0]));
    let imported = import(text.as_bytes(), &ImportOptions::default()).unwrap();
    assert_eq!(shares(&imported.manifest), [500_000, 500_000]);
    assert!(
        imported.notes.iter().any(|note| note.contains("has a share of 0")),
        "{:?}",
        imported.notes
    );
    let mut twice: Value = serde_json::from_str(&imajin(&json!([0.5, 0.5]))).unwrap();
    twice["attribution"][1]["did"] = twice["attribution"][0]["did"].clone();
    let imported = import(twice.to_string().as_bytes(), &ImportOptions::default()).unwrap();
    assert_eq!(shares(&imported.manifest), [1_000_000]);
    assert!(
        imported.notes.iter().any(|note| note.contains("added up")),
        "{:?}",
        imported.notes
    );
}

#[test]
fn other_documents_are_refused_by_what_is_wrong_with_them() {
    let with = |pointer: &str, value: Value| {
        let mut document: Value = serde_json::from_str(&imajin(&json!([1]))).unwrap();
        *document.pointer_mut(pointer).unwrap() = value;
        document.to_string()
    };
    let native = json!({"version": "1.0", "id": "fair_x", "contributors": []}).to_string();
    for (text, message) in [
        ("{".to_owned(), "cannot be read"),
        (native, "a native one needs no import"),
        (with("/fair", json!("1.2")), "version 1.2 of this manifest is not known"),
        (with("/owner", json!("me")), "owner: "),
        (
            with("/attribution/0/share", json!(1.5)),
            "attribution[0].share: is between 0 and 1",
        ),
        (
            with("/attribution/0/share", json!("1")),
            "attribution[0].share: invalid type",
        ),
        (
            with("/attribution/0/did", json!("BUYER_PLACEHOLDER")),
            "attribution[0].did: ",
        ),
        (with("/created", json!("yesterday")), "created: not an RFC 3339"),
        (" ".repeat(300_000), "at most 262144 bytes"),
    ] {
        let refused = import(text.as_bytes(), &ImportOptions::default()).unwrap_err();
        assert!(
            refused.to_string().contains(message),
            "wanted {message:?}, got {refused}"
        );
    }
}

/// Parts of 1 as a program with floats has them, off by some millionths.
#[expect(
    clippy::float_arithmetic,
    reason = "it plays other software, which reckons shares in floats"
)]
fn parts(weights: &[u32], jitter: i32) -> Vec<f64> {
    let total: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
    let mut parts: Vec<f64> = weights.iter().map(|weight| f64::from(*weight) / total).collect();
    parts[0] = (parts[0] + f64::from(jitter) / 1_000_000.0).clamp(0.0, 1.0);
    parts
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn whatever_shares_come_the_result_is_whole_or_refused(
        weights in proptest::collection::vec(1_u32..1_000_000, 1..=9), jitter in -200_i32..200,
    ) {
        let shares = parts(&weights, jitter);
        let text = imajin(&json!(shares));
        let options = ImportOptions { normalise: true, ..ImportOptions::default() };
        match import(text.as_bytes(), &options) {
            Ok(imported) => {
                let sum: u32 = imported.manifest.contributors.iter().map(|entry| entry.share.millionths()).sum();
                prop_assert_eq!(sum, 1_000_000);
                prop_assert_eq!(imported.original.verify(&nobody).unwrap().len(), 1);
            }
            Err(error) => prop_assert!(matches!(error, ImportError::NotWhole { .. }), "{error}"),
        }
    }

    #[test]
    fn no_text_makes_the_importer_panic(inside in "[\\[\\]{}\":,0-9a-z.]{0,60}") {
        for frame in ["\"fair\":\"1.0\"", "\"fair\":\"1.1\"", "\"version\":\"1.0\",\"did\":\"did:web:a.org\""] {
            let text = format!("{{{frame},\"attribution\":[{inside}],\"contributors\":[{inside}]}}");
            let _ = import(text.as_bytes(), &options());
        }
    }
}

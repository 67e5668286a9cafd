use imajin_fair::{Action, Contributor, Manifest, ManifestError, Payee};
use imajin_kernel::Code;
use imajin_money::Share;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{config, follows, pays, person};

fn full() -> Value {
    json!({
        "version": "1.0",
        "id": "fair_full",
        "title": "Strings and bells",
        "type": "audio",
        "created": "2026-03-01T12:00:00.000Z",
        "author": person(1),
        "contributors": [
            {"did": person(1), "role": "artist", "share": 0.7, "name": "Ana", "note": {"since": 2020}},
            {"fair": "fair_yyy", "role": "sampled", "share": 0.3}
        ],
        "derives_from": ["fair_yyy"],
        "terms": {"read": {"price": "0.080", "currency": "USD", "consent": "implicit"}, "broadcast": 1},
        "content": {"sha256": "00".repeat(32), "size": 12, "media_type": "audio/flac", "codec": null},
        "canonical": "https://example.org/strings",
        "supersedes": "fair_old",
        "distribution": [1, 2.5, {"deep": ["x"]}]
    })
}

fn refused(value: &Value) -> String {
    let error = Manifest::from_value(value.clone()).unwrap_err();
    assert_eq!(error.code(), Code::InvalidRequest);
    error.to_string()
}

/// `full()` with one member set.
fn with(pointer: &str, member: &str, value: Value) -> Value {
    let mut manifest = full();
    let object = manifest.pointer_mut(pointer).unwrap().as_object_mut().unwrap();
    object.insert(member.to_owned(), value);
    manifest
}

#[test]
fn everything_is_understood_and_nothing_is_lost() {
    let manifest = Manifest::from_value(full()).unwrap();
    assert_eq!(manifest.kind.as_deref(), Some("audio"));
    assert_eq!(manifest.author, Some(person(1)));
    assert_eq!(manifest.contributors[0].share.millionths(), 700_000);
    assert_eq!(manifest.contributors[0].extra["name"], "Ana");
    assert_eq!(manifest.contributors[1].payee, Payee::Fair("fair_yyy".parse().unwrap()));
    assert!(manifest.terms.get(Action::Read).is_some());
    assert_eq!(manifest.supersedes, Some("fair_old".parse().unwrap()));
    assert_eq!(manifest.extra["distribution"][1], 2.5);
    assert_eq!(manifest.to_value(), full());
    let text = serde_json::to_vec(&manifest).unwrap();
    assert_eq!(Manifest::parse(&text).unwrap(), manifest);
    assert_eq!(serde_json::from_slice::<Manifest>(&text).unwrap(), manifest);
}

#[test]
fn a_draft_gets_the_id_of_its_content() {
    let draft = Manifest::from_value(json!({"contributors": [pays(1, "artist", 1.0)]})).unwrap();
    assert!(draft.id.names_a_digest());
    assert_eq!(draft.id, draft.computed_id().unwrap());
    let entry = Contributor::new(Payee::Did(person(1)), "artist", Share::ONE);
    assert_eq!(Manifest::new(vec![entry]).unwrap(), draft);
    let titled = Manifest::from_value(json!({"title": "x", "contributors": [pays(1, "artist", 1.0)]})).unwrap();
    assert_ne!(titled.id, draft.id);
}

#[test]
fn shares_that_are_not_the_whole_are_refused_and_the_sum_is_named() {
    for (shares, sum) in [
        (vec![0.7, 0.299_999], "0.999999"),
        (vec![0.7, 0.300_001], "1.000001"),
        (vec![0.333_333, 0.333_333, 0.333_333], "0.999999"),
        (vec![1.0, 1.0], "2.00"),
        (vec![0.5], "0.50"),
    ] {
        let entries: Vec<_> = shares
            .iter()
            .enumerate()
            .map(|(index, share)| pays(index, "artist", *share))
            .collect();
        let error = Manifest::from_value(json!({ "contributors": entries })).unwrap_err();
        assert_eq!(error, ManifestError::NotWhole { sum: sum.to_owned() });
        assert!(error.to_string().contains(sum), "{error}");
    }
}

#[test]
fn shares_outside_the_form_are_refused_by_place() {
    for (share, message) in [
        (json!(0), "contributors[0].share: a share is more than 0"),
        (json!(-0.7), "contributors[0].share: a share is more than 0"),
        (json!(1.5), "contributors[0].share: a share is more than 0"),
        (
            json!(0.333_333_3),
            "contributors[0].share: a share has at most 6 decimal places",
        ),
        (json!("0.7"), "contributors[0].share: invalid type"),
        (json!(null), "contributors[0].share: invalid type"),
    ] {
        let message_given = refused(&with("/contributors/0", "share", share));
        assert!(message_given.contains(message), "{message_given}");
    }
}

#[test]
fn wrong_members_are_refused_by_name() {
    let twice = json!([pays(1, "artist", 0.5), pays(1, "artist", 0.5)]);
    let alias: String = person(1).as_str().replace("did:mjn:", "did:key:");
    let twice_by_alias = json!([pays(1, "artist", 0.5), {"did": alias, "role": "artist", "share": 0.5}]);
    let many: Vec<_> = (0..1_001).map(|_| pays(1, "artist", 0.000_001)).collect();
    for (value, message) in [
        (json!([]), "must be an object"),
        (with("", "contributors", json!(null)), "contributors: invalid type"),
        (with("", "contributors", json!([])), "contributors: must name somebody"),
        (
            with("", "contributors", many.into()),
            "contributors: has more than 1000",
        ),
        (with("", "contributors", twice), "is there twice as artist"),
        (with("", "contributors", twice_by_alias), "is there twice as artist"),
        (
            with("", "contributors", json!([follows("fair_full", 1.0)])),
            "names itself",
        ),
        (with("", "derives_from", json!(["fair_full"])), "names itself"),
        (
            with("", "supersedes", json!("fair_full")),
            "supersedes: must name an earlier",
        ),
        (with("", "supersedes", json!(["fair_old"])), "supersedes: invalid type"),
        (with("", "derives_from", json!(["other"])), "derives_from: not the id"),
        (with("", "title", json!(null)), "title: invalid type"),
        (with("", "title", json!("a\u{7}b")), "title: must not have control"),
        (with("", "version", json!("2.0")), "version: is not one"),
        (with("", "created", json!("yesterday")), "created: not an RFC 3339"),
        (
            with("", "canonical", json!("javascript:alert(1)")),
            "canonical: must be an http",
        ),
        (with("/content", "sha256", json!("AB")), "content.sha256: must be 64"),
        (
            with("/contributors/0", "role", json!(" ")),
            "contributors[0].role: must not be empty",
        ),
        (
            with("/contributors/0", "fair", json!("fair_x")),
            "contributors[0]: must have either did or fair",
        ),
        (with("/contributors/0", "did", json!("nobody")), "contributors[0].did: "),
        (
            with("/terms/read", "price", json!("cheap")),
            "terms.read.price: not an amount",
        ),
        (with("", "signature", json!("ab")), "signature: "),
        (with("", "signature", json!({"alg": "none"})), "alg: must be EdDSA"),
        (with("", "serial", json!(u64::MAX)), "no canonical form"),
    ] {
        let given = refused(&value);
        assert!(given.contains(message), "wanted {message:?}, got {given:?}");
    }
}

#[test]
fn text_with_two_meanings_is_refused() {
    let entry = pays(1, "artist", 1.0);
    let twice = format!(r#"{{"contributors":[{entry}],"contributors":[{entry}]}}"#);
    assert!(matches!(
        Manifest::parse(twice.as_bytes()),
        Err(ManifestError::NotJson(_))
    ));
    assert!(matches!(Manifest::parse(b"{"), Err(ManifestError::NotJson(_))));
    let large = vec![b' '; 300_000];
    let error = Manifest::parse(&large).unwrap_err();
    assert_eq!(
        (error.clone(), error.code()),
        (ManifestError::TooLarge, Code::BodyTooLarge)
    );
}

proptest! {
    #![proptest_config(config(2_000))]

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,80}", inside in "[\\[\\]{}\":,0-9a-z_.]{0,60}") {
        let _ = Manifest::parse(text.as_bytes());
        let _ = Manifest::parse(format!(r#"{{"contributors":[{inside}]}}"#).as_bytes());
    }
}

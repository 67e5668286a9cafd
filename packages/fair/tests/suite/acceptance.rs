use imajin_fair::{Acceptance, AcceptanceError, Manifest};
use imajin_kernel::{Code, Timestamp};
use serde_json::{Value, json};

use crate::support::{key, manifest, pays, person};

fn split() -> Manifest {
    manifest("fair_a", &[pays(1, "artist", 0.7), pays(2, "artist", 0.3)])
}

fn accept(index: u8, id: &Manifest) -> Acceptance {
    let now = Timestamp::from_seconds(1_772_323_200);
    Acceptance::sign(&key(index), person(usize::from(index)), id.id.clone(), now).unwrap()
}

#[test]
fn a_contributor_accepts() {
    let acceptance = accept(2, &split());
    assert_eq!(acceptance.contributor(), &person(2));
    assert!(acceptance.verify(&split(), &key(2).public()).is_ok());
    let wire = serde_json::to_value(&acceptance).unwrap();
    assert_eq!(wire["type"], "acceptance");
    assert_eq!(wire["payload"], json!({"manifest": "fair_a"}));
    let read: Acceptance = serde_json::from_value(wire).unwrap();
    assert!(read.verify(&split(), &key(2).public()).is_ok());
}

#[test]
fn nobody_else_accepts_and_nothing_else_is_accepted() {
    let stranger = accept(3, &split());
    let refused = stranger.verify(&split(), &key(3).public()).unwrap_err();
    assert!(matches!(refused, AcceptanceError::NotAContributor { .. }));
    assert_eq!(refused.code(), Code::Forbidden);

    let other = manifest("fair_b", &[pays(1, "artist", 1.0)]);
    let refused = accept(1, &split()).verify(&other, &key(1).public()).unwrap_err();
    assert!(matches!(refused, AcceptanceError::OtherManifest { .. }));

    let refused = accept(1, &split()).verify(&split(), &key(2).public()).unwrap_err();
    assert!(matches!(refused, AcceptanceError::Proof(_)));

    let mut changed: Value = serde_json::to_value(accept(1, &split())).unwrap();
    changed["from"] = json!(person(2));
    let changed: Acceptance = serde_json::from_value(changed).unwrap();
    assert!(changed.verify(&split(), &key(1).public()).is_err());
}

use imajin_did::{Did, Method};
use imajin_fair::{Acceptance, Endorsement, HELD_FOR, HeldShare, Manifest, ManifestRecord, RecordError};
use imajin_kernel::{Code, Span, Timestamp};
use serde_json::json;

use crate::support::{key, pays, person};

const NOW: Timestamp = Timestamp::from_seconds(1_772_323_200);

fn signed() -> Manifest {
    let draft = json!({"author": person(1), "contributors": [
        pays(1, "author", 0.5), pays(2, "editor", 0.3), pays(3, "artist", 0.2)
    ]});
    Manifest::from_value(draft)
        .unwrap()
        .sign(&key(1), person(1), NOW)
        .unwrap()
}

fn nobody(_did: &Did, _at: Option<Timestamp>) -> Option<Vec<imajin_did::PublicKey>> {
    None
}

#[test]
fn every_signature_beside_the_authors_is_told_apart() {
    let mut record = ManifestRecord::new(signed());
    let id = record.manifest.id.clone();
    record
        .endorsements
        .push(Endorsement::sign(&key(9), person(9), &record.manifest, NOW).unwrap());
    record
        .acceptances
        .push(Acceptance::sign(&key(2), person(2), id, NOW).unwrap());
    let text = serde_json::to_string(&record).unwrap();
    let record: ManifestRecord = serde_json::from_str(&text).unwrap();
    let standing = record.verify(&nobody).unwrap();
    assert_eq!(standing.signer, person(1));
    assert_eq!(standing.endorsed_by, [person(9)].into());
    assert_eq!(standing.accepted_by, [person(1), person(2)].into());
    assert_eq!(standing.outstanding, [person(3)].into());
}

#[test]
fn an_endorsement_holds_for_one_document_only() {
    let manifest = signed();
    let endorsement = Endorsement::sign(&key(9), person(9), &manifest, NOW).unwrap();
    // The same content, signed again: the same id, but not the same document.
    let again = manifest
        .clone()
        .sign(&key(1), person(1), NOW.plus(Span::seconds(1)))
        .unwrap();
    assert_eq!(again.id, manifest.id);
    assert!(endorsement.verify(&manifest, &key(9).public()).is_ok());
    assert!(endorsement.verify(&again, &key(9).public()).is_err());
    assert!(endorsement.verify(&manifest, &key(8).public()).is_err());
    let mut unsigned = manifest;
    unsigned.signature = None;
    assert!(Endorsement::sign(&key(9), person(9), &unsigned, NOW).is_err());
}

#[test]
fn one_wrong_signature_makes_the_record_worthless() {
    let manifest = signed();
    let mut record = ManifestRecord::new(manifest.clone());
    record
        .acceptances
        .push(Acceptance::sign(&key(8), person(3), manifest.id.clone(), NOW).unwrap());
    assert_eq!(record.verify(&nobody).unwrap_err().code(), Code::BadSignature);
    record.acceptances = vec![Acceptance::sign(&key(8), person(8), manifest.id.clone(), NOW).unwrap()];
    assert_eq!(record.verify(&nobody).unwrap_err().code(), Code::Forbidden);
    record.acceptances.clear();
    record.manifest.title = Some("another".to_owned());
    assert_eq!(record.verify(&nobody).unwrap_err().code(), Code::BadSignature);
    record.manifest.signature = None;
    assert!(matches!(record.verify(&nobody), Err(RecordError::Signature(_))));
    let elsewhere: Did = "did:web:example.org".parse().unwrap();
    let mut record = ManifestRecord::new(manifest);
    record
        .endorsements
        .push(Endorsement::sign(&key(9), elsewhere, &record.manifest, NOW).unwrap());
    assert!(matches!(record.verify(&nobody), Err(RecordError::NoKey { .. })));
    let elsewheres = |did: &Did, _at| (did.method() == Method::Web).then(|| vec![key(8).public(), key(9).public()]);
    assert!(record.verify(&elsewheres).is_ok());
}

#[test]
fn a_share_that_nobody_claims_goes_on_after_ninety_days() {
    let manifest = signed();
    let last = NOW.plus(HELD_FOR).minus(Span::seconds(1));
    let seller = person(7);
    let waits = HeldShare::Waits {
        until: NOW.plus(HELD_FOR),
    };
    assert_eq!(manifest.held_share(NOW, last, None, &seller), waits);
    let end = NOW.plus(HELD_FOR);
    let to = |did: Did| HeldShare::Released { to: did };
    assert_eq!(manifest.held_share(NOW, end, None, &seller), to(person(1)));
    assert_eq!(manifest.held_share(NOW, end, Some(&person(5)), &seller), to(person(5)));
    let nameless = Manifest::from_value(json!({"contributors": [pays(2, "artist", 1.0)]})).unwrap();
    assert_eq!(nameless.held_share(NOW, end, None, &seller), to(seller.clone()));
}

use std::collections::BTreeSet;

use imajin_consent::{
    DisclosureAsked, FieldAnswer, FieldPath, GrantError, GrantMode, GrantPayload, GrantRevocation, Grantee,
    GranteeClass, Purpose, StandingGrant, disclose,
};
use imajin_did::Did;
use imajin_kernel::{Span, Timestamp};
use imajin_proof::ProofError;
use serde_json::json;

use crate::{NOW, key};

fn paths(texts: &[&str]) -> BTreeSet<FieldPath> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn purpose() -> Purpose {
    "query".parse().unwrap()
}

fn payload(granted_to: Grantee, mode: GrantMode, fields: &[&str]) -> GrantPayload {
    GrantPayload {
        subject: key(1).did(),
        granted_to,
        purpose: purpose(),
        fields: paths(fields),
        mode,
        expires: None,
    }
}

fn grant(granted_to: Grantee, mode: GrantMode, fields: &[&str]) -> StandingGrant {
    StandingGrant::sign(&key(1), NOW, payload(granted_to, mode, fields)).unwrap()
}

const CONNECTIONS: Grantee = Grantee::Class(GranteeClass::Connections);
const ANYONE: Grantee = Grantee::Class(GranteeClass::Anyone);

/// What the person 2, a connection of the person 1, learns at `now`.
fn answers(grants: &[StandingGrant], fields: &[&str], now: Timestamp) -> Vec<FieldAnswer> {
    let (subject, caller, classes) = (key(1).did(), key(2).did(), BTreeSet::from([GranteeClass::Connections]));
    let asked = DisclosureAsked {
        subject: &subject,
        asker: &caller,
        classes: &classes,
        purpose: &purpose(),
        fields: &paths(fields),
        now,
    };
    disclose(grants, &asked).fields.into_values().collect()
}

#[test]
fn what_nobody_grants_is_not_granted() {
    assert_eq!(answers(&[], &["profile.city"], NOW), [FieldAnswer::NotGranted]);
    let other = [
        grant(Grantee::Did(key(3).did()), GrantMode::Allow, &["*"]),
        grant(Grantee::Class(GranteeClass::Trusted), GrantMode::Allow, &["*"]),
    ];
    assert_eq!(answers(&other, &["profile.city"], NOW), [FieldAnswer::NotGranted]);
}

#[test]
fn a_grant_covers_what_is_beneath_its_fields_and_no_more() {
    let grants = [grant(CONNECTIONS, GrantMode::Allow, &["profile.city", "works"])];
    let asked = ["profile", "profile.city", "profile.citys", "works.titles"];
    let [allowed, refused] = [FieldAnswer::Allowed(0), FieldAnswer::NotGranted];
    assert_eq!(
        answers(&grants, &asked, NOW),
        [refused.clone(), allowed.clone(), refused, allowed]
    );
}

#[test]
fn a_denial_wins_also_over_a_part_of_what_is_asked_for() {
    let grants = [
        grant(ANYONE, GrantMode::Allow, &["*"]),
        grant(CONNECTIONS, GrantMode::Deny, &["profile.birthday"]),
    ];
    let asked = ["profile", "profile.birthday.year", "profile.city"];
    let expected = [FieldAnswer::Denied(1), FieldAnswer::Denied(1), FieldAnswer::Allowed(0)];
    assert_eq!(answers(&grants, &asked, NOW), expected);
}

#[test]
fn the_grant_that_names_the_asker_most_closely_counts() {
    let grants = [
        grant(ANYONE, GrantMode::Allow, &["city"]),
        grant(CONNECTIONS, GrantMode::Ask, &["city"]),
    ];
    assert_eq!(answers(&grants, &["city"], NOW), [FieldAnswer::Ask(1)]);
    let mut grants = grants.to_vec();
    grants.push(grant(Grantee::Did(key(2).did()), GrantMode::Allow, &["city"]));
    assert_eq!(answers(&grants, &["city"], NOW), [FieldAnswer::Allowed(2)]);
}

#[test]
fn an_expired_grant_or_one_for_another_purpose_counts_for_nothing() {
    let mut ends = payload(ANYONE, GrantMode::Allow, &["city"]);
    ends.expires = Some(NOW.plus(Span::seconds(1)));
    let mut other = payload(ANYONE, GrantMode::Allow, &["city"]);
    other.purpose = "advertising".parse().unwrap();
    let grants = [ends, other].map(|payload| StandingGrant::sign(&key(1), NOW, payload).unwrap());
    assert_eq!(answers(&grants, &["city"], NOW), [FieldAnswer::Allowed(0)]);
    assert_eq!(
        answers(&grants, &["city"], NOW.plus(Span::seconds(1))),
        [FieldAnswer::NotGranted]
    );
}

#[test]
fn only_the_subject_grants_and_revokes() {
    let mut about_another = payload(ANYONE, GrantMode::Allow, &["*"]);
    about_another.subject = key(4).did();
    let forged = StandingGrant::sign(&key(1), NOW, about_another).unwrap();
    assert_eq!(
        forged.verify(&[key(4).public()]),
        Err(GrantError::Proof(ProofError::BadSignature))
    );
    let mut stolen = forged;
    stolen.0.from = key(1).did();
    assert_eq!(stolen.verify(&[key(1).public()]), Err(GrantError::NotTheSubject));

    let mine = grant(ANYONE, GrantMode::Allow, &["city"]);
    assert_eq!(mine.verify(&[key(1).public()]), Ok(()));
    let revocation = GrantRevocation::sign(&key(1), NOW, &mine).unwrap();
    assert_eq!(revocation.verify(&mine, &[key(1).public()]), Ok(()));
    let other = grant(ANYONE, GrantMode::Allow, &["name"]);
    assert_eq!(
        revocation.verify(&other, &[key(1).public()]),
        Err(GrantError::OtherGrant)
    );
    let mut by_another = revocation;
    by_another.0.from = key(2).did();
    assert_eq!(
        by_another.verify(&mine, &[key(2).public()]),
        Err(GrantError::NotTheSubject)
    );
}

#[test]
fn a_grant_of_the_wrong_form_is_refused() {
    for words in [json!("Query"), json!(""), json!("a b")] {
        assert!(serde_json::from_value::<Purpose>(words).is_err());
    }
    for path in ["", ".", "a.", "a..b", "a b", "*.a", "é"] {
        assert!(path.parse::<FieldPath>().is_err(), "{path}");
    }
    let none = StandingGrant::sign(&key(1), NOW, payload(ANYONE, GrantMode::Allow, &[]));
    assert!(matches!(none, Err(GrantError::Member { name: "fields", .. })));
    let mut value = serde_json::to_value(grant(ANYONE, GrantMode::Allow, &["city"])).unwrap();
    value["payload"]["unless"] = json!("it rains");
    assert!(serde_json::from_value::<StandingGrant>(value).is_err());
    let did = Grantee::Did(
        "did:mjn:z6MkneMkZqwqRiU5mJzSG3kDwzt9P8C59N4NGTfBLfSGE7c7"
            .parse::<Did>()
            .unwrap(),
    );
    let text = serde_json::to_value(&did).unwrap();
    assert_eq!(serde_json::from_value::<Grantee>(text).unwrap(), did);
    assert!(serde_json::from_value::<Grantee>(json!("everybody")).is_err());
}

//! Whether grants and profile together let somebody know what they ask: the person 2 asks about the person 1.

use std::collections::BTreeSet;

use imajin_consent::{
    ConsentProfile, ContentRef, DisclosureAsked, FieldPath, GrantError, GrantMode, GrantPayload, Grantee, GranteeClass,
    IntendedUse, ProfilePayload, Refusal, Standing, StandingGrant, VerifiedDeclaration, evaluate_disclosure,
};
use imajin_kernel::Span;
use serde_json::json;

use crate::{NOW, draft, key, verified};

fn paths(texts: &[&str]) -> BTreeSet<FieldPath> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn payload() -> GrantPayload {
    GrantPayload {
        subject: key(1).did(),
        granted_to: Grantee::Did(key(2).did()),
        purpose: "directory".parse().unwrap(),
        fields: paths(&["profile"]),
        mode: GrantMode::Allow,
        expires: None,
    }
}

fn grant(payload: GrantPayload) -> StandingGrant {
    StandingGrant::sign(&key(1), NOW, payload).unwrap()
}

fn profile(purpose: &str, fields: &[&str]) -> ProfilePayload {
    ProfilePayload {
        purposes: [(purpose.parse().unwrap(), paths(fields))].into(),
        ..ProfilePayload::default()
    }
}

fn declared() -> VerifiedDeclaration {
    let mut draft = draft(ContentRef::Did(key(1).did()), IntendedUse::Read);
    draft.scope = Some("directory".to_owned());
    verified(&draft)
}

/// What the person 2 is told of `fields`: how many grants allow them, or the term that fails.
fn ask(standing: &Standing<'_>, declared: &VerifiedDeclaration, fields: &[&str]) -> Result<usize, String> {
    let (subject, caller, node) = (key(1).did(), key(2).did(), key(5).did());
    let asked = DisclosureAsked {
        subject: &subject,
        asker: &caller,
        classes: &BTreeSet::from([GranteeClass::Connections]),
        purpose: &"directory".parse().unwrap(),
        fields: &paths(fields),
        now: NOW,
    };
    match evaluate_disclosure(standing, &node, declared, &asked) {
        Ok(allowed) => Ok(allowed.values().collect::<BTreeSet<_>>().len()),
        Err(Refusal::Unmet { term, .. }) => Err(term),
        Err(Refusal::Unpaid { .. }) => Err("unpaid".to_owned()),
    }
}

fn with(grants: &[GrantPayload], fields: &[&str]) -> Result<usize, String> {
    let grants: Vec<StandingGrant> = grants.iter().cloned().map(grant).collect();
    let on = profile("directory", &["profile"]);
    let standing = Standing {
        grants: &grants,
        revoked: &[],
        profile: Some(&on),
    };
    ask(&standing, &declared(), fields)
}

fn refused(term: &str) -> Result<usize, String> {
    Err(term.to_owned())
}

#[test]
fn a_grant_and_a_profile_together_let_somebody_know() {
    assert_eq!(with(&[payload()], &["profile.name", "profile.bio"]), Ok(1));
    let class = GrantPayload {
        granted_to: Grantee::Class(GranteeClass::Connections),
        ..payload()
    };
    assert_eq!(with(&[class], &["profile.name"]), Ok(1));
}

#[test]
fn without_a_grant_that_counts_the_reason_is_named() {
    assert_eq!(with(&[], &["profile.name"]), refused("grant"));
    let other = GrantPayload {
        granted_to: Grantee::Did(key(3).did()),
        ..payload()
    };
    assert_eq!(with(&[other], &["profile.name"]), refused("grant"));
    let trusted = GrantPayload {
        granted_to: Grantee::Class(GranteeClass::Trusted),
        ..payload()
    };
    assert_eq!(with(&[trusted], &["profile.name"]), refused("grant"));
    let over = GrantPayload {
        expires: Some(NOW),
        ..payload()
    };
    assert_eq!(with(&[over], &["profile.name"]), refused("expires"));
    let elsewhere = GrantPayload {
        purpose: "research".parse().unwrap(),
        ..payload()
    };
    assert_eq!(with(&[elsewhere], &["profile.name"]), refused("purpose"));
    let on = profile("directory", &["*"]);
    let standing = Standing {
        grants: &[],
        revoked: &[grant(payload())],
        profile: Some(&on),
    };
    assert_eq!(ask(&standing, &declared(), &["profile.name"]), refused("revoked"));
}

#[test]
fn one_field_too_many_refuses_all_of_them() {
    assert_eq!(
        with(&[payload()], &["profile.name", "trust.standing"]),
        refused("fields")
    );
    for mode in [GrantMode::Ask, GrantMode::Deny] {
        let narrow = GrantPayload {
            fields: paths(&["profile.bio"]),
            mode,
            ..payload()
        };
        let wanted: &[&str] = &["profile.name"];
        assert_eq!(with(&[payload(), narrow.clone()], wanted), Ok(1));
        let only = &[narrow];
        assert_eq!(with(only, &["profile.bio"]), refused("mode"));
    }
}

#[test]
fn what_is_off_is_not_told_whatever_is_granted() {
    let all = grant(GrantPayload {
        fields: paths(&["*"]),
        ..payload()
    });
    let grants = [all];
    let standing = |profile| Standing {
        grants: &grants,
        revoked: &[],
        profile,
    };
    let name: &[&str] = &["profile.name"];
    assert_eq!(ask(&standing(None), &declared(), name), refused("profile"));
    let other = profile("research", &["*"]);
    assert_eq!(ask(&standing(Some(&other)), &declared(), name), refused("profile"));
    let narrow = profile("directory", &["profile.bio"]);
    assert_eq!(ask(&standing(Some(&narrow)), &declared(), name), refused("profile"));
    let on = profile("directory", name);
    assert_eq!(ask(&standing(Some(&on)), &declared(), name), Ok(1));
}

#[test]
fn a_declaration_for_something_else_counts_for_nothing() {
    let grants = [grant(payload())];
    let on = profile("directory", &["profile"]);
    let standing = Standing {
        grants: &grants,
        revoked: &[],
        profile: Some(&on),
    };
    let name: &[&str] = &["profile.name"];
    let about = |whom: u8, scope: Option<&str>, intended| {
        let mut draft = draft(ContentRef::Did(key(whom).did()), intended);
        draft.scope = scope.map(str::to_owned);
        verified(&draft)
    };
    let read = IntendedUse::Read;
    assert_eq!(
        ask(&standing, &about(3, Some("directory"), read), name),
        refused("content")
    );
    assert_eq!(
        ask(&standing, &about(1, Some("research"), read), name),
        refused("scope")
    );
    assert_eq!(ask(&standing, &about(1, None, read), name), refused("scope"));
    let train = about(1, Some("directory"), IntendedUse::Train);
    assert_eq!(ask(&standing, &train, name), refused("intendedUse"));
    assert_eq!(
        ask(&standing, &about(5, Some("directory"), read), name),
        Ok(1),
        "it may name the node"
    );
}

#[test]
fn a_profile_is_signed_and_bounded() {
    let sign = |payload| ConsentProfile::sign(&key(1), key(1).did(), NOW, payload);
    let said = sign(profile("directory", &["profile.name"])).unwrap();
    said.verify(&[key(1).public()]).unwrap();
    assert!(said.verify(&[key(2).public()]).is_err());
    let later = ConsentProfile::sign(
        &key(1),
        key(1).did(),
        NOW.plus(Span::seconds(1)),
        said.payload().clone(),
    );
    assert_ne!(later.unwrap().digest().unwrap(), said.digest().unwrap());
    let far = ProfilePayload {
        trusted_hops: 7,
        ..ProfilePayload::default()
    };
    assert!(matches!(
        sign(far),
        Err(GrantError::Member {
            name: "trustedHops",
            ..
        })
    ));
    let mut text = serde_json::to_value(&said).unwrap();
    text["payload"]["purposes"] = json!({"Not a word": []});
    assert!(serde_json::from_value::<ConsentProfile>(text).is_err());
}

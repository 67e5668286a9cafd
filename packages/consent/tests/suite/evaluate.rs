use imajin_consent::{ContentRef, IntendedUse, Permit, Refusal, WorkAsked, evaluate, is_declaration_needed};
use imajin_fair::Manifest;
use imajin_kernel::{Code, Problem};
use imajin_money::Money;
use serde_json::{Value, json};

use crate::{draft, verified, work};

fn terms() -> Value {
    json!({
        "read": {"price": "0.08", "currency": "USD", "consent": "implicit"},
        "train": {"price": "prohibited"},
        "redistribute": {"price": "free", "consent": "explicit", "conditions": ["attribution-required"]},
        "remix": {"price": "free", "royalty": 0.1, "consent": "notarised"},
    })
}

fn asked(manifest: &Manifest, wanted: IntendedUse, offered: Option<Money>) -> WorkAsked<'_> {
    WorkAsked {
        manifest,
        wanted,
        scope: None,
        price_named: None,
        offered,
    }
}

/// The person 2 consents to a use of this very work, and asks for it.
fn ask(manifest: &Manifest, wanted: IntendedUse, offered: Option<&str>) -> Result<Permit, Refusal> {
    let declared = verified(&draft(ContentRef::Fair(manifest.id.clone()), wanted));
    let offered = offered.map(|text| text.parse().unwrap());
    evaluate(&declared, &asked(manifest, wanted, offered))
}

fn term(refusal: Refusal) -> String {
    match refusal {
        Refusal::Unmet { term, .. } => term,
        Refusal::Unpaid { .. } => "unpaid".to_owned(),
    }
}

#[test]
fn what_the_terms_allow_is_permitted_at_their_price() {
    let manifest = work(&terms());
    let permit = ask(&manifest, IntendedUse::Read, Some("0.10 USD")).unwrap();
    assert_eq!(permit.price(), Some("0.08 USD".parse().unwrap()));
    let permit = ask(&manifest, IntendedUse::Query, Some("0.08 USD")).unwrap();
    assert_eq!(
        permit.price(),
        Some("0.08 USD".parse().unwrap()),
        "a question about a work reads it"
    );
    let permit = ask(&manifest, IntendedUse::Redistribute, None).unwrap();
    assert_eq!(
        (permit.price(), permit.conditions()),
        (None, &["attribution-required".to_owned()][..])
    );
}

#[test]
fn an_unmet_term_is_refused_by_its_name() {
    let manifest = work(&terms());
    let refused = |wanted| ask(&manifest, wanted, Some("9 USD")).unwrap_err();
    assert_eq!(term(refused(IntendedUse::Train)), "terms.train.price");
    assert_eq!(term(refused(IntendedUse::Remix)), "terms.remix.consent");
    let silent = work(&json!({}));
    assert_eq!(term(ask(&silent, IntendedUse::Remix, None).unwrap_err()), "terms.remix");
    assert!(
        ask(&silent, IntendedUse::Read, None).is_ok(),
        "what is published may be read"
    );
    let problem = Problem::from(refused(IntendedUse::Train));
    assert_eq!(
        (problem.code, &problem.extra["term"]),
        (Code::Forbidden, &json!("terms.train.price"))
    );
}

#[test]
fn consent_for_another_use_is_refused() {
    let manifest = work(&terms());
    let declared = verified(&draft(ContentRef::Fair(manifest.id.clone()), IntendedUse::Read));
    let refusal = evaluate(&declared, &asked(&manifest, IntendedUse::Redistribute, None)).unwrap_err();
    assert_eq!(term(refusal), "intendedUse");
}

#[test]
fn consent_for_other_content_is_refused() {
    let (manifest, other) = (work(&terms()), work(&json!({})));
    for content in [ContentRef::Fair(other.id), ContentRef::Did(crate::key(1).did())] {
        let declared = verified(&draft(content, IntendedUse::Read));
        let refusal = evaluate(&declared, &asked(&manifest, IntendedUse::Read, None)).unwrap_err();
        assert_eq!(term(refusal), "content");
    }
}

#[test]
fn consent_for_one_part_is_refused_for_another() {
    let manifest = work(&json!({}));
    let mut draft = draft(ContentRef::Fair(manifest.id.clone()), IntendedUse::Read);
    draft.scope = Some("chapter 1".to_owned());
    let declared = verified(&draft);
    let ask = |scope| {
        let asked = WorkAsked {
            scope,
            ..asked(&manifest, IntendedUse::Read, None)
        };
        evaluate(&declared, &asked).map(|_permit| ()).map_err(term)
    };
    assert_eq!(ask(Some("chapter 1")), Ok(()));
    assert_eq!(ask(Some("chapter 2")), Err("scope".to_owned()));
    assert_eq!(ask(None), Err("scope".to_owned()));
}

#[test]
fn too_little_is_unpaid_and_not_unmet() {
    let manifest = work(&terms());
    for offered in [None, Some("0.07 USD"), Some("0.08 EUR"), Some("0.08 TEST-USD")] {
        let refusal = ask(&manifest, IntendedUse::Read, offered).unwrap_err();
        assert_eq!(refusal.code(), Code::PaymentRequired);
        let problem = Problem::from(refusal);
        assert_eq!(
            (&problem.extra["price"], &problem.extra["currency"]),
            (&json!("0.08"), &json!("USD"))
        );
    }
}

#[test]
fn where_the_manifest_is_silent_its_seller_names_the_price() {
    let manifest = work(&json!({"read": {"consent": "implicit"}}));
    let declared = verified(&draft(ContentRef::Fair(manifest.id.clone()), IntendedUse::Read));
    let priced = |offered: Option<Money>| WorkAsked {
        price_named: Some("2 EUR".parse().unwrap()),
        ..asked(&manifest, IntendedUse::Read, offered)
    };
    assert_eq!(
        evaluate(&declared, &priced(None)).unwrap_err().code(),
        Code::PaymentRequired
    );
    let permit = evaluate(&declared, &priced(Some("2 EUR".parse().unwrap()))).unwrap();
    assert_eq!(permit.price(), Some("2 EUR".parse().unwrap()));
}

#[test]
fn reading_needs_no_declaration_unless_the_author_asks_for_one() {
    let manifest = work(&terms());
    let needed = |wanted| is_declaration_needed(&manifest, wanted);
    assert_eq!(IntendedUse::ALL.map(needed), [false, true, true, true, false]);
    assert!(is_declaration_needed(
        &work(&json!({"read": {"consent": "explicit"}})),
        IntendedUse::Read
    ));
    assert!(!is_declaration_needed(&work(&json!({})), IntendedUse::Read));
}

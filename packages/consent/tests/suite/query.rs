use imajin_consent::{
    AskerFacts, ContentRef, IntendedUse, Permit, QueryAsked, QueryTerms, Refusal, VerifiedDeclaration, evaluate_query,
};
use imajin_kernel::Code;
use serde_json::json;

use crate::{draft, key, verified};

const NEAR: AskerFacts = AskerFacts {
    hops: Some(2),
    vouches: 1,
    in_pod: false,
};

fn terms() -> QueryTerms {
    let value = json!({
        "leader": key(1).did(), "maxHops": 2, "vouchesMin": 1, "uses": ["query"],
        "ceiling": {"amount": "0.05", "currency": "TEST-USD"}, "engine": "embedded",
    });
    serde_json::from_value(value).unwrap()
}

fn declared(intended: IntendedUse) -> VerifiedDeclaration {
    verified(&draft(ContentRef::Did(key(1).did()), intended))
}

fn ask(
    facts: AskerFacts,
    declared: &VerifiedDeclaration,
    quoted: Option<&str>,
    offered: Option<&str>,
) -> Result<Permit, Refusal> {
    let asked = QueryAsked {
        node: &key(5).did(),
        scope: Some("b5bb9d80"),
        quoted: quoted.map(|text| text.parse().unwrap()),
        offered: offered.map(|text| text.parse().unwrap()),
    };
    evaluate_query(&terms(), facts, declared, &asked)
}

fn term(refusal: &Refusal) -> &str {
    match refusal {
        Refusal::Unmet { term, .. } => term,
        Refusal::Unpaid { .. } => "unpaid",
    }
}

#[test]
fn who_is_near_and_offers_the_quote_is_answered() {
    let permit = ask(
        NEAR,
        &declared(IntendedUse::Query),
        Some("0.02 TEST-USD"),
        Some("0.02 TEST-USD"),
    )
    .unwrap();
    assert_eq!(permit.price(), Some("0.02 TEST-USD".parse().unwrap()));
    let at_node = verified(&draft(ContentRef::Did(key(5).did()), IntendedUse::Query));
    assert!(
        ask(NEAR, &at_node, None, Some("0.05 TEST-USD")).is_ok(),
        "consent may name the node"
    );
}

#[test]
fn a_stranger_is_refused() {
    for hops in [None, Some(3)] {
        let facts = AskerFacts { hops, ..NEAR };
        let refusal = ask(facts, &declared(IntendedUse::Query), None, Some("1 TEST-USD")).unwrap_err();
        assert_eq!((term(&refusal), refusal.code()), ("maxHops", Code::Forbidden));
    }
}

#[test]
fn terms_with_pods_have_two_ways_in() {
    let pods = QueryTerms {
        pods: ["pod_00000000000000000000000001".parse().unwrap()].into(),
        ..terms()
    };
    let far = AskerFacts { hops: None, ..NEAR };
    let member = AskerFacts { in_pod: true, ..far };
    assert!(pods.admit(NEAR).is_ok() && pods.admit(member).is_ok());
    assert!(pods.is_near(NEAR) && !pods.is_near(member));
    let unvouched = AskerFacts { vouches: 0, ..NEAR };
    for facts in [far, unvouched] {
        assert_eq!(term(&pods.admit(facts).unwrap_err()), "pods");
    }
    let only = QueryTerms { max_hops: 0, ..pods };
    assert_eq!(term(&only.admit(NEAR).unwrap_err()), "pods", "nobody is near enough");
    assert!(only.admit(member).is_ok());
    // Where the terms name no pod, to be in one says nothing.
    assert_eq!(term(&terms().admit(member).unwrap_err()), "maxHops");
    let value = serde_json::to_value(terms()).unwrap();
    assert_eq!(value.get("pods"), None, "older terms keep their form");
}

#[test]
fn without_the_vouches_that_the_leader_asks_for_it_is_refused() {
    let facts = AskerFacts { vouches: 0, ..NEAR };
    let refusal = ask(facts, &declared(IntendedUse::Query), None, Some("1 TEST-USD")).unwrap_err();
    assert_eq!(term(&refusal), "vouchesMin");
}

#[test]
fn consent_for_another_use_or_node_is_refused() {
    let refusal = ask(NEAR, &declared(IntendedUse::Train), None, Some("1 TEST-USD")).unwrap_err();
    assert_eq!(term(&refusal), "uses");
    let elsewhere = verified(&draft(ContentRef::Did(key(6).did()), IntendedUse::Query));
    let refusal = ask(NEAR, &elsewhere, None, Some("1 TEST-USD")).unwrap_err();
    assert_eq!(term(&refusal), "content");
    let mut other = draft(ContentRef::Did(key(1).did()), IntendedUse::Query);
    other.scope = Some("00".to_owned());
    let refusal = ask(NEAR, &verified(&other), None, Some("1 TEST-USD")).unwrap_err();
    assert_eq!(term(&refusal), "scope");
}

#[test]
fn a_fee_under_the_quote_is_unpaid() {
    for (quoted, offered) in [
        (Some("0.02 TEST-USD"), Some("0.019999 TEST-USD")),
        (None, Some("0.049999 TEST-USD")),
        (None, None),
        (None, Some("0.05 USD")),
    ] {
        let refusal = ask(NEAR, &declared(IntendedUse::Query), quoted, offered).unwrap_err();
        assert_eq!(refusal.code(), Code::PaymentRequired, "{quoted:?} {offered:?}");
    }
}

#[test]
fn terms_with_a_member_that_nobody_understands_are_no_terms() {
    let mut value = serde_json::to_value(terms()).unwrap();
    assert_eq!(serde_json::from_value::<QueryTerms>(value.clone()).unwrap(), terms());
    value["alsoFriendsOfFriends"] = json!(true);
    assert!(serde_json::from_value::<QueryTerms>(value).is_err());
}

//! Visas that name neither the site nor a key: refused, unless the policy says otherwise of their broker.

use http::HeaderMap;
use imajin_imagxp::policy::Policy;
use imajin_imagxp::{Binding, Claim, ClaimHeaders, PaymentRequired, Purpose, Refusal};

use crate::{Answer, BROKER, HOST, POLICY, World, agent};

/// A gate whose policy takes the bearers' visas of its broker.
fn taking() -> World {
    let world = World::new();
    let with = format!("{{ issuer = \"{BROKER}\", bearer = true }}");
    let text = POLICY.replace(&format!("[\"{BROKER}\"]"), &format!("[{with}]"));
    world.gate.policy_set(Policy::parse(&text).unwrap());
    world
}

/// A claim for path and query alone, with a visa.
fn host_unbound(world: &World, path: &str, visa: &str) -> HeaderMap {
    let nonce = format!("p-{}", visa.len());
    let claim = Claim::new(&agent(), world.now(), &nonce, path, Purpose::RagRetrieval, false).unwrap();
    let mut headers = ClaimHeaders::sign(&world.key, &claim).unwrap();
    headers.insert("x-imagxp-credential", visa.parse().unwrap());
    headers
}

fn is_denied(answer: &Answer, why: &str) {
    assert_eq!((answer.status, answer.error().as_str()), (403, "PAYMENT_DENIED"));
    assert!(answer.text.contains(why), "{}", answer.text);
}

#[tokio::test]
async fn a_bearers_visa_is_refused_unless_the_policy_says_otherwise() {
    let world = World::new();
    let visa = world.till.bearer(10_000, 1);
    let answer = world.send("/paid/1", world.paid("/paid/1", &visa)).await;
    is_denied(&answer, "such visas of its broker are not taken here");
    assert_eq!(world.till.total(), 0);
    let refused = world.records.list().pop().unwrap();
    assert_eq!(refused.refusal, Some(Refusal::PaymentDenied));
    assert!(
        refused.reason.contains("neither this site nor a key"),
        "{}",
        refused.reason
    );
}

#[tokio::test]
async fn a_bearers_visa_pays_once_and_the_record_says_what_it_was() {
    let world = taking();
    let asked = world.send("/paid/1", world.claim("/paid/1")).await;
    let required = PaymentRequired::parse(asked.text.as_bytes()).unwrap();
    assert_eq!(
        (required.brokers, required.bearer),
        (vec![BROKER.to_owned()], vec![BROKER.to_owned()])
    );
    // For many pages, as it says, and it has enough: anybody may have copied it.
    let visa = world.till.bearer(90_000, 9);
    let answer = world.send("/paid/1", world.paid("/paid/1", &visa)).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, "content"));
    for path in ["/paid/1", "/paid/2"] {
        is_denied(&world.send(path, world.paid(path, &visa)).await, "the visa is spent");
    }
    assert_eq!(world.till.total(), 10_000);
    let records = world.records.list();
    let visas = records.iter().filter_map(|record| record.visa.as_ref());
    assert_eq!(visas.map(|visa| visa.is_bearer).collect::<Vec<_>>(), [true]);
    // Another's visa pays as before, and the record of it says nothing else than before.
    let bound = world.till.visa(&world.key.thumbprint(), HOST, "0.01 USD", 1);
    assert_eq!(world.send("/paid/1", world.paid("/paid/1", &bound)).await.status, 200);
    let record = world.records.list().pop().unwrap();
    assert!(record.visa.is_some_and(|visa| !visa.is_bearer));
}

#[tokio::test]
async fn copies_of_a_bearers_visa_at_the_same_moment_pay_once() {
    let world = taking();
    let visa = world.till.bearer(90_000, 9);
    let many = (0..16).map(|_| world.send("/paid/1", world.paid("/paid/1", &visa)));
    let answers = futures::future::join_all(many).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert_eq!(world.till.total(), 10_000);
}

#[tokio::test]
async fn a_claim_for_a_path_alone_is_refused_with_a_bearers_visa() {
    let world = taking();
    let visa = world.till.bearer(10_000, 1);
    let answer = world.send("/paid/1", host_unbound(&world, "/paid/1", &visa)).await;
    is_denied(&answer, "the claim must name the whole URL");
    assert_eq!(world.till.total(), 0);
    let record = world.records.list().pop().unwrap();
    assert_eq!(
        (record.binding, record.refusal),
        (Some(Binding::PathOnly), Some(Refusal::PaymentDenied))
    );
    assert!(record.reason.contains("path and query alone"), "{}", record.reason);
    // With a visa for this site it is read, and so is the page with the bearer's visa and the whole URL.
    let bound = world.till.visa(&world.key.thumbprint(), HOST, "0.01 USD", 1);
    let answer = world.send("/paid/1", host_unbound(&world, "/paid/1", &bound)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(world.send("/paid/1", world.paid("/paid/1", &visa)).await.status, 200);
}

#[tokio::test]
async fn a_broker_that_the_policy_does_not_name_has_no_bearers_visas_taken() {
    let world = taking();
    let text = POLICY.replace(
        &format!("[\"{BROKER}\"]"),
        &format!("[\"{BROKER}\", {{ issuer = \"https://other.example/broker\", bearer = true }}]"),
    );
    let visa = world.till.bearer(10_000, 1);
    world.gate.policy_set(Policy::parse(&text).unwrap());
    let answer = world.send("/paid/1", world.paid("/paid/1", &visa)).await;
    is_denied(&answer, "such visas of its broker are not taken here");
    let none = POLICY.replace(BROKER, "https://other.example/broker");
    world.gate.policy_set(Policy::parse(&none).unwrap());
    let answer = world.send("/paid/1", world.paid("/paid/1", &visa)).await;
    is_denied(&answer, "none of the brokers");
}

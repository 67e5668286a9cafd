//! Two nodes.

use imajin_kernel::{Env, Span};
use imajin_proof::http_sig::{RequestToSign, SignatureParams, sign};
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use super::person::Person;
use super::{Member, browser, down_all, pass, settled};

async fn two_nodes_need_no_registry(backend: Backend) {
    let mut nodes = vec![Member::new(backend, 21), Member::new(backend, 22)];
    for node in &mut nodes {
        node.up().await;
    }
    let [home, visited] = &nodes[..] else { unreachable!() };
    let ada = Person::at(home, &Env::fixed(home.clock.clone(), 23)).await;
    ada.visit(home, visited).await.succeeds();
    let known = visited.resolves(&home.web_did()).await;
    assert_eq!(known["didDocument"]["id"], json!(home.web_did()));
    let resolved = visited.resolves(&ada.did()).await;
    assert_eq!(resolved["didDocument"]["id"], json!(ada.did()), "{resolved}");
    pass([home, visited], Span::days(40));
    ada.visit(home, visited).await.succeeds();
    down_all(&mut nodes).await;
}

on_both!(two_nodes_need_no_registry);

/// Each side says why, and neither is harmed by it.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_wrong_is_named_and_nobody_else_is_refused() {
    let mut nodes: Vec<Member> = (31..34).map(|seed| Member::new(Backend::Sqlite, seed)).collect();
    for node in &mut nodes {
        node.up().await;
    }
    let [home, late, right] = &nodes[..] else {
        unreachable!()
    };
    let ada = Person::at(home, &Env::fixed(home.clock.clone(), 34)).await;
    late.clock.advance(Span::hours(1));
    ada.visit(home, late).await.refused("clock");
    ada.visit(home, right).await.succeeds();
    // Once the clock is right for it again, it lets people in.
    pass([home], Span::hours(1));
    ada.visit(home, late).await.succeeds();
    down_all(&mut nodes).await;
}

/// By the configuration; what the operator says while the node runs has tests of its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_node_is_talked_to_nowhere() {
    let mut nodes: Vec<Member> = (41..43).map(|seed| Member::new(Backend::Sqlite, seed)).collect();
    let (host, did, registry) = (
        format!("localhost:{}", nodes[0].port),
        nodes[0].did.clone(),
        nodes[0].registry_url(),
    );
    nodes[1].configure(&format!(
        "[peers]\nblock = [\"{host}\", \"{did}\"]\n[mirrors.blocked]\ndid = \"{did}\"\nurl = \"{registry}\"\n\
         [publisher]\npeers = [\"http://{host}/\"]\n"
    ));
    for node in &mut nodes {
        node.up().await;
    }
    let [blocked, wary] = &nodes[..] else { unreachable!() };
    let ada = Person::at(blocked, &Env::fixed(blocked.clock.clone(), 43)).await;
    ada.visit(blocked, wary).await.refused("does not talk to that one");
    let found = wary.resolves(&blocked.web_did()).await;
    assert!(found["didDocument"].is_null(), "{found}");
    // The library asks its peers, and this one is not asked.
    let id = format!("fair_{}", "a".repeat(52));
    let asked = browser()
        .get(format!("{}/publisher/api/fair/{id}", wary.origin()))
        .send()
        .await
        .unwrap();
    assert!(!asked.status().is_success(), "{asked:?}");
    // Money that it announces is refused before anything of it is looked at.
    let url = format!("{}/pay/api/remit", wary.origin());
    let key = blocked.key();
    let request = RequestToSign {
        method: "POST",
        target_uri: &url,
        idempotency_key: None,
        body: b"{}",
    };
    let signed = sign(&key, &request, &SignatureParams::now(did, &blocked.env)).unwrap();
    let mut sent = browser().post(&url).header("content-type", "application/json");
    for (name, value) in signed.headers() {
        sent = sent.header(name, value);
    }
    let answer = sent.body("{}").send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 403);
    let answer: Value = answer.json().await.unwrap();
    assert!(
        answer["detail"].as_str().unwrap().contains("has blocked that one"),
        "{answer}"
    );
    let copies = settled(wary, "/registry/api/mirrors", |copies| !copies[0]["problem"].is_null()).await;
    assert!(
        copies[0]["problem"].as_str().unwrap().contains("has blocked that one"),
        "{copies}"
    );
    down_all(&mut nodes).await;
}

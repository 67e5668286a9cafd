//! An agent objects to what it has paid for, and the node of the publisher's gate answers by itself.

use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::agents::Scene;
use crate::broker::waited;
use crate::gates::balance_wait;
use crate::support::Buyer;

on_both!(
    the_gate_answers_disputes_by_itself_and_the_rules_decide,
    what_is_said_to_the_site_reaches_the_broker_when_it_is_back,
);

/// Waits until a dispute has left a state behind.
async fn left(scene: &Scene, page: &str, state: &str) -> Value {
    let stands = waited(async || {
        let shown = scene.agent(&["dispute", page]).expect_success();
        (shown["state"] != state).then(|| shown.to_string())
    });
    serde_json::from_str(&stands.await).unwrap()
}

async fn the_gate_answers_disputes_by_itself_and_the_rules_decide(backend: Backend) {
    let scene = Scene::new(backend).await;
    let (first, second) = (scene.url("/posts/1?x=1"), scene.url("/posts/2"));
    for page in [&first, &second] {
        scene.fetch_url(page, &["--max", "0.10 TEST-USD"]).expect_success();
        let said = waited(async || {
            let said = scene.agent(&["dispute", page, "--score", "0", "--reason", "It is empty."]);
            said.success.then(|| said.json["state"].to_string())
        });
        assert!(!said.await.is_empty());
        let stands = left(&scene, page, "open").await;
        assert_eq!(stands["isShown"], true, "{stands}");
        let note = stands["answer"]["note"].as_str().unwrap();
        assert!(
            note.starts_with("Answered with 200 at ") && note.contains("of the gate blog"),
            "{note}"
        );
        let evidence = &stands["answer"]["evidence"];
        assert_eq!(
            (&evidence["status"], evidence["payload"].is_string()),
            (&json!(200), true),
            "{stands}"
        );
    }
    // Once, somebody has to look at it; who objects to what it has asked for twice is not believed.
    assert_eq!(left(&scene, &first, "open").await["state"], "answered");
    let ruled = left(&scene, &second, "open").await;
    assert_eq!(
        (&ruled["state"], &ruled["ruledBy"]),
        (&json!("released"), &json!("rules")),
        "{ruled}"
    );
    let ada = scene.home.path("ada.key");
    crate::fair_library::register(&scene.publisher, &ada, "ada");
    balance_wait(&scene.publisher, &ada, "0.20");
    scene.end();
}

/// The disputes at the broker, for its operator.
async fn disputes(scene: &Scene) -> Value {
    let operator = Buyer::registered(&scene.broker).await;
    let body = json!({"token": scene.broker.setup_token()}).to_string();
    let setup = operator.signed("POST", "/auth/api/setup", body.as_bytes(), None);
    assert!(operator.send(&setup).await.status().is_success());
    let session = operator.login().await;
    let told = waited(async || {
        let (_, told) = operator.get(&session, "/broker/api/disputes?all=true").await;
        let has_answer = told["items"][0]["answer"].is_object();
        has_answer.then(|| told["items"].to_string())
    });
    serde_json::from_str(&told.await).unwrap()
}

async fn what_is_said_to_the_site_reaches_the_broker_when_it_is_back(backend: Backend) {
    let mut scene = Scene::new(backend).await;
    let page = scene.url("/posts/1?x=1");
    scene.fetch_url(&page, &["--max", "0.10 TEST-USD"]).expect_success();
    scene.broker.end();
    let said = ["dispute", &page, "--score", "0.1", "--reason", "It is empty."];
    assert_eq!(scene.agent(&said).refusal()["error"], "unavailable");
    for _again in 0..2 {
        let heard = scene
            .agent(&[said.as_slice(), &["--at-site"]].concat())
            .expect_success();
        assert_eq!((&heard["url"], &heard["heard"]), (&json!(page), &json!("taken")));
    }
    // It costs nothing to say it, and the site is read meanwhile.
    let spent = scene.spent()["spent"].clone();
    assert_eq!(spent, json!([{"amount": "0.10", "currency": "TEST-USD"}]));
    scene.fetch_url(&scene.url("/about"), &[]).expect_success();

    scene.broker = scene.far.up(&["--listen", &scene.broker_listen]);
    let disputes = disputes(&scene).await;
    assert_eq!(disputes.as_array().unwrap().len(), 1, "{disputes}");
    let dispute = &disputes[0];
    assert_eq!(
        (&dispute["url"], &dispute["qualityScore"]),
        (&json!(page), &json!("0.1"))
    );
    assert_eq!(
        (&dispute["reason"], &dispute["isShown"]),
        (&json!("It is empty."), &json!(true)),
        "{dispute}"
    );
    // Said to the broker as well, it is the same one.
    assert_eq!(scene.agent(&said).expect_success()["id"], dispute["id"]);
    scene.end();
}

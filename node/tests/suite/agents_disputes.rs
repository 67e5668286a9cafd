//! An agent objects to what it has paid for, and the node of the publisher's gate answers by itself.

use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::agents::Scene;
use crate::broker::waited;
use crate::gates::balance_wait;

on_both!(the_gate_answers_disputes_by_itself_and_the_rules_decide,);

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

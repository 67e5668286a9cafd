//! A gate in the hands of its operator, by the command line: its policy, its records, and what shows one of them.

use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::agents::Scene;
use crate::broker::waited;
use crate::support::{Outcome, imajin, text};

on_both!(
    the_operator_changes_a_policy_and_nobody_else_does,
    the_operator_shows_one_decision_to_others,
);

/// A command of somebody with a key, at the publisher's node.
fn by(scene: &Scene, key: &str, args: &[&str]) -> Outcome {
    let (node, key) = (scene.publisher.url(), scene.home.path(key));
    let mut all = args.to_vec();
    all.extend(["--node", &node, "--key", text(&key)]);
    imajin(&all)
}

async fn scene(backend: Backend) -> Scene {
    let scene = Scene::new(backend).await;
    scene.home.key("operator.key");
    by(
        &scene,
        "operator.key",
        &["login", "--setup", &scene.publisher.setup_token()],
    )
    .expect_success();
    by(&scene, "ada.key", &["login"]).expect_success();
    scene
}

async fn the_operator_changes_a_policy_and_nobody_else_does(backend: Backend) {
    let scene = scene(backend).await;
    let (file, draft) = (scene.home.path("policy.toml"), scene.home.path("draft.toml"));
    let before = std::fs::read_to_string(&file).unwrap();
    let shown = by(&scene, "operator.key", &["gate", "policy", "blog"]).expect_success();
    assert_eq!(shown["text"], before);
    let set = |key: &str, policy: &str| {
        std::fs::write(&draft, policy).unwrap();
        by(&scene, key, &["gate", "policy", "blog", "--set", text(&draft)])
    };
    let dear = before.replace("0.10", "0.25");
    assert_eq!(set("ada.key", &dear).refusal()["error"], "forbidden");
    let wrong = set("operator.key", &before.replace("version = 1", "version = 7")).refusal();
    assert!(wrong["detail"].as_str().unwrap().contains("version"), "{wrong}");
    let distrusted = set("operator.key", &before.replace("/broker\"", "/other\"")).refusal();
    assert!(
        distrusted["detail"].as_str().unwrap().contains("does not trust"),
        "{distrusted}"
    );
    let missing = by(&scene, "operator.key", &["gate", "policy", "none"]).refusal();
    assert_eq!(missing["error"], "not_found");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), before, "nothing was written");

    let changed = set("operator.key", &dear).expect_success();
    assert_eq!(
        (&changed["text"], std::fs::read_to_string(&file).unwrap()),
        (&json!(dear), dear.clone())
    );
    let kept = std::fs::read_to_string(scene.home.path("policy.toml.before")).unwrap();
    assert_eq!(kept, before);
    // It is in force at once.
    let refused = scene
        .fetch_url(&scene.url("/posts/1"), &["--max", "0.10 TEST-USD"])
        .refusal();
    assert!(refused["detail"].as_str().unwrap().contains("0.25"), "{refused}");
    scene.end();
}

async fn the_operator_shows_one_decision_to_others(backend: Backend) {
    let scene = scene(backend).await;
    let page = scene.url("/posts/1");
    let read = scene.fetch_url(&page, &["--max", "0.10 TEST-USD"]).expect_success();
    let paid = waited(async || {
        let log = by(&scene, "operator.key", &["gate", "log", "blog", "--verdict", "PASS"]).expect_success();
        let paid = |record: &&Value| record["receipt"] == read["paid"]["receipt"];
        log["records"].as_array().unwrap().iter().find(paid).cloned()
    })
    .await;
    assert_eq!((&paid["url"], &paid["binding"]), (&json!(page), &json!("url")));
    assert_eq!(
        by(&scene, "ada.key", &["gate", "log", "blog"]).refusal()["error"],
        "forbidden"
    );

    let (seq, file) = (paid["seq"].to_string(), scene.home.path("evidence.json"));
    by(
        &scene,
        "operator.key",
        &["gate", "evidence", "blog", &seq, "--out", text(&file)],
    )
    .expect_success();
    let checked = imajin(&["gate", "evidence", "--verify", text(&file)]).expect_success();
    assert_eq!(
        (&checked["valid"], &checked["record"]["url"]),
        (&json!(true), &json!(page))
    );
    let altered = std::fs::read_to_string(&file).unwrap().replace("/posts/1", "/posts/2");
    std::fs::write(&file, altered).unwrap();
    let refused = imajin(&["gate", "evidence", "--verify", text(&file)]);
    assert!(!refused.success, "{}", refused.json);
    scene.end();
}

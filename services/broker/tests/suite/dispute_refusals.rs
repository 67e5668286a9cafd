//! What is no feedback, no evidence, and nobody's to decide.

use axum::http::StatusCode;
use imajin_imagxp::AgentKey;
use imajin_kernel::Span;
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::disputes::{Read, evidence, said};
use crate::world::{OPERATOR, World, key};

on_both!(
    what_is_no_feedback_of_the_payer_is_refused,
    what_shows_nothing_is_no_evidence,
    only_the_two_sides_and_the_arbiter_see_and_decide,
    a_dispute_changed_by_hand_is_found,
);

async fn what_is_no_feedback_of_the_payer_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    world.funded("10.00 TEST-USD").await;
    let read = world.reads("spam").await;
    let foreign = said(&AgentKey::generate().unwrap(), &read, "0.1");
    assert_eq!(world.brings(&foreign).await.code(), "bad_signature");
    let mut changed = world.feedback(&read, "0.1");
    changed["quality_score"] = json!(0.2);
    assert_eq!(world.brings(&changed).await.code(), "bad_signature");
    let elsewhere = Read {
        url: "https://news.example/spam".to_owned(),
        ..world.reads("other").await
    };
    assert_eq!(
        world.brings(&world.feedback(&elsewhere, "0.1")).await.code(),
        "not_found"
    );
    // Somebody else who signs the request has paid for nothing.
    let own = world.feedback(&read, "0.1");
    let stranger = world
        .ask(&key("stranger"), "POST", "/broker/api/disputes", Some(&own))
        .await;
    assert_eq!(stranger.code(), "not_found");
    for (member, value) in [
        ("url", json!("spam")),
        ("quality_score", json!(2)),
        ("claim_digest", json!("00")),
        ("more", json!(1)),
    ] {
        let mut wrong = world.feedback(&read, "0.1");
        wrong[member] = value;
        assert_eq!(world.brings(&wrong).await.code(), "invalid_request", "{member}");
    }
    let none = world.agent_get("/broker/api/disputes").await.json();
    assert_eq!(none["items"], json!([]));
}

async fn what_shows_nothing_is_no_evidence(backend: Backend) {
    let world = World::new(backend).await;
    world.funded("10.00 TEST-USD").await;
    let (read, other) = (world.reads("spam").await, world.reads("other").await);
    let id = world.objects(&read).await;
    let publisher = key("publisher");
    let good = evidence(&read);
    let changed = |member: &str, value: Value| {
        let mut evidence = good.clone();
        evidence["evidence"][member] = value;
        evidence
    };
    let foreign = AgentKey::generate().unwrap();
    for (why, wrong) in [
        ("another page", evidence(&other)),
        ("no success", changed("status", json!(404))),
        ("another time", changed("servedAt", json!(read.at.plus(Span::days(2))))),
        (
            "another key",
            changed("publicKey", json!(imajin_imagxp::key_to_spki(foreign.public()))),
        ),
        ("another signature", changed("signature", json!("00".repeat(64)))),
        ("no claim", changed("payload", json!("e30="))),
        ("nothing", json!({})),
    ] {
        let answer = world.answers(&publisher, &id, &wrong).await;
        assert_eq!(answer.code(), "invalid_request", "{why}");
        assert_eq!(answer.json()["member"], "evidence", "{why}");
    }
    let mut both = good.clone();
    both["concede"] = json!(true);
    assert_eq!(world.answers(&publisher, &id, &both).await.json()["member"], "concede");
    let long = json!({"note": "x".repeat(1_001)});
    assert_eq!(world.answers(&publisher, &id, &long).await.json()["member"], "note");
    world.answers(&publisher, &id, &good).await.expect(StatusCode::OK);
    assert_eq!(world.audit().await, []);
}

async fn only_the_two_sides_and_the_arbiter_see_and_decide(backend: Backend) {
    let world = World::new(backend).await;
    world.funded("10.00 TEST-USD").await;
    let read = world.reads("spam").await;
    let id = world.objects(&read).await;
    let (publisher, stranger, operator) = (key("publisher"), key("stranger"), key(OPERATOR));
    let path = format!("/broker/api/disputes/{id}");
    assert_eq!(world.ask(&stranger, "GET", &path, None).await.code(), "not_found");
    assert_eq!(world.ask(&publisher, "GET", &path, None).await.json()["id"], json!(id));
    assert_eq!(world.ask(&operator, "GET", &path, None).await.json()["id"], json!(id));
    assert_eq!(
        world.answers(&stranger, &id, &json!({"concede": true})).await.code(),
        "not_found"
    );
    assert_eq!(world.decides(&stranger, &id, "agent").await.code(), "forbidden");
    assert_eq!(world.decides(&publisher, &id, "publisher").await.code(), "forbidden");
    // Not before the publisher has answered.
    assert_eq!(world.decides(&operator, &id, "agent").await.code(), "conflict");
    let agent = world
        .agent_post(&format!("{path}/answer"), &json!({"concede": true}), None)
        .await;
    assert_eq!(agent.code(), "forbidden");
    let all = "/broker/api/disputes?all=true";
    assert_eq!(world.ask(&stranger, "GET", all, None).await.code(), "forbidden");
    let seen = world.ask(&operator, "GET", all, None).await.json();
    assert_eq!(seen["items"].as_array().unwrap().len(), 1);
    let none = world.ask(&stranger, "GET", "/broker/api/disputes", None).await.json();
    assert_eq!(none["items"], json!([]));
    assert_eq!(world.get(&path).await.code(), "unauthenticated");
}

async fn a_dispute_changed_by_hand_is_found(backend: Backend) {
    use diesel::connection::SimpleConnection;
    let world = World::new(backend).await;
    world.funded("10.00 TEST-USD").await;
    let read = world.reads("spam").await;
    world.objects(&read).await;
    let deleted: Result<(), imajin_store::StoreError> = world
        .db
        .write(move |conn| Ok(conn.batch_execute("DELETE FROM disputes")?))
        .await;
    deleted.unwrap();
    let found = world.audit().await;
    let said = |problem: &str| found.iter().any(|finding| finding.problem == problem);
    assert!(
        said("the row is missing") && said("nobody has disputed it"),
        "{found:?}"
    );
}

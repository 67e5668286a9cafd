//! The documents that questions are answered from.

use axum::http::StatusCode;
use imajin_query::QueryConfig;
use imajin_query_api::DocumentView;
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::world::{Ask, BEES, HOLDS, World, key};

on_both!(
    a_document_counts_at_once_and_no_more_when_it_is_removed,
    an_answer_stays_when_its_document_goes,
    documents_that_are_not_their_owners_word_are_refused,
    documents_beyond_the_limits_are_refused,
    more_documents_than_a_leader_may_have_are_refused,
);

async fn a_document_counts_at_once_and_no_more_when_it_is_removed(backend: Backend) {
    let world = World::new(backend).await;
    let ask = |key| Ask {
        key: Some(key),
        body: json!({"query": "Swallows sleeping?"}),
        ..Ask::usual()
    };
    assert_eq!(world.refused(&ask("before")).await, "not_found");
    let text = "Swallows are sleeping in the reeds.\n";
    let added = world.document(&key("ada"), "Swallows", text).await;
    let answer = world.answered(&ask("while")).await;
    assert_eq!(answer.passages[0].document, added.id);
    let path = format!("/documents/{}", added.id);
    assert_eq!(
        world.change(&key("ben"), "DELETE", &path, &Value::Null).await.code(),
        "not_found"
    );
    let removed = world.change(&key("ada"), "DELETE", &path, &Value::Null).await;
    removed.expect(StatusCode::NO_CONTENT);
    assert_eq!(world.refused(&ask("after")).await, "not_found");
    let list = world.get(&format!("/documents?owner={}", key("ada").did())).await;
    let list: Vec<DocumentView> = list.expect(StatusCode::OK).parse();
    let mut titles: Vec<&str> = list.iter().map(|document| document.title.as_str()).collect();
    titles.sort_unstable();
    assert_eq!(titles, ["Bees", "Holds"]);
    assert!(
        !format!("{list:?}").contains("dance"),
        "what a document says is in the answers"
    );
    assert_eq!(world.audit().await, []);
}

async fn an_answer_stays_when_its_document_goes(backend: Backend) {
    let world = World::new(backend).await;
    let answer = world.answered(&Ask::usual()).await;
    let path = format!("/documents/{}", answer.passages[0].document);
    world.change(&key("ada"), "DELETE", &path, &Value::Null).await;
    assert_eq!(world.answered(&Ask::usual()).await.text, answer.text);
    assert_eq!(world.audit().await, []);
}

async fn documents_that_are_not_their_owners_word_are_refused(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, eve) = (key("ada"), key("eve"));
    let refused = async |body: &Value| world.change(&ada, "POST", "/documents", body).await.code();
    let theirs = world.document_body(&eve, "Theirs", "What eve wrote.\n");
    assert_eq!(refused(&theirs).await, "forbidden");
    let mut moved = world.document_body(&ada, "Moved", "What ada wrote.\n");
    moved["text"] = json!("What ada never wrote.\n");
    assert_eq!(refused(&moved).await, "invalid_request");
    let mut changed = world.document_body(&ada, "Changed", "What ada wrote.\n");
    changed["manifest"]["title"] = json!("Another");
    assert_eq!(refused(&changed).await, "invalid_request");
    let mut forged = world.document_body(&ada, "Forged", "What ada wrote.\n");
    forged["manifest"]["signature"]["value"] = json!("00".repeat(64));
    assert!(["bad_signature", "invalid_request"].contains(&refused(&forged).await.as_str()));
}

async fn documents_beyond_the_limits_are_refused(backend: Backend) {
    let world = World::new(backend).await;
    let ada = key("ada");
    let refused = async |body: &Value| world.change(&ada, "POST", "/documents", body).await.code();
    let twice = world.document_body(&ada, "Again", BEES);
    assert_eq!(refused(&twice).await, "conflict");
    let large = world.document_body(&ada, "Large", &HOLDS.repeat(40_000));
    assert_eq!(refused(&large).await, "body_too_large");
    let mut kind = world.document_body(&ada, "Picture", "PNG");
    kind["mediaType"] = json!("image/png");
    assert_eq!(refused(&kind).await, "unsupported_media_type");
    let title = world.document_body(&ada, "  ", "Untitled.\n");
    assert_eq!(refused(&title).await, "invalid_request");
    let empty = world.document_body(&ada, "Empty", " \n");
    assert_eq!(refused(&empty).await, "invalid_request");
}

async fn more_documents_than_a_leader_may_have_are_refused(backend: Backend) {
    let config = QueryConfig {
        documents_max: 4,
        documents_bytes_max: i64::try_from(HOLDS.len() + BEES.len() + 20).unwrap(),
        ..QueryConfig::default()
    };
    let world = World::with(backend, config, Vec::new()).await;
    let ada = key("ada");
    let add = async |text: &str| {
        let body = world.document_body(&ada, "More", text);
        world.change(&ada, "POST", "/documents", &body).await
    };
    assert_eq!(add("This does not fit beside them.\n").await.code(), "rate_limited");
    add("One more.\n").await.expect(StatusCode::CREATED);
    add("Two.\n").await.expect(StatusCode::CREATED);
    assert_eq!(add("Five").await.code(), "rate_limited", "there are four already");
}

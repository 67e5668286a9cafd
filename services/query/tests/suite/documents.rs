//! The documents that questions are answered from.

use axum::http::StatusCode;
use imajin_query::QueryConfig;
use imajin_query_api::{DOCUMENTS_PAGE, DocumentCard};
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::world::{Ask, BEES, HOLDS, World, key};

on_both!(
    a_document_counts_at_once_and_no_more_when_it_is_removed,
    an_answer_stays_when_its_document_goes,
    documents_that_are_not_their_owners_word_are_refused,
    documents_beyond_the_limits_are_refused,
    more_documents_than_a_leader_may_have_are_refused,
    a_long_list_of_documents_comes_in_pages,
    what_was_removed_counts_and_so_do_manifests,
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
    let list: Vec<DocumentCard> = list.expect(StatusCode::OK).parse();
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
        ..QueryConfig::default()
    };
    let world = World::with(backend, config, Vec::new()).await;
    let ada = key("ada");
    let add = async |text: &str| {
        let body = world.document_body(&ada, "More", text);
        world.change(&ada, "POST", "/documents", &body).await
    };
    add("One more.\n").await.expect(StatusCode::CREATED);
    add("Two.\n").await.expect(StatusCode::CREATED);
    assert_eq!(add("Five").await.code(), "rate_limited", "there are four already");
}

async fn a_long_list_of_documents_comes_in_pages(backend: Backend) {
    let world = World::new(backend).await;
    let ada = key("ada");
    for number in 0..DOCUMENTS_PAGE {
        world
            .document(&ada, &format!("{number}"), &format!("Text {number}.\n"))
            .await;
    }
    let page = async |after: &str| -> Vec<DocumentCard> {
        let path = format!("/documents?owner={}{after}", ada.did());
        let answer = world.get(&path).await;
        answer.expect(StatusCode::OK);
        assert!(!answer.text().contains("contributors"), "no manifests");
        answer.parse()
    };
    let first = page("").await;
    let rest = page(&format!("&after={}", first[DOCUMENTS_PAGE - 1].id)).await;
    assert_eq!((first.len(), rest.len()), (DOCUMENTS_PAGE, 2));
    assert!(!first.iter().any(|card| rest.iter().any(|other| other.id == card.id)));
    assert!(page(&format!("&after={}", rest[1].id)).await.is_empty());
    let other = format!("/documents?owner={}&after={}", key("ben").did(), first[0].id);
    assert_eq!(world.get(&other).await.code(), "invalid_request");
}

async fn what_was_removed_counts_and_so_do_manifests(backend: Backend) {
    let world = World::new(backend).await;
    let ada = key("ada");
    let body = world.document_body(&ada, "More", "One more.\n");
    let each = body["manifest"].to_string().len();
    drop(world);
    let config = QueryConfig {
        documents_bytes_max: i64::try_from(each * 4).unwrap(),
        removed_times: 2,
        ..QueryConfig::default()
    };
    let world = World::with(backend, config, Vec::new()).await;
    let add = async |text: &str| {
        let body = world.document_body(&ada, "More", text);
        world.change(&ada, "POST", "/documents", &body).await
    };
    let mut added = 0;
    let refused = loop {
        let answer = add(&format!("Text {added}.\n")).await;
        if !answer.status.is_success() {
            break answer;
        }
        added += 1;
        let id = answer.json()["id"].as_str().unwrap().to_owned();
        let path = format!("/documents/{id}");
        let removed = world.change(&ada, "DELETE", &path, &Value::Null).await;
        removed.expect(StatusCode::NO_CONTENT);
        assert!(added < 10);
    };
    assert!(refused.detail().contains("were removed"), "{}", refused.detail());
    assert!(added > 2);
    let large = add(&"x".repeat(each * 2)).await;
    assert!(large.detail().contains("and their manifests"), "{}", large.detail());
    assert_eq!(world.audit().await, []);
}

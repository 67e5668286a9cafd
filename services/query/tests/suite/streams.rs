//! Answers that are read while they are made.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use futures::StreamExt as _;
use imajin_engine::{Endpoint, OpenAi, OpenAiOptions};
use imajin_kernel::Span;
use imajin_mjn::StreamOutcome;
use imajin_pay_api::CheckoutState;
use imajin_query::QueryConfig;
use imajin_query_api::AnswerBody;
use imajin_testkit::{Backend, OpenAiPeer, OpenAiReply, on_both};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::world::{Ask, World, key};

on_both!(
    a_streamed_answer_is_confirmed_by_its_last_event,
    a_reader_who_stops_pays_for_what_has_come,
    a_reader_who_takes_nothing_more_pays_for_what_has_come,
    answers_that_fail_count_among_those_of_a_day,
    a_streamed_answer_that_fails_costs_nothing,
    a_refusal_before_the_stream_has_its_own_status,
);

fn streamed() -> Ask {
    Ask {
        stream: true,
        ..Ask::usual()
    }
}

/// The data of each event of this name.
fn events(body: &[u8], name: &str) -> Vec<Value> {
    let text = String::from_utf8(body.to_vec()).unwrap();
    let prefix = format!("event: {name}\ndata: ");
    let found = text.split("\n\n").filter_map(|event| event.strip_prefix(&prefix));
    found.map(|data| serde_json::from_str(data).unwrap()).collect()
}

async fn a_streamed_answer_is_confirmed_by_its_last_event(backend: Backend) {
    let world = World::new(backend).await;
    let (request, pending, client) = world.prepare(&streamed());
    let answer = imajin_testkit::Answer::of(&world.router, request).await;
    answer.expect(StatusCode::OK);
    let keys = [world.keyring.node_public()];
    let head = client.stream(&pending, &keys, 200, &answer.headers).unwrap();
    let mut reader = head.reader();
    let data = reader.push(&answer.body).unwrap();
    let verified = reader.finish(&keys).unwrap();
    assert_eq!(verified.end.outcome, StreamOutcome::Complete);
    let text: String = events(&data, "text")
        .iter()
        .map(|one| one["text"].as_str().unwrap().to_owned())
        .collect();
    let whole: AnswerBody = serde_json::from_value(events(&data, "answer").remove(0)).unwrap();
    assert_eq!(text, whole.text);
    assert_eq!(verified.end.fair, Some(whole.fair.clone()));
    assert_eq!(verified.end.receipt, serde_json::to_value(whole.receipt).ok());
    assert_eq!(world.pay.all()[0].state, CheckoutState::Settled);
    // Asked again, it comes from the database.
    let again: AnswerBody = world.answered(&Ask::usual()).await;
    assert_eq!(again.text, whole.text);
    assert_eq!(world.audit().await, []);
}

async fn endless(backend: Backend, peer: &OpenAiPeer) -> World {
    let options = OpenAiOptions {
        endpoint: Endpoint::Operator(peer.url().parse().unwrap()),
        model: "tiny".to_owned(),
        api_key: None,
        answer_timeout: Duration::from_secs(20),
        idle_timeout: Duration::from_secs(20),
        context_bytes_max: 8_000,
    };
    let engine = Arc::new(OpenAi::new(options).unwrap());
    let config = QueryConfig {
        reader_patience: Span::millis(300),
        ..QueryConfig::default()
    };
    let world = World::with(backend, config, vec![engine]).await;
    let mut terms = world.usual_terms();
    (terms.engine, terms.model) = ("openai-compatible".to_owned(), Some("tiny".to_owned()));
    (terms.tokens_max, terms.ceiling) = (8_000, "1.00 TEST-USD".parse().unwrap());
    world.terms(&terms).await.expect(StatusCode::OK);
    world
}

async fn a_reader_who_stops_pays_for_what_has_come(backend: Backend) {
    let peer = OpenAiPeer::start(OpenAiReply::Endless("on ".to_owned())).await;
    let world = endless(backend, &peer).await;
    let ask = Ask {
        max: "1.00",
        ..streamed()
    };
    let (request, ..): (Request<Body>, _, _) = world.prepare(&ask);
    let response = world.router.clone().oneshot(request).await.unwrap();
    let mut body = response.into_body().into_data_stream();
    for _piece in 0..3 {
        body.next().await.unwrap().unwrap();
    }
    drop(body);
    peer.left().await;
    world.service.quiet().await;
    let held = &world.pay.all()[0];
    assert_eq!(held.state, CheckoutState::Settled);
    let fee = held.taken.as_ref().unwrap().price.amount.micros();
    // 0.01, and 0.001 for each piece that was on its way to the reader: not the 1.00 that was held.
    assert!((13_000..100_000).contains(&fee), "{fee}");
    assert_eq!(world.pay.balance(&key("ben").did()), 1_000_000 - fee);
    assert_eq!(world.audit().await, []);
}

/// They keep the connection, so nobody is told that they have gone.
async fn a_reader_who_takes_nothing_more_pays_for_what_has_come(backend: Backend) {
    let peer = OpenAiPeer::start(OpenAiReply::Endless("on ".to_owned())).await;
    let world = endless(backend, &peer).await;
    let ask = Ask {
        max: "1.00",
        ..streamed()
    };
    let (request, ..): (Request<Body>, _, _) = world.prepare(&ask);
    let response = world.router.clone().oneshot(request).await.unwrap();
    let mut body = response.into_body().into_data_stream();
    body.next().await.unwrap().unwrap();
    peer.left().await;
    world.service.quiet().await;
    let held = &world.pay.all()[0];
    assert_eq!(held.state, CheckoutState::Settled);
    let fee = held.taken.as_ref().unwrap().price.amount.micros();
    assert!((11_000..100_000).contains(&fee), "{fee}");
    // What waited for them is theirs all the same, and then the end of it.
    let mut rest = Vec::new();
    while let Some(bytes) = body.next().await {
        rest.extend(bytes.unwrap());
    }
    assert_eq!(events(&rest, "answer").len(), 1);
    assert_eq!(world.audit().await, []);
}

async fn answers_that_fail_count_among_those_of_a_day(backend: Backend) {
    let peer = OpenAiPeer::start(OpenAiReply::Cut(vec!["Money ".to_owned()])).await;
    let world = endless(backend, &peer).await;
    let ask = |key: &'static str| Ask {
        max: "1.00",
        key: Some(key),
        ..Ask::usual()
    };
    // What never came as far as the engine is no work.
    let purse = std::mem::take(&mut *world.pay.balances.lock().unwrap());
    assert_eq!(world.refused(&ask("poor")).await, "payment_required");
    *world.pay.balances.lock().unwrap() = purse;
    for key in ["1", "2", "3", "4", "5"] {
        assert_eq!(world.refused(&ask(key)).await, "unavailable");
    }
    assert_eq!(world.refused(&ask("6")).await, "rate_limited");
}

async fn a_streamed_answer_that_fails_costs_nothing(backend: Backend) {
    let peer = OpenAiPeer::start(OpenAiReply::Cut(vec!["Money ".to_owned()])).await;
    let world = endless(backend, &peer).await;
    let ask = Ask {
        max: "1.00",
        ..streamed()
    };
    let (request, pending, client) = world.prepare(&ask);
    let answer = imajin_testkit::Answer::of(&world.router, request).await;
    let keys = [world.keyring.node_public()];
    let mut reader = client.stream(&pending, &keys, 200, &answer.headers).unwrap().reader();
    let data = reader.push(&answer.body).unwrap();
    assert_eq!(reader.finish(&keys).unwrap().end.outcome, StreamOutcome::Failed);
    assert_eq!(events(&data, "problem")[0]["code"], "unavailable");
    assert_eq!(world.pay.all()[0].state, CheckoutState::Refunded);
    assert_eq!(world.pay.balance(&key("ben").did()), 1_000_000);
}

async fn a_refusal_before_the_stream_has_its_own_status(backend: Backend) {
    let world = World::new(backend).await;
    world.pay.balances.lock().unwrap().clear();
    assert_eq!(world.refused(&streamed()).await, "payment_required");
    let stranger = Ask {
        by: key("eve"),
        ..streamed()
    };
    assert_eq!(world.refused(&stranger).await, "forbidden");
}

//! An endpoint with a model: it answers, is slow, is wrong, is dead.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use imajin_engine::{Endpoint, OpenAi, OpenAiOptions};
use imajin_kernel::Span;
use imajin_pay_api::CheckoutState;
use imajin_query::QueryConfig;
use imajin_testkit::{Backend, OpenAiPeer, OpenAiReply, on_both};
use serde_json::json;

use crate::world::{Ask, World, key};

on_both!(
    a_model_answers_from_the_passages_and_is_named,
    an_engine_that_is_slow_wrong_or_dead_costs_nothing,
    a_question_that_no_document_answers_costs_nothing,
);

async fn with_model(backend: Backend, peer: &OpenAiPeer) -> World {
    let options = OpenAiOptions {
        endpoint: Endpoint::Operator(peer.url().parse().unwrap()),
        model: "tiny".to_owned(),
        api_key: None,
        answer_timeout: Duration::from_millis(150),
        idle_timeout: Duration::from_millis(100),
        context_bytes_max: 8_000,
    };
    let config = QueryConfig {
        engine_timeout: Span::seconds(5),
        ..QueryConfig::default()
    };
    let world = World::with(backend, config, vec![Arc::new(OpenAi::new(options).unwrap())]).await;
    let mut terms = world.usual_terms();
    (terms.engine, terms.model) = ("openai-compatible".to_owned(), Some("tiny".to_owned()));
    (terms.asker_daily_max, terms.daily_max) = (20, 20);
    world.terms(&terms).await.expect(StatusCode::OK);
    world
}

fn words(text: &str) -> Vec<String> {
    text.split_inclusive(' ').map(str::to_owned).collect()
}

async fn a_model_answers_from_the_passages_and_is_named(backend: Backend) {
    let peer = OpenAiPeer::start(OpenAiReply::Stream(words("Money that waits [1]."))).await;
    let world = with_model(backend, &peer).await;
    let answer = world.answered(&Ask::usual()).await;
    assert_eq!(answer.text, "Money that waits [1].");
    assert_eq!(answer.engine.model.as_deref(), Some("tiny"));
    assert_eq!(answer.passages.len(), 1);
    assert_eq!(answer.passages[0].title, "Holds");
    // 0.01 and four tokens.
    assert_eq!(answer.fee, Some("0.014 TEST-USD".parse().unwrap()));
    let prompt = peer.seen()[0].body.to_string();
    assert!(prompt.contains("A hold is money that waits"), "{prompt}");
    assert_eq!(world.audit().await, []);
}

async fn an_engine_that_is_slow_wrong_or_dead_costs_nothing(backend: Backend) {
    let peer = OpenAiPeer::start(OpenAiReply::Hang(words("Money that "))).await;
    let world = with_model(backend, &peer).await;
    let replies = [
        ("slow", OpenAiReply::Hang(words("Money that ")), "timeout"),
        ("cut", OpenAiReply::Cut(words("Money that ")), "unavailable"),
        (
            "wrong",
            OpenAiReply::Raw(b"data: {\"choices\":7}\n\n".to_vec()),
            "unavailable",
        ),
        ("refuses", OpenAiReply::Status(401), "unavailable"),
        ("broken", OpenAiReply::Status(500), "unavailable"),
        ("empty", OpenAiReply::Stream(Vec::new()), "unavailable"),
    ];
    let count = replies.len();
    for (key, reply, code) in replies {
        peer.reply(reply);
        let ask = Ask {
            key: Some(key),
            ..Ask::usual()
        };
        assert_eq!(world.refused(&ask).await, code, "{key}");
    }
    drop(peer);
    let ask = Ask {
        key: Some("dead"),
        ..Ask::usual()
    };
    assert_eq!(world.refused(&ask).await, "unavailable");
    let holds = world.pay.all();
    assert_eq!(holds.len(), count + 1, "each was held for before the engine was asked");
    assert!(holds.iter().all(|held| held.state == CheckoutState::Refunded));
    assert_eq!(world.pay.balance(&key("ben").did()), 1_000_000);
    assert_eq!(world.audit().await, []);
}

async fn a_question_that_no_document_answers_costs_nothing(backend: Backend) {
    let world = World::new(backend).await;
    let ask = Ask {
        body: json!({"query": "Quantum chromodynamics?"}),
        ..Ask::usual()
    };
    assert_eq!(world.refused(&ask).await, "not_found");
    assert_eq!(world.pay.all()[0].state, CheckoutState::Refunded);
}

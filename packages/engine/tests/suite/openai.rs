//! The engine behind an endpoint, against a server of the test kit.

use std::time::Duration;

use imajin_engine::{
    Answered, Endpoint, Engine, EngineError, Finish, OpenAi, OpenAiOptions, Output, QUESTION_BYTES_MAX, Question, Quote,
};
use imajin_testkit::{OpenAiPeer, OpenAiReply};
use imajin_web::Reach;
use serde_json::json;

use crate::id;

fn quote(text: &str) -> Quote {
    Quote {
        document: id("doc"),
        sha256: "00".repeat(32),
        fair: "fair_doc".parse().unwrap(),
        source: 0..text.len(),
        text: text.to_owned(),
    }
}

fn question() -> Question {
    Question {
        text: "What is a hold?".to_owned(),
        quotes: vec![
            quote("A hold is money that waits."),
            quote("It ends."),
            quote("A name is kept."),
        ],
        tokens_max: 20,
    }
}

fn options(url: &str) -> OpenAiOptions {
    OpenAiOptions {
        endpoint: Endpoint::Operator(url.parse().unwrap()),
        model: "test-model".to_owned(),
        api_key: Some("secret-key".to_owned().into()),
        answer_timeout: Duration::from_secs(20),
        idle_timeout: Duration::from_secs(20),
        context_bytes_max: 1_000,
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_inclusive(' ').map(str::to_owned).collect()
}

/// Asks and reads everything that comes, also of an answer that fails.
async fn ask(options: OpenAiOptions, question: &Question) -> (Result<Answered, EngineError>, String) {
    let engine = OpenAi::new(options).unwrap();
    let (output, mut pieces) = Output::new(1_000);
    let answered = engine.answer(question, &output).await;
    drop(output);
    let mut text = String::new();
    while let Some(piece) = pieces.recv().await {
        text.push_str(&piece);
    }
    (answered, text)
}

async fn asked_of(reply: OpenAiReply) -> (Result<Answered, EngineError>, String) {
    let peer = OpenAiPeer::start(reply).await;
    ask(options(peer.url()), &question()).await
}

#[tokio::test]
async fn the_model_gets_the_passages_and_its_words_are_passed_on() {
    let peer = OpenAiPeer::start(OpenAiReply::Stream(words("Money that waits [1]."))).await;
    let (answered, text) = ask(options(peer.url()), &question()).await;
    let answered = answered.unwrap();
    assert_eq!(text, "Money that waits [1].");
    assert_eq!((answered.cited, answered.finish), (vec![0], Finish::Stop));
    assert_eq!(answered.usage.completion_tokens, 4);
    let seen = peer.seen();
    assert_eq!(seen[0].authorization.as_deref(), Some("Bearer secret-key"));
    let body = &seen[0].body;
    assert_eq!(
        (&body["model"], &body["max_tokens"], &body["stream"]),
        (&json!("test-model"), &json!(20), &json!(true))
    );
    let prompt = body["messages"][1]["content"].as_str().unwrap();
    assert!(
        prompt.starts_with("[1] A hold is money that waits.\n\n[2] It ends.\n\n[3] "),
        "{prompt}"
    );
    assert!(prompt.ends_with("Question: What is a hold?"), "{prompt}");
}

#[tokio::test]
async fn an_endpoint_that_does_not_stream_or_count_is_used_too() {
    let (answered, text) = asked_of(OpenAiReply::Whole("Money that waits.".to_owned())).await;
    let answered = answered.unwrap();
    assert_eq!(
        (text.as_str(), answered.usage.completion_tokens),
        ("Money that waits.", 3)
    );
    assert_eq!(answered.cited, [0, 1, 2], "who names nothing may have used everything");
    let (answered, _) = asked_of(OpenAiReply::StreamUncounted(words("Money that waits."))).await;
    let usage = answered.unwrap().usage;
    assert_eq!(usage.completion_tokens, 3);
    assert!(usage.prompt_tokens > 10, "{usage:?}");
}

#[tokio::test]
async fn a_model_gets_no_more_passages_than_fit() {
    let peer = OpenAiPeer::start(OpenAiReply::Stream(words("It ends."))).await;
    let small = OpenAiOptions {
        context_bytes_max: 40,
        ..options(peer.url())
    };
    let (answered, _) = ask(small, &question()).await;
    assert_eq!(answered.unwrap().cited, [0, 1]);
    let none = OpenAiOptions {
        context_bytes_max: 10,
        ..options(peer.url())
    };
    assert_eq!(ask(none, &question()).await.0, Err(EngineError::NothingFound));
    assert_eq!(peer.seen().len(), 1, "without a passage nobody is asked");
}

#[tokio::test]
async fn an_endless_answer_is_cut_off_at_what_was_paid_for() {
    let peer = OpenAiPeer::start(OpenAiReply::Endless("more ".to_owned())).await;
    let (answered, text) = ask(options(peer.url()), &question()).await;
    let answered = answered.unwrap();
    assert_eq!(
        (answered.finish, answered.usage.completion_tokens),
        (Finish::Length, 20)
    );
    assert_eq!(text, "more ".repeat(20));
    peer.left().await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_none() {
    let (answered, text) = asked_of(OpenAiReply::Cut(words("Money that"))).await;
    assert_eq!((answered, text.as_str()), (Err(EngineError::BadAnswer), "Money that"));
    for reply in [
        OpenAiReply::Stream(vec![]),
        OpenAiReply::Whole(" ".to_owned()),
        OpenAiReply::Raw(b"data: {\"error\":\"out of memory\"}\n\n".to_vec()),
        OpenAiReply::Raw(b"data: nonsense\n\n".to_vec()),
        OpenAiReply::Raw(vec![b'x'; 3_000_000]),
    ] {
        let (answered, _) = asked_of(reply.clone()).await;
        assert_eq!(answered, Err(EngineError::BadAnswer), "{reply:?}");
    }
}

#[tokio::test]
async fn an_endpoint_that_refuses_or_is_away_is_known_as_such() {
    for (status, error) in [
        (401, EngineError::Refused),
        (404, EngineError::Refused),
        (307, EngineError::Refused),
        (429, EngineError::Unavailable),
        (500, EngineError::Unavailable),
        (503, EngineError::Unavailable),
    ] {
        assert_eq!(asked_of(OpenAiReply::Status(status)).await.0, Err(error), "{status}");
    }
    let peer = OpenAiPeer::start(OpenAiReply::Status(200)).await;
    let url = peer.url().to_owned();
    drop(peer);
    let nobody = OpenAiOptions {
        endpoint: Endpoint::Operator("http://127.0.0.1:1/v1".parse().unwrap()),
        ..options(&url)
    };
    assert_eq!(ask(nobody, &question()).await.0, Err(EngineError::Unavailable));
}

#[tokio::test]
async fn an_endpoint_that_says_nothing_is_not_waited_for() {
    let peer = OpenAiPeer::start(OpenAiReply::Hang(words("Money that"))).await;
    let impatient = OpenAiOptions {
        idle_timeout: Duration::from_millis(200),
        ..options(peer.url())
    };
    let (answered, text) = ask(impatient, &question()).await;
    assert_eq!((answered, text.as_str()), (Err(EngineError::TimedOut), "Money that"));
    peer.left().await;
}

#[tokio::test]
async fn when_the_asker_goes_the_endpoint_is_left_in_the_middle() {
    let peer = OpenAiPeer::start(OpenAiReply::Hang(words("Money that waits"))).await;
    let engine = OpenAi::new(options(peer.url())).unwrap();
    let (output, mut pieces) = Output::new(10);
    let asker = async {
        let first = pieces.recv().await;
        drop(pieces);
        first
    };
    let question = question();
    let (answered, first) = tokio::join!(engine.answer(&question, &output), asker);
    assert_eq!(
        (answered, first.as_deref()),
        (Err(EngineError::AskerGone), Some("Money "))
    );
    peer.left().await;
}

#[tokio::test]
async fn an_address_that_a_leader_names_reaches_nothing_private() {
    let peer = OpenAiPeer::start(OpenAiReply::Stream(words("secret"))).await;
    let private = |url: &str, reach| OpenAiOptions {
        endpoint: Endpoint::Leader(url.parse().unwrap(), reach),
        ..options(peer.url())
    };
    for url in [
        peer.url(),
        "https://127.0.0.1/v1",
        "https://localhost/v1",
        "https://169.254.169.254/v1",
        "https://[::1]/v1",
    ] {
        let (answered, _) = ask(private(url, Reach::Public), &question()).await;
        assert_eq!(answered, Err(EngineError::Refused), "{url}");
    }
    assert_eq!(peer.seen().len(), 0);
    let (answered, _) = ask(private(peer.url(), Reach::Development), &question()).await;
    assert!(answered.is_ok(), "under development this machine may be asked");
}

#[test]
fn an_address_with_a_secret_in_it_is_refused() {
    for url in [
        "http://a:b@localhost/v1",
        "http://localhost/v1?key=x",
        "http://localhost/v1#x",
        "ftp://localhost/v1",
    ] {
        assert!(OpenAi::new(options(url)).is_err(), "{url}");
    }
}

#[tokio::test]
async fn questions_beyond_the_limits_are_not_asked() {
    let peer = OpenAiPeer::start(OpenAiReply::Stream(words("x"))).await;
    let mut long = question();
    long.text = "x".repeat(QUESTION_BYTES_MAX + 1);
    assert_eq!(
        ask(options(peer.url()), &long).await.0,
        Err(EngineError::QuestionTooLong)
    );
    let mut empty = question();
    empty.quotes.clear();
    assert_eq!(ask(options(peer.url()), &empty).await.0, Err(EngineError::NothingFound));
    assert_eq!(peer.seen().len(), 0);
}

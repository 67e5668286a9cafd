use imajin_engine::{Answered, Embedded, Engine, EngineError, Finish, Output, QUESTION_BYTES_MAX, Question, Quote};

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

fn question(tokens_max: u32) -> Question {
    Question {
        text: "What is a hold?".to_owned(),
        quotes: vec![
            quote("A hold is money that waits."),
            quote("It ends."),
            quote("Somebody else wrote this."),
        ],
        tokens_max,
    }
}

async fn ask(question: &Question) -> Result<(Answered, String), EngineError> {
    let (output, mut pieces) = Output::new(100);
    let answered = Embedded.answer(question, &output).await?;
    drop(output);
    let mut text = String::new();
    while let Some(piece) = pieces.recv().await {
        text.push_str(&piece);
    }
    Ok((answered, text))
}

#[tokio::test]
async fn the_answer_is_what_the_documents_say_word_for_word() {
    let (answered, text) = ask(&question(100)).await.unwrap();
    assert_eq!(
        text,
        "[1] A hold is money that waits.\n\n[2] It ends.\n\n[3] Somebody else wrote this.\n\n"
    );
    assert_eq!((answered.cited, answered.finish), (vec![0, 1, 2], Finish::Stop));
    assert_eq!(
        (answered.usage.prompt_tokens, answered.usage.completion_tokens),
        (4, 12)
    );
    assert_eq!(Embedded.identity().engine, "embedded");
}

#[tokio::test]
async fn an_answer_has_no_more_tokens_than_were_paid_for() {
    let (answered, text) = ask(&question(8)).await.unwrap();
    assert_eq!(text, "[1] A hold is money that waits.\n\n[2] It ends.\n\n");
    assert_eq!(
        (answered.cited, answered.finish, answered.usage.completion_tokens),
        (vec![0, 1], Finish::Length, 8)
    );
    let (answered, text) = ask(&question(3)).await.unwrap();
    assert_eq!(
        (text.as_str(), answered.usage.completion_tokens),
        ("[1] A hold is\n\n", 3)
    );
}

#[tokio::test]
async fn without_passages_there_is_no_answer() {
    let mut empty = question(10);
    empty.quotes.clear();
    assert_eq!(ask(&empty).await, Err(EngineError::NothingFound));
    assert_eq!(ask(&question(0)).await, Err(EngineError::NothingFound));
}

#[tokio::test]
async fn a_question_beyond_the_limit_is_refused() {
    let mut long = question(10);
    long.text = "x".repeat(QUESTION_BYTES_MAX + 1);
    assert_eq!(ask(&long).await, Err(EngineError::QuestionTooLong));
}

#[tokio::test]
async fn an_asker_who_has_gone_stops_the_work() {
    let (output, pieces) = Output::new(1);
    drop(pieces);
    output.gone().await;
    assert_eq!(
        Embedded.answer(&question(100), &output).await,
        Err(EngineError::AskerGone)
    );
}

//! What agents say at a gate, and that their broker hears it.

use axum::http::StatusCode;
use diesel::connection::SimpleConnection;
use imajin_gate::{Charge, Feedbacks, Till};
use imajin_imagxp::{AgentKey, Feedback};
use imajin_kernel::{Code, Problem, Span};
use imajin_store::{StoreError, tamper};
use imajin_testkit::{Backend, on_both};

use crate::gate_disputes::Scene;
use crate::gates::{Gated, charge};

on_both!(
    what_an_agent_says_is_passed_on_once_and_as_it_is,
    a_broker_that_does_not_know_the_payment_yet_is_told_later,
    what_a_broker_refuses_is_not_said_again,
    a_damaged_row_holds_no_other_feedback_up,
    the_last_word_of_an_agent_counts,
    what_is_said_about_nothing_that_was_paid_is_refused,
    what_was_charged_before_brokers_were_written_down_is_still_intact,
    who_objects_here_gets_the_page_no_second_time,
);

const AGENT: &str = "bot.example.org";

fn digest(number: u8) -> String {
    format!("{number:064x}")
}

fn said(number: u8, score: u32) -> Feedback {
    let key = AgentKey::generate().unwrap();
    let url = "https://site.example/posts/1";
    Feedback::sign(&key, url, score.into(), "There is nothing.", &digest(number)).unwrap()
}

async fn paid(gated: &Gated, number: u8) {
    gated.pays(&charge(&digest(number), None)).await;
}

async fn keep(gated: &Gated, feedback: &Feedback) -> Result<(), Problem> {
    gated.books.keep(AGENT, feedback).await
}

/// One that the broker was not told yet.
pub(crate) async fn kept(gated: &Gated) {
    paid(gated, 99).await;
    keep(gated, &said(99, 0)).await.unwrap();
}

async fn pass(scene: &Scene) -> usize {
    scene.gated.world.publisher.feedback_pass().await.unwrap()
}

async fn what_an_agent_says_is_passed_on_once_and_as_it_is(backend: Backend) {
    let scene = Scene::new(backend).await;
    paid(&scene.gated, 1).await;
    let feedback = said(1, 0);
    for _again in 0..3 {
        keep(&scene.gated, &feedback).await.unwrap();
    }
    assert_eq!(pass(&scene).await, 1);
    assert_eq!(scene.said(), [serde_json::to_value(&feedback).unwrap()]);
    keep(&scene.gated, &feedback).await.unwrap();
    assert_eq!((pass(&scene).await, scene.said().len()), (0, 1));
    assert_eq!(scene.gated.world.audit().await, []);
}

async fn a_broker_that_does_not_know_the_payment_yet_is_told_later(backend: Backend) {
    let scene = Scene::new(backend).await;
    let clock = &scene.gated.world.clock;
    paid(&scene.gated, 1).await;
    paid(&scene.gated, 2).await;
    keep(&scene.gated, &said(1, 0)).await.unwrap();
    clock.advance(Span::seconds(1));
    keep(&scene.gated, &said(2, 0)).await.unwrap();
    // A broker that is away is not asked twice in one round.
    scene.broker_says(&[StatusCode::BAD_GATEWAY]);
    assert_eq!((pass(&scene).await, scene.said().len()), (0, 1));
    assert_eq!((pass(&scene).await, scene.said().len()), (0, 1), "not at once");
    clock.advance(Span::minutes(3));
    scene.broker_says(&[StatusCode::NOT_FOUND, StatusCode::UNAUTHORIZED]);
    assert_eq!((pass(&scene).await, scene.said().len()), (0, 3));
    clock.advance(Span::minutes(3));
    assert_eq!(
        (pass(&scene).await, scene.said().len()),
        (0, 3),
        "each pause is twice the one before"
    );
    clock.advance(Span::minutes(2));
    assert_eq!((pass(&scene).await, scene.said().len()), (2, 5));
    // What no broker knows in the end was about nothing.
    paid(&scene.gated, 3).await;
    keep(&scene.gated, &said(3, 0)).await.unwrap();
    scene.broker_says(&[StatusCode::NOT_FOUND]);
    clock.advance(Span::days(9));
    assert_eq!((pass(&scene).await, scene.said().len()), (0, 6));
    clock.advance(Span::days(1));
    assert_eq!((pass(&scene).await, scene.said().len()), (0, 6));
    assert_eq!(scene.gated.world.audit().await, []);
}

async fn a_damaged_row_holds_no_other_feedback_up(backend: Backend) {
    let scene = Scene::new(backend).await;
    let damaged = async || {
        let damaged: Result<(), StoreError> = scene
            .gated
            .world
            .db
            .write(|conn| {
                for place in tamper::rows(conn, "gate_feedback")? {
                    tamper::tamper(conn, "gate_feedback", "row_seal", &place)?.unwrap();
                }
                Ok(())
            })
            .await;
        damaged.unwrap();
    };
    // More than are passed on in one round.
    for number in 0..101 {
        paid(&scene.gated, number).await;
        keep(&scene.gated, &said(number, 0)).await.unwrap();
    }
    damaged().await;
    scene.gated.world.clock.advance(Span::seconds(1));
    paid(&scene.gated, 200).await;
    keep(&scene.gated, &said(200, 0)).await.unwrap();
    assert_eq!((pass(&scene).await, scene.said().len()), (1, 1));
}

async fn what_a_broker_refuses_is_not_said_again(backend: Backend) {
    let scene = Scene::new(backend).await;
    for (number, status) in [
        (1, StatusCode::BAD_REQUEST),
        (2, StatusCode::FORBIDDEN),
        (3, StatusCode::CONFLICT),
    ] {
        paid(&scene.gated, number).await;
        keep(&scene.gated, &said(number, 0)).await.unwrap();
        scene.broker_says(&[status]);
        assert_eq!((pass(&scene).await, scene.said().len()), (0, usize::from(number)));
        scene.gated.world.clock.advance(Span::days(1));
        assert_eq!((pass(&scene).await, scene.said().len()), (0, usize::from(number)));
    }
}

async fn the_last_word_of_an_agent_counts(backend: Backend) {
    let scene = Scene::new(backend).await;
    paid(&scene.gated, 1).await;
    keep(&scene.gated, &said(1, 0)).await.unwrap();
    let content = said(1, 1);
    keep(&scene.gated, &content).await.unwrap();
    assert_eq!(pass(&scene).await, 1);
    assert_eq!(scene.said(), [serde_json::to_value(&content).unwrap()]);
    // Also after the broker has heard the first.
    keep(&scene.gated, &said(1, 0)).await.unwrap();
    assert_eq!((pass(&scene).await, scene.said().len()), (1, 2));
    // It is forgotten with the records.
    scene.gated.world.clock.advance(Span::days(92));
    scene.gated.books.forget().await.unwrap();
    assert_eq!(keep(&scene.gated, &content).await.unwrap_err().code, Code::NotFound);
    assert_eq!(scene.gated.world.audit().await, []);
}

async fn what_is_said_about_nothing_that_was_paid_is_refused(backend: Backend) {
    let scene = Scene::new(backend).await;
    let gated = &scene.gated;
    paid(gated, 1).await;
    let elsewhere = Charge {
        url: "https://site.example/posts/2".to_owned(),
        ..charge(&digest(2), None)
    };
    gated.pays(&elsewhere).await;
    // Another claim, another page, and another agent who has seen the claim.
    for (agent, feedback) in [
        (AGENT, said(3, 0)),
        (AGENT, said(2, 0)),
        ("other.example.org", said(1, 0)),
    ] {
        let refused = gated.books.keep(agent, &feedback).await.unwrap_err();
        assert_eq!(refused.code, Code::NotFound, "{agent}: {refused}");
    }
    assert_eq!((pass(&scene).await, scene.said().len()), (0, 0));
}

async fn what_was_charged_before_brokers_were_written_down_is_still_intact(backend: Backend) {
    let scene = Scene::new(backend).await;
    let gated = &scene.gated;
    // The visa of this test says nothing about its broker: rows from before look the same.
    paid(gated, 1).await;
    assert_eq!(gated.world.audit().await, []);
    let named = "UPDATE gate_claims SET broker = 'https://evil.example/broker'";
    let changed: Result<(), StoreError> = gated.world.db.write(move |conn| Ok(conn.batch_execute(named)?)).await;
    changed.unwrap();
    assert_eq!(gated.world.audit().await.len(), 1);
    assert!(
        keep(gated, &said(1, 0)).await.is_err(),
        "nobody is led to another broker"
    );
}

async fn who_objects_here_gets_the_page_no_second_time(backend: Backend) {
    let scene = Scene::new(backend).await;
    let gated = &scene.gated;
    let paid = gated.pays(&charge(&digest(1), Some("k"))).await;
    keep(gated, &said(1, 0)).await.unwrap();
    let refused = gated.books.charge(&charge(&digest(2), Some("k"))).await.unwrap_err();
    assert_eq!(refused.code, Code::InvalidRequest, "{refused:?}");
    // Taken back, or refused by the broker, it is none.
    keep(gated, &said(1, 1)).await.unwrap();
    assert_eq!(gated.pays(&charge(&digest(3), Some("k"))).await.receipt, paid.receipt);
    keep(gated, &said(1, 0)).await.unwrap();
    scene.broker_says(&[StatusCode::CONFLICT]);
    pass(&scene).await;
    assert_eq!(gated.pays(&charge(&digest(4), Some("k"))).await.receipt, paid.receipt);
}

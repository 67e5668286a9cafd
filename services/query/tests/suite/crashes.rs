//! The node is killed between two durable steps: no answer without a hold, no charge without an answer, and everything
//! ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::StatusCode;
use imajin_engine::Embedded;
use imajin_kernel::{Problem, Span};
use imajin_pay_api::CheckoutState;
use imajin_query::{Interrupt, QueryConfig, Step};
use imajin_store::{StoreError, tamper};
use imajin_testkit::{Backend, on_both};

use crate::world::{Ask, World, key};

on_both!(
    killed_at_each_step_it_ends_with_an_answer_that_is_paid_or_with_neither,
    an_answer_is_paid_for_when_pay_comes_back,
    a_question_whose_hold_was_not_heard_of_costs_nothing,
    a_damaged_question_holds_no_other_up,
);

async fn cut_at(backend: Backend, step: Step) -> World {
    let config = QueryConfig {
        interrupt: Interrupt::new(move |at| if at == step { Err(Problem::internal()) } else { Ok(()) }),
        ..QueryConfig::default()
    };
    World::with(backend, config, vec![Arc::new(Embedded)]).await
}

async fn killed_at_each_step_it_ends_with_an_answer_that_is_paid_or_with_neither(backend: Backend) {
    for step in Step::ALL {
        let world = cut_at(backend, step).await;
        world.ask(&Ask::usual()).await.expect(StatusCode::INTERNAL_SERVER_ERROR);
        let world = world.again().await;
        // Before its time is over nobody knows that it will not be answered.
        world.service.drive().await.unwrap();
        world.clock.advance(Span::minutes(3));
        world.service.drive().await.unwrap();
        world.pay.drive().await;
        let holds = world.pay.all();
        let ben = world.pay.balance(&key("ben").did());
        if matches!(step, Step::Answered | Step::Captured) {
            let answer = world.answered(&Ask::usual()).await;
            let fee = answer.fee.unwrap().amount.micros();
            assert_eq!(holds[0].state, CheckoutState::Settled, "{step:?}");
            assert_eq!(ben, 1_000_000 - fee, "{step:?}");
        } else {
            assert_eq!(world.refused(&Ask::usual()).await, "timeout", "{step:?}");
            assert_eq!(ben, 1_000_000, "{step:?}");
            assert!(
                holds.iter().all(|held| held.state == CheckoutState::Refunded),
                "{step:?}: {holds:?}"
            );
            assert_eq!(holds.is_empty(), step == Step::Placed);
        }
        assert_eq!(world.audit().await, [], "{step:?}");
    }
}

async fn an_answer_is_paid_for_when_pay_comes_back(backend: Backend) {
    let (pay_goes, gone) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (told, asked) = (Arc::clone(&pay_goes), Arc::clone(&gone));
    let config = QueryConfig {
        interrupt: Interrupt::new(move |at| {
            asked.fetch_or(at == Step::Answered && told.load(Ordering::SeqCst), Ordering::SeqCst);
            if asked.load(Ordering::SeqCst) {
                return Err(Problem::unavailable("The service `pay`"));
            }
            Ok(())
        }),
        ..QueryConfig::default()
    };
    let world = World::with(backend, config, Vec::new()).await;
    pay_goes.store(true, Ordering::SeqCst);
    assert_eq!(world.ask(&Ask::usual()).await.code(), "unavailable");
    world.pay.away.store(true, Ordering::SeqCst);
    let world = world.again().await;
    // Asked again, it is not given away before it is paid for.
    assert_eq!(world.ask(&Ask::usual()).await.code(), "unavailable");
    world.service.drive().await.unwrap();
    assert_eq!(world.pay.all()[0].state, CheckoutState::Paid);
    world.pay.away.store(false, Ordering::SeqCst);
    world.service.drive().await.unwrap();
    world.answered(&Ask::usual()).await;
    assert_eq!(world.pay.all()[0].state, CheckoutState::Settled);
    assert_eq!(world.audit().await, []);
}

async fn a_question_whose_hold_was_not_heard_of_costs_nothing(backend: Backend) {
    let world = World::new(backend).await;
    world.pay.away.store(true, Ordering::SeqCst);
    assert_eq!(world.refused(&Ask::usual()).await, "unavailable");
    world.pay.away.store(false, Ordering::SeqCst);
    world.pay.drive().await;
    assert!(world.pay.all().is_empty());
    assert_eq!(world.audit().await, []);
}

async fn a_damaged_question_holds_no_other_up(backend: Backend) {
    for (step, state) in [
        (Step::Answered, CheckoutState::Settled),
        (Step::Held, CheckoutState::Refunded),
    ] {
        let world = cut_at(backend, step).await;
        for key in ["first", "second"] {
            let ask = Ask {
                key: Some(key),
                ..Ask::usual()
            };
            world.ask(&ask).await.expect(StatusCode::INTERNAL_SERVER_ERROR);
        }
        let damaged: Result<(), StoreError> = world
            .db
            .write(|conn| {
                let place = tamper::rows(conn, "questions")?.remove(0);
                tamper::tamper(conn, "questions", "row_seal", &place)?.unwrap();
                Ok(())
            })
            .await;
        damaged.unwrap();
        let world = world.again().await;
        world.clock.advance(Span::minutes(3));
        world.service.drive().await.unwrap();
        let ended = world.pay.all().iter().filter(|held| held.state == state).count();
        assert_eq!(ended, 1, "{step:?}");
    }
}

//! Questions that came to nothing and documents that were removed are forgotten in their time; what was paid for stays.

use std::sync::Arc;

use axum::http::StatusCode;
use diesel::prelude::*;
use imajin_engine::Embedded;
use imajin_kernel::id::DocumentId;
use imajin_kernel::{Problem, Span};
use imajin_pay_api::{CheckoutState, Delivery, DeliveryOutcome, SellerApi};
use imajin_query::{Interrupt, QueryConfig, Step};
use imajin_store::StoreError;
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::schema::{documents, questions};
use crate::world::{Ask, World, key};

on_both!(
    questions_that_came_to_nothing_are_forgotten,
    what_was_forgotten_is_never_handed_over,
    many_questions_that_came_to_nothing_are_forgotten_at_once,
    a_question_that_is_missing_is_found_unless_it_was_forgotten,
    removed_documents_are_forgotten_after_their_time,
    a_document_that_is_missing_is_found_unless_it_was_forgotten,
    a_document_stays_until_the_answer_that_quotes_it_is_paid_for,
);

impl World {
    /// ben asks what nobody has written about.
    async fn in_vain(&self, key: &'static str) {
        let ask = Ask {
            key: Some(key),
            body: json!({"query": "Quantum chromodynamics?"}),
            ..Ask::usual()
        };
        assert_eq!(self.refused(&ask).await, "not_found");
    }

    /// ada removes what was found for the usual question.
    async fn holds_removed(&self) -> DocumentId {
        let own = self.get(&format!("/documents?owner={}", key("ada").did())).await;
        let list = own.expect(StatusCode::OK).json();
        let holds = list
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["title"] == "Holds")
            .unwrap();
        let id = holds["id"].as_str().unwrap().to_owned();
        let path = format!("/documents/{id}");
        let removed = self.change(&key("ada"), "DELETE", &path, &Value::Null).await;
        assert!(removed.status.is_success(), "{}", removed.text());
        id.parse().unwrap()
    }

    async fn delete_by_hand(
        &self,
        delete: impl Fn(&mut imajin_store::Conn) -> Result<usize, StoreError> + Send + 'static,
    ) {
        assert_eq!(self.db.write(delete).await.unwrap(), 1);
    }

    /// The one row that the audit misses.
    async fn missed(&self, table: &str) {
        let findings = self.audit().await;
        assert_eq!(findings.len(), 1, "{findings:?}");
        let said = findings[0].to_string();
        assert!(
            said.starts_with(&format!("query.{table}")) && said.contains("missing"),
            "{said}"
        );
    }
}

async fn questions_that_came_to_nothing_are_forgotten(backend: Backend) {
    let world = World::new(backend).await;
    let answer = world.answered(&Ask::usual()).await;
    world.in_vain("ask-2").await;
    world.later(Span::days(29)).await;
    assert_eq!(world.count("questions").await, 2, "it is kept for a month");
    world.in_vain("ask-3").await;
    world.later(Span::days(2)).await;
    assert_eq!(world.count("questions").await, 2, "the later one is kept for its own");
    world.in_vain("ask-2").await;
    assert_eq!(world.count("questions").await, 3, "the key is free again");
    world.later(Span::days(400)).await;
    assert_eq!(world.count("questions").await, 1, "what was paid for stays");
    assert_eq!(world.answered(&Ask::usual()).await.text, answer.text);
    world.later(Span::hours(1)).await;
}

async fn what_was_forgotten_is_never_handed_over(backend: Backend) {
    let world = World::new(backend).await;
    world.in_vain("ask-2").await;
    world.later(Span::days(32)).await;
    let held = world.pay.all().remove(0);
    let delivery = Delivery {
        goods: held.hold.goods,
        checkout: held.checkout,
        receipt: held.receipt,
        payer: held.hold.buyer,
        gross: held.most,
        paid_at: world.env.now(),
    };
    let outcome = world.service.goods_deliver(delivery).await.unwrap();
    assert!(matches!(outcome, DeliveryOutcome::Refused { .. }), "{outcome:?}");
}

async fn many_questions_that_came_to_nothing_are_forgotten_at_once(backend: Backend) {
    let world = World::new(backend).await;
    let mut terms = world.usual_terms();
    (terms.asker_daily_max, terms.daily_max) = (100, 100);
    world.terms(&terms).await.expect(StatusCode::OK);
    for number in 0..51 {
        world.in_vain(Box::leak(format!("ask-{number}").into_boxed_str())).await;
    }
    world.later(Span::days(32)).await;
    assert_eq!(world.count("questions").await, 0);
}

async fn a_question_that_is_missing_is_found_unless_it_was_forgotten(backend: Backend) {
    for state in ["settled", "failed"] {
        let world = World::new(backend).await;
        world.in_vain("ask-1").await;
        world
            .answered(&Ask {
                key: Some("ask-2"),
                ..Ask::usual()
            })
            .await;
        world.later(Span::days(32)).await;
        assert_eq!(world.count("questions").await, 1);
        world.in_vain("ask-3").await;
        // One that was paid for, from before the time until which others were forgotten; and one from after it.
        world
            .delete_by_hand(move |conn| {
                let found = questions::table.filter(questions::state.eq(state));
                Ok(diesel::delete(found).execute(conn)?)
            })
            .await;
        world.missed("questions").await;
    }
}

async fn removed_documents_are_forgotten_after_their_time(backend: Backend) {
    let world = World::with_evidence_kept(backend, 30).await;
    let answer = world.answered(&Ask::usual()).await;
    world.later(Span::days(40)).await;
    assert_eq!(world.count("documents").await, 2, "what is not removed stays");
    world.holds_removed().await;
    world.later(Span::days(29)).await;
    assert_eq!(world.count("documents").await, 2);
    world.later(Span::days(3)).await;
    assert_eq!(world.count("documents").await, 1);
    let again = world.answered(&Ask::usual()).await;
    assert_eq!(
        (again.text, again.passages),
        (answer.text, answer.passages),
        "the answer is as it was"
    );
}

async fn a_document_that_is_missing_is_found_unless_it_was_forgotten(backend: Backend) {
    let world = World::with_evidence_kept(backend, 30).await;
    world.holds_removed().await;
    world.later(Span::days(40)).await;
    assert_eq!(world.count("documents").await, 1);
    world.document(&key("ada"), "Holds", crate::world::HOLDS).await;
    world.holds_removed().await;
    world.later(Span::days(2)).await;
    world
        .delete_by_hand(|conn| {
            let removed = documents::table.filter(documents::deleted_at.is_not_null());
            Ok(diesel::delete(removed).execute(conn)?)
        })
        .await;
    world.missed("documents").await;
}

async fn a_document_stays_until_the_answer_that_quotes_it_is_paid_for(backend: Backend) {
    let config = QueryConfig {
        evidence_kept: Span::days(30),
        interrupt: Interrupt::new(|at| match at {
            Step::Answered => Err(Problem::internal()),
            _ => Ok(()),
        }),
        ..QueryConfig::default()
    };
    let world = World::with(backend, config, vec![Arc::new(Embedded)]).await;
    world.ask(&Ask::usual()).await.expect(StatusCode::INTERNAL_SERVER_ERROR);
    world.holds_removed().await;
    world.later(Span::days(40)).await;
    assert_eq!(world.count("documents").await, 2);
    let again = world.again().await;
    again.service.drive().await.unwrap();
    assert_eq!(again.pay.all()[0].state, CheckoutState::Settled);
    world.later(Span::hours(1)).await;
    assert_eq!(world.count("documents").await, 1);
}

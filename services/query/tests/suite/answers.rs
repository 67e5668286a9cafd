//! A question that is answered: what is held, what is said, what is taken.

use axum::http::StatusCode;
use imajin_kernel::Span;
use imajin_mjn::Means;
use imajin_pay_api::CheckoutState;
use imajin_query_api::AnswerBody;
use imajin_testkit::{Backend, on_both};
use serde_json::json;

use crate::world::{Ask, HOLDS, World, key};

on_both!(
    an_answer_quotes_the_right_passage_and_takes_what_it_has_cost,
    a_quoted_question_holds_what_the_quote_says,
    the_same_question_again_gets_the_same_answer_and_costs_nothing_more,
    a_leader_who_asks_nothing_is_asked_without_money,
    terms_are_read_as_their_leader_signed_them,
);

async fn an_answer_quotes_the_right_passage_and_takes_what_it_has_cost(backend: Backend) {
    let world = World::new(backend).await;
    let answer = world.ask(&Ask::usual()).await;
    let body: AnswerBody = answer.expect(StatusCode::OK).parse();
    assert!(body.text.contains("A hold is money that waits"), "{}", body.text);
    let passage = &body.passages[0];
    assert_eq!(passage.title, "Holds");
    let quoted = HOLDS.get(passage.source.clone()).unwrap();
    assert!(
        quoted.contains("A hold is money"),
        "the range is not that of the quotation"
    );
    assert_eq!(
        (body.engine.engine.as_str(), body.engine.model.as_deref()),
        ("embedded", None)
    );
    // The answer derives from the quoted work, and a fifth of its price is that work's.
    assert_eq!(body.fair.derives_from, std::slice::from_ref(&passage.fair));
    assert_eq!(body.fair.contributors.len(), 2);
    assert_eq!(answer.header("x-mjn-fair"), body.fair.id.as_str());
    let receipt = body.receipt.unwrap();
    assert_eq!(answer.header("x-mjn-receipt"), receipt.payload.id.to_string());
    assert_eq!(Some(receipt.payload.gross), body.fee);
    let held = world.pay.all();
    assert_eq!(held.len(), 1);
    assert_eq!(held[0].most, "0.05 TEST-USD".parse().unwrap());
    assert!(receipt.payload.gross.amount < held[0].most.amount, "the rest goes back");
    assert_eq!(held[0].taken.as_ref().unwrap().sources.len(), 1);
    let fee = receipt.payload.gross.amount.micros();
    assert_eq!(world.pay.balance(&key("ben").did()), 1_000_000 - fee);
    assert_eq!(world.audit().await, []);
}

async fn a_quoted_question_holds_what_the_quote_says(backend: Backend) {
    let world = World::new(backend).await;
    let quote = world.quoted().await;
    // 0.01, and 20 tokens at 1.00 for a thousand.
    assert_eq!(quote.ceiling, "0.03 TEST-USD".parse().unwrap());
    let ask = Ask {
        max: "0.03",
        body: json!({"query": crate::world::QUESTION, "quoteId": quote.quote_id}),
        ..Ask::usual()
    };
    world.answered(&ask).await;
    assert_eq!(world.pay.all()[0].most, quote.ceiling);
    assert_eq!(world.audit().await, []);
}

async fn the_same_question_again_gets_the_same_answer_and_costs_nothing_more(backend: Backend) {
    let world = World::new(backend).await;
    let first = world.answered(&Ask::usual()).await;
    let balance = world.pay.balance(&key("ben").did());
    world.clock.advance(Span::minutes(30));
    let second = world.answered(&Ask::usual()).await;
    assert_eq!(
        (first.text, first.fair, first.fee),
        (second.text, second.fair, second.fee)
    );
    assert_eq!(world.pay.balance(&key("ben").did()), balance);
    assert_eq!(world.pay.all().len(), 1);
    let other = Ask {
        body: json!({"query": "What do bees do?"}),
        ..Ask::usual()
    };
    assert_eq!(world.refused(&other).await, "idempotency_mismatch");
}

async fn a_leader_who_asks_nothing_is_asked_without_money(backend: Backend) {
    let world = World::new(backend).await;
    let mut terms = world.usual_terms();
    let zero = "0.00 TEST-USD".parse().unwrap();
    (terms.ceiling, terms.per_answer, terms.per_thousand_tokens) = (zero, zero, zero);
    world.terms(&terms).await.expect(StatusCode::OK);
    let ask = Ask {
        max: "0",
        means: Means::Free,
        ..Ask::usual()
    };
    let answer = world.answered(&ask).await;
    assert_eq!((answer.fee, answer.receipt), (None, None));
    assert!(world.pay.all().is_empty());
    assert_eq!(world.audit().await, []);
}

async fn terms_are_read_as_their_leader_signed_them(backend: Backend) {
    let world = World::new(backend).await;
    let view = world.get(&format!("/query/terms?leader={}", key("ada").did())).await;
    let view: imajin_query_api::TermsView = view.expect(StatusCode::OK).parse();
    view.terms
        .verify(imajin_query_api::LeaderTerms::KIND, &key("ada").public())
        .unwrap();
    assert_eq!(
        view.terms.payload_as::<imajin_query_api::LeaderTerms>().unwrap(),
        world.usual_terms()
    );
    let nobody = world.get(&format!("/query/terms?leader={}", key("eve").did())).await;
    nobody.expect(StatusCode::NOT_FOUND);
    world.answered(&Ask::usual()).await;
    assert_eq!(world.pay.all()[0].state, CheckoutState::Settled);
}

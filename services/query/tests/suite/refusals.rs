//! What is refused, each by its own test. Nothing of it costs anything.

use std::sync::atomic::Ordering;

use axum::http::StatusCode;
use imajin_connections_api::StatementStatus;
use imajin_consent::IntendedUse;
use imajin_kernel::Span;
use imajin_mjn::Means;
use imajin_proof::SignedMessage;
use imajin_query_api::LeaderTerms;
use imajin_testkit::{Answer, Backend, on_both};
use serde_json::json;

use crate::world::{API, Ask, QUESTION, World, key};

on_both!(
    a_stranger_is_refused_before_the_question_is_looked_at,
    a_revoked_or_expired_vouch_counts_for_nothing,
    nobody_is_let_through_while_the_trust_graph_is_away,
    consent_for_another_use_is_refused,
    consent_for_other_content_is_refused,
    consent_for_another_node_or_leader_is_refused,
    a_replayed_declaration_is_refused,
    headers_moved_to_another_body_are_refused,
    headers_moved_to_another_url_are_refused,
    a_fee_under_the_quote_is_refused,
    a_quote_is_good_once,
    of_many_questions_at_once_one_uses_the_quote,
    a_quote_that_is_late_is_refused,
    a_quote_of_somebody_else_or_for_another_question_is_refused,
    prompts_beyond_the_limits_are_refused,
    means_that_do_not_pay_for_questions_are_refused,
    an_empty_purse_gets_no_answer,
    one_question_too_many_in_a_day_is_refused,
    a_question_without_a_key_is_refused,
    terms_that_cannot_hold_are_refused,
);

async fn a_stranger_is_refused_before_the_question_is_looked_at(backend: Backend) {
    let world = World::new(backend).await;
    let eve = Ask {
        by: key("eve"),
        body: json!({"query": "", "quoteId": "quo_00000000000000000000000000"}),
        ..Ask::usual()
    };
    let answer = world.ask(&eve).await;
    assert_eq!(answer.code(), "forbidden");
    assert_eq!(answer.json()["term"], "maxHops");
    assert_eq!(world.quote(&key("eve"), QUESTION).await.code(), "forbidden");
    world.trust.hops.lock().unwrap().insert(key("eve").did(), 3);
    assert_eq!(world.refused(&eve).await, "forbidden", "three steps are too far");
}

async fn a_revoked_or_expired_vouch_counts_for_nothing(backend: Backend) {
    let world = World::new(backend).await;
    let mut terms = world.usual_terms();
    terms.vouches_min = 1;
    world.terms(&terms).await.expect(StatusCode::OK);
    let (cleo, ben) = (key("cleo").did(), key("ben").did());
    world.trust.hops.lock().unwrap().insert(cleo.clone(), 1);
    for status in [StatementStatus::Revoked, StatementStatus::Expired] {
        *world.trust.vouches.lock().unwrap() = vec![(cleo.clone(), ben.clone(), status)];
        let answer = world.ask(&Ask::usual()).await;
        assert_eq!(
            (answer.code().as_str(), &answer.json()["term"]),
            ("forbidden", &json!("vouchesMin"))
        );
    }
    let eve = key("eve").did();
    *world.trust.vouches.lock().unwrap() = vec![(eve, ben.clone(), StatementStatus::Active)];
    assert_eq!(
        world.refused(&Ask::usual()).await,
        "forbidden",
        "the leader does not trust her"
    );
    *world.trust.vouches.lock().unwrap() = vec![(cleo, ben, StatementStatus::Active)];
    world.answered(&Ask::usual()).await;
}

async fn nobody_is_let_through_while_the_trust_graph_is_away(backend: Backend) {
    let world = World::new(backend).await;
    world.trust.away.store(true, Ordering::SeqCst);
    assert_eq!(world.refused(&Ask::usual()).await, "unavailable");
    assert!(world.pay.all().is_empty());
}

async fn consent_for_another_use_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let ask = Ask {
        used_for: IntendedUse::Train,
        ..Ask::usual()
    };
    let answer = world.ask(&ask).await;
    assert_eq!(
        (answer.code().as_str(), &answer.json()["term"]),
        ("forbidden", &json!("uses"))
    );
}

async fn consent_for_other_content_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let ask = Ask {
        scope: Some(imajin_proof::digest::sha256_hex(b"What do bees do?")),
        ..Ask::usual()
    };
    let answer = world.ask(&ask).await;
    assert_eq!(
        (answer.code().as_str(), &answer.json()["term"]),
        ("forbidden", &json!("scope"))
    );
}

async fn consent_for_another_node_or_leader_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let ask = Ask {
        content: key("another node").did(),
        body: json!({"query": QUESTION, "leader": key("ada").did()}),
        ..Ask::usual()
    };
    let answer = world.ask(&ask).await;
    assert_eq!(
        (answer.code().as_str(), &answer.json()["term"]),
        ("forbidden", &json!("content"))
    );
    let node = Ask {
        content: world.keyring.node_did().clone(),
        ..ask
    };
    world.answered(&node).await;
}

async fn a_replayed_declaration_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let (request, ..) = world.prepare(&Ask::usual());
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let again = || axum::http::Request::from_parts(parts.clone(), axum::body::Body::from(body.clone()));
    Answer::of(&world.router, again()).await.expect(StatusCode::OK);
    assert_eq!(Answer::of(&world.router, again()).await.code(), "replayed");
    // Nor after a restart: the nonces are in the database.
    assert_eq!(
        Answer::of(&world.again().await.router, again()).await.code(),
        "replayed"
    );
    assert_eq!(world.pay.all().len(), 1);
}

async fn headers_moved_to_another_body_are_refused(backend: Backend) {
    let world = World::new(backend).await;
    let (request, ..) = world.prepare(&Ask::usual());
    let (parts, _body) = request.into_parts();
    let other = serde_json::to_vec(&json!({"query": "What do bees do?"})).unwrap();
    let moved = axum::http::Request::from_parts(parts, axum::body::Body::from(other));
    assert_eq!(Answer::of(&world.router, moved).await.code(), "bad_signature");
}

async fn headers_moved_to_another_url_are_refused(backend: Backend) {
    let world = World::new(backend).await;
    let (request, ..) = world.prepare(&Ask::usual());
    let (mut parts, body) = request.into_parts();
    parts.uri = format!("{API}/query?leader=another").parse().unwrap();
    let moved = axum::http::Request::from_parts(parts, body);
    assert_eq!(Answer::of(&world.router, moved).await.code(), "bad_signature");
}

async fn a_fee_under_the_quote_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let quote = world.quoted().await;
    let ask = Ask {
        max: "0.029",
        body: json!({"query": QUESTION, "quoteId": quote.quote_id}),
        ..Ask::usual()
    };
    let answer = world.ask(&ask).await;
    assert_eq!(answer.code(), "payment_required");
    assert_eq!(answer.json()["price"], "0.03");
    let unquoted = Ask {
        max: "0.04",
        ..Ask::usual()
    };
    assert_eq!(world.refused(&unquoted).await, "payment_required");
}

async fn a_quote_is_good_once(backend: Backend) {
    let world = World::new(backend).await;
    let quote = world.quoted().await;
    let ask = |key| Ask {
        key: Some(key),
        body: json!({"query": QUESTION, "quoteId": quote.quote_id}),
        ..Ask::usual()
    };
    world.answered(&ask("one")).await;
    assert_eq!(world.refused(&ask("two")).await, "conflict");
}

async fn of_many_questions_at_once_one_uses_the_quote(backend: Backend) {
    let world = World::new(backend).await;
    let quote = world.quoted().await;
    let keys = ["one", "two", "three", "four"];
    let asks = keys.map(|key| Ask {
        key: Some(key),
        body: json!({"query": QUESTION, "quoteId": quote.quote_id}),
        ..Ask::usual()
    });
    let answers = futures::future::join_all(asks.iter().map(|ask| world.ask(ask))).await;
    let answered = answers.iter().filter(|answer| answer.status == StatusCode::OK).count();
    let refused = answers
        .iter()
        .filter(|answer| answer.status == StatusCode::CONFLICT)
        .count();
    assert_eq!((answered, refused), (1, 3));
    assert_eq!(world.pay.all().len(), 1, "money is held once");
    assert_eq!(world.audit().await, []);
}

async fn a_quote_that_is_late_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let quote = world.quoted().await;
    world.clock.advance(Span::minutes(10));
    let ask = Ask {
        body: json!({"query": QUESTION, "quoteId": quote.quote_id}),
        ..Ask::usual()
    };
    assert_eq!(world.refused(&ask).await, "gone");
}

async fn a_quote_of_somebody_else_or_for_another_question_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let quote = world.quoted().await;
    world.trust.hops.lock().unwrap().insert(key("cleo").did(), 1);
    let others = Ask {
        by: key("cleo"),
        body: json!({"query": QUESTION, "quoteId": quote.quote_id}),
        ..Ask::usual()
    };
    assert_eq!(world.refused(&others).await, "not_found");
    let another = Ask {
        body: json!({"query": "What do bees do?", "quoteId": quote.quote_id}),
        ..Ask::usual()
    };
    assert_eq!(world.refused(&another).await, "conflict");
}

async fn prompts_beyond_the_limits_are_refused(backend: Backend) {
    let world = World::new(backend).await;
    let with = |key, body| Ask {
        key: Some(key),
        body,
        ..Ask::usual()
    };
    let long = with("long", json!({"query": "hold ".repeat(900)}));
    assert_eq!(world.refused(&long).await, "body_too_large");
    let huge = with("huge", json!({"query": "hold ".repeat(4_000)}));
    assert_eq!(world.refused(&huge).await, "body_too_large");
    let empty = with("empty", json!({"query": "  "}));
    assert_eq!(world.refused(&empty).await, "invalid_request");
    let many = with("many", json!({"query": QUESTION, "maxTokens": 201}));
    assert_eq!(world.refused(&many).await, "invalid_request");
    let none = with("none", json!({"query": QUESTION, "maxTokens": 0}));
    assert_eq!(world.refused(&none).await, "invalid_request");
    let more = with("more", json!({"query": QUESTION, "price": "0"}));
    assert_eq!(world.refused(&more).await, "malformed_body");
    assert!(world.pay.all().is_empty());
}

async fn means_that_do_not_pay_for_questions_are_refused(backend: Backend) {
    let world = World::new(backend).await;
    let checkout = Ask {
        means: Means::Checkout("chk_1".to_owned()),
        ..Ask::usual()
    };
    assert_eq!(world.refused(&checkout).await, "invalid_request");
    let free = Ask {
        means: Means::Free,
        max: "0",
        ..Ask::usual()
    };
    assert_eq!(world.refused(&free).await, "payment_required");
}

async fn an_empty_purse_gets_no_answer(backend: Backend) {
    let world = World::new(backend).await;
    world.pay.balances.lock().unwrap().insert(key("ben").did(), 49_999);
    assert_eq!(world.refused(&Ask::usual()).await, "payment_required");
    assert!(world.pay.all().is_empty());
    assert_eq!(
        world.refused(&Ask::usual()).await,
        "payment_required",
        "the same key, the same refusal"
    );
    assert_eq!(world.audit().await, []);
}

async fn one_question_too_many_in_a_day_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    for (place, key) in ["1", "2", "3", "4", "5", "6"].into_iter().enumerate() {
        let ask = Ask {
            key: Some(key),
            ..Ask::usual()
        };
        if place < 5 {
            world.answered(&ask).await;
        } else {
            assert_eq!(world.refused(&ask).await, "rate_limited");
        }
    }
    world.trust.hops.lock().unwrap().insert(key("cleo").did(), 1);
    world.pay.balances.lock().unwrap().insert(key("cleo").did(), 1_000_000);
    for key_text in ["1", "2", "3", "4"] {
        let ask = Ask {
            by: key("cleo"),
            key: Some(key_text),
            ..Ask::usual()
        };
        if key_text == "4" {
            assert_eq!(
                world.refused(&ask).await,
                "rate_limited",
                "eight is the most of all together"
            );
        } else {
            world.answered(&ask).await;
        }
    }
    world.clock.advance(Span::days(1));
    let tomorrow = Ask {
        key: Some("tomorrow"),
        ..Ask::usual()
    };
    world.answered(&tomorrow).await;
}

async fn a_question_without_a_key_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let ask = Ask {
        key: None,
        ..Ask::usual()
    };
    assert_eq!(world.refused(&ask).await, "invalid_request");
}

async fn terms_that_cannot_hold_are_refused(backend: Backend) {
    let world = World::new(backend).await;
    let change = |change: fn(&mut LeaderTerms)| {
        let mut terms = world.usual_terms();
        change(&mut terms);
        terms
    };
    let wrong = [
        change(|terms| terms.node = key("another node").did()),
        change(|terms| terms.engine = "oracle".to_owned()),
        change(|terms| terms.model = Some("large".to_owned())),
        change(|terms| terms.max_hops = 7),
        change(|terms| terms.uses.clear()),
        change(|terms| terms.tokens_max = 9_000),
        change(|terms| terms.works_share_millionths = 900_001),
        change(|terms| terms.per_answer = "0.06 TEST-USD".parse().unwrap()),
        change(|terms| terms.per_answer = "0.00 TEST-USD".parse().unwrap()),
        change(|terms| terms.per_thousand_tokens = "1.00 USD".parse().unwrap()),
    ];
    for terms in wrong {
        assert_eq!(world.terms(&terms).await.code(), "invalid_request");
    }
    let (ada, eve) = (key("ada"), key("eve"));
    let terms = world.usual_terms();
    let message = SignedMessage::sign(&ada, ada.did(), LeaderTerms::KIND, None, world.env.now(), &terms).unwrap();
    assert_eq!(
        world.change(&eve, "PUT", "/query/terms", &message).await.code(),
        "forbidden"
    );
    let forged = SignedMessage::sign(&eve, ada.did(), LeaderTerms::KIND, None, world.env.now(), &terms).unwrap();
    assert_eq!(
        world.change(&ada, "PUT", "/query/terms", &forged).await.code(),
        "bad_signature"
    );
    let closed = change(|terms| terms.open = false);
    world.terms(&closed).await.expect(StatusCode::OK);
    assert_eq!(world.refused(&Ask::usual()).await, "not_found");
}

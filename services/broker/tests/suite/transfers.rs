//! Money that is passed on between nodes.

use axum::http::StatusCode;
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::world::{World, key};

on_both!(
    a_transfer_is_made_once_and_shown_to_both_sides,
    a_lost_answer_passes_nothing_on_twice,
    what_no_transfer_can_be_is_refused,
);

const PATH: &str = "/broker/api/transfers";

fn asked(reference: &str, amount: &str) -> Value {
    let to = key("other").did();
    json!({"reference": reference, "to": to, "amount": {"amount": amount, "currency": "TEST-USD"}})
}

async fn a_transfer_is_made_once_and_shown_to_both_sides(backend: Backend) {
    let world = World::new(backend).await;
    let (node, other) = (key("publisher"), key("other"));
    world.purse.put(&node.did(), "1.00 TEST-USD");
    for _time in 0..2 {
        let answer = world.ask(&node, "POST", PATH, Some(&asked("rmt_1", "0.60"))).await;
        let made = answer.expect(StatusCode::OK).json();
        assert_eq!(
            (&made["from"], &made["amount"]["amount"]),
            (&json!(node.did()), &json!("0.60"))
        );
    }
    assert_eq!(
        (world.purse.has(&node.did()), world.purse.has(&other.did())),
        (400_000, 600_000)
    );
    for side in [&node, &other] {
        let found = world.ask(side, "GET", &format!("{PATH}/rmt_1"), None).await;
        assert_eq!(found.expect(StatusCode::OK).json()["reference"], "rmt_1");
    }
    let third = world.ask(&key("third"), "GET", &format!("{PATH}/rmt_1"), None).await;
    third.expect(StatusCode::NOT_FOUND);
    for (who, body) in [(&node, asked("rmt_1", "0.10")), (&other, asked("rmt_1", "0.60"))] {
        let answer = world.ask(who, "POST", PATH, Some(&body)).await;
        assert!(
            matches!(answer.code().as_str(), "conflict" | "invalid_request"),
            "{}",
            answer.text()
        );
    }
    assert_eq!(world.audit().await, []);
}

async fn a_lost_answer_passes_nothing_on_twice(backend: Backend) {
    let world = World::new(backend).await;
    let (node, other) = (key("publisher"), key("other"));
    let short = world.ask(&node, "POST", PATH, Some(&asked("rmt_1", "0.60"))).await;
    assert_eq!(
        (short.status, short.code().as_str()),
        (StatusCode::PAYMENT_REQUIRED, "payment_required")
    );
    world.purse.put(&node.did(), "1.00 TEST-USD");
    world.purse.lose(1);
    let lost = world.ask(&node, "POST", PATH, Some(&asked("rmt_1", "0.60"))).await;
    assert_eq!(lost.code(), "unavailable");
    // Nobody is told of what the broker does not know yet.
    world
        .ask(&other, "GET", &format!("{PATH}/rmt_1"), None)
        .await
        .expect(StatusCode::NOT_FOUND);
    world
        .ask(&node, "POST", PATH, Some(&asked("rmt_1", "0.60")))
        .await
        .expect(StatusCode::OK);
    assert_eq!(
        (world.purse.has(&node.did()), world.purse.has(&other.did())),
        (400_000, 600_000)
    );
    assert_eq!(world.audit().await, []);
}

async fn what_no_transfer_can_be_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let node = key("publisher");
    world.purse.put(&node.did(), "1.00 TEST-USD");
    let mut to_self = asked("r", "0.10");
    to_self["to"] = json!(node.did());
    for (member, body) in [
        ("reference", asked("", "0.10")),
        ("reference", asked("a/b", "0.10")),
        ("reference", asked(&"a".repeat(101), "0.10")),
        ("amount", asked("r", "0.00")),
        ("to", to_self),
    ] {
        let answer = world.ask(&node, "POST", PATH, Some(&body)).await;
        assert_eq!(
            (answer.status, &answer.json()["member"]),
            (StatusCode::BAD_REQUEST, &json!(member))
        );
    }
    let agent = world.agent_post(PATH, &asked("r", "0.10"), None).await;
    assert_eq!(agent.code(), "forbidden");
    assert_eq!(world.purse.has(&node.did()), 1_000_000);
}

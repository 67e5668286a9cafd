//! Accounts over time, for their owner and for an accountant, and the proof that an entry is in the ledger.

use axum::http::StatusCode;
use imajin_kernel::{Span, Timestamp};
use imajin_proof::inclusion::InclusionProof;
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::world::{World, key};

on_both!(
    a_balance_is_what_it_was_at_a_moment,
    a_statement_has_every_line_of_its_time,
    an_accountant_gets_one_line_for_each_part,
    a_payer_can_prove_that_the_entry_is_in_the_ledger,
);

/// Three sales, a day apart; the times of each.
async fn three_sales(world: &World) -> Vec<Timestamp> {
    let mut times = Vec::new();
    for _ in 0..3 {
        let checkout = world.checkout("buyer").await;
        world.pay_for(&checkout).await;
        times.push(world.env.now());
        world.clock.advance(Span::days(1));
    }
    times
}

async fn a_balance_is_what_it_was_at_a_moment(backend: Backend) {
    let world = World::new(backend).await;
    let begin = world.env.now();
    let times = three_sales(&world).await;
    let at = async |moment: Timestamp| {
        let answer = world.get(Some("mira"), &format!("/pay/api/balance?at={moment}")).await;
        answer.json()["balances"][0]["balance"]["amount"]
            .as_str()
            .unwrap_or("none")
            .to_owned()
    };
    assert_eq!(at(begin.minus(Span::seconds(1))).await, "0.00");
    assert_eq!(at(times[0]).await, "7.00", "what was booked in this moment counts");
    assert_eq!(at(times[1].minus(Span::seconds(1))).await, "7.00");
    assert_eq!(at(times[1]).await, "14.00");
    assert_eq!(at(world.env.now()).await, "21.00");
    assert_eq!(at(world.env.now().plus(Span::days(100))).await, "21.00");
    assert_eq!(
        world.get(Some("mira"), "/pay/api/balance?at=yesterday").await.code(),
        "invalid_request"
    );
    assert_eq!(
        world.get(None, &format!("/pay/api/balance?at={begin}")).await.code(),
        "unauthenticated"
    );
}

async fn a_statement_has_every_line_of_its_time(backend: Backend) {
    let world = World::new(backend).await;
    let times = three_sales(&world).await;
    let path = format!("/pay/api/statement?from={}&to={}", times[0], times[2]);
    let lines = world.get(Some("mira"), &path).await.json()["lines"].clone();
    let amounts: Vec<_> = lines
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (&line["amount"], &line["balance"]))
        .collect();
    assert_eq!(
        amounts,
        [(&json!("7.00"), &json!("7.00")), (&json!("7.00"), &json!("14.00"))]
    );
    let all = world.get(Some("buyer"), "/pay/api/statement").await.json()["lines"].clone();
    let held: Vec<_> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["amount"].as_str().unwrap())
        .collect();
    assert_eq!(held, ["10.00", "-10.00", "10.00", "-10.00", "10.00", "-10.00"]);
    let csv = world.get(Some("mira"), &format!("{path}&format=csv")).await;
    assert!(csv.header("content-type").starts_with("text/csv"));
    assert_eq!(
        csv.header("content-disposition"),
        "attachment; filename=\"statement.csv\""
    );
    let text = csv.text();
    let rows: Vec<&str> = text.lines().collect();
    assert_eq!(
        rows[0],
        "time,owner,currency,purpose,kind,amount,balance,reference,entry"
    );
    assert_eq!(rows.len(), 3);
    assert!(
        rows[2].contains(",TEST-USD,available,settlement,7.00,14.00,"),
        "{}",
        rows[2]
    );
    assert!(
        world.get(Some("stranger"), "/pay/api/statement").await.json()["lines"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    assert_eq!(world.get(None, "/pay/api/statement").await.code(), "unauthenticated");
    for wrong in [
        "format=pdf",
        "from=now",
        &format!("from={}&to={}", times[1], times[0]),
        "owner=x",
    ] {
        let answer = world.get(Some("mira"), &format!("/pay/api/statement?{wrong}")).await;
        assert_eq!(answer.code(), "invalid_request", "{wrong}");
    }
}

async fn an_accountant_gets_one_line_for_each_part(backend: Backend) {
    let world = World::new(backend).await;
    three_sales(&world).await;
    *world.identities.operator.lock().unwrap() = Some(key("operator").did());
    let own = world.get(Some("mira"), "/pay/api/export").await.json()["lines"].clone();
    let own: Vec<&Value> = own.as_array().unwrap().iter().collect();
    assert_eq!(own.len(), 3);
    let mira = key("mira").did().to_string();
    assert!(
        own.iter()
            .all(|line| line["payee"] == mira && line["amount"] == "7.00" && line["gross"] == "10.00")
    );
    let first = own[0];
    assert_eq!(
        (&first["kind"], &first["role"], &first["state"]),
        (&json!("share"), &json!("artist"), &json!("paid"))
    );
    assert_eq!(
        (&first["payer"], &first["testMoney"]),
        (&json!(key("buyer").did()), &json!(true))
    );
    let all = world
        .get(Some("operator"), "/pay/api/export?all=true&format=csv")
        .await
        .text();
    assert_eq!(all.lines().count(), 7, "a line of names, and two payees of three sales");
    assert_eq!(
        world.get(Some("mira"), "/pay/api/export?all=true").await.code(),
        "forbidden"
    );
    assert_eq!(world.get(None, "/pay/api/export").await.code(), "unauthenticated");
}

async fn a_payer_can_prove_that_the_entry_is_in_the_ledger(backend: Backend) {
    let world = World::new(backend).await;
    let node = world.keyring.node_public();
    let mut proofs = Vec::new();
    for _ in 0..3 {
        let checkout = world.checkout("buyer").await;
        world.pay_for(&checkout).await;
        let entry = world.receipt("buyer", checkout.id).await.message.payload.ledger_entry;
        let path = format!("/pay/api/entries/{}/proof", entry.id);
        let first = world.get(Some("buyer"), &path).await;
        assert_eq!(first.status, StatusCode::OK, "{}", first.text());
        let proof: InclusionProof = serde_json::from_value(first.json()).unwrap();
        proof.verify(&node).unwrap();
        assert_eq!(
            (proof.hash.as_str(), proof.signer()),
            (entry.hash.as_str(), world.keyring.node_did())
        );
        assert_eq!(
            world.get(Some("mira"), &path).await.json(),
            first.json(),
            "a payee gets the same"
        );
        assert_eq!(world.get(Some("stranger"), &path).await.code(), "not_found");
        assert_eq!(world.get(None, &path).await.code(), "unauthenticated");
        proofs.push(proof);
    }
    let mut moved = proofs[0].clone();
    moved.hash.clone_from(&proofs[1].hash);
    moved.verify(&node).unwrap_err();
    let unknown: imajin_kernel::id::EntryId = world.env.new_id();
    let path = format!("/pay/api/entries/{unknown}/proof");
    assert_eq!(world.get(Some("buyer"), &path).await.code(), "not_found");
    world.audit_clean().await;
}

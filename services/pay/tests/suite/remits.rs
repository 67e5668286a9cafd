//! Money for people of another node: how it gets there, and what may go wrong on the way.

use imajin_pay::{Interrupt, PayConfig, Step};
use imajin_proof::SignedMessage;
use imajin_testkit::broker_peer::BrokerFault;
use imajin_testkit::{Backend, on_both};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use serde_json::{Value, json};

use crate::nodes::{Line, Nodes};
use crate::starving::{damage, repair};
use crate::world::key;

on_both!(
    shares_of_people_of_another_node_arrive_there_with_receipts,
    whoever_has_nothing_here_holds_nobody_up,
    each_of_the_three_may_be_away_for_a_while,
    an_answer_that_is_lost_credits_nobody_twice,
    a_power_cut_after_the_transfer_loses_nothing,
    what_the_home_node_does_not_take_goes_back_to_the_balance,
    a_broker_that_lies_about_a_transfer_moves_nothing,
    the_operator_sees_what_is_owed_by_and_to_other_nodes,
    what_moves_between_nodes_is_conserved_to_the_last_unit,
);

async fn shares_of_people_of_another_node_arrive_there_with_receipts(backend: Backend) {
    let nodes = Nodes::new(backend).await;
    let (seller, home) = (&nodes.seller.world, &nodes.home.world);
    nodes.at_home("mira").await;
    nodes.sale("agent", 8_000_000).await;
    let bought = nodes.sale("other agent", 2_000_000).await;
    assert_eq!(seller.available("mira").await, "7.00 TEST-USD");
    nodes.follow().await;
    assert_eq!(seller.available("mira").await, "0.00 TEST-USD");
    assert_eq!(seller.available("jonas").await, "3.00 TEST-USD");
    assert_eq!(home.available("mira").await, "7.00 TEST-USD");
    // The broker says the same as both ledgers.
    let broker = &nodes.broker;
    assert_eq!(broker.balance(&nodes.seller.did(), "TEST-USD"), 3_000_000);
    assert_eq!(broker.balance(&nodes.home.did(), "TEST-USD"), 7_000_000);
    assert_eq!(broker.transfers().len(), 1, "both sales went in one batch");
    let found = home.get(Some("mira"), "/pay/api/remittances").await.json();
    let line = &found["received"][0];
    assert_eq!(
        (&line["state"], &line["amount"]["amount"]),
        (&json!("credited"), &json!("7.00"))
    );
    let receipt: SignedMessage = serde_json::from_value(line["receipt"].clone()).unwrap();
    receipt
        .verify("remittance-receipt", &home.keyring.node_public())
        .unwrap();
    assert_eq!(receipt.to, Some(key("mira").did()));
    let view = seller.view(bought).await.receipt.unwrap();
    assert!(
        receipt.payload["legs"][0]["receipts"]
            .as_array()
            .unwrap()
            .contains(&json!(view))
    );
    let sent = seller.get(Some("mira"), "/pay/api/remittances").await.json();
    assert_eq!(sent["sent"][0]["state"], "delivered");
    assert_eq!(
        home.get(Some("jonas"), "/pay/api/remittances").await.json()["received"],
        json!([])
    );
    nodes.audit_clean().await;
    // What comes later goes with the next batch, and what is left here stays here once the home is gone.
    nodes.sale("third agent", 1_000_000).await;
    nodes.follow().await;
    assert_eq!(home.available("mira").await, "7.70 TEST-USD");
    let gone = seller.delete("mira", "/pay/api/connect/home").await;
    assert_eq!(gone.status.as_u16(), 204, "{}", gone.text());
    nodes.sale("fourth agent", 1_000_000).await;
    nodes.follow().await;
    assert_eq!(seller.available("mira").await, "0.70 TEST-USD");
    nodes.audit_clean().await;
}

/// Anybody can say that they are at home elsewhere: here more do than are looked at in one go, all of them before Mira
/// in the list, and the row of one of them is damaged.
async fn whoever_has_nothing_here_holds_nobody_up(backend: Backend) {
    let nodes = Nodes::new(backend).await;
    let (seller, home) = (&nodes.seller.world, &nodes.home.world);
    let before = |name: &String| key(name).did() < key("mira").did();
    let strangers = (0..).map(|number| format!("stranger {number}")).filter(before);
    for name in strangers.take(501) {
        nodes.at_home(&name).await;
    }
    nodes.at_home("mira").await;
    let damaged = damage(seller, "payee_homes", "node_url").await;
    nodes.sale("agent", 8_000_000).await;
    nodes.follow().await;
    assert_eq!(home.available("mira").await, "5.60 TEST-USD");
    repair(seller, damaged).await;
    nodes.audit_clean().await;
}

async fn each_of_the_three_may_be_away_for_a_while(backend: Backend) {
    let nodes = Nodes::new(backend).await;
    let (seller, home) = (&nodes.seller.world, &nodes.home.world);
    nodes.at_home("mira").await;
    nodes.sale("agent", 8_000_000).await;
    nodes.home.line_set(Line::Away);
    nodes.follow().await;
    assert_eq!(
        (seller.available("mira").await, nodes.broker.transfers().len()),
        ("0.00 TEST-USD".to_owned(), 0)
    );
    nodes.audit_clean().await;
    nodes.home.line_set(Line::Works);
    nodes.broker.fault("transfers", BrokerFault::Away, 3);
    nodes.follow().await;
    nodes.audit_clean().await;
    nodes.follow().await;
    assert_eq!(home.available("mira").await, "5.60 TEST-USD");
    // The node that sells is gone once it has told the broker: the other one asks for itself.
    nodes.sale("other agent", 8_000_000).await;
    seller.pay.remittances_batch().await.unwrap();
    nodes.broker.fault("transfers/", BrokerFault::Away, 2);
    seller.pay.drive().await.unwrap();
    assert_eq!(nodes.broker.transfers().len(), 2);
    assert_eq!(home.available("mira").await, "5.60 TEST-USD");
    nodes.clock.advance(imajin_kernel::Span::minutes(15));
    home.pay.drive().await.unwrap();
    assert_eq!(home.available("mira").await, "11.20 TEST-USD");
    nodes.follow().await;
    assert_eq!(home.available("mira").await, "11.20 TEST-USD");
    nodes.audit_clean().await;
}

async fn an_answer_that_is_lost_credits_nobody_twice(backend: Backend) {
    let nodes = Nodes::new(backend).await;
    let home = &nodes.home.world;
    nodes.at_home("mira").await;
    nodes.sale("agent", 8_000_000).await;
    nodes.home.line_set(Line::LosesAnswers);
    nodes.follow().await;
    nodes.home.line_set(Line::Works);
    nodes.broker.fault("transfers", BrokerFault::LostAfter, 2);
    nodes.follow().await;
    nodes.home.line_set(Line::LosesAnswers);
    nodes.follow().await;
    nodes.home.line_set(Line::Works);
    nodes.follow().await;
    assert_eq!(home.available("mira").await, "5.60 TEST-USD");
    assert_eq!(nodes.broker.transfers().len(), 1);
    assert_eq!(nodes.broker.balance(&nodes.home.did(), "TEST-USD"), 5_600_000);
    nodes.audit_clean().await;
}

async fn a_power_cut_after_the_transfer_loses_nothing(backend: Backend) {
    let cut = |at: Step| match at {
        Step::TransferAnswered => Err(imajin_kernel::Problem::internal()),
        _ => Ok(()),
    };
    let interrupted = |config: PayConfig| PayConfig {
        interrupt: Interrupt::new(cut),
        ..config
    };
    let nodes = Nodes::with(backend, interrupted).await;
    nodes.at_home("mira").await;
    nodes.sale("agent", 8_000_000).await;
    nodes.seller.world.pay.remittances_batch().await.unwrap();
    nodes.seller.world.pay.drive().await.unwrap();
    assert_eq!(nodes.broker.transfers().len(), 1);
    nodes.audit_clean().await;
    let nodes = nodes.seller_restart().await;
    nodes.follow().await;
    assert_eq!(nodes.home.world.available("mira").await, "5.60 TEST-USD");
    assert_eq!(nodes.broker.transfers().len(), 1);
    nodes.audit_clean().await;
}

async fn what_the_home_node_does_not_take_goes_back_to_the_balance(backend: Backend) {
    let nodes = Nodes::new(backend).await;
    let (seller, home) = (&nodes.seller.world, &nodes.home.world);
    nodes.at_home("mira").await;
    home.identities.visitors.lock().unwrap().push(key("mira").did());
    nodes.sale("agent", 8_000_000).await;
    seller.pay.remittances_batch().await.unwrap();
    seller.pay.drive().await.unwrap();
    assert_eq!(seller.available("mira").await, "5.60 TEST-USD");
    assert_eq!(nodes.broker.transfers().len(), 0, "nothing had moved");
    let sent = seller.get(Some("mira"), "/pay/api/remittances").await.json();
    assert_eq!(sent["sent"][0]["state"], "refused");
    nodes.audit_clean().await;
}

async fn a_broker_that_lies_about_a_transfer_moves_nothing(backend: Backend) {
    let nodes = Nodes::new(backend).await;
    let (seller, home) = (&nodes.seller.world, &nodes.home.world);
    nodes.at_home("mira").await;
    nodes.sale("agent", 8_000_000).await;
    nodes.broker.fault("transfers", BrokerFault::OtherAmount, 30);
    nodes.follow().await;
    assert_eq!(home.available("mira").await, "0");
    let found = {
        *seller.identities.operator.lock().unwrap() = Some(key("operator").did());
        seller.get(Some("operator"), "/pay/api/peers").await.json()
    };
    assert_eq!(found["sent"][0]["state"], "agreed");
    assert!(
        found["sent"][0]["problem"]
            .as_str()
            .unwrap()
            .contains("another transfer")
    );
    nodes.audit_clean().await;
    nodes.broker.faults_clear();
    nodes.follow().await;
    assert_eq!(home.available("mira").await, "5.60 TEST-USD");
    nodes.audit_clean().await;
}

async fn the_operator_sees_what_is_owed_by_and_to_other_nodes(backend: Backend) {
    let nodes = Nodes::new(backend).await;
    let (seller, home) = (&nodes.seller.world, &nodes.home.world);
    for world in [seller, home] {
        *world.identities.operator.lock().unwrap() = Some(key("operator").did());
    }
    nodes.at_home("mira").await;
    nodes.sale("agent", 8_000_000).await;
    nodes.broker.fault("redemptions", BrokerFault::Away, 1);
    nodes.sale("other agent", 2_000_000).await;
    seller.pay.remittances_batch().await.unwrap();
    let found = seller.get(Some("operator"), "/pay/api/peers").await.json();
    let broker = &found["brokers"][0];
    assert_eq!(
        (&broker["owes"]["amount"], &broker["free"]["amount"]),
        (&json!("10.00"), &json!("2.40"))
    );
    assert_eq!(found["promises"][0]["state"], "owed");
    assert_eq!(found["sent"][0]["state"], "offered");
    let page = seller
        .get_accepting(Some("operator"), "/pay/operator/peers", "text/html")
        .await;
    assert_eq!(page.status.as_u16(), 200);
    assert!(page.text().contains("5.60 TEST-USD") && page.text().contains("Other nodes"));
    for path in ["/pay/api/peers", "/pay/operator/peers"] {
        assert_eq!(seller.get(Some("mira"), path).await.status.as_u16(), 403, "{path}");
        assert_eq!(seller.get(None, path).await.status.as_u16(), 401, "{path}");
    }
    nodes.follow().await;
    let found = home.get(Some("operator"), "/pay/api/peers").await.json();
    assert_eq!(found["brokers"][0]["owes"]["amount"], "7.00");
    let states: Vec<&Value> = found["received"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["state"])
        .collect();
    assert_eq!(states, ["credited", "credited"]);
    // What takes too long is a difference, and stops being one.
    nodes.sale("third agent", 1_000_000).await;
    nodes.home.line_set(Line::Away);
    nodes.follow().await;
    nodes.clock.advance(imajin_kernel::Span::minutes(5));
    seller.pay.reconcile_now(None).await.unwrap();
    let found = seller.get(Some("operator"), "/pay/api/reconciliation").await.json();
    assert_eq!(found["open"][0]["kind"], "remittance_overdue", "{found}");
    nodes.home.line_set(Line::Works);
    nodes.follow().await;
    seller.pay.reconcile_now(None).await.unwrap();
    let found = seller.get(Some("operator"), "/pay/api/reconciliation").await.json();
    assert_eq!(found["open"], json!([]));
    nodes.audit_clean().await;
}

async fn what_moves_between_nodes_is_conserved_to_the_last_unit(backend: Backend) {
    let nodes = Nodes::new(backend).await;
    nodes.at_home("mira").await;
    nodes.at_home("jonas").await;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let case = (1_i64..30_000_000, 0_usize..6);
    let mut all = 0_i64;
    for round in 0..8 {
        let (micros, fault) = case.new_tree(&mut runner).unwrap().current();
        match fault {
            0 => nodes.home.line_set(Line::Away),
            1 => nodes.home.line_set(Line::LosesAnswers),
            2 => nodes.broker.fault("transfers", BrokerFault::LostAfter, 1),
            3 => nodes.broker.fault("redemptions", BrokerFault::LostAfter, 1),
            4 => nodes.broker.fault("transfers", BrokerFault::OtherAmount, 1),
            _ => {}
        }
        nodes.sale(&format!("agent {round}"), micros).await;
        all += micros;
        nodes.seller.world.pay.remittances_batch().await.unwrap();
        nodes.seller.world.pay.drive().await.unwrap();
        nodes.home.line_set(Line::Works);
    }
    nodes.broker.faults_clear();
    for _ in 0..3 {
        nodes.follow().await;
    }
    assert_eq!(nodes.all_of("mira").await + nodes.all_of("jonas").await, all);
    assert_eq!(nodes.seller.world.available("mira").await, "0.00 TEST-USD");
    assert_eq!(nodes.broker.balance(&nodes.home.did(), "TEST-USD"), all);
    assert_eq!(nodes.broker.balance(&nodes.seller.did(), "TEST-USD"), 0);
    nodes.audit_clean().await;
}

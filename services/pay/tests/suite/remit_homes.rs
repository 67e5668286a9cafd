//! Whose node is whose: a name that is copied, people who leave, nodes that say no.

use imajin_kernel::Span;
use imajin_testkit::broker_peer::BrokerFault;
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::nodes::{Nodes, silent_node_of};
use crate::world::{World, key};

on_both!(
    a_copy_of_a_nodes_name_blocks_nobody_and_ends,
    who_has_named_a_wrong_address_names_the_right_one,
    who_leaves_after_a_node_has_agreed_is_paid_there,
    a_node_that_refuses_is_left_alone_for_a_while,
);

async fn sent(world: &World, who: &str) -> Value {
    world.get(Some(who), "/pay/api/remittances").await.json()["sent"][0].clone()
}

async fn home_set(world: &World, who: &str, node: &str) {
    let answer = world.put(who, "/pay/api/connect/home", &json!({"node": node})).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
}

async fn a_copy_of_a_nodes_name_blocks_nobody_and_ends(backend: Backend) {
    let nodes = Nodes::new(backend).await;
    let (seller, home) = (&nodes.seller.world, &nodes.home.world);
    let (copy, _guard) = silent_node_of(&home.keyring).await;
    home_set(seller, "jonas", &copy).await;
    nodes.sale("agent", 8_000_000).await;
    nodes.follow().await;
    assert_eq!(seller.available("jonas").await, "0.00 TEST-USD");
    nodes.at_home("mira").await;
    nodes.sale("other agent", 8_000_000).await;
    nodes.follow().await;
    assert_eq!(home.available("mira").await, "11.20 TEST-USD");
    assert_eq!(sent(seller, "jonas").await["state"], "offered");
    nodes.clock.advance(Span::days(7));
    seller.pay.drive().await.unwrap();
    assert_eq!(sent(seller, "jonas").await["state"], "refused");
    assert_eq!(seller.available("jonas").await, "4.80 TEST-USD");
    nodes.audit_clean().await;
}

async fn who_has_named_a_wrong_address_names_the_right_one(backend: Backend) {
    let nodes = Nodes::new(backend).await;
    let (seller, home) = (&nodes.seller.world, &nodes.home.world);
    let (copy, _guard) = silent_node_of(&home.keyring).await;
    home_set(seller, "mira", &copy).await;
    nodes.sale("agent", 8_000_000).await;
    nodes.follow().await;
    assert_eq!(sent(seller, "mira").await["state"], "offered");
    nodes.at_home("mira").await;
    nodes.follow().await;
    assert_eq!(home.available("mira").await, "5.60 TEST-USD");
    // One who leaves altogether has it back.
    home_set(seller, "jonas", &copy).await;
    nodes.sale("other agent", 1_000_000).await;
    nodes.follow().await;
    assert_eq!(seller.available("jonas").await, "0.00 TEST-USD");
    let gone = seller.delete("jonas", "/pay/api/connect/home").await;
    assert_eq!(gone.status.as_u16(), 204);
    nodes.follow().await;
    assert_eq!(seller.available("jonas").await, "2.70 TEST-USD");
    nodes.audit_clean().await;
}

async fn who_leaves_after_a_node_has_agreed_is_paid_there(backend: Backend) {
    let nodes = Nodes::new(backend).await;
    let (seller, home) = (&nodes.seller.world, &nodes.home.world);
    nodes.at_home("mira").await;
    nodes.sale("agent", 8_000_000).await;
    nodes.broker.fault("transfers", BrokerFault::Away, 10);
    seller.pay.remittances_batch().await.unwrap();
    seller.pay.drive().await.unwrap();
    assert_eq!(sent(seller, "mira").await["state"], "agreed");
    home.identities.visitors.lock().unwrap().push(key("mira").did());
    nodes.broker.faults_clear();
    nodes.follow().await;
    assert_eq!(sent(seller, "mira").await["state"], "delivered");
    assert_eq!(home.balance(&key("mira").did(), "available").await, "5.60 TEST-USD");
    nodes.audit_clean().await;
}

async fn a_node_that_refuses_is_left_alone_for_a_while(backend: Backend) {
    let nodes = Nodes::new(backend).await;
    let (seller, home) = (&nodes.seller.world, &nodes.home.world);
    nodes.at_home("mira").await;
    home.identities.visitors.lock().unwrap().push(key("mira").did());
    nodes.sale("agent", 8_000_000).await;
    let offered = async || {
        let made = seller.pay.remittances_batch().await.unwrap();
        seller.pay.drive().await.unwrap();
        made
    };
    for hours in [1, 2, 4] {
        assert_eq!(offered().await, 1);
        assert_eq!(seller.available("mira").await, "5.60 TEST-USD");
        nodes.clock.advance(Span::minutes(60 * hours - 1));
        assert_eq!(offered().await, 0, "{hours} hours");
        nodes.clock.advance(Span::minutes(1));
    }
    home.identities.visitors.lock().unwrap().clear();
    assert_eq!(offered().await, 1);
    nodes.follow().await;
    assert_eq!(home.available("mira").await, "5.60 TEST-USD");
    nodes.audit_clean().await;
}

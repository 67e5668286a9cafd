//! Remittances that credit nobody.

use axum::http::Request;
use imajin_did::Did;
use imajin_kernel::Span;
use imajin_pay_api::{RemittanceBody, RemittanceLeg};
use imajin_proof::SignedMessage;
use imajin_testkit::broker_peer::BrokerPeer;
use imajin_testkit::{Answer, Backend, on_both};
use serde_json::{Value, json};

use crate::brokers::{Brokered, config};
use crate::world::{key, money};

on_both!(
    a_remittance_that_no_broker_confirms_credits_nobody,
    a_remittance_that_no_broker_confirms_is_dropped_until_it_is_sent_again,
    a_remittance_by_a_stranger_is_refused,
    a_remittance_that_was_altered_is_refused,
    a_remittance_that_is_replayed_is_refused,
    a_remittance_of_the_same_name_with_another_content_is_refused,
    a_remittance_with_a_wrong_sum_is_refused,
    a_remittance_in_an_unknown_currency_is_refused,
    a_remittance_of_test_money_for_real_is_refused,
    a_remittance_for_another_node_is_refused,
    a_remittance_of_an_unknown_broker_is_refused,
    a_remittance_for_people_of_elsewhere_is_refused,
    a_node_cannot_be_flooded_with_announcements,
    a_home_inside_the_network_is_not_asked,
);

const PATH: &str = "/pay/api/remit";
const PEER: &str = "peer node";

fn body_of(brokered: &Brokered, amount: &str, legs: &[(&str, &str)]) -> RemittanceBody {
    let leg = |(name, amount): &(&str, &str)| RemittanceLeg {
        did: key(name).did(),
        amount: money(&format!("{amount} TEST-USD")).amount,
        receipts: Vec::new(),
    };
    RemittanceBody {
        id: brokered.world.env.new_id(),
        broker: brokered.broker.issuer().to_owned(),
        amount: money(amount),
        legs: legs.iter().map(leg).collect(),
    }
}

fn usual(brokered: &Brokered) -> RemittanceBody {
    body_of(brokered, "3.00 TEST-USD", &[("mira", "2.00"), ("jonas", "1.00")])
}

fn signed(brokered: &Brokered, from: &str, to: &Did, body: RemittanceBody) -> Value {
    let key = key(from);
    let now = brokered.world.env.now();
    let message = SignedMessage::sign(&key, key.did(), "remittance", Some(to.clone()), now, body).unwrap();
    serde_json::to_value(message).unwrap()
}

fn for_us(brokered: &Brokered, body: RemittanceBody) -> Value {
    signed(brokered, PEER, brokered.world.keyring.node_did(), body)
}

async fn send(brokered: &Brokered, message: &Value) -> Answer {
    brokered.world.post(PEER, PATH, None, message).await
}

async fn refused(brokered: &Brokered, message: &Value, status: u16) {
    let answer = send(brokered, message).await;
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text());
    nobody_has_anything(brokered).await;
}

async fn nobody_has_anything(brokered: &Brokered) {
    brokered.world.pay.drive().await.unwrap();
    assert_eq!(brokered.world.available("mira").await, "0");
    brokered.world.audit_clean().await;
}

async fn a_remittance_that_no_broker_confirms_credits_nobody(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let message = for_us(&brokered, usual(&brokered));
    let answer = send(&brokered, &message).await;
    assert_eq!(answer.status.as_u16(), 202, "{}", answer.text());
    assert_eq!(answer.json(), json!({"state": "unconfirmed"}));
    brokered.follow().await;
    nobody_has_anything(&brokered).await;
}

async fn a_remittance_that_no_broker_confirms_is_dropped_until_it_is_sent_again(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let body = usual(&brokered);
    let state = async || {
        let sent = send(&brokered, &for_us(&brokered, body.clone())).await;
        sent.json()["state"].clone()
    };
    assert_eq!(state().await, "unconfirmed");
    let found = async || brokered.world.get(Some("mira"), "/pay/api/remittances").await.json();
    brokered.world.clock.advance(Span::days(7));
    brokered.world.pay.drive().await.unwrap();
    assert_eq!(found().await["received"][0]["state"], "dropped");
    brokered.world.clock.advance(Span::days(1));
    assert_eq!(brokered.world.pay.drive().await.unwrap(), 0, "nobody asks any more");
    brokered.world.audit_clean().await;
    assert_eq!(state().await, "unconfirmed");
    assert_eq!(found().await["received"][0]["state"], "unconfirmed");
    nobody_has_anything(&brokered).await;
}

async fn a_remittance_by_a_stranger_is_refused(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    // Signed by one node, and sent by another.
    let to = brokered.world.keyring.node_did().clone();
    refused(
        &brokered,
        &signed(&brokered, "another node", &to, usual(&brokered)),
        403,
    )
    .await;
    // Or sent by nobody.
    let body = serde_json::to_vec(&for_us(&brokered, usual(&brokered))).unwrap();
    let request = Request::post(PATH).header("content-type", "application/json");
    let unsigned = brokered.world.send(request.body(body.into()).unwrap()).await;
    assert_eq!(unsigned.status.as_u16(), 401);
}

async fn a_remittance_that_was_altered_is_refused(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let mut message = for_us(&brokered, usual(&brokered));
    message["payload"]["legs"][0]["did"] = json!(key("thief").did());
    refused(&brokered, &message, 401).await;
}

async fn a_remittance_that_is_replayed_is_refused(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let world = &brokered.world;
    let message = for_us(&brokered, usual(&brokered));
    let request = world.sign(&key(PEER), PATH, None, &serde_json::to_vec(&message).unwrap());
    assert_eq!(world.send_signed(&request).await.status.as_u16(), 202);
    let again = world.send_signed(&request).await;
    assert_eq!(again.json()["code"], "replayed", "{}", again.text());
    // Signed anew, the same remittance has the same answer.
    assert_eq!(send(&brokered, &message).await.status.as_u16(), 202);
    nobody_has_anything(&brokered).await;
}

async fn a_remittance_of_the_same_name_with_another_content_is_refused(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let body = usual(&brokered);
    assert_eq!(
        send(&brokered, &for_us(&brokered, body.clone())).await.status.as_u16(),
        202
    );
    let other = RemittanceBody {
        id: body.id,
        ..body_of(&brokered, "9.00 TEST-USD", &[("mira", "9.00")])
    };
    refused(&brokered, &for_us(&brokered, other), 409).await;
}

async fn a_remittance_with_a_wrong_sum_is_refused(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let wrong = [
        body_of(&brokered, "3.00 TEST-USD", &[("mira", "2.00"), ("jonas", "1.000001")]),
        body_of(&brokered, "3.00 TEST-USD", &[("mira", "2.00")]),
        body_of(&brokered, "3.00 TEST-USD", &[("mira", "2.00"), ("mira", "1.00")]),
        body_of(&brokered, "3.00 TEST-USD", &[("mira", "3.00"), ("jonas", "0.00")]),
        body_of(&brokered, "0.00 TEST-USD", &[]),
    ];
    for body in wrong {
        refused(&brokered, &for_us(&brokered, body), 400).await;
    }
}

async fn a_remittance_in_an_unknown_currency_is_refused(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let mut message = for_us(&brokered, usual(&brokered));
    message["payload"]["amount"]["currency"] = json!("gold!");
    refused(&brokered, &message, 400).await;
}

async fn a_remittance_of_test_money_for_real_is_refused(backend: Backend) {
    let live = |broker: &BrokerPeer| {
        let mut config = config(broker);
        config.brokers.test_money = false;
        config
    };
    let brokered = Brokered::with(backend, live).await;
    refused(&brokered, &for_us(&brokered, usual(&brokered)), 403).await;
}

async fn a_remittance_for_another_node_is_refused(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    refused(
        &brokered,
        &signed(&brokered, PEER, &key("other").did(), usual(&brokered)),
        403,
    )
    .await;
}

async fn a_remittance_of_an_unknown_broker_is_refused(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let body = RemittanceBody {
        broker: "https://other.example/broker".to_owned(),
        ..usual(&brokered)
    };
    refused(&brokered, &for_us(&brokered, body), 403).await;
}

async fn a_remittance_for_people_of_elsewhere_is_refused(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let visitor = key("jonas").did();
    brokered.world.identities.visitors.lock().unwrap().push(visitor);
    refused(&brokered, &for_us(&brokered, usual(&brokered)), 409).await;
}

async fn a_node_cannot_be_flooded_with_announcements(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let mut last = 0;
    for _ in 0..51 {
        last = send(&brokered, &for_us(&brokered, usual(&brokered)))
            .await
            .status
            .as_u16();
    }
    assert_eq!(last, 409);
    nobody_has_anything(&brokered).await;
}

async fn a_home_inside_the_network_is_not_asked(backend: Backend) {
    let public = |broker: &BrokerPeer| {
        let mut config = config(broker);
        config.brokers.reach = imajin_web::Reach::Public;
        config
    };
    let brokered = Brokered::with(backend, public).await;
    for address in [
        brokered.broker.issuer(),
        "https://169.254.169.254",
        "file:///etc/passwd",
        "https://a:b@c.example",
    ] {
        let answer = brokered
            .world
            .put("mira", "/pay/api/connect/home", &json!({"node": address}))
            .await;
        assert_eq!(answer.status.as_u16(), 400, "{address}: {}", answer.text());
    }
    assert_eq!(brokered.broker.asked(""), 0);
}

//! A ticket paid by card: the real program, and a payment processor that behaves as Stripe does.

use imajin_kernel::Env;
use imajin_testkit::Backend;
use imajin_testkit::stripe_peer::{PeerOptions, StripePeer};
use serde_json::Value;

use crate::support::{Buyer, Home, Node, event_find, imajin, text};

/// What an operator writes to take cards.
pub(crate) fn configure(home: &Home, peer: &StripePeer) {
    let key = home.path("stripe.key");
    std::fs::write(&key, format!("{}\n", peer.secret_key())).unwrap();
    home.configure(&format!(
        "[rails.stripe]\napi_url = \"{}\"\nsecret_key_file = \"{}\"\nwebhook_secrets = \"{}\"",
        peer.url(),
        text(&key),
        peer.webhook_secrets().join(","),
    ));
}

pub(crate) fn webhook(node: &Node) -> String {
    format!("{}/pay/api/webhook/stripe", node.url())
}

pub(crate) fn session_newest(peer: &StripePeer) -> Value {
    peer.objects("checkout.session").remove(0)
}

async fn a_ticket_is_bought_by_card(backend: Backend) {
    let peer = StripePeer::start(PeerOptions::test(Env::system())).await;
    let home = Home::new(backend);
    configure(&home, &peer);
    let node = home.up(&["--demo"]);
    let event = event_find(&node, "10.00");
    let buyer = Buyer::registered(&node).await;
    let order: Value = buyer.checkout(&event, 1, Some("one")).await.json().await.unwrap();
    let session = session_newest(&peer);
    assert_eq!(
        (&session["amount_total"], &session["currency"]),
        (&1_000.into(), &"usd".into())
    );
    assert!(
        session["success_url"].as_str().unwrap().starts_with(&node.url()),
        "{session}"
    );

    // The first try is declined, the second one goes through.
    let id = session["id"].as_str().unwrap();
    peer.card_declined(id).unwrap();
    peer.customer_pays(id).unwrap();
    // The node is away when the messages come, and Stripe tries again.
    node.stop();
    let node_url = "http://127.0.0.1:9/pay/api/webhook/stripe";
    assert_eq!(peer.deliver(node_url).await, 0);
    let node = home.up(&[]);
    let buyer = Buyer::with_key(&node, buyer.key);
    let token = buyer.login().await;
    assert!(peer.deliver(&webhook(&node)).await > 0);

    let order = buyer.order_wait(&token, &order).await;
    assert_eq!(order["state"], "fulfilled", "{order}");
    let checkout = format!("/pay/api/checkout/{}", order["checkoutId"].as_str().unwrap());
    let mut receipt = Value::Null;
    for _ in 0..200 {
        let (_, view) = buyer.get(&token, &checkout).await;
        receipt = view["receipt"].clone();
        if receipt.is_string() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let receipt = receipt.as_str().expect("a receipt").to_owned();
    let (_, receipt) = buyer.get(&token, &format!("/pay/api/receipts/{receipt}")).await;
    let body = &receipt["message"]["payload"];
    assert_eq!(
        (&body["rail"], &body["railFee"]),
        (&"stripe".into(), &"0.59".into()),
        "{body}"
    );
    assert_eq!(body["testMoney"], true);

    // A message that nobody has signed.
    let forged = buyer.http.post(webhook(&node)).body("{}").send().await.unwrap();
    assert_eq!(forged.status().as_u16(), 401);
    node.stop();
    home.verify_clean();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_is_bought_by_card_on_sqlite() {
    a_ticket_is_bought_by_card(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_is_bought_by_card_on_postgres() {
    a_ticket_is_bought_by_card(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_are_not_shown_and_wrong_ones_are_named() {
    let peer = StripePeer::start(PeerOptions::live(Env::system())).await;
    let home = Home::new(Backend::Sqlite);
    configure(&home, &peer);
    let data = home.data();
    let shown = imajin(&["config", "--data", text(&data)]).expect_success();
    for secret in [peer.secret_key(), peer.webhook_secrets().remove(0)] {
        assert!(!shown.to_string().contains(&secret), "{shown}");
    }
    home.configure_replace("whsec_", "sk_");
    let refused = home.up_refused(&[]);
    assert!(refused.contains("whsec_"), "{refused}");
    assert!(!refused.contains("peer_0123456789abcdef"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rails_are_listed_with_how_they_do() {
    let peer = StripePeer::start(PeerOptions::live(Env::system())).await;
    let home = Home::new(Backend::Sqlite);
    configure(&home, &peer);
    let node = home.up(&[]);
    let list = |extra: &[&str]| {
        let url = node.url();
        let args = [&["rail", "list", "--node", &url], extra].concat();
        imajin(&args).expect_success()["rails"].clone()
    };
    let rails = list(&[]);
    assert_eq!(
        (&rails[0]["name"], &rails[0]["open"]),
        (&"sandbox".into(), &false.into()),
        "{rails}"
    );
    let stripe = &rails[1];
    assert_eq!(
        (&stripe["open"], &stripe["test"], &stripe["built"]),
        (&true.into(), &false.into(), &true.into())
    );
    home.key("operator.key");
    let operator = Buyer::from_file(&node, &home, "operator.key");
    operator.register_again().await;
    let body = serde_json::json!({"token": node.setup_token()}).to_string();
    let signed = operator.signed("POST", "/auth/api/setup", body.as_bytes(), None);
    assert!(operator.send(&signed).await.status().is_success());
    let key = home.path("operator.key");
    assert_eq!(list(&["--key", text(&key)])[1]["works"], true);
    peer.fault("/account", imajin_testkit::stripe_peer::FaultKind::ServerError, 3);
    let stripe = list(&["--key", text(&key)])[1].clone();
    assert_eq!(
        (&stripe["works"], &stripe["problem"]),
        (&false.into(), &"Stripe answers with 500".into())
    );
    node.stop();
}

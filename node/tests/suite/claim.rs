//! What a mailbox has belongs to the key that claims it: tickets and money, in one process and in two, whatever dies.

use imajin_testkit::Backend;
use serde_json::{Value, json};

use crate::support::{Buyer, Home, Node, event_create, event_find, imajin, text};
use crate::vault::mailbox_login;

/// Somebody whose key the node holds, with a session.
pub(crate) struct Soft {
    pub(crate) session: String,
    pub(crate) did: String,
}

impl Soft {
    pub(crate) async fn new(buyer: &Buyer, node: &Node, home: &Home) -> Self {
        let (_, session) = mailbox_login(buyer, node, home, "ada@example.org").await;
        let (_, who) = buyer.get(&session, "/auth/api/session").await;
        let did = who["did"].as_str().unwrap().to_owned();
        Self { session, did }
    }

    /// Buys a ticket as a page does: the node signs.
    pub(crate) async fn buys(&self, buyer: &Buyer, node: &Node, home: &Home, event: &Value) -> Value {
        let body = json!({"eventId": event["id"], "tierId": event["tiers"][0]["id"], "quantity": 1}).to_string();
        let signed = sign_for(home, &self.did, node, "/events/api/checkout", &body).await;
        let opened = buyer.send(&signed).await;
        assert!(opened.status().is_success(), "{}", opened.text().await.unwrap());
        let order: Value = opened.json().await.unwrap();
        let pressed = buyer.sandbox_press(&self.session, &order["checkoutId"], "pay").await;
        assert!(!pressed.status().is_server_error(), "{}", pressed.status());
        buyer.order_wait(&self.session, &order).await
    }
}

/// Signs as the node does for a soft identity, with the key from its vault.
async fn sign_for(
    home: &Home,
    did: &str,
    node: &Node,
    path: &str,
    body: &str,
) -> imajin_proof::http_sig::SignedRequest {
    let key = crate::vault::custodial_key(home, did).await;
    Buyer::with_key(node, key).signed("POST", path, body.as_bytes(), None)
}

async fn what_a_mailbox_has_is_claimed(backend: Backend) {
    let home = Home::new(backend);
    let node = home.up(&["--demo"]);
    let key = home.key("ada.key");
    imajin(&["login", "--node", &node.url(), "--key", text(&key)]).expect_success();
    let ada = Buyer::from_file(&node, &home, "ada.key");
    let soft = Soft::new(&ada, &node, &home).await;
    let event = event_find(&node, "10.00");
    let order = soft.buys(&ada, &node, &home, &event).await;
    assert_eq!(order["state"], "fulfilled", "{order}");
    // Money of its own: an event whose only payee is the soft identity.
    let sold = sell_for(&home, &node, &soft.did).await;
    let session = ada.login().await;
    let paths = [
        format!("/events/api/orders/{}", order["id"].as_str().unwrap()),
        format!(
            "/events/api/tickets/{}",
            order["tickets"][0]["id"]
                .as_str()
                .or(order["tickets"][0].as_str())
                .unwrap()
        ),
        format!("/pay/api/receipts/{}", order["receipt"].as_str().unwrap()),
    ];
    for path in &paths {
        assert_eq!(ada.get(&session, path).await.0, 404, "{path} before");
    }

    let mailbox = ["--claim", "ada@example.org"];
    imajin(&[&["login", "--node", &node.url(), "--key", text(&key)], &mailbox[..]].concat()).expect_success();
    let link = crate::vault::newest_token(&home).await;
    // Killed and started again in between: a claim is one transaction, and everything else asks for it.
    node.kill();
    let node = home.up(&[]);
    let link = ["--claim-link", &link];
    let claimed =
        imajin(&[&["login", "--node", &node.url(), "--key", text(&key)], &link[..]].concat()).expect_success();
    assert_eq!(claimed["claimed"].as_str(), Some(soft.did.as_str()));
    node.kill();
    let node = home.up(&[]);
    let ada = Buyer::from_file(&node, &home, "ada.key");
    let session = ada.login().await;
    for path in &paths {
        assert_eq!(ada.get(&session, path).await.0, 200, "{path} afterwards");
    }
    let (_, mine) = ada
        .get(
            &session,
            &format!("/events/api/events/{}/my-ticket", event["id"].as_str().unwrap()),
        )
        .await;
    assert_eq!(mine["tickets"].as_array().unwrap().len(), 1);
    for _twice in 0..2 {
        let balance = imajin(&["balance", "--node", &node.url(), "--key", text(&key)]).expect_success();
        assert_eq!(balance["balances"][0]["balance"]["amount"], sold, "{balance}");
    }
    // Money that comes in for the soft identity afterwards is not lost.
    let more = buy_again(&home, &node);
    let balance = imajin(&["balance", "--node", &node.url(), "--key", text(&key)]).expect_success();
    assert_eq!(balance["balances"][0]["balance"]["amount"], more, "{balance}");
    node.stop();
    home.verify_clean();
}

/// Makes an event that pays the soft identity alone, and sells one ticket of it.
async fn sell_for(home: &Home, node: &Node, did: &str) -> &'static str {
    let seller = home.key("seller.key");
    imajin(&["login", "--node", &node.url(), "--key", text(&seller)]).expect_success();
    let split = format!("{did}=1:artist");
    let made = event_create(node, &seller, &[split], true);
    std::fs::write(home.path("event"), made["id"].as_str().unwrap()).unwrap();
    let accept = format!("/events/api/events/{}/fair/accept", made["id"].as_str().unwrap());
    let manifest: Value = imajin_manifest(node, &made).await;
    let acceptance = acceptance_of(home, did, &manifest).await;
    let accepted = Buyer::stranger(node)
        .send(&sign_for(home, did, node, &accept, &acceptance).await)
        .await;
    assert!(accepted.status().is_success(), "{}", accepted.text().await.unwrap());
    buy_again(home, node);
    "5.00"
}

async fn imajin_manifest(node: &Node, event: &Value) -> Value {
    let somebody = Buyer::stranger(node);
    let url = somebody.url(&format!("/events/api/events/{}/fair", event["id"].as_str().unwrap()));
    somebody.http.get(url).send().await.unwrap().json().await.unwrap()
}

async fn acceptance_of(home: &Home, did: &str, manifest: &Value) -> String {
    let manifest: imajin_fair::Manifest = serde_json::from_value(manifest.clone()).unwrap();
    let key = crate::vault::custodial_key(home, did).await;
    let now = imajin_kernel::Env::system().now();
    let acceptance = imajin_fair::Acceptance::sign(&key, did.parse().unwrap(), manifest.id.clone(), now).unwrap();
    serde_json::to_string(&acceptance).unwrap()
}

/// Sells one more ticket of that event; what was earned in all by then.
fn buy_again(home: &Home, node: &Node) -> &'static str {
    let buyer = home.key(&format!(
        "buyer-{}.key",
        std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos()
    ));
    imajin(&["login", "--node", &node.url(), "--key", text(&buyer)]).expect_success();
    let event = std::fs::read_to_string(home.path("event")).unwrap();
    imajin(&[
        "ticket",
        "buy",
        "--node",
        &node.url(),
        "--key",
        text(&buyer),
        "--event",
        &event,
    ])
    .expect_success();
    "10.00"
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_mailbox_has_is_claimed_on_sqlite() {
    what_a_mailbox_has_is_claimed(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_mailbox_has_is_claimed_on_postgres() {
    what_a_mailbox_has_is_claimed(Backend::Postgres).await;
}

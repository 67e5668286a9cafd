//! A ticket paid in TEST-USDC: the real program, and a chain with the real programs of Solana.

use imajin_did::SecretKey;
use imajin_testkit::{Backend, SolanaPeer};
use serde_json::{Value, json};

use crate::support::{Buyer, Home, Node, imajin, text};

/// What stands for USDC on the chain of the test.
const MINT: &str = "4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU";

/// A chain that is not mainnet, with the token.
fn chain() -> SolanaPeer {
    let peer = SolanaPeer::start().unwrap();
    let now = imajin_kernel::Env::system().now().as_seconds();
    peer.call("test_clock", json!([now])).unwrap();
    peer.call("test_genesis", json!(["EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG"]))
        .unwrap();
    peer.call("test_mint", json!([MINT, 6])).unwrap();
    peer
}

fn configure(home: &Home, peer: &SolanaPeer) {
    let url = home.path("rpc");
    std::fs::write(&url, format!("{}?key=hunter2\n", peer.url())).unwrap();
    home.configure(&format!(
        "[rails.solana]\nnetwork = \"local\"\nusdc_mint = \"{MINT}\"\nrpc_url_file = \"{}\"\n\
         [rails.solana.payout_limits.TEST-USDC]\nper_transaction = \"50\"\nper_day = \"80.00\"",
        text(&url)
    ));
}

fn address(wallet: &SecretKey) -> String {
    bs58::encode(wallet.public().to_bytes()).into_string()
}

/// A wallet's key as `solana-keygen` writes it.
fn wallet_file(home: &Home, wallet: &SecretKey) -> std::path::PathBuf {
    let bytes = [wallet.to_seed().as_slice(), &wallet.public().to_bytes()].concat();
    let path = home.path("wallet.json");
    std::fs::write(&path, json!(bytes).to_string()).unwrap();
    path
}

fn bound(node: &Node, key: &str) -> Value {
    let shown = imajin(&["payout", "address", "show", "--node", &node.url(), "--key", key]).expect_success();
    shown["bound"]["address"].clone()
}

fn address_commands(home: &Home, node: &Node, key: &str, wallet: &SecretKey) {
    let (url, own) = (node.url(), address(wallet));
    let file = wallet_file(home, wallet);
    let on = |command: &[&str]| {
        let all = [&["payout", "address"], command, &["--node", &url, "--key", key]].concat();
        imajin(&all)
    };
    assert_eq!(bound(node, key), Value::Null);
    let text_of = on(&["text", &own]).expect_success();
    assert!(text_of["message"].as_str().unwrap().contains(&own));
    // Signed somewhere else, and brought as text.
    let signature = wallet.sign(text_of["message"].as_str().unwrap().as_bytes());
    let signature = bs58::encode(signature.to_bytes()).into_string();
    let (nonce, at) = (
        text_of["nonce"].as_str().unwrap(),
        text_of["issuedAt"].as_str().unwrap(),
    );
    let brought = [
        "set",
        &own,
        "--signature",
        &signature,
        "--nonce",
        nonce,
        "--issued-at",
        at,
    ];
    assert_eq!(on(&brought).expect_success()["address"], own);
    on(&["remove"]).expect_success();
    assert_eq!(bound(node, key), Value::Null);
    // Another wallet than the address.
    let other = address(&SecretKey::from_seed([7; 32]));
    assert_eq!(
        on(&["set", &other, "--wallet", text(&file)]).refusal()["error"],
        "bad_signature"
    );
    assert_eq!(
        on(&["set", &own, "--wallet", text(&file)]).expect_success()["address"],
        own
    );
    assert_eq!(bound(node, key), json!(own));
}

/// The receipt comes a moment after the goods.
async fn receipt_of(buyer: &Buyer, token: &str, checkout: &str) -> String {
    for _ in 0..200 {
        let (_, view) = buyer.get(token, &format!("/pay/api/checkout/{checkout}")).await;
        if let Some(receipt) = view["receipt"].as_str() {
            return receipt.to_owned();
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("there is no receipt");
}

async fn a_ticket_is_paid_in_usdc_to_the_organisers_wallet(backend: Backend) {
    let peer = chain();
    let home = Home::new(backend);
    configure(&home, &peer);
    let node = home.up(&[]);
    let (url, key) = (node.url(), home.key("organiser.key"));
    let key = text(&key);
    imajin(&["login", "--node", &url, "--key", key, "--handle", "linden"]).expect_success();
    let (organiser, visitor) = (SecretKey::from_seed([1; 32]), SecretKey::from_seed([2; 32]));
    address_commands(&home, &node, key, &organiser);
    let event = imajin(&[
        "event",
        "create",
        "--node",
        &url,
        "--key",
        key,
        "--title",
        "An evening",
        "--tier",
        "Standard=12.50:5",
        "--currency",
        "TEST-USDC",
        "--starts",
        "2031-01-01T19:00:00Z",
        "--ends",
        "2031-01-01T22:00:00Z",
        "--publish",
    ])
    .expect_success();
    let buyer = Buyer::registered(&node).await;
    let token = buyer.login().await;
    let order: Value = buyer.checkout(&event, 1, Some("one")).await.json().await.unwrap();
    let checkout = order["checkoutId"].as_str().unwrap().to_owned();

    // The buyer's wallet scans the code.
    peer.call("test_sol", json!([address(&visitor), 10_000_000_000_u64]))
        .unwrap();
    peer.call("test_tokens", json!([address(&visitor), MINT, 100_000_000]))
        .unwrap();
    let asked = buyer.http.post(buyer.url(&format!("/pay/solana/{checkout}")));
    let asked = asked.json(&json!({"account": address(&visitor)})).send().await.unwrap();
    assert!(asked.status().is_success(), "{}", asked.text().await.unwrap());
    let transaction: Value = asked.json().await.unwrap();
    let seed = hex::encode(visitor.to_seed().as_slice());
    let signed = peer
        .call("test_sign", json!([transaction["transaction"], seed]))
        .unwrap();
    peer.call("sendTransaction", json!([signed])).unwrap();
    peer.call("test_finalise", json!([])).unwrap();
    // The node looks by itself.
    let order = buyer.order_wait(&token, &order).await;
    assert_eq!(order["state"], "fulfilled", "{order}");
    let receipt = receipt_of(&buyer, &token, &checkout).await;
    let (_, receipt) = buyer.get(&token, &format!("/pay/api/receipts/{receipt}")).await;
    assert_eq!(
        receipt["message"]["payload"]["legs"][0]["paidTo"],
        address(&organiser),
        "{receipt}"
    );

    let rails = imajin(&["rail", "list", "--node", &url]).expect_success();
    let solana = rails["rails"]
        .as_array()
        .unwrap()
        .iter()
        .find(|rail| rail["name"] == "solana");
    assert_eq!(solana.unwrap()["open"], true, "{rails}");
    node.stop();
    let shown = imajin(&["config", "--data", text(&home.data())]).expect_success();
    assert!(!shown.to_string().contains("hunter2"), "{shown}");
    home.verify_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_paid_in_usdc_on_sqlite() {
    a_ticket_is_paid_in_usdc_to_the_organisers_wallet(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_paid_in_usdc_on_postgres() {
    a_ticket_is_paid_in_usdc_to_the_organisers_wallet(Backend::Postgres).await;
}

#[test]
fn a_setting_that_cannot_be_right_stops_the_start_and_is_named() {
    for (settings, named) in [
        (
            "network = \"local\"\nrpc_url = \"http://127.0.0.1:9/hunter2\"",
            "usdc_mint",
        ),
        ("network = \"mainnet\"", "rpc_url"),
        (
            "network = \"mainnet\"\nrpc_url = \"http://rpc.example/hunter2\"",
            "https",
        ),
        ("rpc_url = \"https://rpc.example/hunter2\"", "network"),
    ] {
        let home = Home::new(Backend::Sqlite);
        home.configure(&format!("[rails.solana]\n{settings}"));
        let said = home.up_refused(&[]);
        assert!(said.contains(named) && !said.contains("hunter2"), "{said}");
    }
}

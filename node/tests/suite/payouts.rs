//! Being paid, on the command line: an account at a payment processor, and what was earned on its way there.

use imajin_kernel::Env;
use imajin_testkit::stripe_peer::{PeerOptions, StripePeer};
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::broker::{signed, waited};
use crate::cards::{configure, session_newest, webhook};
use crate::support::{Buyer, Home, Node, Outcome, imajin, text};

on_both!(what_is_earned_is_paid_out_by_command);

/// Somebody's command at the node.
fn payout(node: &Node, home: &Home, args: &[&str]) -> Outcome {
    let (url, key) = (node.url(), home.path("ada.key"));
    imajin(&[&["payout"], args, &["--node", &url, "--key", text(&key)]].concat())
}

/// Ten dollars of somebody's own, by card.
async fn topped_up(node: &Node, peer: &StripePeer, ada: &Buyer) {
    let ask = json!({"amount": {"amount": "10.00", "currency": "USD"}});
    signed(ada, "/pay/api/topup", &ask).await;
    let session = session_newest(peer);
    peer.customer_pays(session["id"].as_str().unwrap()).unwrap();
    assert!(peer.deliver(&webhook(node)).await > 0);
    let token = ada.login().await;
    waited(async || {
        let (_, balance) = ada.get(&token, "/pay/api/balance").await;
        balance["balances"][0]["balance"]["amount"].as_str().map(str::to_owned)
    })
    .await;
}

fn refused(outcome: &Outcome, code: &str) -> String {
    let refusal = outcome.refusal();
    assert_eq!(refusal["error"], code, "{refusal}");
    refusal.to_string()
}

async fn what_is_earned_is_paid_out_by_command(backend: Backend) {
    let peer = StripePeer::start(PeerOptions::live(Env::system())).await;
    let home = Home::new(backend);
    configure(&home, &peer);
    let node = home.up(&[]);
    crate::fair_library::register(&node, &home.key("ada.key"), "ada");
    let ada = Buyer::from_file(&node, &home, "ada.key");
    topped_up(&node, &peer, &ada).await;
    let run = |args: &[&str]| payout(&node, &home, args);

    // Without an account nobody can be paid, and a country is two letters.
    let nothing = run(&["list"]).expect_success();
    assert_eq!(nothing, json!({"account": null, "address": null, "payouts": []}));
    refused(&run(&["send", "--all", "USD"]), "conflict");
    refused(&run(&["onboard", "usa"]), "invalid_request");

    let made = run(&["onboard", "US"]).expect_success();
    assert_eq!((&made["rail"], &made["ready"]), (&json!("stripe"), &json!(false)));
    assert!(made["url"].as_str().unwrap().starts_with(peer.url()), "{made}");
    refused(&run(&["send", "--all", "USD"]), "conflict");
    let did = ada.key.did().to_string();
    let is_hers = |account: &&Value| account["metadata"]["imajin_did"] == did;
    let accounts = peer.objects("account");
    let account = accounts.iter().find(is_hers).unwrap()["id"].as_str().unwrap();
    peer.account_change(account, true).unwrap();
    assert!(peer.deliver(&webhook(&node)).await > 0);
    waited(async || (run(&["list"]).expect_success()["account"]["ready"] == true).then_some(())).await;

    // More than there is, nothing, what no rail sends, and what is no money.
    refused(&run(&["send", "11.00 USD"]), "conflict");
    refused(&run(&["send", "0.00 USD"]), "invalid_request");
    refused(&run(&["send", "0.001 USD"]), "conflict");
    refused(&run(&["send", "1.00 EURO"]), "conflict");
    for wrong in [
        &["send"][..],
        &["send", "1.00"],
        &["send", "-1.00 USD"],
        &["send", "1.00 USD", "--all", "USD"],
    ] {
        assert!(!run(wrong).success, "{wrong:?}");
    }

    let once = ["send", "4.00 USD", "--idempotency-key", "once"];
    let sent = run(&once).expect_success();
    assert_eq!(
        (&sent["state"], &sent["amount"]["amount"]),
        (&json!("paid"), &json!("4.00")),
        "{sent}"
    );
    assert_eq!(run(&once).expect_success()["id"], sent["id"], "it is sent once");
    refused(
        &run(&["send", "5.00 USD", "--idempotency-key", "once"]),
        "idempotency_mismatch",
    );
    let listed = run(&["list"]).expect_success();
    assert_eq!(listed["payouts"], json!([sent]));
    assert_eq!(peer.objects("transfer").len(), 1);
    node.stop();
    home.verify_clean();
}

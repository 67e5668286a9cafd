//! Money that goes back and money that leaves, by the buttons of the pages.

use imajin_kernel::Env;
use imajin_testkit::Backend;
use imajin_testkit::browser::{Browser, BrowserOptions};
use imajin_testkit::stripe_peer::{PeerOptions, StripePeer};
use serde_json::Value;

use crate::browser::{join, no_complaints};
use crate::browser_profile::fits_a_phone;
use crate::cards::{configure, session_newest, webhook};
use crate::support::{Buyer, Home, Node, event_create, event_find, imajin, text};

#[tokio::test(flavor = "multi_thread")]
async fn browser_the_operator_sends_a_part_of_a_sale_back() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&["--demo"]);
    let (url, buyer) = (node.url(), home.key("buyer.key"));
    let event = event_find(&node, "10.00");
    let id = event["id"].as_str().unwrap();
    imajin(&["login", "--node", &url, "--key", text(&buyer)]).expect_success();
    let bought = imajin(&["ticket", "buy", "--node", &url, "--key", text(&buyer), "--event", id]).expect_success();
    let browser = Browser::start(&BrowserOptions::phone()).await.unwrap();
    join(&browser, &node, &format!("/setup?token={}", node.setup_token()), "Olga").await;
    browser.wait_for("#setup-button:not([hidden])").await.unwrap();
    browser.click("#setup-button").await.unwrap();
    browser.wait_for("a[href='/operator']").await.unwrap();

    let receipt = format!("{url}/receipts/{}", bought["receipt"].as_str().unwrap());
    browser.goto(&receipt).await.unwrap();
    browser.fill("#refund-amount", "4.00").await.unwrap();
    browser.fill("#refund-reason", "Rain.").await.unwrap();
    browser.click_away("#refund button[type=submit]").await.unwrap();
    browser.wait_for("#refunds li").await.unwrap();
    let went_back = browser.text("#refunds").await.unwrap();
    assert!(went_back.contains("4.00") && went_back.contains("Rain."), "{went_back}");
    fits_a_phone(&browser).await;
    browser.screenshot("refund-1-part").await.unwrap();
    no_complaints(&browser).await;
    // Never more than is left.
    browser.fill("#refund-amount", "6.01").await.unwrap();
    browser.click("#refund button[type=submit]").await.unwrap();
    browser.wait_for_text("more than what is left").await.unwrap();
    browser.close().await.unwrap();
    node.stop();
    home.verify_clean();
}

/// Somebody buys a ticket by card, and it is split.
async fn ticket_by_card(node: &Node, peer: &StripePeer, event: &Value) {
    let buyer = Buyer::registered(node).await;
    let order: Value = buyer.checkout(event, 1, Some("one")).await.json().await.unwrap();
    peer.customer_pays(session_newest(peer)["id"].as_str().unwrap())
        .unwrap();
    assert!(peer.deliver(&webhook(node)).await > 0);
    let token = buyer.login().await;
    let order = buyer.order_wait(&token, &order).await;
    assert_eq!(order["state"], "fulfilled", "{order}");
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_a_payee_signs_the_split_and_is_paid_out() {
    let peer = StripePeer::start(PeerOptions::test(Env::system())).await;
    let home = Home::new(Backend::Sqlite);
    configure(&home, &peer);
    let node = home.up(&[]);
    let (url, seller) = (node.url(), home.key("seller.key"));
    let browser = Browser::start(&BrowserOptions::phone()).await.unwrap();
    join(&browser, &node, "/earnings", "Ada").await;
    browser.wait_for("#onboard:not([hidden])").await.unwrap();
    let did = browser
        .evaluate("return document.getElementById('earnings').dataset.did")
        .await
        .unwrap();
    imajin(&["login", "--node", &url, "--key", text(&seller)]).expect_success();
    event_create(&node, &seller, &[format!("{}=1", did.as_str().unwrap())], true);
    ticket_by_card(&node, &peer, &event_find(&node, "5.00")).await;

    browser.goto(&format!("{url}/earnings")).await.unwrap();
    browser.wait_for("form.accept button").await.unwrap();
    browser.click("form.accept button").await.unwrap();
    browser.wait_for_text("yours to spend").await.unwrap();
    browser.fill("#country", "US").await.unwrap();
    browser.click_away("#onboard-button").await.unwrap();
    let accounts = peer.objects("account");
    let account = accounts.iter().find(|account| account["metadata"]["imajin_did"] == did);
    peer.account_change(account.unwrap()["id"].as_str().unwrap(), true)
        .unwrap();
    assert!(peer.deliver(&webhook(&node)).await > 0);

    browser.goto(&format!("{url}/earnings")).await.unwrap();
    browser.wait_for("form.payout button").await.unwrap();
    fits_a_phone(&browser).await;
    browser.screenshot("payout-1-ready").await.unwrap();
    browser.click("form.payout button").await.unwrap();
    browser.wait_for("#payout-list li").await.unwrap();
    let listed = browser.text("#payout-list").await.unwrap();
    assert!(
        listed.contains("TEST-USD") && listed.contains("through stripe"),
        "{listed}"
    );
    browser.screenshot("payout-2-asked-for").await.unwrap();
    browser.close().await.unwrap();
    node.stop();
    home.verify_clean();
}

//! The operator's money pages on a phone, in the dark, with the buttons that sign; the same on the command line; and a
//! payee who is paid out through Stripe.

use imajin_testkit::Backend;
use imajin_testkit::browser::{Browser, BrowserOptions};

use crate::browser::{join, no_complaints};
use crate::browser_profile::fits_a_phone;
use crate::support::{Home, event_find, imajin, text};

async fn compares_and_announces(browser: &Browser, url: &str) {
    browser
        .goto(&format!("{url}/pay/operator/reconciliation"))
        .await
        .unwrap();
    browser.click_away("form.act button").await.unwrap();
    browser.wait_for_text("done").await.unwrap();
    browser.wait_for_text("There are none.").await.unwrap();
    fits_a_phone(browser).await;
    browser.screenshot("money-4-reconciliation").await.unwrap();

    browser.goto(&format!("{url}/pay/fees")).await.unwrap();
    browser.fill("#fee-name-1", "node").await.unwrap();
    browser.fill("#fee-percent-1", "0.5").await.unwrap();
    browser
        .wait_for_text("Of 100.00: node 0.50. 99.50 is split.")
        .await
        .unwrap();
    fits_a_phone(browser).await;
    browser.screenshot("money-5-fees").await.unwrap();
    browser.click("#fees button[type=submit]").await.unwrap();
    browser.wait_for_text("Announced: Version 1").await.unwrap();
    browser.screenshot("money-6-announced").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_the_operator_sees_sales_finds_an_order_and_announces_fees() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&["--demo"]);
    let url = node.url();
    let (operator, buyer) = (home.key("operator.key"), home.key("buyer.key"));
    let event = event_find(&node, "10.00");
    let id = event["id"].as_str().unwrap();
    imajin(&["login", "--node", &url, "--key", text(&buyer)]).expect_success();
    for _ in 0..2 {
        imajin(&["ticket", "buy", "--node", &url, "--key", text(&buyer), "--event", id]).expect_success();
    }
    let browser = Browser::start(&BrowserOptions::phone().dark()).await.unwrap();
    join(&browser, &node, &format!("/setup?token={}", node.setup_token()), "Olga").await;
    browser.wait_for("#setup-button:not([hidden])").await.unwrap();
    browser.click("#setup-button").await.unwrap();
    browser.wait_for("a[href='/operator']").await.unwrap();

    browser.goto(&format!("{url}/pay/operator")).await.unwrap();
    browser.wait_for(".chart svg").await.unwrap();
    let figures = browser.text("main").await.unwrap();
    assert!(
        figures.contains("20.00 TEST-USD") && figures.contains("today, 2 receipts"),
        "{figures}"
    );
    fits_a_phone(&browser).await;
    browser.screenshot("money-1-overview").await.unwrap();

    browser
        .goto(&format!("{url}/pay/operator/search?q=10.00+TEST-USD"))
        .await
        .unwrap();
    fits_a_phone(&browser).await;
    browser.screenshot("money-2-search").await.unwrap();
    browser
        .click("#receipts a[href^='/pay/operator/orders/']")
        .await
        .unwrap();
    browser.wait_for("#entries").await.unwrap();
    fits_a_phone(&browser).await;
    browser.screenshot("money-3-order").await.unwrap();

    compares_and_announces(&browser, &url).await;
    for page in ["messages", "payouts", "disputes", "rails"] {
        browser.goto(&format!("{url}/pay/operator/{page}")).await.unwrap();
        fits_a_phone(&browser).await;
    }
    no_complaints(&browser).await;
    browser.close().await.unwrap();

    // Only the operator's key may.
    imajin(&["login", "--node", &url, "--key", text(&operator)]).expect_success();
    let refused = imajin(&["reconcile", "--node", &url, "--key", text(&operator)]);
    assert!(refused.stderr.contains("operator"), "{}", refused.stderr);
    node.stop();
    home.verify_clean();
}

#[test]
fn a_node_is_reconciled_on_the_command_line() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&["--demo"]);
    let url = node.url();
    let key = home.key("operator.key");
    imajin(&[
        "login",
        "--node",
        &url,
        "--key",
        text(&key),
        "--setup",
        &node.setup_token(),
    ])
    .expect_success();
    let all = imajin(&["reconcile", "--node", &url, "--key", text(&key)]).expect_success();
    let rounds = all["rounds"].as_array().unwrap();
    assert!(
        rounds.len() >= 2 && rounds.iter().all(|round| round["state"] == "done"),
        "{all}"
    );
    imajin(&["reconcile", "--rail", "sandbox", "--node", &url, "--key", text(&key)]).expect_success();
    let unknown = imajin(&["reconcile", "--rail", "gold", "--node", &url, "--key", text(&key)]);
    assert!(unknown.stderr.contains("no such rail"), "{}", unknown.stderr);
    let scoped = |scope: &str| imajin(&["reconcile", "--scope", scope, "--node", &url, "--key", text(&key)]);
    for scope in ["rail:sandbox", "ledger"] {
        scoped(scope).expect_success();
    }
    for unknown in ["sandbox", "rail:gold", "broker:https://nobody.example/broker", ""] {
        assert_eq!(scoped(unknown).refusal()["error"], "not_found", "{unknown}");
    }
    let both = ["--rail", "sandbox", "--scope", "ledger"];
    let both = imajin(&[&["reconcile", "--node", &url, "--key", text(&key)], &both[..]].concat());
    assert!(!both.success && both.stderr.contains("--scope"), "{}", both.stderr);
    node.stop();
    home.configure("dev = true\n\n[brokers]\ntrusted = [\"http://127.0.0.1:9/broker\"]");
    let node = home.up(&[]);
    let broker = "broker:http://127.0.0.1:9/broker";
    let told = imajin(&[
        "reconcile",
        "--scope",
        broker,
        "--node",
        &node.url(),
        "--key",
        text(&key),
    ])
    .expect_success();
    let round = told["rounds"]
        .as_array()
        .unwrap()
        .iter()
        .find(|round| round["scope"] == broker);
    assert!(round.unwrap()["problem"].is_string(), "it is away: {told}");
    node.stop();
    home.verify_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_a_payee_sees_what_was_earned_over_time() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&[]);
    let url = node.url();
    let browser = Browser::start(&BrowserOptions::phone()).await.unwrap();
    join(&browser, &node, "/earnings", "Ada").await;
    browser.wait_for("#no-payouts:not([hidden])").await.unwrap();
    let account = browser.text("#account-note").await.unwrap();
    assert!(account.contains("your balance stays here"), "{account}");
    let did = browser
        .evaluate("return document.getElementById('earnings').dataset.did")
        .await
        .unwrap();
    let (seller, buyer) = (home.key("seller.key"), home.key("buyer.key"));
    for key in [&seller, &buyer] {
        imajin(&["login", "--node", &url, "--key", text(key)]).expect_success();
    }
    let split = format!("{}=1", did.as_str().unwrap());
    let create = [
        "event",
        "create",
        "--node",
        &url,
        "--key",
        text(&seller),
        "--title",
        "Matinee",
        "--starts",
        "2031-01-01T18:00:00Z",
        "--ends",
        "2031-01-01T20:00:00Z",
        "--tier",
        "Standard=5.00:10",
        "--split",
        &split,
        "--publish",
    ];
    let event = imajin(&create).expect_success();
    let id = event["id"].as_str().unwrap();
    imajin(&["ticket", "buy", "--node", &url, "--key", text(&buyer), "--event", id]).expect_success();
    browser.goto(&format!("{url}/earnings")).await.unwrap();
    browser.wait_for("#months .chart").await.unwrap();
    let months = browser.text("#months").await.unwrap();
    assert!(months.contains("Earned in TEST-USD"), "{months}");
    let balances = browser.text("#balances").await.unwrap();
    assert!(balances.contains("5.00 TEST-USD"), "{balances}");
    fits_a_phone(&browser).await;
    browser.screenshot("earnings-3-over-time").await.unwrap();
    no_complaints(&browser).await;
    browser.close().await.unwrap();
    node.stop();
    home.verify_clean();
}

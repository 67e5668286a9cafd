//! A mailbox that becomes a key's: what was bought without a key is found again with one.

use imajin_testkit::Backend;
use imajin_testkit::browser::{Browser, BrowserOptions};

use crate::browser::{join, no_complaints};
use crate::support::{Home, Node, event_find};

/// Asks for a login link and opens it, up to the page that asks whether this is one's mailbox.
pub(crate) async fn link_open(browser: &Browser, node: &Node, next: &str) {
    let login = format!("{}/login?next={next}", node.url());
    browser.goto(&login).await.unwrap();
    browser.fill("#email", "ada@example.org").await.unwrap();
    browser.click("#login-mailbox button[type=submit]").await.unwrap();
    browser.wait_for_text("ada@example.org").await.unwrap();
    browser.goto(&format!("{}/mailbox", node.url())).await.unwrap();
    browser.click("#messages li a").await.unwrap();
    browser.click("a.mail-link").await.unwrap();
    browser.wait_for("#onboard-button").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_a_mailbox_is_claimed_by_a_key_with_its_ticket() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&["--demo"]);
    let event = event_find(&node, "10.00");
    let page = format!("/events/{}", event["id"].as_str().unwrap());
    let browser = Browser::start(&BrowserOptions::phone()).await.unwrap();
    link_open(&browser, &node, &page).await;
    browser.click("#onboard-button").await.unwrap();
    browser.wait_for("#buy-button").await.unwrap();
    browser.click("#buy-button").await.unwrap();
    browser.wait_for("#pay-button").await.unwrap();
    browser.click("#pay-button").await.unwrap();
    browser.wait_for("#receipt-link").await.unwrap();

    browser.cookies_forget().await.unwrap();
    join(&browser, &node, "/me", "Ada").await;
    browser.wait_for_text("Keys and devices").await.unwrap();
    let tickets = "return document.querySelectorAll(\"a[href^='/tickets/']\").length";
    assert_eq!(browser.evaluate(tickets).await.unwrap(), 0);
    link_open(&browser, &node, "/me").await;
    browser.wait_for("#claim-button:not([hidden])").await.unwrap();
    browser.screenshot("claim-1-offer").await.unwrap();
    browser.click("#claim-button").await.unwrap();
    browser.wait_for("a[href^='/tickets/']").await.unwrap();
    browser.screenshot("claim-2-mine").await.unwrap();
    assert_eq!(browser.evaluate(tickets).await.unwrap(), 1);
    no_complaints(&browser).await;
    browser.close().await.unwrap();
    node.stop();
    home.verify_clean();
}

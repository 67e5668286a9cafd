//! Connections as a person sees them: asked, accepted and ended on a phone, walked in the dark without JavaScript.

use imajin_testkit::Backend;
use imajin_testkit::browser::{Browser, BrowserOptions};

use crate::browser::{join, no_complaints};
use crate::browser_profile::fits_a_phone;
use crate::support::{Home, Node, imajin, text};

fn trust(node: &Node, key: &str, args: &[&str]) -> serde_json::Value {
    imajin(&[&["trust"], args, &["--node", &node.url(), "--key", key]].concat()).expect_success()
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_a_person_connects_on_a_phone_and_walks_the_graph() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&[]);
    let keys = ["ben", "cleo", "dora", "emil", "finn"].map(|name| {
        let key = text(&home.key(&format!("{name}.key"))).to_owned();
        imajin(&["login", "--node", &node.url(), "--key", &key, "--handle", name]).expect_success();
        key
    });
    let [ben, cleo, dora, emil, finn] = keys.each_ref().map(String::as_str);
    for (one, other, name) in [
        (ben, cleo, "cleo"),
        (ben, dora, "dora"),
        (cleo, emil, "emil"),
        (dora, finn, "finn"),
    ] {
        let asked = trust(&node, one, &["connect", name]);
        trust(&node, other, &["accept", asked["from"].as_str().unwrap()]);
    }

    let browser = Browser::start(&BrowserOptions::phone()).await.unwrap();
    join(&browser, &node, "/me/connections", "Ada").await;
    browser.wait_for("#say-button").await.unwrap();
    fits_a_phone(&browser).await;
    browser.screenshot("trust-1-nobody-yet").await.unwrap();
    // By keyboard: the field, and Enter.
    browser.fill("#who", "@ben\u{e007}").await.unwrap();
    browser.wait_for("#sent [data-digest]").await.unwrap();
    let ada = browser
        .evaluate("return document.querySelector('main').dataset.did")
        .await
        .unwrap();
    trust(&node, ben, &["accept", ada.as_str().unwrap()]);
    trust(&node, cleo, &["connect", ada.as_str().unwrap()]);
    trust(&node, cleo, &["vouch", ada.as_str().unwrap()]);
    browser.goto(&format!("{}/me/connections", node.url())).await.unwrap();
    browser.wait_for("#received .tie-accept button").await.unwrap();
    browser.click("#received .tie-accept button").await.unwrap();
    browser.wait_for_text("They vouch for you").await.unwrap();
    browser.wait_for("#connections li:nth-child(2)").await.unwrap();
    fits_a_phone(&browser).await;
    browser.fill("#note", "See you at the fair.").await.unwrap();
    browser.click("#invite-button").await.unwrap();
    browser.wait_for_text("/invited#").await.unwrap();
    browser.screenshot("trust-2-connections").await.unwrap();
    let shown = browser.text("main").await.unwrap();
    assert!(!shown.contains('<') && !shown.contains("Signing"), "{shown}");
    let link = browser.text("#invite-link").await.unwrap();
    let code = link.split_once('#').unwrap().1;
    trust(&node, emil, &["join", code]);

    browser.goto(&format!("{}/trust/me", node.url())).await.unwrap();
    browser.wait_for(".star").await.unwrap();
    fits_a_phone(&browser).await;
    browser.screenshot("trust-3-around-me").await.unwrap();
    browser.goto(&format!("{}/trust?to=finn", node.url())).await.unwrap();
    browser.wait_for_text("3 steps from you").await.unwrap();
    browser.screenshot("trust-4-the-way").await.unwrap();
    no_complaints(&browser).await;
    browser.close().await.unwrap();
    taken_up(&node, &trust(&node, dora, &["invite", "new", "--note", "Come along."])).await;
    node.stop();
    home.verify_clean();
}

/// Somebody who is new opens an invitation, on a wide screen in the dark.
async fn taken_up(node: &Node, made: &serde_json::Value) {
    let browser = Browser::start(&BrowserOptions::default().dark()).await.unwrap();
    join(&browser, node, "/me/connections", "Gil").await;
    browser.goto(made["url"].as_str().unwrap()).await.unwrap();
    browser.wait_for_text("wants to be connected with you").await.unwrap();
    browser.wait_for_text("Come along.").await.unwrap();
    browser.click("#take-up-button").await.unwrap();
    browser.wait_for("#connections [data-digest]").await.unwrap();
    browser.goto(&format!("{}/trust/me", node.url())).await.unwrap();
    browser.wait_for(".star").await.unwrap();
    browser.screenshot("trust-5-dark").await.unwrap();
    browser.click(".star .star-letter").await.unwrap();
    browser.wait_for_text("One step from you.").await.unwrap();
    browser.screenshot("trust-6-walked").await.unwrap();
    no_complaints(&browser).await;
    browser.close().await.unwrap();
}

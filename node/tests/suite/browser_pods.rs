//! Pods as a person sees them: made on a phone, joined by the people invited, handed over; and by keyboard in the dark.

use imajin_testkit::Backend;
use imajin_testkit::browser::{Browser, BrowserOptions};
use serde_json::Value;

use crate::browser::{join, no_complaints};
use crate::browser_profile::fits_a_phone;
use crate::support::{Home, Node, imajin, text};

fn pod(node: &Node, key: &str, args: &[&str]) -> Value {
    let url = node.url();
    imajin(&[&["trust", "pod"], args, &["--node", &url, "--key", key]].concat()).expect_success()
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_a_person_makes_a_pod_on_a_phone_and_others_join() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&[]);
    let key = text(&home.key("ben.key")).to_owned();
    imajin(&["login", "--node", &node.url(), "--key", &key, "--handle", "ben"]).expect_success();

    let browser = Browser::start(&BrowserOptions::phone()).await.unwrap();
    join(&browser, &node, "/me/pods", "Ada").await;
    browser.wait_for("#create-button").await.unwrap();
    fits_a_phone(&browser).await;
    browser.screenshot("pods-1-none").await.unwrap();
    // By keyboard: the field, and Enter.
    browser.fill("#name", "Book club\u{e007}").await.unwrap();
    browser.wait_for("#pod-invite").await.unwrap();
    let id = browser
        .evaluate("return document.querySelector('main').dataset.pod")
        .await
        .unwrap();
    let id = id.as_str().unwrap();
    browser.fill("#who", "@ben\u{e007}").await.unwrap();
    browser.wait_for_text("has not accepted yet").await.unwrap();
    fits_a_phone(&browser).await;
    pod(&node, &key, &["accept", id]);
    browser.goto(&format!("{}/pods/{id}", node.url())).await.unwrap();
    browser.wait_for("#people .pod-role button").await.unwrap();
    browser.click("#people .pod-role button").await.unwrap();
    browser.wait_for_text("Make member").await.unwrap();
    browser.screenshot("pods-2-a-pod").await.unwrap();
    browser.click("#offer-button").await.unwrap();
    browser.wait_for_text("You own it until they accept").await.unwrap();
    pod(&node, &key, &["accept", id]);
    browser.goto(&format!("{}/pods/{id}", node.url())).await.unwrap();
    browser.wait_for("#leave-button").await.unwrap();
    fits_a_phone(&browser).await;
    browser.screenshot("pods-3-handed-over").await.unwrap();
    let shown = browser.text("main").await.unwrap();
    assert!(!shown.contains('<') && !shown.contains("Signing"), "{shown}");
    browser.click("#leave-button").await.unwrap();
    browser.wait_for_text("No pod yet").await.unwrap();
    no_complaints(&browser).await;
    // Whoever is out of a private pod is told what anybody else is told; the browser complains of the 404.
    browser.goto(&format!("{}/pods/{id}", node.url())).await.unwrap();
    browser.wait_for_text("There is no such pod").await.unwrap();
    browser.close().await.unwrap();
    invited(&node, &key, id).await;
    node.stop();
    home.verify_clean();
}

/// Somebody who is invited, on a wide screen in the dark.
async fn invited(node: &Node, key: &str, id: &str) {
    let browser = Browser::start(&BrowserOptions::default().dark()).await.unwrap();
    join(&browser, node, "/me/pods", "Gil").await;
    browser.wait_for("#create-button").await.unwrap();
    let gil = browser
        .evaluate("return document.querySelector('main').dataset.did")
        .await
        .unwrap();
    pod(node, key, &["invite", id, gil.as_str().unwrap()]);
    browser.goto(&format!("{}/me/pods", node.url())).await.unwrap();
    browser.wait_for("#invitations .pod-accept button").await.unwrap();
    browser.screenshot("pods-4-invited-dark").await.unwrap();
    browser.click("#invitations .pod-accept button").await.unwrap();
    browser.wait_for("#leave-button").await.unwrap();
    browser.screenshot("pods-5-joined-dark").await.unwrap();
    no_complaints(&browser).await;
    browser.close().await.unwrap();
}

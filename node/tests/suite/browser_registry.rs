//! The pages of the registry: its directory and a node on a phone, in the dark, and the operator's console on a desk.

use imajin_testkit::Backend;
use imajin_testkit::browser::{Browser, BrowserOptions};

use crate::browser::{join, no_complaints};
use crate::browser_profile::fits_a_phone;
use crate::support::{Home, imajin, text};

/// Registers nodes with the registry of a node; returns their DIDs.
fn nodes_register(home: &Home, url: &str, names: &[&str]) -> Vec<String> {
    let register = |name: &&str| {
        let data = home.path(name);
        let data = text(&data);
        let did = imajin(&["node", "init", "--data", data]).expect_success()["did"].clone();
        let registry = format!("{url}/registry");
        let args = [
            "node",
            "register",
            "--data",
            data,
            "--registry",
            &registry,
            "--name",
            name,
            "--type",
            "community",
        ];
        imajin(&args).expect_success();
        did.as_str().unwrap().to_owned()
    };
    names.iter().map(register).collect()
}

async fn reads_the_directory(url: &str) {
    let browser = Browser::start(&BrowserOptions::phone().dark()).await.unwrap();
    browser.goto(&format!("{url}/directory")).await.unwrap();
    browser.wait_for("#map").await.unwrap();
    let map = browser.text("#map").await.unwrap();
    assert!(map.contains("community"), "{map}");
    fits_a_phone(&browser).await;
    browser.screenshot("registry-1-directory").await.unwrap();
    browser.click("#map thead a").await.unwrap();
    browser
        .wait_for("#type option[value='community'][selected]")
        .await
        .unwrap();
    browser.fill("#q", "blue").await.unwrap();
    browser.click_away("form.search button").await.unwrap();
    browser.wait_for("a[href='/directory'].button").await.unwrap();
    let found = browser.text("#nodes").await.unwrap();
    assert!(found.contains("blue-note") && !found.contains("linden"), "{found}");
    fits_a_phone(&browser).await;
    browser.screenshot("registry-2-search").await.unwrap();
    browser.click("#nodes a").await.unwrap();
    browser.wait_for("#history").await.unwrap();
    let history = browser.text("#history").await.unwrap();
    assert!(history.contains("Pending"), "{history}");
    fits_a_phone(&browser).await;
    browser.screenshot("registry-3-node").await.unwrap();
    no_complaints(&browser).await;
    browser.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_the_directory_is_read_and_the_operator_takes_a_node_off_and_back() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&[]);
    let url = node.url();
    let dids = nodes_register(&home, &url, &["linden", "blue-note"]);
    reads_the_directory(&url).await;

    let browser = Browser::start(&BrowserOptions::default()).await.unwrap();
    join(&browser, &node, &format!("/setup?token={}", node.setup_token()), "Olga").await;
    browser.wait_for("#setup-button:not([hidden])").await.unwrap();
    browser.click("#setup-button").await.unwrap();
    browser.wait_for("a[href='/operator']").await.unwrap();
    browser.goto(&format!("{url}/operator/registry")).await.unwrap();
    browser.wait_for("#builds").await.unwrap();
    browser.screenshot("registry-4-console").await.unwrap();
    browser.fill("#revoke-nodeId", &dids[0]).await.unwrap();
    browser.fill("#revoke-reason", "it was sold").await.unwrap();
    browser.click_away("#revoke button").await.unwrap();
    browser.wait_for("#revoked form.act").await.unwrap();
    let revoked = browser.text("#revoked").await.unwrap();
    assert!(
        revoked.contains("linden") && revoked.contains("it was sold"),
        "{revoked}"
    );
    browser.screenshot("registry-5-revoked").await.unwrap();
    browser.click_away("#revoked form.act button").await.unwrap();
    browser.wait_for_text("Nodes that were taken off").await.unwrap();
    let main = browser.text("main").await.unwrap();
    assert!(!main.contains("it was sold"), "{main}");
    no_complaints(&browser).await;
    browser.close().await.unwrap();
    node.stop();
    home.verify_clean();
}

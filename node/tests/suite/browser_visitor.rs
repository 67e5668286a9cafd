//! A visitor in a real browser: signed in from another node, and then registered here with the same key.

use imajin_testkit::Backend;
use imajin_testkit::browser::{Browser, BrowserOptions};

use crate::browser_identity::{named, visit};
use crate::browser_profile::fits_a_phone;
use crate::fair_library::register;
use crate::support::{Home, Node};

/// Opens a key file on a node's sign-in page.
async fn file_open(browser: &Browser, node: &Node, file: &std::path::Path) {
    browser.goto(&format!("{}/login?next=/me", node.url())).await.unwrap();
    browser.choose_file("#file", file).await.unwrap();
    browser.click("#file-button:not([disabled])").await.unwrap();
    browser.wait_for("#my-did").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_a_visitor_registers_here_with_the_key_of_home() {
    let homes = [Home::new(Backend::Sqlite), Home::new(Backend::Sqlite)];
    let [home, visited] = [&homes[0], &homes[1]].map(|home| {
        home.configure("dev = true");
        named(home)
    });
    let key = homes[0].key("ada.key");
    register(&home, &key, "ada");
    let browser = Browser::start(&BrowserOptions::phone()).await.unwrap();
    file_open(&browser, &home, &key).await;
    visit(&browser, &home, &visited).await;
    browser.wait_for("#settle-button").await.unwrap();
    fits_a_phone(&browser).await;
    browser.screenshot("visitor-1-me").await.unwrap();
    // The key is with the pages of the other node: this one says what to do.
    browser.click("#settle-button").await.unwrap();
    browser
        .wait_for_text("Open your key file or recovery words on the sign-in page here first")
        .await
        .unwrap();
    file_open(&browser, &visited, &key).await;
    browser.click("#settle-button").await.unwrap();
    browser.wait_for("#profile-link").await.unwrap();
    assert_eq!(
        browser
            .evaluate("return document.getElementById('settle') === null")
            .await
            .unwrap(),
        true
    );
    browser.screenshot("visitor-2-registered").await.unwrap();
    crate::browser::no_complaints(&browser).await;
    browser.close().await.unwrap();
    home.stop();
    visited.stop();
    homes.iter().for_each(Home::verify_clean);
}

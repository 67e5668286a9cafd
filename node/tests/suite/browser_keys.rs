//! Keys and devices as a person sees them: a second browser, a lost one, the way back by recovery words.

use imajin_testkit::Backend;
use imajin_testkit::browser::{Browser, BrowserOptions};

use crate::browser::{join, no_complaints};
use crate::support::{Home, Node};

const DEVICES: &str = "#device-list .device";

/// The DID of whoever is signed in.
async fn did(browser: &Browser) -> String {
    let script = "return document.querySelector('#main').dataset.did";
    browser.evaluate(script).await.unwrap().as_str().unwrap().to_owned()
}

async fn count(browser: &Browser, selector: &str) -> u64 {
    let script = format!("return document.querySelectorAll('{selector}').length");
    browser.evaluate(&script).await.unwrap().as_u64().unwrap()
}

/// A browser of its own asks to be let in; gives back the browser and the code that it shows.
async fn enrol(node: &Node, id: &str) -> (Browser, String) {
    let browser = Browser::start(&BrowserOptions::phone()).await.unwrap();
    browser.goto(&format!("{}/enrol?id={id}", node.url())).await.unwrap();
    browser.fill("#enrol-name", "Telephone").await.unwrap();
    browser.click("#enrol-button").await.unwrap();
    browser.wait_for("#enrol-waiting:not([hidden])").await.unwrap();
    let code = browser.text("#enrol-code").await.unwrap();
    browser.screenshot("keys-1-enrol").await.unwrap();
    (browser, code)
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_a_second_device_is_let_in_and_taken_away_and_all_is_recovered() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&[]);
    let first = Browser::start(&BrowserOptions::default()).await.unwrap();
    let words = join(&first, &node, "/keys", "Ada").await;
    first.wait_for(DEVICES).await.unwrap();
    let did = did(&first).await;

    let (second, code) = enrol(&node, &did).await;
    first.goto(&format!("{}/keys", node.url())).await.unwrap();
    first.wait_for("#waiting-list .device").await.unwrap();
    assert_eq!(first.text("#waiting-list .device-code").await.unwrap(), code);
    first.screenshot("keys-2-waiting").await.unwrap();
    first.click("#waiting-list button[value='let-in']").await.unwrap();
    second.wait_for(DEVICES).await.unwrap();
    assert_eq!(count(&second, DEVICES).await, 2);
    second.screenshot("keys-3-devices").await.unwrap();

    // The second device signs for the same identity.
    second.click("#device-list .device:last-child summary").await.unwrap();
    second
        .fill("#device-list .device:last-child input[name=name]", "Old telephone")
        .await
        .unwrap();
    second
        .click("#device-list .device:last-child .rename button")
        .await
        .unwrap();
    second.wait_for_text("Old telephone").await.unwrap();

    // Not without the recovery words.
    first.goto(&format!("{}/keys", node.url())).await.unwrap();
    first.wait_for(&format!("{DEVICES}:nth-child(2)")).await.unwrap();
    first
        .click("#device-list .device:last-child .device-remove summary")
        .await
        .unwrap();
    first
        .click("#device-list .device:last-child .remove button")
        .await
        .unwrap();
    first.wait_for(".remove .notice-bad").await.unwrap();
    first
        .fill("#device-list .device:last-child .remove textarea", &words)
        .await
        .unwrap();
    first
        .click("#device-list .device:last-child .remove button")
        .await
        .unwrap();
    first.wait_for("#login-button:not([hidden])").await.unwrap();
    first.click("#login-button").await.unwrap();
    first.wait_for(DEVICES).await.unwrap();
    assert_eq!(count(&first, DEVICES).await, 1);
    no_complaints(&first).await;
    first.close().await.unwrap();
    second.goto(&format!("{}/keys", node.url())).await.unwrap();
    second.wait_for("#login-button").await.unwrap();
    second.close().await.unwrap();

    let third = Browser::start(&BrowserOptions::default().dark()).await.unwrap();
    third.goto(&format!("{}/recover", node.url())).await.unwrap();
    third.fill("#recover-id", &did).await.unwrap();
    third.fill("#recover-words", &words).await.unwrap();
    third.screenshot("keys-4-recover").await.unwrap();
    third.click("#recover-button:not([disabled])").await.unwrap();
    third.wait_for(DEVICES).await.unwrap();
    assert_eq!(count(&third, DEVICES).await, 1);
    third.screenshot("keys-5-recovered").await.unwrap();
    no_complaints(&third).await;
    third.close().await.unwrap();

    node.stop();
    home.verify_clean();
}

//! Where one is signed in, in a real browser: a key signs the end of another session, a mailbox sends a form.

use imajin_testkit::Backend;
use imajin_testkit::browser::{Browser, BrowserOptions};

use crate::browser::{join, no_complaints};
use crate::browser_claim::link_open;
use crate::profile::picture_file;
use crate::support::{Home, Node};

const COUNT: &str = "return document.querySelectorAll('#sessions > li').length";

async fn sessions_open(browser: &Browser, node: &Node) {
    browser.goto(&format!("{}/sessions", node.url())).await.unwrap();
    browser.wait_for("#sessions").await.unwrap();
}

/// Signs in once more without forgetting the other session: as a second browser would.
async fn sign_in_again(browser: &Browser, node: &Node) {
    browser.cookies_forget().await.unwrap();
    browser.goto(&format!("{}/login?next=/me", node.url())).await.unwrap();
    browser.wait_for("#login-button:not([hidden])").await.unwrap();
    browser.click("#login-button").await.unwrap();
    browser.wait_for("#my-did").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_a_key_ends_its_other_sessions() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&[]);
    let browser = Browser::start(&BrowserOptions::phone()).await.unwrap();
    join(&browser, &node, "/me", "Ada").await;
    browser.wait_for("#my-did").await.unwrap();
    for _time in 0..3 {
        sign_in_again(&browser, &node).await;
    }
    sessions_open(&browser, &node).await;
    // The registration has opened one as well.
    assert_eq!(browser.evaluate(COUNT).await.unwrap(), 5);
    browser.screenshot("access-1-sessions").await.unwrap();
    browser.click(".session-end button").await.unwrap();
    browser.wait_for("#ended").await.unwrap();
    assert_eq!(browser.evaluate(COUNT).await.unwrap(), 4);
    browser.click("#end-others button").await.unwrap();
    browser.wait_for_text("3 sign-ins have ended.").await.unwrap();
    assert_eq!(browser.evaluate(COUNT).await.unwrap(), 1);
    browser.screenshot("access-2-ended").await.unwrap();
    browser.goto(&format!("{}/grants", node.url())).await.unwrap();
    browser
        .wait_for_text("You have not signed in to any application")
        .await
        .unwrap();

    // The handle is signed by the same key.
    browser.goto(&format!("{}/me/profile", node.url())).await.unwrap();
    browser.fill("#handle", "Countess").await.unwrap();
    browser.click("#handle-button").await.unwrap();
    browser.wait_for("#saved").await.unwrap();
    browser.screenshot("access-3-handle").await.unwrap();
    browser.goto(&format!("{}/me", node.url())).await.unwrap();
    browser.wait_for_text("@countess").await.unwrap();

    // What one is told by mail is signed as well.
    browser.goto(&format!("{}/auth/notices", node.url())).await.unwrap();
    browser
        .wait_for_text("This node knows no mailbox of yours")
        .await
        .unwrap();
    browser.click("#setting button").await.unwrap();
    browser.wait_for_text("Mail is off").await.unwrap();
    browser.screenshot("access-6-mail-off").await.unwrap();
    no_complaints(&browser).await;
    browser.close().await.unwrap();
    node.stop();
    home.verify_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_a_mailbox_ends_its_other_sessions_by_a_form() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&[]);
    let browser = Browser::start(&BrowserOptions::default().dark()).await.unwrap();
    for _time in 0..2 {
        browser.cookies_forget().await.unwrap();
        link_open(&browser, &node, "/me").await;
        browser.click("#onboard-button").await.unwrap();
        browser.wait_for("#my-did").await.unwrap();
    }
    sessions_open(&browser, &node).await;
    assert_eq!(browser.evaluate(COUNT).await.unwrap(), 2);
    browser.screenshot("access-4-mailbox").await.unwrap();
    browser.click(".session-end button").await.unwrap();
    browser.wait_for_text("One sign-in has ended.").await.unwrap();
    assert_eq!(browser.evaluate(COUNT).await.unwrap(), 1);
    browser.goto(&format!("{}/me/profile", node.url())).await.unwrap();
    browser
        .wait_for_text("A handle belongs to a key of one's own")
        .await
        .unwrap();
    browser.goto(&format!("{}/keys", node.url())).await.unwrap();
    browser.wait_for_text("This node keeps the key").await.unwrap();
    browser.screenshot("access-5-keys-of-a-mailbox").await.unwrap();
    browser.goto(&format!("{}/auth/notices", node.url())).await.unwrap();
    browser
        .wait_for_text("It goes to the mailbox that you have proven here")
        .await
        .unwrap();
    browser.click("#setting button").await.unwrap();
    browser.wait_for("#saved").await.unwrap();
    browser.wait_for_text("You get no more mail.").await.unwrap();
    browser.screenshot("access-7-mail-off-by-a-form").await.unwrap();
    no_complaints(&browser).await;
    browser.close().await.unwrap();
    node.stop();
    home.verify_clean();
}

/// A script in a file that claims to be a picture, and what the node makes of it.
#[tokio::test(flavor = "multi_thread")]
async fn browser_a_picture_reaches_no_key() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&[]);
    let browser = Browser::start(&BrowserOptions::default()).await.unwrap();
    join(&browser, &node, "/me/profile", "Ada").await;
    browser.wait_for("#save-button").await.unwrap();
    let held = "return (await indexedDB.databases()).map((database) => database.name)";
    let held = format!("return (async () => {{ {held} }})()");
    assert_eq!(browser.evaluate(&held).await.unwrap(), serde_json::json!(["imajin"]));

    let script = home.path("picture.svg");
    let svg = r#"<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><rect width="64" height="64"/>
        <script>indexedDB.open('imajin').onsuccess = () => { document.title = 'taken'; }</script></svg>"#;
    std::fs::write(&script, svg).unwrap();
    browser.choose_file("#avatar-file", &script).await.unwrap();
    browser.click("#avatar-button").await.unwrap();
    browser.wait_for("#avatar-status :is(p, .notice)").await.unwrap();

    browser.choose_file("#avatar-file", &picture_file(&home)).await.unwrap();
    browser.click("#avatar-button").await.unwrap();
    browser.wait_for_text("Your picture is saved.").await.unwrap();
    let address = "return document.querySelector('img.avatar').src";
    let address = browser.evaluate(address).await.unwrap().as_str().unwrap().to_owned();
    browser.goto(&address).await.unwrap();
    // As a page of its own, a picture is nobody: it has no origin, so it has no key store.
    let reached = "try { indexedDB.open('imajin'); return 'reached'; } catch (error) { return error.name; }";
    assert_eq!(browser.evaluate("return self.origin").await.unwrap(), "null");
    assert_eq!(browser.evaluate(reached).await.unwrap(), "SecurityError");
    assert_eq!(
        browser.evaluate("return document.contentType").await.unwrap(),
        "image/jpeg"
    );
    browser.close().await.unwrap();
    node.stop();
    home.verify_clean();
}

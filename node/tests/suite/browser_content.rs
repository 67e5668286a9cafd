//! Works in a browser: published on a phone, read after paying from the sandbox and from the balance.

use imajin_testkit::Backend;
use imajin_testkit::browser::{Browser, BrowserOptions};

use crate::browser::join;
use crate::browser_profile::fits_a_phone;
use crate::fair_library::register;
use crate::support::{Home, Node, imajin, text};

/// An article of somebody else.
fn article(home: &Home, node: &Node, title: &str) -> String {
    let path = home.path("strings.md");
    let prose = "# Strings\n\nA string that is plucked *moves*, and the air with it.\n\n";
    std::fs::write(&path, format!("{prose}<script>document.title='bad'</script>\n")).unwrap();
    let (url, key) = (node.url(), home.path("ada.key"));
    let args = [
        "content",
        "add",
        text(&path),
        "--price",
        "0.50 TEST-USD",
        "--title",
        title,
        "--summary",
        "What a string does.",
        "--preview",
        "A string that is *plucked*…",
        "--node",
        &url,
        "--key",
        text(&key),
    ];
    imajin(&args).expect_success()["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_an_article_is_read_after_it_was_paid() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&[]);
    register(&node, &home.key("ada.key"), "ada");
    let first = article(&home, &node, "On strings");
    let browser = Browser::start(&BrowserOptions::phone()).await.unwrap();
    join(&browser, &node, &format!("/read/{first}"), "Ben").await;
    browser.wait_for("[data-access=unpaid] #pay-checkout").await.unwrap();
    let shown = browser.text("main").await.unwrap();
    assert!(
        shown.contains("0.50") && shown.contains("plucked…") && !shown.contains("the air"),
        "{shown}"
    );
    fits_a_phone(&browser).await;
    browser.screenshot("content-1-unpaid").await.unwrap();
    browser.click("#pay-checkout").await.unwrap();
    browser.wait_for("button[value=pay], #pay-button").await.unwrap();
    browser.screenshot("content-2-sandbox").await.unwrap();
    browser.click("button[value=pay], #pay-button").await.unwrap();
    browser.wait_for("[data-access=paid] #article").await.unwrap();
    let read = browser.text("#article").await.unwrap();
    assert!(read.contains("the air with it"), "{read}");
    assert_ne!(browser.evaluate("return document.title").await.unwrap(), "bad");
    fits_a_phone(&browser).await;
    browser.screenshot("content-3-read").await.unwrap();

    browser.goto(&format!("{}/me/library", node.url())).await.unwrap();
    browser.wait_for_text("On strings").await.unwrap();
    browser.screenshot("content-4-library").await.unwrap();

    let second = article(&home, &node, "On bows");
    browser.goto(&format!("{}/read/{second}", node.url())).await.unwrap();
    browser.click("#pay-balance").await.unwrap();
    browser.wait_for_text("0.50 TEST-USD is missing").await.unwrap();
    browser.close().await.unwrap();
    node.stop();
    home.verify_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_an_article_is_published_on_a_phone() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&[]);
    let browser = Browser::start(&BrowserOptions::phone()).await.unwrap();
    join(&browser, &node, "/publish", "Ada").await;
    browser.wait_for("#publish").await.unwrap();
    fits_a_phone(&browser).await;
    browser.fill("#title", "On strings").await.unwrap();
    browser.fill("#text", "# Strings\n\nThey *sound*.").await.unwrap();
    browser.fill("#preview", "They…").await.unwrap();
    browser.fill("#price", "0.50").await.unwrap();
    browser.screenshot("content-5-publish").await.unwrap();
    browser.click("#publish-button").await.unwrap();
    browser.wait_for("[data-access=author] #article").await.unwrap();
    let shown = browser.text("main").await.unwrap();
    assert!(
        shown.contains("They sound.") && shown.contains("0.50") && shown.contains("100 %"),
        "{shown}"
    );
    browser.screenshot("content-6-published").await.unwrap();
    browser.goto(&format!("{}/me/works", node.url())).await.unwrap();
    browser.wait_for_text("0 readers").await.unwrap();
    let complaints = browser.complaints().await.unwrap();
    assert_eq!(complaints, Vec::<String>::new());
    browser.close().await.unwrap();
    node.stop();
    home.verify_clean();
}

//! Asking on a phone: the price before, the answer while it comes, receipt and sources after; and a leader's own page.

use imajin_testkit::Backend;
use imajin_testkit::browser::{Browser, BrowserOptions};

use crate::browser::{join, no_complaints};
use crate::browser_profile::fits_a_phone;
use crate::query::{did, leader, run};
use crate::support::{Home, Node};

#[tokio::test(flavor = "multi_thread")]
async fn browser_a_person_asks_and_answers_on_a_phone() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&[]);
    let ada = leader(&home, &node, &[]);
    let made = run(&node, &ada, &["trust", "pod", "create"], &["Street"]).expect_success();
    let pod = ["--pod", made["id"].as_str().unwrap()];
    let prices = [
        "--per-answer",
        "0.01 TEST-USD",
        "--per-thousand-tokens",
        "1.00 TEST-USD",
    ];
    let terms = [&prices[..], &["--ceiling", "0.05 TEST-USD"], &pod].concat();
    run(&node, &ada, &["leader", "set"], &terms).expect_success();
    let page = format!("/ask/{}", did(&ada));
    let browser = Browser::start(&BrowserOptions::phone()).await.unwrap();
    join(&browser, &node, &page, "Ben").await;
    browser.wait_for_text("at most 0.05 TEST-USD").await.unwrap();
    // What a private pod is called is for those who are in it.
    browser.wait_for_text("Members of a pod may ask as well").await.unwrap();
    let ben = browser
        .evaluate("return document.querySelector('main').dataset.did")
        .await
        .unwrap();
    run(&node, &ada, &["trust", "vouch"], &[ben.as_str().unwrap()]).expect_success();
    run(&node, &ada, &["topup"], &["1.00 TEST-USD"]).expect_success();
    run(&node, &ada, &["tip"], &[ben.as_str().unwrap(), "0.50 TEST-USD"]).expect_success();
    browser.fill("#question", "What is a hold?").await.unwrap();
    browser.click("#ask-button").await.unwrap();
    browser.wait_for_text("Ask for at most 0.05 TEST-USD").await.unwrap();
    fits_a_phone(&browser).await;
    browser.screenshot("ask-1-price").await.unwrap();
    browser.click("#ask-button").await.unwrap();
    browser.wait_for("#receipt-link").await.unwrap();
    let shown = browser.text("#answer").await.unwrap();
    assert!(shown.contains("A hold is money that waits"), "{shown}");
    assert!(shown.contains("Answered by embedded"), "{shown}");
    fits_a_phone(&browser).await;
    browser.screenshot("ask-2-answer").await.unwrap();
    no_complaints(&browser).await;

    answers_himself(&browser, &home, &node).await;
    browser.close().await.unwrap();
    node.stop();
    home.verify_clean();
}

/// Somebody answers questions from now on, also those of the people in a pod of their own.
async fn answers_himself(browser: &Browser, home: &Home, node: &Node) {
    browser.goto(&format!("{}/me/pods", node.url())).await.unwrap();
    browser.fill("#name", "Bakers").await.unwrap();
    browser.click("#create-button").await.unwrap();
    browser.wait_for_text("Bakers").await.unwrap();
    browser.goto(&format!("{}/answers", node.url())).await.unwrap();
    browser.wait_for("#asked li").await.unwrap();
    browser.fill("#title", "Bread").await.unwrap();
    browser.fill("#text", "Bread rises overnight.").await.unwrap();
    browser.click("#add-button").await.unwrap();
    browser.wait_for("#documents li").await.unwrap();
    // Another one is a file, which is called by its name; what cannot be read is refused before anything is sent.
    let (book, page) = (home.path("Cheese.pdf"), home.path("Cheese.html"));
    std::fs::write(&book, "%PDF-1.7").unwrap();
    std::fs::write(&page, "<h1>Cheese</h1><p>Cheese ripens in the cellar.</p>").unwrap();
    browser.choose_file("#file", &book).await.unwrap();
    browser.click("#add-button").await.unwrap();
    browser.wait_for_text("neither Markdown").await.unwrap();
    browser.choose_file("#file", &page).await.unwrap();
    browser.click("#add-button").await.unwrap();
    browser.wait_for("#documents li:nth-child(2)").await.unwrap();
    browser.wait_for_text("Cheese").await.unwrap();
    browser.click("#pod-0").await.unwrap();
    browser.click("#terms-button").await.unwrap();
    browser
        .wait_for_text("You answer questions for at most 0.05")
        .await
        .unwrap();
    browser.wait_for("#documents li").await.unwrap();
    browser.wait_for("#pod-0:checked").await.unwrap();
    fits_a_phone(browser).await;
    browser.screenshot("ask-3-own-page").await.unwrap();
    no_complaints(browser).await;
}

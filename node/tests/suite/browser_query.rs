//! Asking on a phone: the price before, the answer while it comes, receipt and sources after; and a leader's own page.

use std::time::Duration;

use imajin_testkit::browser::{Browser, BrowserOptions};
use imajin_testkit::{Backend, OpenAiPeer, OpenAiReply};

use crate::browser::{join, no_complaints};
use crate::browser_profile::fits_a_phone;
use crate::query::{available, did, leader, run};
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

/// A model says three words and nothing more; whoever has enough presses the button, and pays for three words.
#[tokio::test(flavor = "multi_thread")]
async fn browser_a_reader_who_stops_pays_for_what_came() {
    let words = ["Money ", "that ", "waits"].map(str::to_owned).to_vec();
    let model = OpenAiPeer::start(OpenAiReply::Hang(words)).await;
    let home = Home::new(Backend::Sqlite);
    home.configure(&format!("[query.engine]\nurl = \"{}\"\nmodel = \"tiny\"", model.url()));
    let node = home.up(&[]);
    let ada = leader(&home, &node, &["--engine", "openai-compatible", "--model", "tiny"]);
    let browser = Browser::start(&BrowserOptions::phone()).await.unwrap();
    join(&browser, &node, &format!("/ask/{}", did(&ada)), "Ben").await;
    let ben = browser
        .evaluate("return document.querySelector('main').dataset.did")
        .await
        .unwrap();
    let ben = ben.as_str().unwrap();
    run(&node, &ada, &["trust", "vouch"], &[ben]).expect_success();
    run(&node, &ada, &["topup"], &["1.00 TEST-USD"]).expect_success();
    run(&node, &ada, &["tip"], &[ben, "1.00 TEST-USD"]).expect_success();
    browser.fill("#question", "What is a hold?").await.unwrap();
    browser.click("#ask-button").await.unwrap();
    browser.wait_for_text("Ask for at most 0.05 TEST-USD").await.unwrap();
    browser.click("#ask-button").await.unwrap();
    browser.wait_for_text("Money that waits").await.unwrap();
    browser.screenshot("ask-3-coming").await.unwrap();
    browser.click("#stop").await.unwrap();
    browser.wait_for_text("You have stopped here").await.unwrap();
    model.left().await;
    // Ada has 0.01 for the answer, and 0.001 for each word.
    for _look in 0..100 {
        if available(&node, &ada) == "0.013" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(available(&node, &ada), "0.013");
    no_complaints(&browser).await;
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

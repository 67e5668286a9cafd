//! The pages of a broker: the operator decides a dispute, and whoever has an account sees what became of it.

use imajin_testkit::Backend;
use imajin_testkit::browser::{Browser, BrowserOptions};
use serde_json::json;

use crate::broker::objection;
use crate::browser::{join, no_complaints};
use crate::browser_profile::fits_a_phone;
use crate::support::{Buyer, imajin, text};

#[tokio::test(flavor = "multi_thread")]
async fn browser_the_operator_decides_a_dispute_and_the_agent_sees_its_money() {
    let objection = objection(Backend::Sqlite).await;
    let (scene, id) = (&objection.scene, objection.id.as_str());
    let (url, data) = (scene.broker.url(), scene.home.data());
    let note = "It is a fine page, and it was read.";
    let answer = [
        "broker",
        "dispute",
        "answer",
        id,
        "--note",
        note,
        "--node",
        &url,
        "--data",
        text(&data),
    ];
    assert_eq!(imajin(&answer).expect_success()["state"], "answered");

    let browser = Browser::start(&BrowserOptions::default()).await.unwrap();
    let setup = format!("/setup?token={}", scene.broker.setup_token());
    join(&browser, &scene.broker, &setup, "Olga").await;
    browser.wait_for("#setup-button:not([hidden])").await.unwrap();
    browser.click("#setup-button").await.unwrap();
    browser.wait_for("a[href='/broker/operator']").await.unwrap();
    browser.goto(&format!("{url}/broker/operator")).await.unwrap();
    browser.wait_for_text("A dispute waits for a decision").await.unwrap();
    browser.screenshot("broker-1-console").await.unwrap();
    for (page, shows) in [
        ("visas", "0.00"),
        ("redemptions", "0.10"),
        ("accounts", scene.agent_host()),
    ] {
        browser.goto(&format!("{url}/broker/operator/{page}")).await.unwrap();
        assert!(browser.text("main").await.unwrap().contains(shows), "{page}");
    }
    browser.goto(&format!("{url}/broker/operator/disputes")).await.unwrap();
    browser.click("#disputes a").await.unwrap();
    browser.wait_for_text(note).await.unwrap();
    browser.screenshot("broker-2-dispute").await.unwrap();
    browser
        .fill("#decide-agent-reason", "There really is nothing on it.")
        .await
        .unwrap();
    browser.click_away("#decide-agent button").await.unwrap();
    browser.wait_for_text("agent paid back").await.unwrap();
    let decided = browser.text("main").await.unwrap();
    assert!(decided.contains("There really is nothing on it."), "{decided}");
    // The agent's account: what it has, what it has spent, what came back.
    let account = format!("{url}/broker/account?agent={}", scene.agent_host());
    browser.goto(&account).await.unwrap();
    browser.wait_for_text("agent paid back").await.unwrap();
    assert!(browser.text("main").await.unwrap().contains("to spend"));
    no_complaints(&browser).await;
    browser.close().await.unwrap();

    // Ben, on a phone and in the dark, has an account of his own.
    let browser = Browser::start(&BrowserOptions::phone().dark()).await.unwrap();
    browser.goto(&format!("{url}/login")).await.unwrap();
    let token = json!(Buyer::from_file(&scene.broker, &scene.far, "ben.key").login().await);
    let cookie = format!("document.cookie = 'imajin_session=' + {token} + '; path=/'");
    browser.evaluate(&cookie).await.unwrap();
    browser.goto(&format!("{url}/broker/account")).await.unwrap();
    browser.wait_for_text("to spend").await.unwrap();
    fits_a_phone(&browser).await;
    browser.screenshot("broker-3-account").await.unwrap();
    browser.goto(&account).await.unwrap();
    browser.wait_for_text("Only the operator").await.unwrap();
    browser.close().await.unwrap();
    objection.scene.end();
}

//! A distribution contract: written on a phone, tried on a sample, signed with the key in the browser; and the same on
//! the command line.

use imajin_testkit::Backend;
use imajin_testkit::browser::{Browser, BrowserOptions};
use serde_json::json;

use crate::browser::join;
use crate::browser_profile::fits_a_phone;
use crate::support::{Home, event_create, imajin, text};

const STUDIO: &str = "did:mjn:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";

#[tokio::test(flavor = "multi_thread")]
async fn browser_a_contract_is_looked_at_before_it_is_signed() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&["--demo"]);
    let browser = Browser::start(&BrowserOptions::phone()).await.unwrap();
    join(&browser, &node, "/contract", "Ada").await;
    browser.wait_for("#rows fieldset").await.unwrap();
    fits_a_phone(&browser).await;
    let row = |number: u8, name: &str| format!("#rows fieldset:nth-of-type({number}) input[name={name}]");
    browser.fill(&row(1, "percentage"), "60").await.unwrap();
    browser.click("#add-button").await.unwrap();
    browser.fill(&row(2, "label"), "studio").await.unwrap();
    browser.fill(&row(2, "percentage"), "30").await.unwrap();
    browser.fill(&row(2, "recipient"), STUDIO).await.unwrap();
    browser.click("#preview-button").await.unwrap();
    browser.wait_for_text("sum to 90, not to 100").await.unwrap();
    browser.fill(&row(2, "percentage"), "40").await.unwrap();
    browser.fill("#minimum", "50").await.unwrap();
    browser.click("#preview-button").await.unwrap();
    browser.wait_for_text("Nothing is signed yet.").await.unwrap();
    let effect = browser.text("#effect").await.unwrap();
    assert!(effect.contains("60.00") && effect.contains("40.00"), "{effect}");
    assert!(effect.contains("40 % · waits for the smallest payment"), "{effect}");
    browser.screenshot("contract-1-effect").await.unwrap();
    // What is changed after the look is not signed.
    browser.fill("#minimum", "10").await.unwrap();
    browser.click("#sign-button").await.unwrap();
    browser.wait_for_text("Look at the effect first").await.unwrap();
    browser.click("#preview-button").await.unwrap();
    browser.wait_for_text("Nothing is signed yet.").await.unwrap();
    browser.click("#sign-button").await.unwrap();
    browser
        .wait_for_text("It is kept with the versions before it.")
        .await
        .unwrap();
    let history = browser.text("#history").await.unwrap();
    assert!(
        history.contains("Version 1") && history.contains("60 % myself, 40 % studio"),
        "{history}"
    );
    browser.screenshot("contract-2-signed").await.unwrap();
    fits_a_phone(&browser).await;
    browser.goto(&format!("{}/contract", node.url())).await.unwrap();
    browser.wait_for_text("Version 1").await.unwrap();
    assert_eq!(
        browser
            .evaluate("return document.querySelectorAll('#rows fieldset').length")
            .await
            .unwrap(),
        2,
        "the next version starts from the last"
    );
    let complaints = browser.complaints().await.unwrap();
    let others = complaints
        .iter()
        .filter(|line| !line.contains("/pay/api/contract/preview"));
    assert_eq!(others.count(), 0, "{complaints:#?}");
    browser.close().await.unwrap();
    node.stop();
    home.verify_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_a_contributor_signs_for_a_share_that_has_waited() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&[]);
    let browser = Browser::start(&BrowserOptions::phone()).await.unwrap();
    join(&browser, &node, "/earnings", "Ada").await;
    browser.wait_for("#no-works:not([hidden])").await.unwrap();
    let did = browser
        .evaluate("return document.getElementById('earnings').dataset.did")
        .await
        .unwrap();
    let url = node.url();
    let (seller, buyer) = (home.key("seller.key"), home.key("buyer.key"));
    for key in [&seller, &buyer] {
        imajin(&["login", "--node", &url, "--key", text(key)]).expect_success();
    }
    let own = imajin(&["key", "show", text(&seller)]).expect_success();
    let splits = [
        format!("{}=0.6", own["did"].as_str().unwrap()),
        format!("{}=0.4:artist", did.as_str().unwrap()),
    ];
    let event = event_create(&node, &seller, &splits, true);
    let id = event["id"].as_str().unwrap();
    imajin(&["ticket", "buy", "--node", &url, "--key", text(&buyer), "--event", id]).expect_success();

    browser.goto(&format!("{url}/earnings")).await.unwrap();
    browser.wait_for("#waiting:not([hidden])").await.unwrap();
    let waiting = browser.text("#waiting-list").await.unwrap();
    assert!(waiting.contains("2.00 TEST-USD"), "{waiting}");
    fits_a_phone(&browser).await;
    browser.screenshot("earnings-1-waiting").await.unwrap();
    browser.click("#waiting-list button").await.unwrap();
    browser
        .wait_for_text("the payee has accepted the manifest")
        .await
        .unwrap();
    let works = browser.text("#works").await.unwrap();
    assert!(works.contains("Matinee") && works.contains("2.00"), "{works}");
    browser.screenshot("earnings-2-accepted").await.unwrap();
    crate::browser::no_complaints(&browser).await;
    browser.close().await.unwrap();
    node.stop();
    home.verify_clean();
}

#[test]
fn a_contract_is_set_shown_and_listed_on_the_command_line() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&[]);
    let key = home.key("mira.key");
    let url = node.url();
    let at = ["--node", &url, "--key", text(&key)];
    imajin(&[&["login"], &at[..]].concat()).expect_success();
    let nothing = imajin(&[&["contract", "show"], &at[..]].concat()).expect_success();
    assert_eq!(nothing, json!(null));
    let did = imajin(&["key", "show", text(&key)]).expect_success();
    let own = format!("--allocate=me={}=75", did["did"].as_str().unwrap());
    let studio = format!("--allocate=studio={STUDIO}=25");
    let set = [&["contract", "set", &own, &studio], &at[..]].concat();
    let first = imajin(&set).expect_success();
    assert_eq!(
        (&first["contract"]["version"], &first["effect"][1]["amount"]),
        (&json!(1), &json!("25.00"))
    );
    let second = imajin(&[&set[..], &["--minimum", "30.00 USD"]].concat()).expect_success();
    assert_eq!(
        (&second["contract"]["version"], &second["effect"][1]["outcome"]),
        (&json!(2), &json!("accrued"))
    );
    let history = imajin(&[&["contract", "history"], &at[..]].concat()).expect_success();
    assert_eq!(history["versions"].as_array().unwrap().len(), 2);
    assert_eq!(history["inEffect"], json!(null), "they take effect in five minutes");
    let part = format!("--allocate=me={}=75", did["did"].as_str().unwrap());
    let refused = imajin(&[&["contract", "set", &part], &at[..]].concat());
    assert!(refused.stderr.contains("sum to 75"), "{}", refused.stderr);
    assert!(
        imajin(&[&["contract", "set"], &at[..]].concat())
            .stderr
            .contains("--allocate")
    );
    node.stop();
    home.verify_clean();
}

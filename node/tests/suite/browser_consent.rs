//! "Who may do what with mine" as a person sees it: allowed, switched on, used and taken back on a phone, by keyboard
//! and key; and read in the dark without JavaScript.

use imajin_testkit::Backend;
use imajin_testkit::browser::{Browser, BrowserOptions};

use crate::browser::{join, no_complaints};
use crate::browser_profile::fits_a_phone;
use crate::query::run;
use crate::support::{Home, imajin, text};

#[tokio::test(flavor = "multi_thread")]
async fn browser_a_person_allows_something_on_a_phone_sees_its_use_and_takes_it_back() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&[]);
    let ben = text(&home.key("ben.key")).to_owned();
    imajin(&["login", "--node", &node.url(), "--key", &ben, "--handle", "ben"]).expect_success();
    let browser = Browser::start(&BrowserOptions::phone()).await.unwrap();
    join(&browser, &node, "/me/allowed", "Ada").await;
    browser.wait_for("#give-button").await.unwrap();
    fits_a_phone(&browser).await;
    browser.screenshot("consent-1-nothing-yet").await.unwrap();
    browser.fill("#who", "@ben").await.unwrap();
    browser.fill("#purpose", "directory").await.unwrap();
    browser.click("label[for=field-1]").await.unwrap();
    browser.click("#give-button").await.unwrap();
    browser.wait_for("#grants [data-digest]").await.unwrap();
    // The purpose of the grant can be switched on at once.
    browser.click("label[for=on-1-1]").await.unwrap();
    browser.click("#profile-button").await.unwrap();
    browser.wait_for("#on-1-1:checked").await.unwrap();
    let ada = browser
        .evaluate("return document.querySelector('main').dataset.did")
        .await
        .unwrap();
    let ask = ["--purpose", "directory", "--field", "profile.name"];
    let ask = || {
        run(
            &node,
            &ben,
            &["consent", "ask"],
            &[&[ada.as_str().unwrap()], &ask[..]].concat(),
        )
    };
    assert_eq!(ask().expect_success()["values"]["profile.name"], "Ada");
    browser.goto(&format!("{}/me/allowed", node.url())).await.unwrap();
    browser.wait_for("#uses [data-use]").await.unwrap();
    browser.wait_for_text("Both say the same of 1 use").await.unwrap();
    fits_a_phone(&browser).await;
    browser.screenshot("consent-2-used").await.unwrap();
    browser.click("#grants .grant-revoke button").await.unwrap();
    browser.wait_for("#ended").await.unwrap();
    let shown = browser.text("main").await.unwrap();
    assert!(!shown.contains('<') && !shown.contains("Signing"), "{shown}");
    let refused = ask().refusal();
    assert!(
        refused["detail"].as_str().unwrap().contains("(term: revoked)"),
        "{refused}"
    );
    no_complaints(&browser).await;
    browser.close().await.unwrap();
    node.stop();
    home.verify_clean();
}

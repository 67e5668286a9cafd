//! A contributor signs for a split, and the operator endorses the work, on its page and by command line.

use imajin_testkit::Backend;
use imajin_testkit::browser::{Browser, BrowserOptions};
use serde_json::json;

use crate::browser::{join, no_complaints};
use crate::browser_profile::fits_a_phone;
use crate::fair_library::{fair, key_of, register, work};
use crate::support::{Home, text};

#[tokio::test(flavor = "multi_thread")]
async fn browser_a_contributor_signs_for_a_split_and_the_operator_endorses_it() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&[]);
    let ada = home.key("ada.key");
    register(&node, &ada, "ada");
    let browser = Browser::start(&BrowserOptions::phone()).await.unwrap();
    let setup = format!("/setup?token={}", node.setup_token());
    join(&browser, &node, &setup, "Cleo").await;
    browser.wait_for("#setup-button:not([hidden])").await.unwrap();
    browser.click("#setup-button").await.unwrap();
    browser.wait_for("a[href='/operator']").await.unwrap();
    browser.goto(&format!("{}/me", node.url())).await.unwrap();
    let cleo = browser.text("#my-did").await.unwrap();
    let draft = json!({
        "title": "Strings", "type": "audio",
        "contributors": [
            {"did": key_of(&ada).did(), "role": "artist", "share": 0.5},
            {"did": cleo.trim(), "role": "engineer", "share": 0.5},
        ],
    });
    let (file, manifest) = work(&home, "strings.fair.json", &ada, draft);
    fair(&node, &["publish", &file, "--key", text(&ada)]).expect_success();

    let page = format!("{}/fair/{}", node.url(), manifest.id);
    browser.goto(&page).await.unwrap();
    browser.wait_for("#fair-accept").await.unwrap();
    fits_a_phone(&browser).await;
    browser.screenshot("fair-5-acts").await.unwrap();
    browser.click("#fair-accept button").await.unwrap();
    browser.wait_for_text("Everybody agrees with the split").await.unwrap();
    browser.click("#fair-endorse button").await.unwrap();
    browser.wait_for_text("Endorsed by").await.unwrap();
    let acts = "return document.querySelector('#fair-accept, #fair-endorse')";
    assert_eq!(
        browser.evaluate(acts).await.unwrap(),
        json!(null),
        "nothing is left to do"
    );
    browser.screenshot("fair-6-endorsed").await.unwrap();
    no_complaints(&browser).await;
    // Whoever has no part in it is offered nothing.
    browser.cookies_forget().await.unwrap();
    browser.goto(&page).await.unwrap();
    assert_eq!(browser.evaluate(acts).await.unwrap(), json!(null));
    browser.close().await.unwrap();

    let listed = fair(&node, &["list", key_of(&ada).did().as_str()]).expect_success();
    assert_eq!(listed["manifests"][0]["id"], manifest.id.as_str());
    let refused = fair(&node, &["endorse", manifest.id.as_str(), "--key", text(&ada)]);
    assert_eq!(refused.refusal()["error"], "forbidden");
    let nothing = fair(&node, &["list", cleo.trim()]).expect_success();
    assert_eq!(nothing["manifests"], json!([]));
    node.stop();
    home.verify_clean();
}

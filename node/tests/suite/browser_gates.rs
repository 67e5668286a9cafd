//! The pages about a gate: the operator sees who comes, who pays and who objects, and tries another policy.

use imajin_testkit::Backend;
use imajin_testkit::browser::{Browser, BrowserOptions};
use serde_json::json;

use crate::agents::Scene;
use crate::agents_own::Paying;
use crate::broker::waited;
use crate::browser::{join, no_complaints};
use crate::browser_profile::fits_a_phone;
use crate::support::{Buyer, Node};

const PAGES: [&str; 4] = ["", "/log", "/disputes", "/policy"];

/// Chooses one of what a field offers.
async fn choose(browser: &Browser, css: &str, value: &str) {
    let choose = format!("document.querySelector({css:?}).value = {value:?}; return 0");
    browser.evaluate(&choose).await.unwrap();
}

/// Writes a policy into the form; keys pressed one by one would take long.
async fn write(browser: &Browser, text: &str) {
    let write = format!(
        "document.querySelector('#draft-text').value = {}; return 0",
        json!(text)
    );
    browser.evaluate(&write).await.unwrap();
}

/// What is written smaller than anybody can read it.
async fn is_legible(browser: &Browser) {
    let tiny = "return [...document.querySelectorAll('main *')]
        .filter((one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
        .filter((one) => one.offsetHeight > 0 && parseFloat(getComputedStyle(one).fontSize) < 12)
        .map((one) => one.textContent.trim().slice(0, 40))";
    assert_eq!(
        browser.evaluate(tiny).await.unwrap(),
        json!([]),
        "smaller than 12 pixels"
    );
}

/// Names of columns that do not stand above their columns.
async fn columns_line_up(browser: &Browser) {
    let astray = "const left = (one) => one.getBoundingClientRect().left;
        const tables = [...document.querySelectorAll('main table')];
        return tables.filter((table) => table.offsetHeight > 0).flatMap((table) => {
            const cells = table.querySelectorAll('tbody tr:first-child > *');
            return [...table.querySelectorAll('thead th')]
                .filter((name, place) => Math.abs(left(name) - left(cells[place])) > 1)
                .map((name) => name.textContent);
        })";
    assert_eq!(
        browser.evaluate(astray).await.unwrap(),
        json!([]),
        "not above their columns"
    );
}

/// A gate at which an agent has paid, was refused, and has said that a page was worth nothing.
async fn scene() -> Scene {
    let scene = Scene::new(Backend::Sqlite).await;
    let page = scene.url("/posts/1?edition=the-one-with-a-long-name-that-has-no-place-to-break");
    scene.fetch_url(&page, &["--max", "0.10 TEST-USD"]).expect_success();
    assert!(
        !scene
            .fetch_url(&scene.url("/dear"), &["--max", "0.10 TEST-USD"])
            .success
    );
    let said = [
        "dispute",
        &page,
        "--score",
        "0",
        "--reason",
        "There is nothing on it.",
        "--at-site",
    ];
    scene.agent(&said).expect_success();
    scene
}

/// The operator of the publisher's node, by a session.
async fn operator(scene: &Scene) -> String {
    let operator = Buyer::registered(&scene.publisher).await;
    let body = json!({"token": scene.publisher.setup_token()}).to_string();
    let setup = operator.signed("POST", "/auth/api/setup", body.as_bytes(), None);
    let answer = operator.send(&setup).await;
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    operator.login().await
}

/// A browser with that session.
async fn browser(options: BrowserOptions, scene: &Scene, token: &str) -> Browser {
    let browser = Browser::start(&options).await.unwrap();
    browser.goto(&format!("{}/login", scene.publisher.url())).await.unwrap();
    let cookie = format!("document.cookie = 'imajin_session=' + {} + '; path=/'", json!(token));
    browser.evaluate(&cookie).await.unwrap();
    browser
}

async fn shows(browser: &Browser, url: &str, css: &str, text: &str) {
    waited(async || {
        browser.goto(url).await.unwrap();
        browser.text(css).await.ok().filter(|shown| shown.contains(text))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_the_operator_sees_a_gate_and_tries_a_policy() {
    let scene = scene().await;
    let root = format!("{}/publisher/operator", scene.publisher.url());
    let token = operator(&scene).await;
    let browser = browser(BrowserOptions::default(), &scene, &token).await;
    shows(&browser, &root, "#authors", "0.10").await;
    is_legible(&browser).await;
    columns_line_up(&browser).await;
    browser.screenshot("gate-1-dashboard").await.unwrap();
    browser.goto(&format!("{root}/log")).await.unwrap();
    browser.wait_for_text("its feedback was taken").await.unwrap();
    browser.screenshot("gate-2-log").await.unwrap();
    shows(&browser, &format!("{root}/disputes"), "#feedback", "the broker has it").await;
    shows(
        &browser,
        &format!("{root}/disputes"),
        "#disputes",
        "There is nothing on it.",
    )
    .await;
    columns_line_up(&browser).await;
    browser.screenshot("gate-3-disputes").await.unwrap();
    policy(&browser, &scene, &root).await;
    no_complaints(&browser).await;
    browser.close().await.unwrap();
    on_a_phone(&scene, &token, &root).await;
    scene.end();
}

/// What happens to a request by the policy in force, and by another one, which changes nothing.
async fn policy(browser: &Browser, scene: &Scene, root: &str) {
    browser.goto(&format!("{root}/policy")).await.unwrap();
    browser.fill("#sample-path", "/posts/7").await.unwrap();
    choose(browser, "#sample-purpose", "SUMMARY").await;
    browser.click_away("#sample button").await.unwrap();
    let text = browser.text("main").await.unwrap();
    assert!(
        text.contains("402 PAYMENT_REQUIRED") && text.contains("0.10 TEST-USD has to be paid"),
        "{text}"
    );
    choose(browser, "#sample-paid", "yes").await;
    browser.click_away("#sample button").await.unwrap();
    browser
        .wait_for_text("passes, and 0.10 TEST-USD is charged")
        .await
        .unwrap();
    is_legible(browser).await;
    browser.screenshot("gate-4-policy").await.unwrap();

    let file = std::fs::read_to_string(scene.home.path("policy.toml")).unwrap();
    let shown = browser
        .evaluate("return document.querySelector('#draft-text').value")
        .await
        .unwrap();
    assert_eq!(shown.as_str().map(str::trim), Some(file.trim()));
    // The request that was looked at goes along with the text.
    write(browser, &file.replace("0.10", "0.25")).await;
    browser.click_away("#draft button").await.unwrap();
    browser
        .wait_for_text("passes, and 0.25 TEST-USD is charged")
        .await
        .unwrap();
    browser.wait_for_text("It is not in force").await.unwrap();
    browser.screenshot("gate-5-policy-tried").await.unwrap();
    write(browser, &file.replace("version = 1", "version = 7")).await;
    browser.click_away("#draft button").await.unwrap();
    browser.wait_for_text("This is no policy").await.unwrap();
    browser.screenshot("gate-6-policy-wrong").await.unwrap();
    assert_eq!(std::fs::read_to_string(scene.home.path("policy.toml")).unwrap(), file);
}

/// The same on a phone, in the light and in the dark.
async fn on_a_phone(scene: &Scene, token: &str, root: &str) {
    for (options, light) in [
        (BrowserOptions::phone(), "light"),
        (BrowserOptions::phone().dark(), "dark"),
    ] {
        let browser = browser(options, scene, token).await;
        for (number, path) in (7..).zip(PAGES) {
            browser.goto(&format!("{root}{path}")).await.unwrap();
            browser.wait_for("main h1").await.unwrap();
            fits_a_phone(&browser).await;
            is_legible(&browser).await;
            let name = path.trim_start_matches('/');
            let name = if name.is_empty() { "dashboard" } else { name };
            browser
                .screenshot(&format!("gate-{number}-{name}-phone-{light}"))
                .await
                .unwrap();
        }
        no_complaints(&browser).await;
        browser.close().await.unwrap();
    }
}

/// A browser with the key of whoever has become the operator of a node.
async fn operators_browser(options: BrowserOptions, node: &Node) -> Browser {
    let browser = Browser::start(&options).await.unwrap();
    join(&browser, node, &format!("/setup?token={}", node.setup_token()), "Olga").await;
    browser.wait_for("#setup-button:not([hidden])").await.unwrap();
    browser.click("#setup-button").await.unwrap();
    browser.wait_for("a[href='/operator']").await.unwrap();
    browser
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_the_operator_puts_a_policy_in_force() {
    let scene = Scene::new(Backend::Sqlite).await;
    let browser = operators_browser(BrowserOptions::default(), &scene.publisher).await;
    let page = format!("{}/publisher/operator/policy", scene.publisher.url());
    browser.goto(&page).await.unwrap();
    let file = std::fs::read_to_string(scene.home.path("policy.toml")).unwrap();
    write(&browser, &file.replace("0.10", "0.25")).await;
    browser.click_away("#draft button").await.unwrap();
    browser.wait_for_text("It is not in force").await.unwrap();
    browser.screenshot("gate-15-policy-checked").await.unwrap();
    browser.click_away("form[data-path] button").await.unwrap();
    waited(async || {
        let written = std::fs::read_to_string(scene.home.path("policy.toml")).unwrap();
        written.contains("0.25").then_some(())
    })
    .await;
    browser.wait_for("#sample").await.unwrap();
    let shown = browser
        .evaluate("return document.querySelector('#draft-text').value")
        .await;
    assert!(shown.unwrap().as_str().unwrap().contains("0.25"));
    no_complaints(&browser).await;
    browser.close().await.unwrap();
    scene.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_the_operator_sees_what_the_agent_of_the_node_has_spent() {
    let paying = Paying::new(Backend::Sqlite).await;
    paying.deposit().await;
    paying.fetch("/posts/1", &[]).expect_success();
    paying
        .fetch(
            "/posts/2?edition=the-one-with-a-long-name-that-has-no-place-to-break",
            &[],
        )
        .expect_success();
    let browser = operators_browser(BrowserOptions::phone(), &paying.node).await;
    browser.goto(&format!("{}/operator", paying.node.url())).await.unwrap();
    browser.click_away("a[href='/operator/agent']").await.unwrap();
    browser.wait_for_text("0.20 TEST-USD").await.unwrap();
    fits_a_phone(&browser).await;
    is_legible(&browser).await;
    browser.screenshot("agent-1-spent-phone").await.unwrap();
    no_complaints(&browser).await;
    browser.close().await.unwrap();
    paying.end();
}

//! The path as a person walks it: real Chromium, the pages, a key that never leaves the browser.

use imajin_testkit::Backend;
use imajin_testkit::browser::{Browser, BrowserOptions};
use serde_json::Value;

use crate::support::{Home, Node, event_find, free_address, imajin, text};

/// Makes an identity on the page: name, recovery words, proof that they were kept. Gives back the words.
pub(crate) async fn join(browser: &Browser, node: &Node, next: &str, name: &str) -> String {
    browser.goto(&format!("{}/join?next={next}", node.url())).await.unwrap();
    browser.fill("#name", name).await.unwrap();
    browser.click("#make-button").await.unwrap();
    browser.wait_for("#step-recovery:not([hidden])").await.unwrap();
    let words = "[...document.querySelectorAll('#recovery-words li')].map((item) => item.textContent)";
    let words = browser.evaluate(&format!("return {words}")).await.unwrap();
    browser.click("#kept-button").await.unwrap();
    browser.wait_for("#step-confirm:not([hidden])").await.unwrap();
    for field in ["word-a", "word-b"] {
        let label = browser.text(&format!("#{field}-label")).await.unwrap();
        let place: usize = label.trim_start_matches("Word ").trim().parse().unwrap();
        browser
            .fill(&format!("#{field}"), words[place - 1].as_str().unwrap())
            .await
            .unwrap();
    }
    browser.click("#register-button").await.unwrap();
    browser.wait_for("#step-done:not([hidden])").await.unwrap();
    browser.click("#continue-link").await.unwrap();
    let words: Vec<&str> = words.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    words.join(" ")
}

pub(crate) async fn no_complaints(browser: &Browser) {
    let complaints = browser.complaints().await.unwrap();
    assert!(complaints.is_empty(), "the browser complains: {complaints:#?}");
}

async fn amounts(browser: &Browser) -> String {
    browser.text("#split-table").await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_a_person_buys_a_ticket_and_sees_the_split() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&["--demo"]);
    let event = event_find(&node, "10.00");
    let browser = Browser::start(&BrowserOptions::phone()).await.unwrap();
    browser.goto(&node.url()).await.unwrap();
    browser.screenshot("path-1-landing").await.unwrap();

    let page = format!("/events/{}", event["id"].as_str().unwrap());
    browser.goto(&format!("{}{page}", node.url())).await.unwrap();
    browser.wait_for("#sign-in-to-buy").await.unwrap();
    browser.screenshot("path-2-event").await.unwrap();
    join(&browser, &node, &page, "Ada").await;

    browser.wait_for("#buy-button").await.unwrap();
    browser.click("#buy-button").await.unwrap();
    browser.wait_for("#test-money").await.unwrap();
    browser.screenshot("path-3-payment").await.unwrap();

    browser.click("#fail-button").await.unwrap();
    browser.wait_for(".notice-bad").await.unwrap();
    browser.screenshot("path-4-payment-failed").await.unwrap();
    browser.click(".till a.button").await.unwrap();
    browser.wait_for("#pay-button").await.unwrap();
    browser.click("#pay-button").await.unwrap();
    browser.wait_for("#receipt-link").await.unwrap();
    browser.screenshot("path-5-order").await.unwrap();

    browser.click("#receipt-link").await.unwrap();
    browser.wait_for("#split-table").await.unwrap();
    let split = amounts(&browser).await;
    assert!(split.contains("7.00") && split.contains("3.00"), "{split}");
    browser.screenshot("path-6-receipt").await.unwrap();

    browser.goto(&format!("{}/me", node.url())).await.unwrap();
    browser.click("a[href^='/tickets/']").await.unwrap();
    let qr = browser.text("#qr-text").await;
    browser.screenshot("path-7-ticket").await.unwrap();
    no_complaints(&browser).await;
    let qr = match qr {
        Ok(text) if !text.is_empty() => text,
        _ => browser
            .evaluate("return document.querySelector('#qr-text').textContent")
            .await
            .unwrap()
            .as_str()
            .unwrap()
            .to_owned(),
    };
    browser.close().await.unwrap();
    let verdict = imajin(&["ticket", "verify", &qr, "--event-did", event["did"].as_str().unwrap()]).expect_success();
    assert_eq!(verdict["valid"], true);
    node.stop();
    home.verify_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_a_mailbox_buys_without_a_key_and_the_operator_sees_it() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&["--demo"]);
    let event = event_find(&node, "9.99");
    let browser = Browser::start(&BrowserOptions::default().dark()).await.unwrap();

    let page = format!("/events/{}", event["id"].as_str().unwrap());
    browser
        .goto(&format!("{}/login?next={page}", node.url()))
        .await
        .unwrap();
    browser.fill("#email", "ada@example.org").await.unwrap();
    browser.click("#login-mailbox button[type=submit]").await.unwrap();
    browser.wait_for_text("ada@example.org").await.unwrap();
    browser.goto(&format!("{}/mailbox", node.url())).await.unwrap();
    browser.screenshot("mailbox-1-development-mailbox").await.unwrap();
    browser.click("#messages li a").await.unwrap();
    browser.click("a.mail-link").await.unwrap();
    browser.wait_for("#onboard-button").await.unwrap();
    browser.screenshot("mailbox-2-confirm").await.unwrap();
    browser.click("#onboard-button").await.unwrap();
    browser.wait_for("#buy-button").await.unwrap();
    browser.click("#buy-button").await.unwrap();
    browser.wait_for("#pay-button").await.unwrap();
    browser.click("#pay-button").await.unwrap();
    browser.wait_for("#receipt-link").await.unwrap();
    browser.click("#receipt-link").await.unwrap();
    browser.wait_for("#split-table").await.unwrap();
    let split = amounts(&browser).await;
    assert!(split.contains("3.329997") && split.contains("3.330006"), "{split}");
    browser.screenshot("mailbox-3-receipt").await.unwrap();
    browser.close().await.unwrap();

    let browser = Browser::start(&BrowserOptions::default()).await.unwrap();
    join(
        &browser,
        &node,
        &format!("/setup?token={}", node.setup_token()),
        "Operator",
    )
    .await;
    browser.wait_for("#setup-button:not([hidden])").await.unwrap();
    browser.screenshot("operator-1-setup").await.unwrap();
    browser.click("#setup-button").await.unwrap();
    browser.wait_for("a[href='/operator']").await.unwrap();
    browser.goto(&format!("{}/operator", node.url())).await.unwrap();
    browser.wait_for_text("9.99").await.unwrap();
    browser.screenshot("operator-2-overview").await.unwrap();
    browser.goto(&format!("{}/directory", node.url())).await.unwrap();
    browser.screenshot("operator-3-directory").await.unwrap();
    no_complaints(&browser).await;
    browser.close().await.unwrap();
    node.stop();
    home.verify_clean();
}

/// Not on loopback as far as the browser can tell: a name of its own, HTTPS with the certificate that the node made.
#[tokio::test(flavor = "multi_thread")]
async fn browser_https_under_a_name_with_the_nodes_own_certificate() {
    let home = Home::new(Backend::Sqlite);
    let port = free_address().port();
    home.configure(&format!(
        "public_url = \"https://node.example:{port}/\"\n[tls]\nmode = \"on\""
    ));
    let node = home.up(&["--demo", "--listen", &format!("127.0.0.1:{port}")]);
    assert!(node.banner()["certificateSha256"].as_str().unwrap().len() > 60);
    let options = BrowserOptions {
        accept_insecure_certificates: true,
        host_resolver_rules: Some("MAP node.example 127.0.0.1".to_owned()),
        ..BrowserOptions::default()
    };
    let browser = Browser::start(&options).await.unwrap();
    // Plain HTTP is only redirected.
    browser.goto(&format!("http://node.example:{port}/join")).await.unwrap();
    let location = browser.evaluate("return location.href").await.unwrap();
    assert_eq!(location, format!("https://node.example:{port}/join"));
    assert_eq!(browser.evaluate("return isSecureContext").await.unwrap(), true);
    join(&browser, &node, "/me", "Ada").await;
    browser.wait_for_text("Ada").await.unwrap();
    browser.screenshot("https-me").await.unwrap();
    browser.close().await.unwrap();

    let ca = home.data().join("tls.crt");
    let plain = std::process::Command::new("curl")
        .args([
            "-s",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code} %{redirect_url}",
            "--resolve",
        ])
        .arg(format!("node.example:{port}:127.0.0.1"))
        .arg(format!("http://node.example:{port}/directory"))
        .output();
    if let Ok(plain) = plain {
        let said = String::from_utf8_lossy(&plain.stdout).into_owned();
        assert_eq!(said, format!("308 https://node.example:{port}/directory"));
    }
    let key = home.key("cli.key");
    let by_address = format!("https://127.0.0.1:{port}");
    let refused = imajin(&["login", "--node", &by_address, "--key", text(&key)]);
    assert!(!refused.success, "a certificate that nobody vouches for is not trusted");
    let listed = imajin(&["event", "list", "--node", &by_address, "--ca", text(&ca)]);
    assert!(listed.success, "{}", listed.stderr);
    node.stop();
}

//! Who somebody is, in a real browser: passkeys, and signing in at an application.

use imajin_testkit::Backend;
use imajin_testkit::browser::{Browser, BrowserOptions};
use serde_json::json;

use crate::browser::{join, no_complaints};
use crate::support::{Buyer, Home, Node, free_address, imajin, text};

/// A node under a name: browsers bind passkeys to names, not to numbers.
pub(crate) fn named(home: &Home) -> Node {
    let port = free_address().port();
    home.configure(&format!("public_url = \"http://localhost:{port}/\""));
    home.up(&["--listen", &format!("127.0.0.1:{port}")])
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_a_passkey_is_added_signs_in_and_is_removed() {
    let home = Home::new(Backend::Sqlite);
    let node = named(&home);
    let browser = Browser::start(&BrowserOptions::phone()).await.unwrap();
    browser.authenticator_add().await.unwrap();
    join(&browser, &node, "/auth/passkeys", "Ada").await;
    browser.wait_for("#passkey-add-button").await.unwrap();
    browser.fill("#passkey-name", "The phone").await.unwrap();
    browser.click("#passkey-add-button").await.unwrap();
    browser.wait_for("#passkeys li").await.unwrap();
    browser.screenshot("passkeys-1-list").await.unwrap();

    browser.cookies_forget().await.unwrap();
    browser.goto(&format!("{}/login", node.url())).await.unwrap();
    browser.wait_for("#passkey-section:not([hidden])").await.unwrap();
    browser.screenshot("passkeys-2-login").await.unwrap();
    browser.click("#passkey-button").await.unwrap();
    browser.wait_for("a[href='/me'][aria-label*='Ada']").await.unwrap();
    no_complaints(&browser).await;
    browser
        .goto(&format!("{}/auth/api/sessions", node.url()))
        .await
        .unwrap();
    let sessions = browser.evaluate("return document.body.textContent").await.unwrap();
    assert!(
        sessions.as_str().unwrap().contains("\"method\":\"passkey\""),
        "{sessions}"
    );

    browser.goto(&format!("{}/auth/passkeys", node.url())).await.unwrap();
    browser.click("form.passkey-remove button").await.unwrap();
    browser.wait_for_text("You have no passkey").await.unwrap();
    browser.close().await.unwrap();
    node.stop();
    home.verify_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_somebody_signs_in_at_an_application_and_at_another_node() {
    let home = Home::new(Backend::Sqlite);
    home.configure("dev = true");
    let node = named(&home);
    home.key("operator.key");
    let operator = Buyer::from_file(&node, &home, "operator.key");
    operator.register_again().await;
    let body = json!({"token": node.setup_token()}).to_string();
    operator
        .send(&operator.signed("POST", "/auth/api/setup", body.as_bytes(), None))
        .await;
    // The node itself plays the application: what matters is where the browser ends.
    let redirect = format!("{}/directory", node.url());
    let key = home.path("operator.key");
    let app = imajin(&[
        "oidc",
        "client",
        "add",
        "--node",
        &node.url(),
        "--key",
        text(&key),
        "--name",
        "The wiki",
        "--redirect-uri",
        &redirect,
        "--auth-method",
        "none",
        "--algorithm",
        "EdDSA",
    ])
    .expect_success();
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let asked = format!(
        "/auth/oidc/authorize?client_id={}&redirect_uri={redirect}&response_type=code&scope=openid%20profile&state=s1\
         &code_challenge={challenge}&code_challenge_method=S256",
        app["client_id"].as_str().unwrap()
    );
    let browser = Browser::start(&BrowserOptions::phone().dark()).await.unwrap();
    // A stranger makes an identity first, and comes back.
    let next = asked.replace('%', "%25").replace('&', "%26");
    join(&browser, &node, &next, "Ada").await;
    browser.wait_for("#allow-button").await.unwrap();
    browser.screenshot("oidc-1-consent").await.unwrap();
    browser.click("#allow-button").await.unwrap();
    browser
        .wait_for("a[href='/directory'][aria-current='page']")
        .await
        .unwrap();
    let place = browser.evaluate("return location.href").await.unwrap().to_string();
    assert!(place.contains("/directory?code=imc_"), "{place}");
    assert!(place.contains("state=s1"), "{place}");
    consent_taken_back(&browser, &node).await;

    let other_home = Home::new(Backend::Sqlite);
    other_home.configure("dev = true");
    let other = named(&other_home);
    visit(&browser, &node, &other).await;
    browser.close().await.unwrap();
    node.stop();
    other.stop();
    [home, other_home].iter().for_each(Home::verify_clean);
}

/// What an application may know is listed, and taken back with the key.
async fn consent_taken_back(browser: &Browser, node: &Node) {
    browser.goto(&format!("{}/grants", node.url())).await.unwrap();
    browser.wait_for("#grants [data-grant]").await.unwrap();
    let listed = browser.text("#grants").await.unwrap();
    assert!(listed.contains("The wiki") && listed.contains("Allowed"), "{listed}");
    browser.screenshot("grants-1-list").await.unwrap();
    browser.click("form.grant-revoke button").await.unwrap();
    browser.wait_for("#revoked").await.unwrap();
    browser
        .wait_for_text("You have not signed in to any application")
        .await
        .unwrap();
    browser.screenshot("grants-2-revoked").await.unwrap();
    no_complaints(browser).await;
}

/// Another node: its page sends the browser home, and home sends it back.
pub(crate) async fn visit(browser: &Browser, home: &Node, other: &Node) {
    browser
        .goto(&format!("{}/auth/federation/login", other.url()))
        .await
        .unwrap();
    let at = home.url().replace("http://", "ada@");
    browser.fill("#home", &at).await.unwrap();
    browser.screenshot("federation-1-start").await.unwrap();
    browser.click("#visit-button").await.unwrap();
    browser.wait_for("#allow-button").await.unwrap();
    browser.screenshot("federation-2-consent").await.unwrap();
    browser.click("#allow-button").await.unwrap();
    // Both nodes show who is signed in, but only the one that was visited shows its page of one's own.
    browser
        .wait_for("nav a[href='/me'][aria-current='page']")
        .await
        .unwrap();
    let place = browser.evaluate("return location.origin").await.unwrap();
    assert_eq!(place, json!(other.url()));
}

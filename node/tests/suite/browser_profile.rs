//! Profiles as a person sees them: written on a phone, read by everybody, found by name.

use imajin_testkit::Backend;
use imajin_testkit::browser::{Browser, BrowserOptions};

use crate::browser::{join, no_complaints};
use crate::profile::picture_file;
use crate::support::{Home, Node, imajin};

async fn attribute(browser: &Browser, css: &str, name: &str) -> String {
    let script = format!("return document.querySelector({css:?})?.getAttribute({name:?}) ?? ''");
    browser.evaluate(&script).await.unwrap().as_str().unwrap().to_owned()
}

/// Nothing sticks out at the side, and every field can be hit with a thumb; of a choice the label is hit as well.
pub(crate) async fn fits_a_phone(browser: &Browser) {
    let wide = browser
        .evaluate("return document.documentElement.scrollWidth > document.documentElement.clientWidth")
        .await
        .unwrap();
    assert_eq!(wide, false, "the page scrolls sideways");
    let fields = "main input:not([type=hidden]), main select, main button, main textarea";
    let small = format!(
        "return [...document.querySelectorAll({fields:?})]
             .filter((field) => field.offsetHeight > 0 && (field.closest('.choice') ?? field).offsetHeight < 44)
             .map((field) => field.id)"
    );
    let small = browser.evaluate(&small).await.unwrap();
    assert_eq!(small, serde_json::json!([]), "too small for a thumb");
}

async fn submit_by_keyboard(browser: &Browser, css: &str) {
    let focus = format!("document.querySelector({css:?}).focus(); return document.activeElement.id");
    browser.evaluate(&focus).await.unwrap();
    browser.fill(css, "Ada Lindqvist\u{e007}").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_a_person_writes_a_profile_on_a_phone() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&["--demo"]);
    let browser = Browser::start(&BrowserOptions::phone()).await.unwrap();
    join(&browser, &node, "/me/profile", "Ada").await;
    browser.wait_for("#save-button").await.unwrap();
    fits_a_phone(&browser).await;
    browser.screenshot("profile-1-empty-form").await.unwrap();

    browser
        .fill("#bio", "Sings and paints.\nBooks: mornings only.")
        .await
        .unwrap();
    browser.fill("#link-label-0", "Songs").await.unwrap();
    browser.fill("#link-url-0", "https://ada.example/songs").await.unwrap();
    browser.fill("#contact-email", "ada@example.org").await.unwrap();
    submit_by_keyboard(&browser, "#display-name").await;
    browser.wait_for_text("Saved.").await.unwrap();
    browser.choose_file("#avatar-file", &picture_file(&home)).await.unwrap();
    browser.click("#avatar-button").await.unwrap();
    browser.wait_for_text("Your picture is saved.").await.unwrap();
    let shown =
        "return document.querySelector('img.avatar').complete && document.querySelector('img.avatar').naturalWidth";
    for _patience in 0..50 {
        if browser.evaluate(shown).await.unwrap() == 256 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(browser.evaluate(shown).await.unwrap(), 256, "the picture is shown");
    browser.screenshot("profile-2-form").await.unwrap();

    // Another window saves first: this one is told, and loses nothing that was written.
    browser
        .evaluate("document.querySelector('input[name=version]').value = '0'; return 1")
        .await
        .unwrap();
    browser.click("#save-button").await.unwrap();
    browser.wait_for_text("has changed since you opened it").await.unwrap();

    browser.goto(&format!("{}/me/profile", node.url())).await.unwrap();
    let page = attribute(&browser, "#public-link", "href").await;
    browser.goto(&format!("{}{page}", node.url())).await.unwrap();
    browser.wait_for_text("Books: mornings only.").await.unwrap();
    browser.wait_for_text("ada@example.org").await.unwrap();
    fits_a_phone(&browser).await;
    browser.screenshot("profile-3-own-page").await.unwrap();
    is_told_how_to_move(&browser, &node).await;
    only_the_refusal_was_complained_about(&browser).await;
    browser.close().await.unwrap();

    stranger_looks(&node, &page).await;
    node.stop();
    home.verify_clean();
}

/// The page says what to type, with the address of this node; long commands scroll in their own box.
async fn is_told_how_to_move(browser: &Browser, node: &Node) {
    browser.goto(&format!("{}/me", node.url())).await.unwrap();
    browser.click("a[href='/me/move']").await.unwrap();
    browser.wait_for("#export-command").await.unwrap();
    let command = browser.text("#export-command").await.unwrap();
    assert_eq!(
        command,
        format!(
            "imajin move export --to https://new.example --node {} --key me.key",
            node.url()
        )
    );
    fits_a_phone(browser).await;
    browser.screenshot("profile-6-move").await.unwrap();
}

/// Browsers write down each refused request; this test made one on purpose.
async fn only_the_refusal_was_complained_about(browser: &Browser) {
    let complaints = browser.complaints().await.unwrap();
    assert!(
        complaints.iter().all(|complaint| complaint.contains("412")),
        "{complaints:#?}"
    );
}

/// Somebody else, on a wide screen in the dark: no contact, and the search finds the page.
async fn stranger_looks(node: &Node, page: &str) {
    let browser = Browser::start(&BrowserOptions::default().dark()).await.unwrap();
    browser.goto(&format!("{}/people", node.url())).await.unwrap();
    browser.fill("#q", "lindq").await.unwrap();
    browser.click("#search-button").await.unwrap();
    browser.wait_for("#people a").await.unwrap();
    browser.screenshot("profile-4-search").await.unwrap();
    browser.click("#people a").await.unwrap();
    browser.wait_for_text("Books: mornings only.").await.unwrap();
    let body = browser.text("body").await.unwrap();
    assert!(!body.contains("ada@example.org"), "{body}");
    browser.screenshot("profile-5-public-page").await.unwrap();
    let location = browser.evaluate("return location.pathname").await.unwrap();
    assert_eq!(location, page);
    no_complaints(&browser).await;
    browser.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_a_mailbox_writes_a_profile_and_deletes_it() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&["--demo"]);
    let browser = Browser::start(&BrowserOptions::phone()).await.unwrap();
    browser
        .goto(&format!("{}/login?next=/me/profile", node.url()))
        .await
        .unwrap();
    browser.fill("#email", "ada@example.org").await.unwrap();
    browser.click("#login-mailbox button[type=submit]").await.unwrap();
    browser.wait_for_text("ada@example.org").await.unwrap();
    browser.goto(&format!("{}/mailbox", node.url())).await.unwrap();
    browser.click("#messages li a").await.unwrap();
    browser.click("a.mail-link").await.unwrap();
    browser.click("#onboard-button").await.unwrap();
    browser.wait_for("#save-button").await.unwrap();

    browser.fill("#display-name", "A guest").await.unwrap();
    browser.click("#save-button").await.unwrap();
    browser.wait_for("#saved").await.unwrap();
    browser.choose_file("#avatar-file", &picture_file(&home)).await.unwrap();
    browser.click("#avatar-button").await.unwrap();
    browser.wait_for("img.avatar").await.unwrap();
    browser.screenshot("profile-6-mailbox").await.unwrap();
    let page = attribute(&browser, "#public-link", "href").await;
    browser.goto(&format!("{}{page}", node.url())).await.unwrap();
    browser.wait_for_text("A guest").await.unwrap();
    let body = browser
        .evaluate("return document.documentElement.outerHTML")
        .await
        .unwrap();
    assert!(!body.as_str().unwrap().contains("did:email") && !body.as_str().unwrap().contains("ada@"));

    browser.goto(&format!("{}/me/profile", node.url())).await.unwrap();
    browser.click("summary").await.unwrap();
    browser.click("#delete-button").await.unwrap();
    browser.wait_for("#my-did").await.unwrap();
    no_complaints(&browser).await;
    let did = browser.text("#my-did").await.unwrap();
    browser.close().await.unwrap();
    let gone = imajin(&["profile", "show", "--node", &node.url(), &did]);
    assert!(
        !gone.success && gone.stderr.contains("deleted by its owner"),
        "{}",
        gone.stderr
    );
    node.stop();
    home.verify_clean();
}

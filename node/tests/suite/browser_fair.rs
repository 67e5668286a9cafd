//! A work and everything behind it, as a person looks at it: by its id, by its file, on a phone and in the dark.

use std::io::Cursor;

use imajin_fair::Manifest;
use imajin_fair_embed::Work;
use imajin_kernel::Env;
use imajin_testkit::Backend;
use imajin_testkit::browser::{Browser, BrowserOptions};
use serde_json::json;

use crate::browser::no_complaints;
use crate::fair_library::{fair, key_of, register, remix, strings};
use crate::support::{Home, Node, text};

/// A page of HTML that carries its manifest, and the same with one word changed.
fn pages(home: &Home, key: &std::path::Path) -> [std::path::PathBuf; 2] {
    let key = key_of(key);
    let mut file = Cursor::new(b"<!doctype html><html><head></head><body>A poem</body></html>\n".as_slice());
    let mut work = Work::open(&mut file, "poem.html").unwrap();
    let whole = work.whole();
    let draft = json!({
        "title": "A poem", "author": key.did(), "content": work.content(&whole).unwrap(),
        "contributors": [{"did": key.did(), "role": "author", "share": 1}],
    });
    let manifest = Manifest::from_value(draft).unwrap();
    let layout = work
        .embed(&manifest.sign(&key, key.did(), Env::system().now()).unwrap())
        .unwrap();
    let mut bytes = Vec::new();
    work.write(&layout, &mut bytes).unwrap();
    let changed = String::from_utf8(bytes.clone()).unwrap().replace("A poem<", "A song<");
    let paths = [home.path("poem.html"), home.path("song.html")];
    std::fs::write(&paths[0], bytes).unwrap();
    std::fs::write(&paths[1], changed).unwrap();
    paths
}

async fn fits(browser: &Browser) {
    let wide = browser
        .evaluate("return document.documentElement.scrollWidth > document.documentElement.clientWidth")
        .await
        .unwrap();
    assert_eq!(wide, false, "the page scrolls sideways");
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_a_person_looks_at_a_work_and_what_it_is_made_from() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&[]);
    let (ada, cleo, ben) = (home.key("ada.key"), home.key("cleo.key"), home.key("ben.key"));
    register(&node, &ada, "ada");
    register(&node, &ben, "ben");
    let (file, source) = strings(&home, &ada, &cleo);
    fair(&node, &["publish", &file, "--key", text(&ada)]).expect_success();
    let (file, work) = remix(&home, &ben, &source, "https://remix.example/");
    fair(&node, &["publish", &file, "--key", text(&ben)]).expect_success();

    let browser = Browser::start(&BrowserOptions::default()).await.unwrap();
    browser.goto(&format!("{}/fair", node.url())).await.unwrap();
    browser.fill("#amount", "8").await.unwrap();
    browser.fill("#q", work.id.as_str()).await.unwrap();
    browser.click("#fair-show").await.unwrap();
    browser.wait_for("#legs").await.unwrap();
    browser
        .wait_for_text("One contributor has not signed yet")
        .await
        .unwrap();
    browser
        .wait_for_text("25 % of Remix, then 50 % of Strings")
        .await
        .unwrap();
    let rows = browser
        .evaluate("return document.querySelectorAll('#legs tbody tr').length")
        .await
        .unwrap();
    assert_eq!(rows, 3);
    browser.screenshot("fair-1-chain").await.unwrap();
    browser.click(&format!("[data-work='{}'] a", source.id)).await.unwrap();
    browser.wait_for_text("for a share of 25 %").await.unwrap();
    no_complaints(&browser).await;
    browser.close().await.unwrap();
    on_a_phone_in_the_dark(&home, &node, &ben, &work).await;
    node.stop();
    home.verify_clean();
}

async fn on_a_phone_in_the_dark(home: &Home, node: &Node, key: &std::path::Path, work: &Manifest) {
    let browser = Browser::start(&BrowserOptions::phone().dark()).await.unwrap();
    browser.goto(&format!("{}/fair/{}", node.url(), work.id)).await.unwrap();
    browser.wait_for("#legs").await.unwrap();
    fits(&browser).await;
    browser.screenshot("fair-2-phone-dark").await.unwrap();
    let [intact, changed] = pages(home, key);
    browser.goto(&format!("{}/fair", node.url())).await.unwrap();
    fits(&browser).await;
    browser.screenshot("fair-3-form").await.unwrap();
    browser.choose_file("#file", &intact).await.unwrap();
    browser.click("#fair-upload-button").await.unwrap();
    browser
        .wait_for_text("Byte for byte: nothing was changed since.")
        .await
        .unwrap();
    browser.choose_file("#file", &changed).await.unwrap();
    browser.click("#fair-upload-button").await.unwrap();
    browser.wait_for_text("The file was changed").await.unwrap();
    fits(&browser).await;
    browser.screenshot("fair-4-broken").await.unwrap();
    no_complaints(&browser).await;
    browser.close().await.unwrap();
}

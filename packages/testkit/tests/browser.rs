//! The browser that the tests of pages rely on.
#![cfg(test)]

use imajin_testkit::browser::{Browser, BrowserOptions};

const PAGE: &str = "data:text/html,<title>A</title><style>body{margin:0;height:3000px}</style><h1>Hello</h1>\
    <input id=name><button>Greet</button><script>\
    document.querySelector('button').onclick=()=>\
    {document.querySelector('h1').textContent='Hi '+document.querySelector('input').value}</script>";

#[tokio::test]
async fn a_page_is_opened_used_and_drawn() {
    let browser = Browser::start(&BrowserOptions::default()).await.unwrap();
    browser.goto(PAGE).await.unwrap();
    assert_eq!(browser.wait_for("h1").await.unwrap(), "Hello");
    browser.fill("#name", "Ada").await.unwrap();
    browser.click("button").await.unwrap();
    browser.wait_for_text("Hi Ada").await.unwrap();
    assert_eq!(browser.complaints().await.unwrap(), Vec::<String>::new());
    browser.evaluate("console.error('something is wrong')").await.unwrap();
    assert!(
        browser
            .complaints()
            .await
            .unwrap()
            .iter()
            .any(|line| line.contains("something is wrong"))
    );
    let path = browser.screenshot("testkit-page").await.unwrap();
    let png = std::fs::read(path).unwrap();
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
    let height = u32::from_be_bytes(png[20..24].try_into().unwrap());
    assert!(
        height >= 3000,
        "the picture ends at {height} pixels, above the end of the page"
    );
    browser.close().await.unwrap();
}

#[tokio::test]
async fn a_phone_in_the_dark_sees_what_it_should() {
    let browser = Browser::start(&BrowserOptions::phone().dark()).await.unwrap();
    let page = "data:text/html,<meta name=viewport content='width=device-width'><p>x</p>";
    browser.goto(page).await.unwrap();
    assert_eq!(browser.evaluate("return innerWidth").await.unwrap(), 390);
    assert_eq!(
        browser
            .evaluate("return matchMedia('(prefers-color-scheme: dark)').matches")
            .await
            .unwrap(),
        true
    );
    assert_eq!(
        browser
            .evaluate("return matchMedia('(pointer: coarse)').matches")
            .await
            .unwrap(),
        true
    );
}

#[tokio::test]
async fn a_laptop_prefers_light() {
    let browser = Browser::start(&BrowserOptions::default()).await.unwrap();
    browser.goto("data:text/html,<p>x</p>").await.unwrap();
    assert_eq!(
        browser
            .evaluate("return matchMedia('(prefers-color-scheme: light)').matches")
            .await
            .unwrap(),
        true
    );
    assert_eq!(browser.evaluate("return innerWidth").await.unwrap(), 1280);
}

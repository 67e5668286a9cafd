//! Pages that are elsewhere, pages that are too large, and a broker that puts the agent off.

use std::time::Duration;

use axum::http::StatusCode;
use imajin_agent::{Crawled, PaidPage, Purchase, PurchaseState};
use imajin_kernel::Code;
use imajin_proof::digest::content_digest;
use url::Url;

use crate::market::{Market, There, crawled};

const PAGE: &str = "<p>What was paid for.</p>";

fn to(path: &str) -> There {
    There::Moved(StatusCode::FOUND, path.to_owned())
}

/// Why an address was not read.
fn reason<'a>(crawled: &'a Crawled, url: &Url) -> &'a str {
    let unread = crawled.unread.iter().find(|unread| unread.url == *url);
    unread.map(|unread| unread.reason.as_str()).unwrap_or_default()
}

#[tokio::test]
async fn a_page_is_read_where_it_has_moved_to_and_paid_once() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("page");
    let market = Market::start(&[("/new", There::Paid(PAGE))]).await;
    let agent = market.agent(&folder.path().join("agent")).await;
    for (status, count) in [(301, 1), (302, 2), (303, 3), (307, 4), (308, 5)] {
        let status = StatusCode::from_u16(status).unwrap();
        market.put("/old", There::Moved(status, "/new?#part".to_owned()));
        let fetched = agent.fetch(&market.wish("/old", &out)).await.unwrap();
        assert_eq!((fetched.url.path(), market.paid()), ("/new", count), "{status}");
    }
    // What does not say where it has moved to, and what is no page, is not read.
    for nowhere in ["ftp://localhost/", "http://user@localhost/", "mailto:x@y", "http://"] {
        market.put("/old", to(nowhere));
        let refused = agent.fetch(&market.wish("/old", &out)).await.unwrap_err();
        assert!(refused.detail.contains("302"), "{nowhere}: {refused}");
    }
    // A page that is sold and then is elsewhere costs nothing there, and its price where it is.
    market.put("/sold", There::PaidMoved("/new".to_owned()));
    let fetched = agent.fetch(&market.wish("/sold", &out)).await.unwrap();
    assert_eq!((fetched.url.path(), market.paid()), ("/new", 6));
    let of_sold = agent
        .journal()
        .list()
        .into_iter()
        .find(|one| one.url.ends_with("/sold"))
        .cloned();
    // By its own word: the site has the visa.
    assert!(matches!(of_sold.unwrap().state, PurchaseState::Shown { .. }));
}

#[tokio::test]
async fn a_site_that_takes_money_for_leading_on_gets_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let taken = There::TakenMoved("/new".to_owned());
    let market = Market::start(&[("/sold", taken), ("/new", There::Paid(PAGE))]).await;
    let agent = market.agent(&folder.path().join("agent")).await;
    let refused = agent
        .fetch(&market.wish("/sold", &folder.path().join("page")))
        .await
        .unwrap_err();
    assert_eq!((refused.code, market.paid()), (Code::PaymentFailed, 0));
    // It is in the journal, so that it can be disputed.
    assert!(agent.journal().paid_find("rcp_taken").is_some());
}

#[tokio::test]
async fn whoever_is_led_in_a_circle_or_too_far_or_away_gives_up() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("page");
    let elsewhere = Market::start(&[("/", There::Free("far"))]).await;
    let far = elsewhere.url("/").to_string();
    let market = Market::start(&[
        ("/a", to("/b")),
        ("/b", to("/a")),
        ("/far", to(&far)),
        ("/self", to("/self")),
    ])
    .await;
    for step in 0..9 {
        market.put(&format!("/long/{step}"), to(&format!("/long/{}", step + 1)));
    }
    market.put("/robots.txt", There::Free("User-agent: *\nDisallow: /secret\n"));
    market.put("/to-secret", to("/secret"));
    let agent = market.agent(&folder.path().join("agent")).await;
    for (path, code) in [
        ("/a", Code::Conflict),
        ("/self", Code::Conflict),
        ("/long/0", Code::Conflict),
        ("/far", Code::Forbidden),
        ("/to-secret", Code::Forbidden),
    ] {
        assert_eq!(
            agent.fetch(&market.wish(path, &out)).await.unwrap_err().code,
            code,
            "{path}"
        );
    }
    let counts = ["/a", "/b", "/self", "/secret", "/long/5", "/long/6"].map(|path| market.asked(path));
    assert_eq!(counts, [1, 1, 1, 0, 1, 0]);
    assert_eq!(elsewhere.asked("/"), 0);
}

#[tokio::test]
async fn a_crawl_follows_where_it_may_and_reads_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = Market::start(&[
        ("/home", There::Free("<a href=/more>more</a>")),
        ("/more", There::Free("")),
    ])
    .await;
    let far = elsewhere.url("/home");
    let index = "<a href=/old>1</a><a href=/older>2</a><a href=/new>3</a><a href=/a>4</a><a href=/far>5</a>\
                 <a href=/to-secret>6</a><a href=/long/0>7</a>";
    let market = Market::start(&[
        ("/robots.txt", There::Free("User-agent: *\nDisallow: /secret\n")),
        ("/", There::Free(index)),
        ("/old", There::PaidMoved("/new".to_owned())),
        ("/older", to("/old")),
        ("/new", There::Paid(PAGE)),
        ("/a", to("/b")),
        ("/b", to("/a")),
        ("/far", to(far.as_str())),
        ("/to-secret", to("/secret")),
    ])
    .await;
    for step in 0..9 {
        market.put(&format!("/long/{step}"), to(&format!("/long/{}", step + 1)));
    }
    let agent = market.agent(&folder.path().join("agent")).await;
    let mut wish = market.crawl_wish("/", &folder.path().join("out"));
    let (read, first) = crawled(&agent, &wish).await;
    assert_eq!((read, market.paid()), (vec!["/".to_owned(), "/new".to_owned()], 1));
    assert!(reason(&first, &far).contains("--also"), "{:?}", first.unread);
    assert!(reason(&first, &market.url("/secret")).contains("robots.txt"));
    assert!(
        reason(&first, &market.url("/long/6")).contains("5 times"),
        "{:?}",
        first.unread
    );
    assert_eq!(
        (market.asked("/a"), market.asked("/b"), market.asked("/secret")),
        (1, 1, 0)
    );
    assert_eq!(elsewhere.asked("/home"), 0);

    // Gone on with, and the other site may be visited: what is known is not asked for again.
    wish.also = vec![elsewhere.url("/")];
    let asked = ["/", "/old", "/older", "/new", "/a", "/far"].map(|path| market.asked(path));
    let (read, second) = crawled(&agent, &wish).await;
    assert_eq!(read, ["/", "/home", "/more", "/new"]);
    assert_eq!(
        asked,
        ["/", "/old", "/older", "/new", "/a", "/far"].map(|path| market.asked(path))
    );
    assert_eq!((market.paid(), second.moved.len()), (1, first.moved.len()));
    assert_eq!(second.paid[0].pages, 1);
}

#[tokio::test]
async fn a_page_that_is_too_large_is_not_kept_and_not_paid_twice() {
    let folder = tempfile::tempdir().unwrap();
    let market = Market::start(&[("/free", There::Free(PAGE)), ("/paid", There::Paid(PAGE))]).await;
    let agent = market.agent(&folder.path().join("agent")).await;
    let length = u64::try_from(PAGE.len()).unwrap();
    for path in ["/free", "/paid"] {
        let out = folder.path().join(path.trim_start_matches('/'));
        let mut wish = market.wish(path, &out);
        wish.bytes_max = length - 1;
        for _again in 0..2 {
            let refused = agent.fetch(&wish).await.unwrap_err();
            assert_eq!(
                (refused.code, out.exists()),
                (Code::BodyTooLarge, false),
                "{path}: {refused}"
            );
            assert!(refused.hint.unwrap().contains("--max-bytes"));
        }
        wish.bytes_max = length;
        let fetched = agent.fetch(&wish).await.unwrap();
        assert_eq!((fetched.bytes, fetched.paid.is_some()), (length, path == "/paid"));
    }
    assert_eq!(market.paid(), 1);
    // A crawl leaves it out, and says so.
    market.put("/", There::Free("<a href=/free>free</a>"));
    let mut wish = market.crawl_wish("/", &folder.path().join("out"));
    wish.bytes_max = length - 1;
    let (read, crawled) = crawled(&agent, &wish).await;
    assert_eq!(read, ["/"]);
    assert!(
        reason(&crawled, &market.url("/free")).contains("more than"),
        "{:?}",
        crawled.unread
    );
}

#[tokio::test]
async fn what_an_interrupted_crawl_has_paid_for_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let market = Market::start(&[("/", There::Free("<a href=/paid>it</a>")), ("/paid", There::Paid(PAGE))]).await;
    let agent = market.agent(&folder.path().join("agent")).await;
    let wish = market.crawl_wish("/", &folder.path().join("out"));
    let (read, first) = crawled(&agent, &wish).await;
    assert_eq!((read.len(), market.paid()), (2, 1));
    // As if the process had ended before anybody was told of the page, with and without its line in the list.
    let file = |crawled: &Crawled| {
        let page = crawled.pages.iter().find(|page| page.paid.is_some()).unwrap();
        wish.out.join(&page.file)
    };
    let file = file(&first);
    let bought: Purchase = agent.journal().list()[0].clone();
    let page = PaidPage {
        file,
        digest: content_digest(PAGE.as_bytes()),
    };
    let untold = Purchase {
        page: Some(page),
        ..bought
    };
    let list = std::fs::read_to_string(wish.out.join("crawl.jsonl")).unwrap();
    let without: Vec<&str> = list.lines().filter(|line| !line.contains("/paid")).collect();
    for list in [list.clone(), format!("{}\n", without.join("\n"))] {
        agent.journal().write(&untold).unwrap();
        std::fs::write(wish.out.join("crawl.jsonl"), list).unwrap();
        let (read, _) = crawled(&agent, &wish).await;
        assert_eq!((read.len(), market.paid()), (2, 1));
        assert_eq!(agent.journal().list()[0].page, None);
    }
    // Whoever wants it once more asks the site, and gets what is there now.
    market.put("/paid", There::Free("another page"));
    let out = folder.path().join("page");
    let fetched = agent.fetch(&market.wish("/paid", &out)).await.unwrap();
    assert_eq!(
        (fetched.paid, std::fs::read_to_string(&out).unwrap().as_str()),
        (None, "another page")
    );
}

#[tokio::test]
async fn a_broker_that_puts_the_agent_off_is_asked_later_under_the_same_name() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("page");
    let market = Market::start(&[("/paid", There::Paid(PAGE))]).await;
    let agent = market.agent(&folder.path().join("agent")).await;
    market.broker_says(&[StatusCode::TOO_MANY_REQUESTS, StatusCode::BAD_GATEWAY]);
    agent.fetch(&market.wish("/paid", &out)).await.unwrap();
    let asked = market.broker_asked();
    assert_eq!(asked.len(), 3);
    assert!(asked.iter().all(|(_, name)| *name == asked[0].1), "{asked:?}");
    let waited = |one: usize| asked[one + 1].0.duration_since(asked[one].0);
    assert!(
        waited(0) >= Duration::from_millis(250) && waited(1) >= Duration::from_millis(500),
        "{asked:?}"
    );

    // What is not decided in the end is gone on with; what is refused is not asked again.
    for status in [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::REQUEST_TIMEOUT,
    ] {
        market.broker_says(&[status; 3]);
        assert_eq!(
            agent.fetch(&market.wish("/paid", &out)).await.unwrap_err().code,
            Code::Unavailable,
            "{status}"
        );
        assert_eq!(agent.journal().list()[0].state, PurchaseState::Intended, "{status}");
        agent.fetch(&market.wish("/paid", &out)).await.unwrap();
    }
    let before = market.broker_asked().len();
    for status in [StatusCode::PAYMENT_REQUIRED, StatusCode::CONFLICT] {
        market.broker_says(&[status]);
        agent.fetch(&market.wish("/paid", &out)).await.unwrap_err();
    }
    assert_eq!((market.broker_asked().len(), market.paid()), (before + 2, 4));
}

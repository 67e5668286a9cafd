//! Reading many pages of a site behind a gate: by its links and by its sitemap, within one budget, and never twice.

use std::collections::BTreeSet;
use std::process::Stdio;

use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::agents::Scene;
use crate::gates::balance_wait;
use crate::support::{IMAJIN, Outcome, text};

on_both!(
    a_crawl_stays_within_its_budget_and_goes_on_where_it_was,
    a_crawl_that_is_killed_goes_on_and_pays_for_no_page_twice,
    a_page_that_has_moved_behind_the_gate_is_paid_once_where_it_is,
);

const PRICE: &str = "0.10 TEST-USD";

fn crawl(scene: &Scene, path: &str, out: &str, more: &[&str]) -> Outcome {
    let (url, out) = (scene.url(path), scene.home.path(out));
    let mut args = vec!["crawl", url.as_str(), "--out", text(&out)];
    args.extend(more);
    scene.agent(&args)
}

fn money(amount: &str) -> Value {
    json!({"amount": amount, "currency": "TEST-USD"})
}

/// Why a page was not read.
fn reason<'a>(crawled: &'a Value, url: &str) -> &'a str {
    let unread = crawled["unread"].as_array().unwrap();
    let page = unread.iter().find(|page| page["url"] == url);
    page.unwrap_or_else(|| panic!("{url}: {crawled}"))["reason"]
        .as_str()
        .unwrap()
}

async fn a_crawl_stays_within_its_budget_and_goes_on_where_it_was(backend: Backend) {
    let scene = Scene::new(backend).await;
    let with = |budget: &'static str| ["--max", PRICE, "--budget", budget, "--at-once", "3"];
    let first = crawl(&scene, "/index", "out", &with("0.10 TEST-USD")).expect_success();
    assert_eq!(first["pages"].as_array().unwrap().len(), 2, "{first}");
    assert_eq!(first["paid"][0]["amount"], money("0.10"), "{first}");
    assert_eq!((&first["paid"][0]["pages"], &first["onItsWay"]), (&json!(1), &json!(0)));
    assert!(reason(&first, &scene.url("/secret/1")).contains("robots.txt"));
    assert!(reason(&first, &scene.url("/missing")).contains("404"));
    assert!(reason(&first, &scene.url("/dear")).contains("at most 0.10 TEST-USD"));
    let posts = [scene.url("/posts/1"), scene.url("/posts/2")];
    let unread = first["unread"].to_string();
    let left = posts.iter().find(|url| unread.contains(url.as_str())).unwrap();
    assert!(
        reason(&first, left).contains("the budget of the crawl is 0.10 TEST-USD"),
        "{first}"
    );
    for page in first["pages"].as_array().unwrap() {
        let file = scene.home.path("out").join(page["file"].as_str().unwrap());
        assert_eq!(std::fs::metadata(file).unwrap().len(), page["bytes"].as_u64().unwrap());
    }

    let again = crawl(&scene, "/index", "out", &with("0.10 TEST-USD")).expect_success();
    assert_eq!(
        (&again["fromBefore"], &again["paid"]),
        (&json!(2), &first["paid"]),
        "{again}"
    );
    let more = crawl(&scene, "/index", "out", &with("0.20 TEST-USD")).expect_success();
    assert_eq!(more["paid"][0]["amount"], money("0.20"), "{more}");
    assert_eq!(more["pages"].as_array().unwrap().len(), 3, "{more}");
    assert_eq!(scene.spent()["spent"], json!([money("0.20")]));

    let other = crawl(&scene, "/about", "out", &[]).refusal();
    assert_eq!(other["error"], "conflict", "{other}");
    let secret = crawl(&scene, "/secret/1", "none", &[]).refusal();
    assert_eq!(secret["error"], "forbidden", "{secret}");
    // Two pages: the first, and one of the sitemap; nothing is paid without a budget.
    let mapped = crawl(&scene, "/about", "mapped", &["--sitemap", "--pages", "2"]).expect_success();
    assert!(
        reason(&mapped, &scene.url("/posts/8")).contains("at most nothing"),
        "{mapped}"
    );
    assert_eq!(mapped["pages"].as_array().unwrap().len(), 1, "{mapped}");
    scene.end();
}

async fn a_crawl_that_is_killed_goes_on_and_pays_for_no_page_twice(backend: Backend) {
    let scene = Scene::new(backend).await;
    let (url, out, folder) = (scene.url("/many"), scene.home.path("out"), scene.home.path("agent"));
    let limits = [
        "--max",
        PRICE,
        "--budget",
        "2.00 TEST-USD",
        "--at-once",
        "4",
        "--pages",
        "11",
    ];
    let journal = folder.join("spent.jsonl");
    // Killed at another moment each time: when so many bytes more are in the journal.
    for bytes in [1, 1_000, 5_000, 20_000] {
        let before = std::fs::metadata(&journal).unwrap().len();
        let mut child = std::process::Command::new(IMAJIN)
            .args(["agent", "crawl", &url, "--out", text(&out), "--agent", text(&folder)])
            .args(limits)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while std::fs::metadata(&journal).unwrap().len() < before + bytes && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        let _ended_already = child.kill();
        child.wait().unwrap();
    }
    let crawled = crawl(&scene, "/many", "out", &limits).expect_success();
    assert_eq!(crawled["pages"].as_array().unwrap().len(), 11, "{crawled}");
    assert_eq!(
        (&crawled["paid"][0]["amount"], &crawled["onItsWay"]),
        (&money("1.00"), &json!(0)),
        "{crawled}"
    );
    let purchases = scene.spent()["purchases"].clone();
    let paid: Vec<&Value> = purchases
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["state"] == "paid")
        .collect();
    let urls: BTreeSet<&str> = paid.iter().map(|one| one["url"].as_str().unwrap()).collect();
    assert_eq!((paid.len(), urls.len()), (10, 10), "{purchases}");
    let ada = scene.home.path("ada.key");
    crate::fair_library::register(&scene.publisher, &ada, "ada");
    balance_wait(&scene.publisher, &ada, "1.00");
    scene.end();
}

async fn a_page_that_has_moved_behind_the_gate_is_paid_once_where_it_is(backend: Backend) {
    let scene = Scene::new(backend).await;
    let limits = ["--max", PRICE, "--budget", "0.30 TEST-USD", "--at-once", "1"];
    for _again in 0..2 {
        let crawled = crawl(&scene, "/moved", "out", &limits).expect_success();
        assert_eq!(crawled["pages"].as_array().unwrap().len(), 2, "{crawled}");
        assert_eq!(
            crawled["moved"],
            json!([{"url": scene.url("/posts/old"), "to": scene.url("/posts/1")}])
        );
        assert_eq!(
            (&crawled["paid"][0]["amount"], &crawled["paid"][0]["pages"]),
            (&money("0.10"), &json!(1))
        );
    }
    let fetched = scene
        .fetch_url(&scene.url("/posts/old"), &["--max", PRICE])
        .expect_success();
    assert_eq!(fetched["url"], scene.url("/posts/1"));
    assert_eq!(
        scene.spent()["spent"],
        json!([money("0.40")]),
        "once for the crawl, once for the page; and what the old address was shown counts until it comes back"
    );
    // A page that is larger than what is wanted, and then is wanted.
    let large = |bytes: &str| scene.fetch_url(&scene.url("/posts/9"), &["--max", PRICE, "--max-bytes", bytes]);
    assert_eq!(large("5").refusal()["error"], "body_too_large");
    assert_eq!(large("5000").expect_success()["paid"]["isResumed"], true);
    assert_eq!(scene.spent()["spent"], json!([money("0.50")]));
    let ada = scene.home.path("ada.key");
    crate::fair_library::register(&scene.publisher, &ada, "ada");
    balance_wait(&scene.publisher, &ada, "0.30");
    scene.end();
}

//! Pages that are paid for and wait until somebody has taken them.

use std::path::Path;

use axum::http::StatusCode;
use imajin_agent::{Agent, FetchWish, Fetched};
use imajin_imagxp::Purpose;
use imajin_kernel::{Code, Problem};

use crate::market::{Market, There};

const PAGE: &str = "<p>What was paid for.</p>";

/// A wish for a page that somebody takes at once.
fn wish(market: &Market, agent: &Agent, path: &str) -> FetchWish {
    let out = agent.waiting_file(&market.url(path), Purpose::RagRetrieval).unwrap();
    market.wish(path, &out)
}

fn taken(page: &Path) -> impl FnMut(&Fetched) -> Result<(), Problem> + use<'_> {
    move |_fetched| {
        assert_eq!(std::fs::read_to_string(page).unwrap(), PAGE);
        Ok(())
    }
}

#[tokio::test]
async fn a_page_that_nobody_could_take_is_given_again_and_paid_once() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("agent");
    let there = [("/paid", There::Paid(PAGE)), ("/free", There::Free(PAGE))];
    let market = Market::start(&there).await;
    let agent = market.agent(&home).await;
    let full = || Err(Problem::new(Code::Internal, "The disk is full."));
    for path in ["/paid", "/free"] {
        let wish = wish(&market, &agent, path);
        for _ in 0..2 {
            let refused = agent.fetch_for(&wish, &mut |_fetched| full()).await.unwrap_err();
            assert_eq!(refused.detail, "The disk is full.");
        }
        // What cost nothing can be asked for again.
        assert_eq!(wish.out.exists(), path == "/paid");
        let fetched = agent.fetch_for(&wish, &mut taken(&wish.out)).await.unwrap();
        assert_eq!(
            fetched.paid.map(|paid| paid.is_resumed),
            (path == "/paid").then_some(true)
        );
        assert!(!wish.out.exists(), "{path}");
    }
    assert_eq!(market.paid(), 1);
    assert_eq!(std::fs::read_dir(home.join("pages")).unwrap().count(), 0);
    // Whoever wants it once more, asks the site.
    market.put("/paid", There::Free(PAGE));
    let wish = wish(&market, &agent, "/paid");
    assert_eq!(agent.fetch_for(&wish, &mut taken(&wish.out)).await.unwrap().paid, None);
}

#[tokio::test]
async fn a_page_that_waits_is_not_lost_on_the_way_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let moved = There::Moved(StatusCode::FOUND, "/paid".to_owned());
    let market = Market::start(&[("/old", moved), ("/paid", There::Paid(PAGE))]).await;
    let agent = market.agent(&folder.path().join("agent")).await;
    let old = wish(&market, &agent, "/old");
    let mut away = |_fetched: &Fetched| Err(Problem::new(Code::Internal, "Nobody is there."));
    agent.fetch_for(&old, &mut away).await.unwrap_err();
    assert_eq!(market.paid(), 1);
    let fetched = agent.fetch_for(&old, &mut taken(&old.out)).await.unwrap();
    assert_eq!((fetched.url, market.paid()), (market.url("/paid"), 1));
    // The same by another way, into another file.
    market.put("/paid", There::Paid(PAGE));
    agent.fetch_for(&old, &mut away).await.unwrap_err();
    let direct = wish(&market, &agent, "/paid#part");
    agent.fetch_for(&direct, &mut taken(&direct.out)).await.unwrap();
    assert_eq!(market.paid(), 2);
    assert!(!old.out.exists() && !direct.out.exists());
}

#[tokio::test]
async fn a_refusal_leaves_alone_what_lies_where_the_page_was_to_go() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("page");
    std::fs::write(&out, "from yesterday").unwrap();
    let market = Market::start(&[("/paid", There::Paid(PAGE)), ("/empty", There::Free(""))]).await;
    let agent = market.agent(&folder.path().join("agent")).await;
    for path in ["/paid", "/missing"] {
        let mut wish = market.wish(path, &out);
        wish.max = None;
        agent.fetch(&wish).await.unwrap_err();
        assert_eq!(std::fs::read_to_string(&out).unwrap(), "from yesterday");
    }
    agent.fetch(&market.wish("/empty", &out)).await.unwrap();
    assert_eq!(std::fs::read_to_string(&out).unwrap(), "");
}

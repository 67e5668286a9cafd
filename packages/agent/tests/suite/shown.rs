//! Sites that take a visa and give no receipt, and purchases that are gone on with when less is wanted.

use std::path::Path;

use imajin_agent::{Agent, Purchase, PurchaseState, Run};
use imajin_imagxp::Purpose;
use imajin_kernel::{Code, Span};
use serde_json::{Value, json};

use crate::market::{Market, There, crawled};
use crate::{promised, purchase, shown, usd};

/// The visa `vis_1`, which has ended, and the same before its end.
const ENDED: &str = "e30.eyJqdGkiOiJ2aXNfMSIsImV4cCI6MX0.e30";
const LIVE: &str = "e30.eyJqdGkiOiJ2aXNfMSIsImV4cCI6OTAwMDAwMDAwMH0.e30";

/// What the broker says about it.
fn stands(state: &str, redeemed: &str, credited: &str) -> Value {
    let [redeemed, credited] = [redeemed, credited].map(|amount| json!({"amount": amount, "currency": "USD"}));
    let other = json!({"jti": "vis_2", "state": "open", "redeemed": redeemed, "credited": credited});
    let this = json!({"jti": "vis_1", "state": state, "redeemed": redeemed, "credited": credited});
    json!({"items": [other, this]})
}

fn state(agent: &Agent) -> PurchaseState {
    agent.journal().list()[0].state.clone()
}

/// A purchase of a page of the market that an earlier run has begun.
fn begun(market: &Market, path: &str, state: PurchaseState) -> Purchase {
    Purchase {
        url: market.url(path).to_string(),
        purpose: Purpose::RagRetrieval,
        broker: market.url("/broker").to_string(),
        publisher: market.url("").authority().to_owned(),
        ..purchase("a", "0.10", state)
    }
}

async fn agent_at(market: &Market, folder: &Path) -> Agent {
    market.agent(&folder.join("agent")).await
}

#[tokio::test]
async fn a_site_that_gives_no_receipts_gets_no_more_visas_than_the_limits_allow() {
    let folder = tempfile::tempdir().unwrap();
    let links: Vec<String> = (0..20)
        .map(|number| format!("<a href=/{number}>{number}</a>"))
        .collect();
    let market = Market::start(&[("/", There::Free(links.concat().leak()))]).await;
    for number in 0..20 {
        market.put(&format!("/{number}"), There::Unreceipted("<p>For nothing?</p>"));
    }
    let mut agent = agent_at(&market, folder.path()).await;
    let mut wish = market.crawl_wish("/", &folder.path().join("out"));
    wish.budget = Some(usd("0.30"));
    let (read, _) = crawled(&agent, &wish).await;
    assert_eq!((read.len(), market.broker_asked().len()), (4, 3));
    // The limits of the agent hold for every kind of reading.
    agent
        .home_mut()
        .change(|settings| settings.limits.per_day = vec![usd("0.40")])
        .unwrap();
    market.put("/gone", There::PaidMoved("/0".to_owned()));
    let wish = market.wish("/gone", &folder.path().join("page"));
    let refused = agent.fetch(&wish).await.unwrap_err();
    assert!(refused.detail.contains("0.40 USD is spent"), "{refused}");
    assert_eq!(market.broker_asked().len(), 4);
    assert_eq!(agent.journal().spent(usd("0").asset, None), usd("0.40").amount);
}

#[tokio::test]
async fn what_was_shown_is_spent_until_the_broker_says_that_it_came_back() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("page");
    let market = Market::start(&[("/page", There::Unreceipted("<p>For nothing?</p>"))]).await;
    market.visa_is(ENDED);
    let mut agent = agent_at(&market, folder.path()).await;
    agent
        .home_mut()
        .change(|settings| settings.limits.total = vec![usd("0.10")])
        .unwrap();
    let wish = market.wish("/page", &out);
    assert_eq!(agent.fetch(&wish).await.unwrap().paid, None);
    let first = state(&agent);
    assert!(matches!(&first, PurchaseState::Shown { visa: Some(visa), .. } if visa == ENDED));
    // Whoever does not say it, and what is not over, leaves it spent.
    for said in [None, Some(json!({"items": []})), Some(stands("open", "0.00", "0.00"))] {
        market.visas_are(said);
        assert_eq!(agent.fetch(&wish).await.unwrap_err().code, Code::Forbidden);
        assert_eq!(state(&agent), first);
    }
    // The publisher asks for its money: that is said.
    market.visas_are(Some(stands("open", "0.10", "0.00")));
    assert_eq!(agent.fetch(&wish).await.unwrap_err().code, Code::Forbidden);
    assert!(matches!(state(&agent), PurchaseState::Shown { reason, .. } if reason.contains("redeems")));
    // What it has lost again in a dispute is back, and can be spent anew.
    market.visas_are(Some(stands("closed", "0.10", "0.00")));
    agent.fetch(&wish).await.unwrap();
    assert_eq!(market.broker_asked().len(), 2);
    let states: Vec<PurchaseState> = agent
        .journal()
        .list()
        .into_iter()
        .map(|one| one.state.clone())
        .collect();
    assert!(matches!(&states[1], PurchaseState::Unspent { reason } if reason.contains("back")));
    // What it was paid is gone for good, and is not asked about again.
    market.visas_are(Some(stands("closed", "0.10", "0.10")));
    assert_eq!(agent.fetch(&wish).await.unwrap_err().code, Code::Forbidden);
    assert!(matches!(state(&agent), PurchaseState::Shown { visa: None, .. }));
    market.visas_are(Some(stands("closed", "0.10", "0.00")));
    assert_eq!(agent.fetch(&wish).await.unwrap_err().code, Code::Forbidden);
}

#[tokio::test]
async fn what_was_shown_without_a_receipt_can_be_disputed() {
    let folder = tempfile::tempdir().unwrap();
    let market = Market::start(&[("/page", There::Unreceipted("<p>For nothing?</p>"))]).await;
    let agent = agent_at(&market, folder.path()).await;
    let wish = market.wish("/page", &folder.path().join("page"));
    agent.fetch(&wish).await.unwrap();
    let found = agent.journal().paid_find(wish.url.as_str()).cloned().unwrap();
    assert_eq!(found.claims.len(), 1);
    let score = "0.1".parse().unwrap();
    agent.dispute(found, &score, "no receipt").await.unwrap();
    let disputed = agent.journal().list()[0].clone();
    assert_eq!(disputed.dispute.as_deref(), Some("dsp_1"));
    assert!(matches!(disputed.state, PurchaseState::Shown { .. }));
    // By whichever claim the publisher has redeemed: the broker says it, and as long as it does not, nobody knows.
    let foreign = "ab".repeat(32);
    market.redeemed_by(&foreign);
    market.visa_is(ENDED);
    agent.fetch(&wish).await.unwrap();
    let found = agent.journal().paid_find(wish.url.as_str()).cloned().unwrap();
    let unknown = agent.dispute(found.clone(), &score, "no receipt").await.unwrap_err();
    assert_eq!(unknown.code, Code::NotFound);
    let mut said = stands("open", "0.10", "0.00");
    said["items"][1]["claimDigests"] = json!([foreign]);
    market.visas_are(Some(said));
    agent.dispute(found, &score, "no receipt").await.unwrap();
    assert_eq!(agent.journal().list()[0].dispute.as_deref(), Some("dsp_1"));
}

#[tokio::test]
async fn a_purchase_without_a_visa_is_gone_on_with_only_if_it_is_wanted_and_allowed_today() {
    let folder = tempfile::tempdir().unwrap();
    let market = Market::start(&[("/page", There::Paid("<p>It.</p>"))]).await;
    let mut agent = agent_at(&market, folder.path()).await;
    let old = Purchase {
        at: agent.now().minus(Span::days(3)),
        ..begun(&market, "/page", PurchaseState::Intended)
    };
    agent.journal().write(&old).unwrap();
    let wish = market.wish("/page", &folder.path().join("page"));
    for max in [None, Some(usd("0.09"))] {
        let mut less = wish.clone();
        less.max = max;
        assert_eq!(agent.fetch(&less).await.unwrap_err().code, Code::PaymentRequired);
    }
    // What was spent today leaves nothing for it, though it was begun on another day.
    let today = Purchase {
        at: agent.now(),
        ..purchase("b", "0.15", shown())
    };
    agent.journal().write(&today).unwrap();
    agent
        .home_mut()
        .change(|settings| settings.limits.per_day = vec![usd("0.20")])
        .unwrap();
    let refused = agent.fetch(&wish).await.unwrap_err();
    assert!(refused.detail.contains("the limit of a day"), "{refused}");
    let mut of_run = wish.clone();
    of_run.run = Some(Run {
        id: "r".to_owned(),
        budget: Some(usd("0.05")),
    });
    agent
        .home_mut()
        .change(|settings| settings.limits.per_day = vec![usd("0.25")])
        .unwrap();
    let refused = agent.fetch(&of_run).await.unwrap_err();
    assert!(refused.detail.contains("budget"), "{refused}");
    assert_eq!((market.broker_asked().len(), market.asked("/page")), (0, 0));
    // It is one purchase, counted once, and of today.
    agent.fetch(&wish).await.unwrap();
    assert_eq!(market.broker_asked()[0].1, "a");
    let since = Some(agent.now().minus(Span::days(1)));
    assert_eq!(agent.journal().spent(usd("0").asset, since), usd("0.25").amount);
}

#[tokio::test]
async fn a_page_that_may_be_paid_is_not_lost_when_less_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let market = Market::start(&[("/page", There::Paid("<p>It.</p>"))]).await;
    let agent = agent_at(&market, folder.path()).await;
    let visa = LIVE.to_owned();
    let open = begun(&market, "/page", PurchaseState::Promised { visa });
    agent.journal().write(&open).unwrap();
    let wish = market.wish("/page", &folder.path().join("page"));
    let mut less = wish.clone();
    less.max = None;
    for said in [None, Some(stands("open", "0.00", "0.00"))] {
        market.visas_are(said);
        let refused = agent.fetch(&less).await.unwrap_err();
        assert_eq!(refused.code, Code::PaymentRequired);
        assert!(refused.hint.unwrap().contains("--max \"0.10 USD\""));
        assert_eq!((state(&agent), market.asked("/page")), (open.state.clone(), 0));
    }
    // The broker knows that it is paid: it costs nothing more.
    market.visas_are(Some(stands("open", "0.10", "0.00")));
    assert_eq!(agent.fetch(&less).await.unwrap().paid.unwrap().price, usd("0.10"));
    assert_eq!(market.broker_asked().len(), 0);
    // Whoever allows as much as before goes on, whatever the broker says.
    agent.journal().write(&begun(&market, "/page", promised())).unwrap();
    market.visas_are(None);
    assert!(agent.fetch(&wish).await.unwrap().paid.is_some());
}

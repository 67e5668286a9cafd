//! What agents say about what they have paid for: it is kept or not, and never changes a page or its price.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use http::HeaderMap;
use imajin_gate::Feedbacks;
use imajin_imagxp::{AgentKey, Feedback};
use imajin_kernel::Problem;

use crate::{HOST, ORIGIN, World};

/// Keeps what is said about one claim, in memory.
#[derive(Default)]
pub(crate) struct TestFeedbacks {
    kept: Mutex<Vec<(String, String)>>,
    is_away: AtomicBool,
}

#[async_trait]
impl Feedbacks for TestFeedbacks {
    async fn keep(&self, agent: &str, feedback: &Feedback) -> Result<(), Problem> {
        if self.is_away.load(Ordering::SeqCst) {
            return Err(Problem::unavailable("The database"));
        }
        if feedback.claim_digest != digest('a') {
            return Err(Problem::not_found("payment"));
        }
        self.kept
            .lock()
            .unwrap()
            .push((agent.to_owned(), feedback.reason.clone()));
        Ok(())
    }
}

fn digest(letter: char) -> String {
    letter.to_string().repeat(64)
}

/// The text of the header, by any key.
fn said(key: &AgentKey, claim: &str) -> String {
    let url = format!("{ORIGIN}/paid/1");
    let feedback = Feedback::sign(key, &url, 0.into(), "There is nothing.", claim).unwrap();
    feedback.to_header().unwrap()
}

fn with(mut headers: HeaderMap, feedback: &str) -> HeaderMap {
    headers.append("x-imagxp-feedback", feedback.parse().unwrap());
    headers
}

impl World {
    fn kept(&self) -> usize {
        self.heard.kept.lock().unwrap().len()
    }
}

#[tokio::test]
async fn feedback_is_kept_however_the_request_ends() {
    let world = World::new();
    let good = said(&world.key, &digest('a'));
    let visa = world.till.visa(&world.key.thumbprint(), HOST, "1.00 USD", 5);
    for (path, headers, status) in [
        ("/about", world.claim("/about"), 200),
        ("/paid/1", world.claim("/paid/1"), 402),
        ("/paid/1", world.paid("/paid/1", &visa), 200),
        ("/paid/broken", world.paid("/paid/broken", &visa), 500),
    ] {
        let before = world.kept();
        let answer = world.send(path, with(headers, &good)).await;
        assert_eq!((answer.status, world.kept()), (status, before + 1), "{path}");
        assert_eq!(answer.header("x-imagxp-feedback"), "taken");
        let reason = world.records.list().pop().unwrap().reason;
        assert!(reason.ends_with("; its feedback was taken"), "{reason}");
    }
    assert_eq!(world.till.total(), 10_000, "as much as without it");
    assert_eq!(world.heard.kept.lock().unwrap()[0].0, "bot.example.org");
}

#[tokio::test]
async fn feedback_that_does_not_count_changes_no_page_and_is_written_down() {
    let world = World::new();
    let other = AgentKey::generate().unwrap();
    let good = said(&world.key, &digest('a'));
    let unsigned = format!(
        r#"{{"url":"{ORIGIN}/paid/1","quality_score":0,"reason":"","claim_digest":"{}"}}"#,
        digest('a')
    );
    for (feedback, problem) in [
        (said(&other, &digest('a')), "none of the agent's keys"),
        (said(&world.key, &digest('b')), "There is no such payment"),
        (unsigned, "none of the agent's keys"),
        // A token of other libraries names no claim.
        ("eyJhbGciOiJFUzI1NiJ9.e30.AAAA".to_owned(), "not valid"),
        ("x".repeat(9_000), "longer than is read"),
    ] {
        let visa = world.till.visa(&world.key.thumbprint(), HOST, "1.00 USD", 5);
        let answer = world
            .send("/paid/1", with(world.paid("/paid/1", &visa), &feedback))
            .await;
        assert_eq!((answer.status, answer.text.as_str()), (200, "content"), "{problem}");
        let heard = answer.header("x-imagxp-feedback");
        assert!(heard.starts_with("not taken: ") && heard.contains(problem), "{heard}");
        let record = world.records.list().pop().unwrap();
        assert!(record.reason.contains(problem), "{}", record.reason);
        assert!(record.paid.is_some());
    }
    let twice = with(with(world.claim("/about"), &good), &good);
    let answer = world.send("/about", twice).await;
    assert!(answer.header("x-imagxp-feedback").contains("more than once"));
    assert_eq!((world.kept(), world.till.total()), (0, 50_000));
}

#[tokio::test]
async fn feedback_of_nobody_is_heard_by_nobody_and_a_database_that_is_away_hinders_no_page() {
    let world = World::new();
    let good = said(&world.key, &digest('a'));
    let browser = HeaderMap::from_iter([
        (http::header::ACCEPT_LANGUAGE, "de".parse().unwrap()),
        ("sec-fetch-dest".parse().unwrap(), "document".parse().unwrap()),
        (http::header::USER_AGENT, "Mozilla/5.0".parse().unwrap()),
    ]);
    let answer = world.send("/about", with(browser, &good)).await;
    assert!(!answer.headers.contains_key("x-imagxp-feedback"));
    let mut forged = world.claim("/about");
    forged.insert("x-imagxp-signature", "00".repeat(64).parse().unwrap());
    let answer = world.send("/about", with(forged, &good)).await;
    assert_eq!(
        (answer.status, answer.headers.contains_key("x-imagxp-feedback")),
        (403, false)
    );
    world.heard.is_away.store(true, Ordering::SeqCst);
    let answer = world.send("/about", with(world.claim("/about"), &good)).await;
    assert_eq!((answer.status, world.kept()), (200, 0));
    assert!(answer.header("x-imagxp-feedback").starts_with("not taken: "));
}

#[tokio::test]
async fn a_dry_gate_hears_feedback_too() {
    let world = World::with(true);
    let good = said(&world.key, &digest('a'));
    for path in ["/about", "/paid/1"] {
        let answer = world.send(path, with(world.claim(path), &good)).await;
        assert_eq!(
            (answer.status, answer.header("x-imagxp-feedback")),
            (200, "taken"),
            "{path}"
        );
    }
    assert_eq!((world.kept(), world.till.total()), (2, 0));
}

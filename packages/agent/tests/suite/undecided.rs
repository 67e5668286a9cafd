//! A site that leaves open what became of a payment.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use imajin_agent::{Agent, AgentHome, FetchWish, Fetched, PAGE_BYTES_MAX, PaidPage, PurchaseState};
use imajin_imagxp::{PROVENANCE, Purpose, RECEIPT};
use imajin_kernel::{Code, Env, Problem};
use imajin_proof::digest::content_digest;
use tokio::task::JoinSet;

use crate::{promised, purchase, usd};

/// What the site answers, one after the other, and the keys that it was asked with.
#[derive(Clone)]
struct Site {
    answers: Arc<Mutex<VecDeque<StatusCode>>>,
    keys: Arc<Mutex<Vec<String>>>,
    tasks: Arc<Mutex<JoinSet<()>>>,
}

impl Site {
    fn new(answers: &[StatusCode]) -> Self {
        Self {
            answers: Arc::new(Mutex::new(answers.iter().copied().collect())),
            keys: Arc::default(),
            tasks: Arc::default(),
        }
    }

    fn answer(&self, headers: &HeaderMap) -> Response {
        let key = headers
            .get("idempotency-key")
            .map(|key| key.to_str().unwrap().to_owned());
        self.keys.lock().unwrap().extend(key);
        let status = self.answers.lock().unwrap().pop_front().unwrap();
        // What it has signed about the page can never be checked: its keys are not there to be read.
        let signed = [(RECEIPT, "rcp_1"), (PROVENANCE, "e30.e30.e30")];
        let receipt = status.is_success().then_some(signed);
        (receipt, (status, [(header::RETRY_AFTER, "0")])).into_response()
    }

    /// Its address.
    async fn start(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/page", listener.local_addr().unwrap());
        let site = self.clone();
        let page = get(async move |headers: HeaderMap| site.answer(&headers));
        let away = get(async || StatusCode::SERVICE_UNAVAILABLE);
        let routes = Router::new().route("/page", page).route("/.well-known/did.json", away);
        self.tasks
            .lock()
            .unwrap()
            .spawn(async move { axum::serve(listener, routes).await.unwrap() });
        url
    }
}

/// Goes on with a purchase at a site: what came of it, and where the purchase stands then.
async fn go_on(site: &Site, folder: &Path) -> (Result<Fetched, Problem>, PurchaseState) {
    let url = site.start().await;
    let home = AgentHome::create(folder, "bot.example.org", None).unwrap();
    let agent = Agent::new(home, None, Env::system()).unwrap();
    let mut begun = purchase("a", "0.10", promised());
    begun.url.clone_from(&url);
    agent.journal().write(&begun).unwrap();
    let wish = FetchWish {
        url: url.parse().unwrap(),
        purpose: Purpose::Summary,
        max: Some(usd("0.10")),
        out: folder.join("page"),
        run: None,
        bytes_max: PAGE_BYTES_MAX,
    };
    let fetched = agent.fetch(&wish).await;
    let state = agent.journal().list()[0].state.clone();
    (fetched, state)
}

#[tokio::test]
async fn whoever_is_put_off_comes_again_with_the_same_key() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::new(&[StatusCode::CONFLICT, StatusCode::TOO_MANY_REQUESTS, StatusCode::OK]);
    let (fetched, state) = go_on(&site, folder.path()).await;
    let receipt = "rcp_1".to_owned();
    let fetched = fetched.unwrap();
    assert_eq!(fetched.paid.unwrap().receipt, receipt);
    // It was paid for, so it is kept, and that nobody could check it is said.
    assert_eq!(fetched.origin, None);
    assert!(fetched.origin_unchecked.unwrap().contains("503"));
    assert_eq!(state, PurchaseState::Paid { receipt });
    assert_eq!(*site.keys.lock().unwrap(), ["a", "a", "a"]);
}

#[tokio::test]
async fn what_is_undecided_is_not_taken_for_unspent() {
    for status in [
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::CONFLICT,
        StatusCode::TOO_EARLY,
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::BAD_GATEWAY,
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (fetched, state) = go_on(&Site::new(&[status; 3]), folder.path()).await;
        assert_eq!(fetched.unwrap_err().code, Code::Unavailable, "{status}");
        assert_eq!(state, promised(), "{status}");
    }
}

#[tokio::test]
async fn what_is_refused_counts_as_spent_as_long_as_nobody_says_that_it_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (fetched, state) = go_on(&Site::new(&[StatusCode::FORBIDDEN]), folder.path()).await;
    assert_eq!(fetched.unwrap_err().code, Code::Forbidden);
    let visa = Some("visa".to_owned());
    let reason = "it was not given".to_owned();
    assert_eq!(state, PurchaseState::Shown { visa, reason });
}

#[tokio::test]
async fn a_page_that_was_paid_for_when_the_process_ended_is_given_out_once_and_not_bought_again() {
    let folder = tempfile::tempdir().unwrap();
    let (page, elsewhere) = (folder.path().join("page"), folder.path().join("elsewhere"));
    std::fs::write(&page, "what was paid for").unwrap();
    let site = Site::new(&[StatusCode::FORBIDDEN]);
    let url = site.start().await;
    let home = AgentHome::create(&folder.path().join("agent"), "bot.example.org", None).unwrap();
    let agent = Agent::new(home, None, Env::system()).unwrap();
    let receipt = "rcp_1".to_owned();
    let mut paid = purchase("a", "0.10", PurchaseState::Paid { receipt });
    paid.url.clone_from(&url);
    paid.page = Some(PaidPage {
        file: page.clone(),
        digest: content_digest(b"what was paid for"),
    });
    agent.journal().write(&paid).unwrap();
    let wish = FetchWish {
        url: url.parse().unwrap(),
        purpose: Purpose::Summary,
        max: None,
        out: elsewhere.clone(),
        run: None,
        bytes_max: PAGE_BYTES_MAX,
    };
    let fetched = agent.fetch(&wish).await.unwrap();
    assert_eq!(fetched.paid.unwrap().receipt, "rcp_1");
    assert_eq!(std::fs::read(&elsewhere).unwrap(), b"what was paid for");
    // Whoever wants it once more asks the site.
    assert_eq!(agent.fetch(&wish).await.unwrap_err().code, Code::Forbidden);
    // Something else lies there by now: it is not what was paid for.
    std::fs::write(&page, "another page").unwrap();
    agent.journal().write(&paid).unwrap();
    site.answers.lock().unwrap().push_back(StatusCode::FORBIDDEN);
    assert_eq!(agent.fetch(&wish).await.unwrap_err().code, Code::Forbidden);
}

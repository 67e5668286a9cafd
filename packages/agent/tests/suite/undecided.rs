//! A site that leaves open what became of a payment.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use imajin_agent::{Agent, AgentHome, FetchWish, PurchaseState};
use imajin_imagxp::{Purpose, RECEIPT};
use imajin_kernel::{Code, Env, Problem};

use crate::{promised, purchase};

/// What the site answers, one after the other, and the keys that it was asked with.
#[derive(Clone)]
struct Site {
    answers: Arc<Mutex<VecDeque<StatusCode>>>,
    keys: Arc<Mutex<Vec<String>>>,
}

impl Site {
    fn new(answers: &[StatusCode]) -> Self {
        Self {
            answers: Arc::new(Mutex::new(answers.iter().copied().collect())),
            keys: Arc::default(),
        }
    }

    fn answer(&self, headers: &HeaderMap) -> Response {
        let key = headers["idempotency-key"].to_str().unwrap().to_owned();
        self.keys.lock().unwrap().push(key);
        let status = self.answers.lock().unwrap().pop_front().unwrap();
        let receipt = status.is_success().then_some([(RECEIPT, "rcp_1")]);
        (receipt, (status, [(header::RETRY_AFTER, "0")])).into_response()
    }

    /// Its address.
    async fn start(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/page", listener.local_addr().unwrap());
        let site = self.clone();
        let routes = Router::new().route(
            "/page",
            axum::routing::get(async move |headers: HeaderMap| site.answer(&headers)),
        );
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        url
    }
}

/// Goes on with a purchase at a site: what came of it, and where the purchase stands then.
async fn go_on(site: &Site, folder: &Path) -> (Result<String, Problem>, PurchaseState) {
    let url = site.start().await;
    let home = AgentHome::create(folder, "bot.example.org", None).unwrap();
    let agent = Agent::new(home, None, Env::system()).unwrap();
    let mut begun = purchase("a", "0.10", promised());
    begun.url.clone_from(&url);
    agent.journal().write(&begun).unwrap();
    let wish = FetchWish {
        url: url.parse().unwrap(),
        purpose: Purpose::Summary,
        max: None,
        out: folder.join("page"),
        run: None,
    };
    let fetched = agent.fetch(&wish).await.map(|fetched| fetched.paid.unwrap().receipt);
    let state = agent.journal().list()[0].state.clone();
    (fetched, state)
}

#[tokio::test]
async fn whoever_is_put_off_comes_again_with_the_same_key() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::new(&[StatusCode::CONFLICT, StatusCode::TOO_MANY_REQUESTS, StatusCode::OK]);
    let (fetched, state) = go_on(&site, folder.path()).await;
    let receipt = "rcp_1".to_owned();
    assert_eq!(fetched.unwrap(), receipt);
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
async fn what_is_refused_is_unspent() {
    let folder = tempfile::tempdir().unwrap();
    let (fetched, state) = go_on(&Site::new(&[StatusCode::FORBIDDEN]), folder.path()).await;
    assert_eq!(fetched.unwrap_err().code, Code::Forbidden);
    assert!(matches!(state, PurchaseState::Unspent { .. }), "{state:?}");
}

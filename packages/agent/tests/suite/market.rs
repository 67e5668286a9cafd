//! A site and a broker in one, which a test tells what to answer. It checks no signatures and keeps no money: the tests
//! with real nodes do.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use imajin_agent::{Agent, AgentHome, CrawlStep, CrawlWish, Crawled, FetchWish, PAGE_BYTES_MAX};
use imajin_imagxp::{PaymentRequired, Purpose, RECEIPT, VisitorType};
use imajin_kernel::Env;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use url::Url;

use crate::usd;

/// What is at a path.
#[derive(Clone)]
pub(crate) enum There {
    /// A page that costs nothing.
    Free(&'static str),
    /// One that costs 0.10.
    Paid(&'static str),
    /// One that costs 0.10, where nobody gives a receipt.
    Unreceipted(&'static str),
    /// It is elsewhere.
    Moved(StatusCode, String),
    /// It is elsewhere, and who asks for it has to bring a visa.
    PaidMoved(String),
    /// The same, and the site says that it has taken the money.
    TakenMoved(String),
}

#[derive(Default)]
struct Inside {
    there: BTreeMap<String, There>,
    /// What was asked for, and whether with a visa.
    asked: Vec<(String, bool)>,
    /// The receipts, by the keys of the purchases.
    paid: BTreeMap<String, String>,
    /// What the broker says before it issues a visa.
    broker: VecDeque<StatusCode>,
    broker_asked: Vec<(Instant, String)>,
    /// What a visa looks like, and what the broker says about those that it has issued.
    visa: String,
    visas: Option<Value>,
    /// By which claim alone the publisher has redeemed.
    foreign_claim: Option<String>,
    url: String,
}

#[derive(Clone)]
pub(crate) struct Market {
    inside: Arc<Mutex<Inside>>,
    tasks: Arc<Mutex<JoinSet<()>>>,
}

async fn answer(State(market): State<Market>, request: Request) -> Response {
    let (request, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 65_536).await.unwrap();
    let path = request.uri.path().to_owned();
    let text = |name: &str| {
        request
            .headers
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    let (key, visa) = (text("idempotency-key"), text("x-imagxp-credential"));
    let mut inside = market.inside.lock().unwrap();
    match path.as_str() {
        "/broker/.well-known/openid-configuration" => return metadata(&inside.url),
        "/broker/api/visas" => {
            let visas = inside.visas.clone();
            return visas.map_or_else(
                || StatusCode::NOT_FOUND.into_response(),
                |visas| Json(visas).into_response(),
            );
        }
        "/broker/api/disputes" => return dispute(inside.foreign_claim.as_deref(), &body),
        "/broker/issue-visa" => {
            inside.broker_asked.push((Instant::now(), key.unwrap_or_default()));
            return match inside.broker.pop_front() {
                Some(status) => status.into_response(),
                None => {
                    Json(json!({"token": inside.visa.clone(), "header_name": "x-imagxp-credential"})).into_response()
                }
            };
        }
        "/broker/api/agents" => return Json(json!({})).into_response(),
        _ => {}
    }
    inside.asked.push((path.clone(), visa.is_some()));
    let Some(there) = inside.there.get(&path).cloned() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let needs_visa = matches!(
        there,
        There::Paid(_) | There::Unreceipted(_) | There::PaidMoved(_) | There::TakenMoved(_)
    );
    if needs_visa && visa.is_none() {
        return required(&inside.url, &path);
    }
    let html = [(header::CONTENT_TYPE, "text/html")];
    match there {
        There::Free(page) | There::Unreceipted(page) => (html, page).into_response(),
        There::Paid(page) => {
            let count = inside.paid.len();
            let receipt = inside
                .paid
                .entry(key.unwrap())
                .or_insert(format!("rcp_{count}"))
                .clone();
            (html, [(RECEIPT, receipt)], page).into_response()
        }
        There::Moved(status, to) => (status, [(header::LOCATION, to)]).into_response(),
        There::PaidMoved(to) => (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, to)]).into_response(),
        There::TakenMoved(to) => {
            let headers = [(header::LOCATION, to), (RECEIPT, "rcp_taken".to_owned())];
            (StatusCode::FOUND, headers).into_response()
        }
    }
}

fn metadata(url: &str) -> Response {
    let issuer = format!("{url}/broker");
    Json(json!({
        "issuer": issuer,
        "imagxp_visa_endpoint": format!("{issuer}/issue-visa"),
        "imagxp_dispute_endpoint": format!("{issuer}/api/disputes"),
    }))
    .into_response()
}

/// The broker knows of a payment by the claim that was redeemed.
fn dispute(redeemed: Option<&str>, feedback: &[u8]) -> Response {
    let feedback: Value = serde_json::from_slice(feedback).unwrap();
    match redeemed {
        Some(claim) if feedback["claim_digest"] != claim => StatusCode::NOT_FOUND.into_response(),
        _ => Json(json!({"id": "dsp_1"})).into_response(),
    }
}

fn required(url: &str, path: &str) -> Response {
    let required = PaymentRequired {
        resource: format!("{url}{path}"),
        purpose: Purpose::RagRetrieval,
        price: usd("0.10"),
        brokers: vec![format!("{url}/broker")],
        bearer: Vec::new(),
        audience: url.trim_start_matches("http://").to_owned(),
        policy: format!("{url}/policy"),
    };
    let document = required.to_document(VisitorType::VerifiedAgent, "it costs something");
    (StatusCode::PAYMENT_REQUIRED, Body::from(document.to_string())).into_response()
}

impl Market {
    pub(crate) async fn start(there: &[(&str, There)]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let there = there.iter().map(|(path, there)| ((*path).to_owned(), there.clone()));
        let market = Self {
            inside: Arc::new(Mutex::new(Inside {
                there: there.collect(),
                visa: "visa".to_owned(),
                url,
                ..Inside::default()
            })),
            tasks: Arc::default(),
        };
        let routes = Router::new().fallback(answer).with_state(market.clone());
        market
            .tasks
            .lock()
            .unwrap()
            .spawn(async move { axum::serve(listener, routes).await.unwrap() });
        market
    }

    pub(crate) fn url(&self, path: &str) -> Url {
        format!("{}{path}", self.inside.lock().unwrap().url).parse().unwrap()
    }

    pub(crate) fn put(&self, path: &str, there: There) {
        self.inside.lock().unwrap().there.insert(path.to_owned(), there);
    }

    /// What the broker says before it issues a visa.
    pub(crate) fn broker_says(&self, statuses: &[StatusCode]) {
        self.inside.lock().unwrap().broker.extend(statuses);
    }

    /// What its visas look like from here on.
    pub(crate) fn visa_is(&self, visa: &str) {
        visa.clone_into(&mut self.inside.lock().unwrap().visa);
    }

    /// What the broker says about its visas from here on; nothing: it cannot say.
    pub(crate) fn visas_are(&self, visas: Option<Value>) {
        self.inside.lock().unwrap().visas = visas;
    }

    /// By which claim alone the publisher has redeemed.
    pub(crate) fn redeemed_by(&self, claim: &str) {
        self.inside.lock().unwrap().foreign_claim = Some(claim.to_owned());
    }

    /// When the broker was asked for visas, and by which names.
    pub(crate) fn broker_asked(&self) -> Vec<(Instant, String)> {
        self.inside.lock().unwrap().broker_asked.clone()
    }

    /// How often a path was asked for.
    pub(crate) fn asked(&self, path: &str) -> usize {
        let inside = self.inside.lock().unwrap();
        inside.asked.iter().filter(|(asked, _)| asked == path).count()
    }

    /// How many payments were taken.
    pub(crate) fn paid(&self) -> usize {
        self.inside.lock().unwrap().paid.len()
    }

    /// An agent with an account here.
    pub(crate) async fn agent(&self, folder: &Path) -> Agent {
        let home = AgentHome::create(folder, "bot.example.org", None).unwrap();
        let mut agent = Agent::new(home, None, Env::system()).unwrap();
        agent.account_open(self.url("/broker").as_str()).await.unwrap();
        agent
    }

    pub(crate) fn wish(&self, path: &str, out: &Path) -> FetchWish {
        FetchWish {
            url: self.url(path),
            purpose: Purpose::RagRetrieval,
            max: Some(usd("0.10")),
            out: out.to_owned(),
            run: None,
            bytes_max: PAGE_BYTES_MAX,
        }
    }

    pub(crate) fn crawl_wish(&self, path: &str, out: &Path) -> CrawlWish {
        CrawlWish {
            start: self.url(path),
            also: Vec::new(),
            purpose: Purpose::RagRetrieval,
            max: Some(usd("0.10")),
            budget: Some(usd("1.00")),
            bytes_max: PAGE_BYTES_MAX,
            pages_max: 100,
            at_once: 2,
            by_sitemap: false,
            out: out.to_owned(),
        }
    }
}

/// Crawls, and says which paths were read, in their order.
pub(crate) async fn crawled(agent: &Agent, wish: &CrawlWish) -> (Vec<String>, Crawled) {
    let crawled = agent.crawl(wish, &mut |_: &CrawlStep<'_>| {}).await.unwrap();
    let mut paths: Vec<String> = crawled.pages.iter().map(|page| page.url.path().to_owned()).collect();
    paths.sort();
    (paths, crawled)
}

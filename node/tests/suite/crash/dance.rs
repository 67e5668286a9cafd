//! Agent, publisher and broker are killed at each step of a payment: afterwards all three have the same in their
//! books, and no page was paid for twice.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Method, Request};
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use super::line::Step;
use super::relay::Relay;
use crate::agents::{Lines, PAGE, Scene};
use crate::gates::balance_wait;
use crate::support::{IMAJIN, imajin, text};

on_both!(whoever_is_killed_in_a_payment_the_books_of_all_three_agree);

const PRICE: &str = "0.10 TEST-USD";
/// What a dead process had taken to do belongs to it for two minutes.
const PATIENCE: Duration = Duration::from_mins(3);
const STEPS: [Step; 3] = [Step::Before, Step::After, Step::Answered];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Agent,
    Publisher,
    Broker,
}

/// The exchanges of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exchange {
    /// The agent hears what a page costs.
    Price,
    /// The agent buys a visa.
    Visa,
    /// The agent pays with it, and has the page.
    Pay,
    /// The publisher redeems it.
    Redeem,
}

impl Exchange {
    fn matcher(self) -> fn(&Request<Body>) -> bool {
        match self {
            Self::Price => |request| is_page(request) && !is_paid(request),
            Self::Visa => |request| is_post(request, "/visas") || is_post(request, "/issue-visa"),
            Self::Pay => |request| is_page(request) && is_paid(request),
            Self::Redeem => |request| is_post(request, "/redemptions"),
        }
    }
}

fn is_page(request: &Request<Body>) -> bool {
    request.uri().path().starts_with("/posts/")
}

fn is_paid(request: &Request<Body>) -> bool {
    request.headers().contains_key("idempotency-key")
}

fn is_post(request: &Request<Body>, path: &str) -> bool {
    request.method() == Method::POST && request.uri().path().ends_with(path)
}

/// All deaths: the first ones leave work that a dead process had taken, whose two minutes pass meanwhile.
fn deaths() -> Vec<(Exchange, Who, Step)> {
    let sides = [
        (Exchange::Redeem, Who::Publisher),
        (Exchange::Redeem, Who::Broker),
        (Exchange::Visa, Who::Agent),
        (Exchange::Visa, Who::Broker),
        (Exchange::Pay, Who::Agent),
        (Exchange::Pay, Who::Publisher),
    ];
    let mut all: Vec<_> = sides
        .iter()
        .flat_map(|(exchange, who)| STEPS.map(|step| (*exchange, *who, step)))
        .collect();
    // Nothing is bought yet: whoever dies has nothing to remember.
    all.extend([Who::Agent, Who::Publisher].map(|who| (Exchange::Price, who, Step::Answered)));
    all
}

struct Dance {
    scene: Scene,
    lines: Lines,
    agent_pid: Arc<Mutex<Option<u32>>>,
}

impl Dance {
    async fn new(backend: Backend) -> Self {
        let lines = Lines {
            broker: Relay::start().await,
            site: Relay::start().await,
        };
        let scene = Scene::behind(backend, Some(&lines)).await;
        Self {
            scene,
            lines,
            agent_pid: Arc::default(),
        }
    }

    fn pid(&self, who: Who) -> Arc<Mutex<Option<u32>>> {
        match who {
            Who::Agent => Arc::clone(&self.agent_pid),
            Who::Publisher => Arc::new(Mutex::new(Some(self.scene.publisher.pid()))),
            Who::Broker => Arc::new(Mutex::new(Some(self.scene.broker.pid()))),
        }
    }

    /// Reads a page, and whatever comes of it comes of it.
    fn tries(&self, path: &str) -> Result<(), String> {
        let (url, out) = (self.scene.url(path), self.scene.home.path("page"));
        let folder = self.scene.home.path("agent");
        let child = std::process::Command::new(IMAJIN)
            .args(["agent", "fetch", &url, "--max", PRICE])
            .args(["--out", text(&out), "--agent", text(&folder)])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        *self.agent_pid.lock().unwrap() = Some(child.id());
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        if ended.status.success() { Ok(()) } else { Err(said) }
    }

    /// Whether the agent has written down that the page is where it should be, and needs nothing more: then it died
    /// between that and its end, and whoever asks again wants the page once more.
    fn has_handed_out(&self, path: &str) -> bool {
        let journal = std::fs::read_to_string(self.scene.home.path("agent").join("spent.jsonl")).unwrap();
        let url = self.scene.url(path);
        let mut steps = journal
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let last = steps.rfind(|step| step["url"] == url.as_str());
        last.is_some_and(|step| step["state"] == "paid" && step["page"] == Value::Null)
    }

    /// Another process on the same data.
    fn restart(&mut self, who: Who) {
        let scene = &mut self.scene;
        match who {
            Who::Agent => {}
            Who::Publisher => {
                scene.publisher.death_wait();
                scene.publisher = scene.home.up(&[]);
            }
            Who::Broker => {
                scene.broker.death_wait();
                scene.broker = scene.far.up(&["--listen", &scene.broker_listen]);
            }
        }
        scene.lead(&self.lines);
    }

    fn die(&mut self, number: usize, death: (Exchange, Who, Step)) {
        let (exchange, who, step) = death;
        let path = format!("/posts/{number}");
        let line = match exchange {
            Exchange::Price | Exchange::Pay => &self.lines.site,
            Exchange::Visa | Exchange::Redeem => &self.lines.broker,
        };
        let out = self.scene.home.path("page");
        drop(std::fs::remove_file(&out));
        line.arm(exchange.matcher(), step, &self.pid(who));
        let first = self.tries(&path);
        let first = first.or_else(|said| self.has_handed_out(&path).then_some(()).ok_or(said));
        line.death_wait(&format!("{death:?}"));
        self.restart(who);
        let read = first.or_else(|first| self.tries(&path).map_err(|second| format!("{first}{second}")));
        let spent = self.scene.spent();
        assert_eq!(read, Ok(()), "{death:?}: the page cannot be read any more: {spent:#}");
        assert_eq!(std::fs::read_to_string(out).unwrap(), PAGE, "{death:?}");
    }

    /// Waits until the publisher's ledger has no difference to the broker's.
    fn books_agree(&self) {
        let operator = self.scene.home.path("operator.key");
        let node = self.scene.publisher.url();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let compared = imajin(&["reconcile", "--node", &node, "--key", text(&operator)]);
            if compared.success {
                return;
            }
            assert!(Instant::now() < deadline, "{:#}", compared.json);
            std::thread::sleep(Duration::from_secs(1));
        }
    }
}

async fn whoever_is_killed_in_a_payment_the_books_of_all_three_agree(backend: Backend) {
    let mut dance = Dance::new(backend).await;
    let operator = dance.scene.home.key("operator.key");
    let (node, token) = (dance.scene.publisher.url(), dance.scene.publisher.setup_token());
    let claim = ["login", "--setup", &token, "--node", &node, "--key", text(&operator)];
    imajin(&claim).expect_success();
    let deaths = deaths();
    assert_eq!(deaths.len(), 20, "two dollars are there, for twenty pages");
    for (number, death) in deaths.into_iter().enumerate() {
        dance.die(number, death);
    }
    dance.books_agree();

    let scene = dance.scene;
    let spent = scene.spent();
    assert_eq!(
        spent["spent"],
        json!([{"amount": "2.00", "currency": "TEST-USD"}]),
        "{spent}"
    );
    let purchases = spent["purchases"].as_array().unwrap();
    let paid = purchases.iter().filter(|one| one["state"] == "paid");
    let receipts: BTreeSet<&str> = paid.clone().map(|one| one["receipt"].as_str().unwrap()).collect();
    let urls: BTreeSet<&str> = paid.map(|one| one["url"].as_str().unwrap()).collect();
    assert_eq!((purchases.len(), receipts.len(), urls.len()), (20, 20, 20), "{spent}");
    assert_eq!(
        scene.agent(&["account", "--broker", scene.issuer()]).json["balances"],
        none_left()
    );
    let ada = scene.home.path("ada.key");
    crate::fair_library::register(&scene.publisher, &ada, "ada");
    balance_wait(&scene.publisher, &ada, "2.00");
    scene.end();
}

/// What the broker says of an account in which nothing is left.
fn none_left() -> Value {
    json!([{"amount": "0.00", "currency": "TEST-USD"}])
}

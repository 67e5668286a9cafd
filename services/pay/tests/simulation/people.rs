//! Who asks pay: buyers, and payees who spend what they got. They repeat themselves until they have an answer.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use imajin_kernel::id::CheckoutId;
use imajin_kernel::{Code, Span};
use imajin_money::Money;
use imajin_pay_api::{CheckoutCreate, CheckoutFetch, CheckoutView, GoodsRef, PayApi};
use imajin_proof::http_sig::{RequestToSign, SignatureParams, SignedRequest, sign};
use imajin_rails::{RailEvent, RailOutcome, SANDBOX, SandboxRail};
use imajin_testkit::Answer;
use imajin_testkit::simulation::pause;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::abroad::Abroad;
use crate::bank::{Bank, CARDS, Notice};
use crate::ether::Ether;
use crate::node::{Node, PUBLIC};
use crate::seller::{OrderState, Seller, key};
use crate::shoppers::money;

/// So often somebody asks again before they give up.
const PATIENCE: usize = 40;
const PRICES: [&str; 5] = ["10.00 TEST-USD", "9.99 TEST-USD", "10.00 USD", "25.50 USD", "3.01 USD"];

/// A request that went away with its node, or whose answer did.
#[derive(Debug)]
pub(crate) struct Lost;

/// What is to be done at a node that is up.
pub(crate) type Ask = Box<dyn FnOnce(&Node) -> Pin<Box<dyn Future<Output = ()>>>>;

/// A message of a rail on its way to the webhook.
#[derive(Debug, Clone)]
pub(crate) enum Letter {
    Sandbox { event: RailEvent, body: Vec<u8> },
    Cards(Notice),
}

impl Letter {
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Sandbox { event, .. } => &event.id,
            Self::Cards(notice) => &notice.id,
        }
    }

    pub(crate) fn rail(&self) -> &'static str {
        match self {
            Self::Sandbox { .. } => SANDBOX,
            Self::Cards(_) => CARDS,
        }
    }
}

/// Where the people of a simulation meet the nodes.
pub(crate) struct Desk {
    pub(crate) ether: Arc<Ether>,
    pub(crate) bank: Arc<Bank>,
    pub(crate) seller: Arc<Seller>,
    pub(crate) abroad: Arc<Abroad>,
    pub(crate) sandbox: SandboxRail,
    pub(crate) asks: RefCell<Vec<Ask>>,
    /// Messages that no node has acknowledged.
    pub(crate) letters: RefCell<Vec<Letter>>,
    /// Checkouts that somebody was told of.
    pub(crate) checkouts: RefCell<Vec<(CheckoutId, Money)>>,
    /// What somebody was told under an idempotency key.
    pub(crate) answers: RefCell<BTreeMap<String, String>>,
}

impl Desk {
    /// Has a node do something, and waits for its answer.
    async fn ask<T: 'static, F: Future<Output = T> + 'static>(
        &self,
        work: impl FnOnce(&Node) -> F + 'static,
    ) -> Result<T, Lost> {
        pause().await;
        let weather = self.ether.weather();
        if self.ether.dice.chance(weather.lost_before) {
            return Err(Lost);
        }
        let deaf = self.ether.dice.chance(weather.lost_after);
        let (sender, answer) = oneshot::channel();
        let ask = move |node: &Node| -> Pin<Box<dyn Future<Output = ()>>> {
            let work = work(node);
            Box::pin(async move { drop(sender.send(work.await)) })
        };
        self.asks.borrow_mut().push(Box::new(ask));
        let answer = answer.await.map_err(|_gone| Lost)?;
        if deaf { Err(Lost) } else { Ok(answer) }
    }

    fn sign(&self, method: &str, who: &str, path: &str, idempotency: &str, body: &[u8]) -> SignedRequest {
        let target_uri = format!("{PUBLIC}{path}");
        let to_sign = RequestToSign {
            method,
            target_uri: &target_uri,
            idempotency_key: Some(idempotency),
            body,
        };
        let key = key(who);
        sign(&key, &to_sign, &SignatureParams::now(key.did(), &self.ether.env)).unwrap()
    }

    pub(crate) async fn post(&self, who: &str, path: &str, idempotency: &str, body: &Value) -> Option<(u16, Value)> {
        self.send("POST", who, path, idempotency, body).await
    }

    pub(crate) async fn put(&self, who: &str, path: &str, body: &Value) -> Option<(u16, Value)> {
        self.send("PUT", who, path, path, body).await
    }

    /// A signed request with an idempotency key, until there is an answer; sometimes once more after it.
    async fn send(
        &self,
        method: &'static str,
        who: &str,
        path: &str,
        idempotency: &str,
        body: &Value,
    ) -> Option<(u16, Value)> {
        let body = serde_json::to_vec(body).unwrap();
        for _ in 0..PATIENCE {
            let signed = self.sign(method, who, path, idempotency, &body);
            let path = path.to_owned();
            let asked = self.ask(move |node| {
                let router = node.router().clone();
                let mut request = Request::builder().method(method).uri(path);
                request = request.header("content-type", "application/json");
                for (name, value) in signed.headers() {
                    request = request.header(name, value);
                }
                let request = request.body(Body::from(signed.body.clone())).unwrap();
                async move { Answer::of(&router, request).await }
            });
            let Ok(answer) = asked.await else { continue };
            let (status, json) = (answer.status.as_u16(), answer.json());
            self.ether.say(&format!(
                "{who}: {idempotency} {status} {}",
                json["id"].as_str().unwrap_or_default()
            ));
            match status {
                500 => self.ether.wrong(format!("{idempotency} of {who}: {}", answer.text())),
                401 | 503 => continue,
                409 if json["code"] == "idempotency_in_flight" => continue,
                200..300 => self.answered(who, idempotency, &json),
                _ => {}
            }
            if !self.ether.dice.chance(300) {
                return Some((status, json));
            }
        }
        None
    }

    /// The same request has the same answer.
    fn answered(&self, who: &str, idempotency: &str, json: &Value) {
        let said = json["id"].as_str().unwrap_or_default().to_owned();
        let key = format!("{who} {idempotency}");
        let before = self
            .answers
            .borrow_mut()
            .entry(key.clone())
            .or_insert_with(|| said.clone())
            .clone();
        if before != said {
            self.ether
                .wrong(format!("{key} was answered with {before}, then with {said}"));
        }
    }

    /// A checkout, by way of the seller or by the buyer's own request.
    async fn checkout(&self, buyer: &str, goods: &GoodsRef) -> Option<CheckoutView> {
        let own = self.ether.dice.chance(300);
        for _ in 0..PATIENCE {
            let found: Option<CheckoutView> = if own {
                let body = json!({"goods": goods, "successUrl": "/orders/1", "cancelUrl": "/events/1"});
                let (status, json) = self.post(buyer, "/pay/api/checkout", "checkout", &body).await?;
                if status != 201 {
                    return None;
                }
                serde_json::from_value(json).ok()
            } else {
                let request = CheckoutCreate {
                    goods: goods.clone(),
                    buyer: key(buyer).did(),
                    success_url: "/orders/1".to_owned(),
                    cancel_url: "/events/1".to_owned(),
                };
                let asked = self.ask(|node| {
                    let pay = Arc::clone(&node.pay);
                    async move { pay.checkout_create(request).await }
                });
                match asked.await {
                    Ok(Ok(view)) => Some(view),
                    Ok(Err(problem)) if problem.code != Code::Unavailable => {
                        self.ether.say(&format!("{buyer}: {}", problem.code.as_str()));
                        return None;
                    }
                    Ok(Err(_)) | Err(Lost) => None,
                }
            };
            if let Some(view) = found {
                self.ether.say(&format!("{buyer}: {} for {}", view.id, goods.id));
                self.checkout_note(view.id, view.price);
                return Some(view);
            }
        }
        None
    }

    /// Somebody was told of a checkout.
    pub(crate) fn checkout_note(&self, id: CheckoutId, price: Money) {
        self.checkouts.borrow_mut().push((id, price));
    }

    /// The buyer does something at the rail.
    pub(crate) fn at_rail(&self, view: &CheckoutView, outcome: RailOutcome, amount: Money) {
        self.ether
            .say(&format!("{} at the rail: {}", view.id, outcome.as_str()));
        if view.price.asset.is_test() {
            let event = self.sandbox.event(view.id, outcome, amount);
            let body = self.sandbox.message(&event).unwrap();
            self.letters.borrow_mut().push(Letter::Sandbox { event, body });
            return;
        }
        let session = view.url.rsplit('/').next().unwrap_or_default();
        match outcome {
            RailOutcome::Paid => drop(self.bank.customer_pays(session)),
            RailOutcome::Failed => self.bank.card_declined(session),
            // Whoever leaves the processor's page just leaves.
            _ => {}
        }
    }

    /// The seller withdraws the goods.
    async fn withdraw(&self, goods: &GoodsRef, id: CheckoutId) {
        self.seller.order_end(&goods.id, OrderState::Withdrawn);
        for _ in 0..PATIENCE {
            let asked = self.ask(move |node| {
                let pay = Arc::clone(&node.pay);
                async move { pay.checkout_cancel(CheckoutFetch { id }).await }
            });
            if matches!(asked.await, Ok(Ok(_))) {
                return;
            }
        }
    }
}

pub(crate) async fn dawdle(desk: &Desk, at_most: usize) {
    for _ in 0..desk.ether.dice.below(at_most) {
        pause().await;
    }
}

/// Somebody buys, in one of the ways in which people buy.
pub(crate) async fn buyer(desk: Rc<Desk>, number: usize) {
    let dice = desk.ether.dice.clone();
    let name = format!("buyer-{number}");
    let price: Money = dice.pick(&PRICES).unwrap().parse().unwrap();
    let Some(goods) = desk.seller.order(&name, price) else {
        return;
    };
    let Some(view) = desk.checkout(&name, &goods).await else {
        return;
    };
    dawdle(&desk, 6).await;
    match dice.below(11) {
        0 => desk.at_rail(&view, RailOutcome::Cancelled, price),
        1 => {
            desk.at_rail(&view, RailOutcome::Paid, price);
            desk.withdraw(&goods, view.id).await;
        }
        2 => {
            desk.withdraw(&goods, view.id).await;
            desk.at_rail(&view, RailOutcome::Paid, price);
        }
        3 => {
            desk.at_rail(&view, RailOutcome::Failed, price);
            desk.at_rail(&view, RailOutcome::Paid, price);
        }
        4 => {
            desk.ether.pass(Span::minutes(29));
            dawdle(&desk, 10).await;
            desk.at_rail(&view, RailOutcome::Paid, price);
            desk.ether.pass(Span::minutes(5));
        }
        5 => {
            desk.at_rail(&view, RailOutcome::Paid, price);
            dawdle(&desk, 20).await;
            desk.at_rail(&view, RailOutcome::Paid, price);
        }
        6 => {
            let wrong = price.checked_add(price).unwrap();
            desk.at_rail(&view, RailOutcome::Paid, wrong);
        }
        7 => {
            // Two windows: the second checkout is the first one, or the first is over.
            let second = desk.checkout(&name, &goods).await;
            desk.at_rail(&view, RailOutcome::Paid, price);
            if let Some(second) = second {
                desk.at_rail(&second, RailOutcome::Paid, price);
            }
        }
        _ => desk.at_rail(&view, RailOutcome::Paid, price),
    }
}

/// Somebody who is paid sends it on its way, and spends it here.
pub(crate) async fn payee(desk: Rc<Desk>, name: &'static str) {
    let dice = desk.ether.dice.clone();
    let country = json!({"country": "US"});
    desk.post(name, "/pay/api/connect/onboard", "onboard", &country).await;
    for round in 0..6 {
        dawdle(&desk, 15).await;
        if dice.chance(700) {
            let body = json!({"currency": "USD"});
            desk.post(name, "/pay/api/payout", &format!("payout-{round}"), &body)
                .await;
        }
        if dice.chance(400) {
            hold(&desk, name, round).await;
        }
    }
}

async fn hold(desk: &Desk, name: &str, round: usize) {
    let dice = &desk.ether.dice;
    let currency = if dice.chance(500) { "USD" } else { "TEST-USD" };
    let money = |cents: usize| money(cents, currency);
    let cents = 50 + dice.below(400);
    let body = json!({"amount": money(cents), "expiresInSeconds": 600});
    let placed = desk.post(name, "/pay/api/holds", &format!("hold-{round}"), &body).await;
    let Some((201, hold)) = placed else { return };
    let id = hold["id"].as_str().unwrap_or_default().to_owned();
    dawdle(desk, 20).await;
    match dice.below(4) {
        0 => {
            let path = format!("/pay/api/holds/{id}/void");
            desk.post(name, &path, &format!("void-{round}"), &json!({})).await;
        }
        1 => {}
        keeps => {
            let part = money(1 + dice.below(cents));
            let body = json!({"payee": key("lena").did(), "amount": part, "keepRest": keeps == 2});
            let path = format!("/pay/api/holds/{id}/capture");
            desk.post(name, &path, &format!("capture-{round}"), &body).await;
        }
    }
}

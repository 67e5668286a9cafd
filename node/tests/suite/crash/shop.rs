//! Buyers who go on where they were, whatever happens to the node in between.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use imajin_kernel::Env;
use imajin_money::Money;
use imajin_rails::{RailOutcome, SandboxRail};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::dice::Dice;
use crate::support::Buyer;

/// An answer that takes longer counts as none.
const PATIENCE: Duration = Duration::from_secs(20);
/// So many purchases a buyer leaves half done at most: an unpaid order counts against the buyer's five.
const ABANDONED_MAX: usize = 3;

/// What is sold, and how far the buying has come.
pub(super) struct Shop {
    pub(super) event: Value,
    pub(super) dice: Dice,
    rail: SandboxRail,
    steps: AtomicU64,
    stepped: Notify,
    closed: AtomicBool,
}

impl Shop {
    pub(super) fn new(event: Value, rail: SandboxRail) -> Self {
        Self {
            event,
            dice: Dice::new(),
            rail,
            steps: AtomicU64::new(0),
            stepped: Notify::new(),
            closed: AtomicBool::new(false),
        }
    }

    pub(super) fn open(&self) {
        self.closed.store(false, Ordering::SeqCst);
    }

    /// Whoever waits for the node gives up.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    fn step(&self) {
        self.steps.fetch_add(1, Ordering::SeqCst);
        self.stepped.notify_waiters();
    }

    /// Waits until the node has answered so many more requests that change something.
    pub(super) async fn steps_wait(&self, more: u64) {
        let goal = self.steps.load(Ordering::SeqCst) + more;
        let steps = async {
            loop {
                let mut stepped = std::pin::pin!(self.stepped.notified());
                stepped.as_mut().enable();
                if self.steps.load(Ordering::SeqCst) >= goal {
                    return;
                }
                stepped.await;
            }
        };
        assert!(
            tokio::time::timeout(PATIENCE * 3, steps).await.is_ok(),
            "nobody could buy anything for a minute"
        );
    }
}

/// How a purchase is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// By the button of the sandbox's page.
    Page,
    /// The rail's message comes twice at once, and then the buyer pays again.
    Twice,
    /// The buyer gives the places back, and then the rail's message comes.
    Late,
}

/// A message of the rail, which sends it until somebody says that it is stored.
pub(super) struct Message {
    body: Vec<u8>,
    pub(super) is_stored: bool,
}

/// Where a purchase is going.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Course {
    /// Its buyer goes on with it.
    Ahead,
    /// Everything has happened that should.
    Done,
    /// Its buyer does not come back.
    Abandoned,
}

/// A purchase and what the node has acknowledged of it.
pub(super) struct Purchase {
    key: String,
    pub(super) quantity: u64,
    pub(super) way: Way,
    /// The answer to the checkout.
    pub(super) order: Option<Value>,
    is_cancelled: bool,
    /// The payment page has taken the money.
    pub(super) is_paid: bool,
    pub(super) messages: Vec<Message>,
    /// The order as it was when it was over.
    pub(super) ended: Option<Value>,
    pub(super) receipt: Option<Value>,
    course: Course,
}

/// A buyer with a history.
pub(super) struct Shopper {
    pub(super) buyer: Buyer,
    token: Option<String>,
    pub(super) purchases: Vec<Purchase>,
}

/// What the node said; `None` when it did not answer, or said that it cannot now. Everything else is a fault.
async fn ask(request: RequestBuilder) -> Option<(StatusCode, Value)> {
    let response = request.timeout(PATIENCE).send().await.ok()?;
    let status = response.status();
    let text = response.text().await.ok()?;
    let value: Value = serde_json::from_str(&text).unwrap_or_default();
    let come_again = status == StatusCode::SERVICE_UNAVAILABLE
        || status == StatusCode::GATEWAY_TIMEOUT
        || value["code"] == "idempotency_in_flight";
    assert!(come_again || !status.is_server_error(), "{status}: {text}");
    (!come_again).then_some((status, value))
}

impl Shopper {
    pub(super) fn new(buyer: Buyer) -> Self {
        Self {
            buyer,
            token: None,
            purchases: Vec::new(),
        }
    }

    /// Buys until the shop closes.
    pub(super) async fn shop(mut self, shop: &Shop) -> Self {
        self.resume(shop);
        while !shop.is_closed() {
            if self.purchases.last().is_none_or(|last| last.course != Course::Ahead) {
                self.purchases.push(Purchase::begin(shop));
            }
            if self.advance(shop).await.is_none() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        self
    }

    /// Ends the purchase under way.
    pub(super) async fn finish(mut self, shop: &Shop) -> Self {
        while self.purchases.last().is_some_and(|last| last.course == Course::Ahead) {
            if self.advance(shop).await.is_none() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        self
    }

    /// Some buyers do not come back.
    fn resume(&mut self, shop: &Shop) {
        let abandoned = self
            .purchases
            .iter()
            .filter(|purchase| purchase.course == Course::Abandoned)
            .count();
        if let Some(last) = self.purchases.last_mut()
            && abandoned < ABANDONED_MAX
            && last.course == Course::Ahead
            && shop.dice.below(4) == 0
        {
            last.course = Course::Abandoned;
        }
    }

    pub(super) async fn token(&mut self) -> Option<String> {
        if self.token.is_none() {
            self.token = self.login().await;
        }
        self.token.clone()
    }

    async fn login(&self) -> Option<String> {
        let (http, did) = (&self.buyer.http, self.buyer.key.did());
        let request = http
            .post(self.buyer.url("/auth/api/challenge"))
            .json(&json!({"id": did}));
        let (status, challenge) = ask(request).await?;
        assert!(status.is_success(), "{challenge}");
        let signature = self
            .buyer
            .key
            .sign(challenge["challenge"].as_str().unwrap().as_bytes())
            .to_hex();
        let login = json!({"id": did, "challengeId": challenge["challengeId"], "signature": signature});
        let (status, answer) = ask(http.post(self.buyer.url("/auth/api/authenticate")).json(&login)).await?;
        // Challenges may be forgotten: then a new one is asked for.
        status
            .is_success()
            .then(|| answer["token"].as_str().unwrap().to_owned())
    }

    /// Does what comes next until the purchase is done or the node does not answer.
    async fn advance(&mut self, shop: &Shop) -> Option<()> {
        let token = self.token().await?;
        let Self { buyer, purchases, .. } = self;
        let purchase = purchases.last_mut()?;
        let client = Client { buyer, token, shop };
        if purchase.order.is_none() {
            purchase.order = Some(client.order_place(purchase).await?);
        }
        match purchase.way {
            Way::Page => client.page_pay(purchase).await?,
            Way::Twice => client.pay_twice(purchase).await?,
            Way::Late => client.pay_late(purchase).await?,
        }
        client.end_see(purchase).await?;
        purchase.course = Course::Done;
        Some(())
    }
}

impl Purchase {
    pub(super) fn is_done(&self) -> bool {
        self.course == Course::Done
    }

    fn begin(shop: &Shop) -> Self {
        let way = match shop.dice.below(6) {
            0 => Way::Twice,
            1 => Way::Late,
            _ => Way::Page,
        };
        Self {
            key: hex::encode(Env::system().random_bytes::<16>()),
            quantity: 1 + shop.dice.below(3),
            way,
            order: None,
            is_cancelled: false,
            is_paid: false,
            messages: Vec::new(),
            ended: None,
            receipt: None,
            course: Course::Ahead,
        }
    }

    fn member(&self, name: &str) -> &str {
        self.order.as_ref().and_then(|order| order[name].as_str()).unwrap()
    }
}

/// A buyer's hands.
struct Client<'a> {
    buyer: &'a Buyer,
    token: String,
    shop: &'a Shop,
}

impl Client<'_> {
    async fn get(&self, path: &str) -> Option<(StatusCode, Value)> {
        let answer = ask(self.buyer.http.get(self.buyer.url(path)).bearer_auth(&self.token)).await?;
        assert_ne!(
            answer.0,
            StatusCode::UNAUTHORIZED,
            "the node forgot a session that it gave: {}",
            answer.1
        );
        Some(answer)
    }

    async fn post_signed(&self, path: &str, body: &Value, key: Option<&str>) -> Option<(StatusCode, Value)> {
        let signed = self.buyer.signed("POST", path, &serde_json::to_vec(body).unwrap(), key);
        let mut request = self
            .buyer
            .http
            .post(&signed.target_uri)
            .header("content-type", "application/json");
        for (name, value) in signed.headers() {
            request = request.header(name, value);
        }
        ask(request.body(signed.body)).await
    }

    /// The same request with the same key until it is answered: one order.
    async fn order_place(&self, purchase: &Purchase) -> Option<Value> {
        let event = &self.shop.event;
        let body = json!({
            "eventId": event["id"], "tierId": event["tiers"][0]["id"], "quantity": purchase.quantity,
        });
        let (status, order) = self
            .post_signed("/events/api/checkout", &body, Some(&purchase.key))
            .await?;
        assert!(
            status.is_success() && order["checkoutId"].is_string(),
            "{status}: {order}"
        );
        self.shop.step();
        Some(order)
    }

    async fn page_pay(&self, purchase: &mut Purchase) -> Option<()> {
        if purchase.is_paid {
            return Some(());
        }
        let checkout = purchase.member("checkoutId");
        let (status, view) = self.get(&format!("/pay/api/checkout/{checkout}")).await?;
        assert!(status.is_success(), "{status}: {view}");
        if view["state"] == "open" {
            let url = self.buyer.url(&format!("/pay/checkout/{checkout}/pay"));
            let form = [("token", view["formToken"].as_str().unwrap())];
            let (status, problem) = ask(self
                .buyer
                .http
                .post(url)
                .header("origin", self.buyer.url(""))
                .form(&form))
            .await?;
            assert_eq!(status, StatusCode::SEE_OTHER, "{problem}");
        } else {
            // The button was pressed before, and the answer did not arrive.
            assert!(view["state"] == "paid" || view["state"] == "settled", "{view}");
        }
        purchase.is_paid = true;
        self.shop.step();
        Some(())
    }

    async fn pay_twice(&self, purchase: &mut Purchase) -> Option<()> {
        self.message_write(purchase);
        if !purchase.messages[0].is_stored {
            let body = &purchase.messages[0].body;
            let (first, second) = tokio::join!(self.message_send(body), self.message_send(body));
            purchase.messages[0].is_stored = first.or(second).is_some();
        }
        self.messages_send(purchase).await?;
        if purchase.messages.len() < 2 {
            self.message_add(purchase);
        }
        self.messages_send(purchase).await
    }

    async fn pay_late(&self, purchase: &mut Purchase) -> Option<()> {
        if !purchase.is_cancelled {
            let path = format!("/events/api/orders/{}/cancel", purchase.member("id"));
            let (status, order) = self.post_signed(&path, &json!({}), None).await?;
            assert!(
                status.is_success() && order["state"] == "cancelled",
                "{status}: {order}"
            );
            purchase.is_cancelled = true;
            self.shop.step();
        }
        self.message_write(purchase);
        self.messages_send(purchase).await
    }

    /// The rail's first message.
    fn message_write(&self, purchase: &mut Purchase) {
        if purchase.messages.is_empty() {
            self.message_add(purchase);
        }
    }

    fn message_add(&self, purchase: &mut Purchase) {
        let total: Money = serde_json::from_value(purchase.order.as_ref().unwrap()["total"].clone()).unwrap();
        let checkout = purchase.member("checkoutId").parse().unwrap();
        let event = self.shop.rail.event(checkout, RailOutcome::Paid, total);
        purchase.messages.push(Message {
            body: self.shop.rail.message(&event).unwrap(),
            is_stored: false,
        });
    }

    async fn messages_send(&self, purchase: &mut Purchase) -> Option<()> {
        for message in purchase.messages.iter_mut().filter(|message| !message.is_stored) {
            self.message_send(&message.body).await?;
            message.is_stored = true;
        }
        Some(())
    }

    async fn message_send(&self, body: &[u8]) -> Option<()> {
        let request = self.buyer.http.post(self.buyer.url("/pay/api/webhook/sandbox"));
        let (status, answer) = ask(request.header("content-type", "application/json").body(body.to_vec())).await?;
        assert!(status.is_success() && answer["received"] == true, "{status}: {answer}");
        self.shop.step();
        Some(())
    }

    /// Looks until the order is over, and at the receipt.
    async fn end_see(&self, purchase: &mut Purchase) -> Option<()> {
        let end = if purchase.way == Way::Late {
            "cancelled"
        } else {
            "fulfilled"
        };
        let path = format!("/events/api/orders/{}", purchase.member("id"));
        let order = self.look_until(&path, |order| order["state"] == end).await?;
        purchase.ended = Some(order.clone());
        let checkout = format!("/pay/api/checkout/{}", purchase.member("checkoutId"));
        let end = if purchase.way == Way::Late {
            "refunded"
        } else {
            "settled"
        };
        self.look_until(&checkout, |view| view["state"] == end).await?;
        if let Some(receipt) = order["receipt"].as_str() {
            let (status, receipt) = self.get(&format!("/pay/api/receipts/{receipt}")).await?;
            assert!(status.is_success(), "{status}: {receipt}");
            purchase.receipt = Some(receipt);
        }
        self.shop.step();
        Some(())
    }

    async fn look_until(&self, path: &str, is_enough: impl Fn(&Value) -> bool) -> Option<Value> {
        while !self.shop.is_closed() {
            let (status, view) = self.get(path).await?;
            assert!(status.is_success(), "{path}: {status}: {view}");
            if is_enough(&view) {
                return Some(view);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        None
    }
}

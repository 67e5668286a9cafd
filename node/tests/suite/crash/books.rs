//! What everybody was told and what everybody has: both services' records, read as their owners read them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use imajin_money::Money;
use imajin_pay_api::ReceiptView;
use serde_json::Value;

use super::shop::{Purchase, Shop, Shopper, Way};
use crate::support::Buyer;

/// How often money that is still held is looked at again, 50 ms apart.
const LOOKS_MAX: u32 = 600;

/// What there is at the end.
#[derive(Debug, Default)]
pub(super) struct Books {
    /// Payments that were split.
    pub(super) settled: u64,
    /// Payments that went back.
    pub(super) refunded: u64,
    /// Tickets issued.
    pub(super) tickets: u64,
    /// What the settled payments were, in millionths.
    gross_micros: i64,
}

fn micros(money: &Value) -> i64 {
    let money: Money = serde_json::from_value(money.clone()).unwrap();
    money.amount.micros()
}

/// A buyer who reads.
struct Desk<'a> {
    buyer: &'a Buyer,
    token: String,
}

impl Desk<'_> {
    async fn get(&self, path: &str) -> Value {
        let (status, value) = self.buyer.get(&self.token, path).await;
        assert!(status.is_success(), "{path}: {status}: {value}");
        value
    }

    /// Everything that went through the account of money that is neither the buyer's nor the payees', by checkout.
    async fn held(&self) -> BTreeMap<String, Movements> {
        let mut checkouts: BTreeMap<String, Movements> = BTreeMap::new();
        let mut path = "/pay/api/entries?purpose=held&currency=TEST-USD&limit=100".to_owned();
        loop {
            let page = self.get(&path).await;
            for line in page["entries"].as_array().unwrap() {
                let movements = checkouts
                    .entry(line["reference"].as_str().unwrap().to_owned())
                    .or_default();
                let amount = micros(&line["amount"]);
                match (line["direction"].as_str(), line["kind"].as_str()) {
                    (Some("in"), _) => movements.paid.push(amount),
                    (Some("out"), Some("settlement")) => movements.settled.push(amount),
                    (Some("out"), Some("refund")) => movements.refunded.push(amount),
                    _ => panic!("what is this: {line}"),
                }
            }
            let Some(before) = page["before"].as_i64() else {
                return checkouts;
            };
            path = format!("/pay/api/entries?purpose=held&currency=TEST-USD&limit=100&before={before}");
        }
    }

    /// As [`Desk::held`], once nothing is held any more.
    async fn held_settled(&self) -> BTreeMap<String, Movements> {
        for _ in 0..LOOKS_MAX {
            let checkouts = self.held().await;
            if checkouts.values().all(Movements::are_even) {
                return checkouts;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("money is still held: {:?}", self.held().await);
    }
}

/// The money of one checkout, in millionths.
#[derive(Debug, Default)]
struct Movements {
    paid: Vec<i64>,
    settled: Vec<i64>,
    refunded: Vec<i64>,
}

impl Movements {
    fn are_even(&self) -> bool {
        let out: i64 = self.settled.iter().chain(&self.refunded).sum();
        self.paid.iter().sum::<i64>() == out
    }
}

/// Checks every payment of every buyer against its order, its tickets and its receipt, and the other way round.
pub(super) async fn balance(shop: &Shop, shoppers: &mut [Shopper], payees: &[Buyer]) -> Books {
    let mut books = Books::default();
    let mut unfinished = 0;
    for shopper in shoppers {
        let token = shopper.token().await.unwrap();
        let desk = Desk {
            buyer: &shopper.buyer,
            token,
        };
        let held = desk.held_settled().await;
        let mut tickets = BTreeSet::new();
        for (checkout, movements) in &held {
            checkout_check(&desk, checkout, movements, &mut tickets, &mut books).await;
        }
        tickets_check(shop, &desk, &tickets).await;
        for purchase in &shopper.purchases {
            promises_check(&desk, purchase, &held).await;
            unfinished += if purchase.is_done() { 0 } else { purchase.quantity };
        }
        books.tickets += u64::try_from(tickets.len()).unwrap();
    }
    payees_check(payees, books.gross_micros).await;
    places_check(shop, &payees[0], books.tickets, unfinished).await;
    books
}

/// Money settled, tickets issued, receipt written: all of it or nothing.
async fn checkout_check(
    desk: &Desk<'_>,
    checkout: &str,
    movements: &Movements,
    tickets: &mut BTreeSet<String>,
    books: &mut Books,
) {
    let view = desk.get(&format!("/pay/api/checkout/{checkout}")).await;
    let order = desk
        .get(&format!("/events/api/orders/{}", view["goods"]["id"].as_str().unwrap()))
        .await;
    let context = format!("{movements:?}\n{view}\n{order}");
    books.refunded += u64::try_from(movements.refunded.len()).unwrap();
    let issued = order["tickets"].as_array().unwrap();
    let [settled] = movements.settled.as_slice() else {
        assert!(movements.settled.is_empty(), "settled twice: {context}");
        assert_eq!(view["state"], "refunded", "{context}");
        assert_ne!(order["state"], "held", "{context}");
        assert!(
            issued.is_empty() && view["receipt"].is_null(),
            "a ticket without money: {context}"
        );
        return;
    };
    assert_eq!(
        (&view["state"], &order["state"]),
        (&"settled".into(), &"fulfilled".into()),
        "{context}"
    );
    assert_eq!(order["checkoutId"], checkout, "{context}");
    assert_eq!(order["receipt"], view["receipt"], "{context}");
    assert_eq!(
        u64::try_from(issued.len()).unwrap(),
        order["quantity"].as_u64().unwrap(),
        "{context}"
    );
    assert_eq!(*settled, micros(&order["total"]), "{context}");
    let receipt = desk
        .get(&format!("/pay/api/receipts/{}", view["receipt"].as_str().unwrap()))
        .await;
    let receipt: ReceiptView = serde_json::from_value(receipt).unwrap();
    let body = &receipt.message.payload;
    let legs: i64 = body.legs.iter().map(|leg| leg.amount.micros()).sum();
    let fees: i64 = body.fees.iter().map(|fee| fee.amount.micros()).sum();
    assert_eq!(
        (body.gross.amount.micros(), legs + fees),
        (*settled, *settled),
        "{context}"
    );
    assert_eq!(body.checkout.to_string(), checkout, "{context}");
    assert_eq!(Value::from(body.delivered.clone()), order["tickets"], "{context}");
    for ticket in &body.delivered {
        let view = desk.get(&format!("/events/api/tickets/{ticket}")).await;
        assert_eq!(
            (&view["receipt"], &view["orderId"]),
            (&order["receipt"], &order["id"]),
            "{view}"
        );
        assert!(tickets.insert(ticket.clone()), "{ticket} was issued twice: {context}");
    }
    books.settled += 1;
    books.gross_micros += settled;
}

/// The buyer has the tickets that were paid for, and no others.
async fn tickets_check(shop: &Shop, desk: &Desk<'_>, paid: &BTreeSet<String>) {
    let list = desk
        .get(&format!(
            "/events/api/events/{}/my-ticket",
            shop.event["id"].as_str().unwrap()
        ))
        .await;
    let list = list["tickets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|ticket| ticket["id"].as_str().unwrap().to_owned());
    assert_eq!(&list.collect::<BTreeSet<_>>(), paid);
}

/// Whatever the node has acknowledged is there.
async fn promises_check(desk: &Desk<'_>, purchase: &Purchase, held: &BTreeMap<String, Movements>) {
    let Some(told) = &purchase.order else { return };
    let order = desk
        .get(&format!("/events/api/orders/{}", told["id"].as_str().unwrap()))
        .await;
    for member in ["eventId", "tierId", "quantity", "total", "buyer", "checkoutId"] {
        assert_eq!(order[member], told[member], "{order}");
    }
    let nothing = Movements::default();
    let movements = held.get(told["checkoutId"].as_str().unwrap()).unwrap_or(&nothing);
    let stored = purchase.messages.iter().filter(|message| message.is_stored).count();
    let acknowledged = stored.max(usize::from(purchase.is_paid));
    assert!(
        movements.paid.len() >= acknowledged,
        "a payment was forgotten: {movements:?} {order}"
    );
    if let Some(ended) = &purchase.ended {
        for member in ["state", "tickets", "receipt"] {
            assert_eq!(order[member], ended[member], "{order}");
        }
    }
    if let Some(receipt) = &purchase.receipt {
        let path = format!("/pay/api/receipts/{}", order["receipt"].as_str().unwrap());
        assert_eq!(&desk.get(&path).await, receipt);
    }
    if purchase.is_done() {
        let (settled, refunded) = (movements.settled.len(), movements.refunded.len());
        let is_right = match purchase.way {
            Way::Page => settled == 1,
            Way::Twice => settled == 1 && refunded == 1,
            Way::Late => settled == 0 && refunded == 1,
        };
        assert!(is_right, "{:?}: {movements:?}: {order}", purchase.way);
    }
}

/// What was settled is what the payees have, to the millionth.
async fn payees_check(payees: &[Buyer], gross_micros: i64) {
    let mut total = 0;
    for payee in payees {
        let desk = Desk {
            buyer: payee,
            token: payee.login().await,
        };
        let balances = desk.get("/pay/api/balance").await;
        total += balances["balances"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| micros(&line["balance"]))
            .sum::<i64>();
    }
    assert_eq!(
        total, gross_micros,
        "the payees have something else than the buyers paid"
    );
}

/// No place is taken but by a ticket or by an order that somebody left half done.
async fn places_check(shop: &Shop, seller: &Buyer, tickets: u64, unfinished: u64) {
    let desk = Desk {
        buyer: seller,
        token: seller.login().await,
    };
    let event = desk
        .get(&format!("/events/api/events/{}", shop.event["id"].as_str().unwrap()))
        .await;
    let tier = &event["tiers"][0];
    let taken = tier["quantity"].as_u64().unwrap() - tier["available"].as_u64().unwrap();
    assert!(
        (tickets..=tickets + unfinished).contains(&taken),
        "{taken} places for {tickets} tickets: {tier}"
    );
}

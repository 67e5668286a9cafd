//! Who puts money in and spends it here; who sends money back; who accepts a share.

use std::rc::Rc;

use imajin_fair::Acceptance;
use imajin_money::Money;
use imajin_pay_api::CheckoutView;
use imajin_rails::RailOutcome;
use serde_json::{Value, json};

use crate::people::{Desk, dawdle};
use crate::seller::{OPERATOR, SELLER, WORKS, key, manifests};

pub(crate) fn money(cents: usize, currency: &str) -> Value {
    json!({"amount": format!("{}.{:02}", cents / 100, cents % 100), "currency": currency})
}

/// Somebody tops their balance up, and buys works and gives tips out of it.
pub(crate) async fn reader(desk: Rc<Desk>, number: usize) {
    let dice = desk.ether.dice.clone();
    let name = format!("reader-{number}");
    let currency = if dice.chance(600) { "USD" } else { "TEST-USD" };
    let body = json!({"amount": money(100 + dice.below(900), currency)});
    let Some((201, opened)) = desk.post(&name, "/pay/api/topup", "topup", &body).await else {
        return;
    };
    let view: CheckoutView = serde_json::from_value(opened).unwrap();
    desk.checkout_note(view.id, view.price);
    dawdle(&desk, 6).await;
    match dice.below(10) {
        0 => {}
        1 => {
            let wrong = view.price.checked_add(view.price).unwrap();
            desk.at_rail(&view, RailOutcome::Paid, wrong);
        }
        _ => desk.at_rail(&view, RailOutcome::Paid, view.price),
    }
    for round in 0..3 {
        dawdle(&desk, 15).await;
        let wanted = match dice.below(3) {
            0 => {
                let to = key(if dice.chance(500) { "mira" } else { "lena" }).did();
                json!({"goods": {"type": "tip", "id": to}, "amount": money(1 + dice.below(300), currency)})
            }
            _ => json!({"goods": {"type": "content", "id": dice.pick(&WORKS).unwrap().0}}),
        };
        let asked = format!("quote-{round}");
        let Some((201, quote)) = desk.post(&name, "/pay/api/quote", &asked, &wanted).await else {
            continue;
        };
        dawdle(&desk, 10).await;
        let body = json!({"quoteId": quote["id"], "means": "balance"});
        let settle = format!("settle-{round}");
        if let Some((200, settled)) = desk.post(&name, "/pay/api/settle", &settle, &body).await {
            let id = settled["id"].as_str().unwrap().parse().unwrap();
            desk.checkout_note(id, serde_json::from_value(settled["price"].clone()).unwrap());
        }
    }
}

/// The seller and the operator send payments back, whole and in part.
pub(crate) async fn refunder(desk: Rc<Desk>) {
    let dice = desk.ether.dice.clone();
    for round in 0..6 {
        dawdle(&desk, 20).await;
        let picked = dice.pick(&desk.checkouts.borrow()).copied();
        let Some((id, price)) = picked else { continue };
        let who = if dice.chance(600) { SELLER } else { OPERATOR };
        let mut body = json!({"checkout": id, "reason": "The evening is shorter."});
        if dice.chance(600) {
            let Money { amount, asset } = price;
            let cents = usize::try_from(amount.micros() / 10_000).unwrap();
            body["amount"] = money(1 + dice.below(cents), &asset.to_string());
        }
        desk.post(who, "/pay/api/refund", &format!("refund-{round}"), &body)
            .await;
    }
}

/// Somebody accepts what waits for them.
pub(crate) async fn latecomer(desk: Rc<Desk>) {
    let lena = key("lena");
    for round in 0..2 {
        dawdle(&desk, 50).await;
        let manifest = manifests()[1].id.clone();
        let acceptance = Acceptance::sign(&lena, lena.did(), manifest, desk.ether.now()).unwrap();
        let body = serde_json::to_value(acceptance).unwrap();
        desk.post("lena", "/pay/api/shares/accept", &format!("accept-{round}"), &body)
            .await;
    }
}

//! Who comes from elsewhere: agents with promises of a broker, and another node with money for people of this one.

use std::rc::Rc;

use imajin_money::Money;
use serde_json::json;

use crate::abroad::{HOME, HOME_URL};
use crate::people::{Desk, dawdle};
use crate::seller::WORKS;

/// An agent pays for works with what a broker has promised; sometimes it tries to spend a promise twice.
pub(crate) async fn agent(desk: Rc<Desk>, number: usize) {
    let dice = desk.ether.dice.clone();
    let name = format!("agent-{number}");
    for round in 0..3 {
        dawdle(&desk, 15).await;
        let (work, price) = dice.pick(&WORKS).unwrap();
        let price: Money = price.parse().unwrap();
        let visa = desk.abroad.visa(&name, price);
        let first = visa_spend(&desk, &name, work, &visa, &format!("{round}-a")).await;
        if dice.chance(300) {
            let second = visa_spend(&desk, &name, work, &visa, &format!("{round}-b")).await;
            if first == Some(true) && second == Some(true) {
                desk.ether.wrong(format!("a promise to {name} was spent twice"));
            }
        }
    }
}

/// Pays a work with a visa: whether it is settled, if there was an answer.
async fn visa_spend(desk: &Desk, name: &str, work: &str, visa: &str, round: &str) -> Option<bool> {
    let wanted = json!({"goods": {"type": "content", "id": work}});
    let asked = format!("wish-{round}");
    let (201, quote) = desk.post(name, "/pay/api/quote", &asked, &wanted).await? else {
        return None;
    };
    dawdle(desk, 10).await;
    let body = json!({"quoteId": quote["id"], "means": {"visa": visa}});
    let (status, settled) = desk
        .post(name, "/pay/api/settle", &format!("visa-{round}"), &body)
        .await?;
    if status != 200 {
        return Some(false);
    }
    let id = settled["id"].as_str().unwrap().parse().unwrap();
    desk.checkout_note(id, serde_json::from_value(settled["price"].clone()).unwrap());
    // Whether it was delivered is known later.
    Some(settled["state"] == "settled")
}

/// Somebody says that they are at home at the other node.
pub(crate) async fn emigrant(desk: Rc<Desk>, name: &'static str) {
    dawdle(&desk, 30).await;
    let body = json!({"node": HOME_URL});
    desk.put(name, "/pay/api/connect/home", &body).await;
}

/// The other node sends what people of this one have there; its broker passes the money on before that, or after.
pub(crate) async fn sender(desk: Rc<Desk>) {
    let dice = desk.ether.dice.clone();
    for round in 0..2 {
        dawdle(&desk, 40).await;
        let currency = if dice.chance(500) { "USD" } else { "TEST-USD" };
        let cents = [1 + dice.below(400), 1 + dice.below(400)];
        let message = desk.abroad.remittance(currency, cents);
        let is_early = dice.chance(500);
        if is_early {
            desk.abroad.remittance_pay(&message.payload);
        }
        let body = json!(message);
        for again in 0.. {
            let asked = format!("remit-{round}-{again}");
            let answer = desk.post(HOME, "/pay/api/remit", &asked, &body).await;
            let state = answer.map(|(_, said)| said["state"].clone());
            if state == Some(json!("credited")) {
                break;
            }
            if again == 2 && !is_early {
                desk.abroad.remittance_pay(&message.payload);
            }
        }
    }
}

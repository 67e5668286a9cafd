//! SIGKILL of the broker's node and of the publisher's, at any moment of buying, paying and redeeming: afterwards
//! nothing is missing, and nothing was paid twice.

use std::time::Duration;

use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::broker::{sale, waited};
use crate::support::Buyer;

on_both!(heavy_brokers_and_publishers_that_are_killed_lose_and_double_nothing);

/// So often somebody buys a visa and pays with it.
const BOUGHT: u32 = 8;

async fn posted(buyer: &Buyer, path: &str, body: &Value, key: &str) -> Option<Value> {
    let signed = buyer.signed("POST", path, body.to_string().as_bytes(), Some(key));
    let mut request = buyer
        .http
        .post(&signed.target_uri)
        .header("content-type", "application/json");
    for (name, value) in signed.headers() {
        request = request.header(name, value);
    }
    let answer = request.body(signed.body.clone()).send().await.ok()?;
    let is_good = answer.status().is_success();
    answer.json().await.ok().filter(|_| is_good)
}

/// Buys a visa and pays with it, each step with a key of its own, until all are answered.
async fn buys(at_broker: &Buyer, reader: &Buyer, (order, goods): (&Value, &Value), name: &str) {
    let mut visa: Option<Value> = None;
    let mut quote: Option<Value> = None;
    for _time in 0..400 {
        if visa.is_none() {
            visa = posted(at_broker, "/issue-visa", order, name).await;
        }
        if quote.is_none() {
            quote = posted(reader, "/pay/api/quote", goods, &format!("{name}-quote")).await;
        }
        if let (Some(visa), Some(quote)) = (&visa, &quote) {
            let means = json!({"quoteId": quote["id"], "means": {"visa": visa["token"]}});
            if posted(reader, "/pay/api/settle", &means, &format!("{name}-settle"))
                .await
                .is_some()
            {
                return;
            }
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{name} was never answered");
}

async fn heavy_brokers_and_publishers_that_are_killed_lose_and_double_nothing(backend: Backend) {
    let mut sale = sale(backend, 0).await;
    let reader = Buyer::from_file(&sale.node, &sale.home, "ben.key");
    let at_broker = Buyer::from_file(&sale.far_node, &sale.home, "ben.key");
    let (order, goods) = (sale.order.clone(), sale.goods.clone());
    #[expect(
        clippy::disallowed_methods,
        reason = "whoever buys goes on beside the kills, and is waited for"
    )]
    let buying = tokio::spawn(async move {
        for number in 0..BOUGHT {
            buys(&at_broker, &reader, (&order, &goods), &format!("b{number}")).await;
        }
    });
    for round in 0_u64..6 {
        // Not the same moment of a purchase twice.
        tokio::time::sleep(Duration::from_millis(40 + 35 * round)).await;
        sale = if round % 2 == 0 {
            sale.broker_killed()
        } else {
            sale.publisher_killed()
        };
    }
    buying.await.unwrap();
    let at_broker = &sale.at_broker;
    let session = at_broker.login().await;
    // Each of them has paid 0.50 of 1.00, and the rest of each comes back: 5.00 less 9 times 0.50.
    let own = waited(async || {
        let (_, own) = at_broker.get(&session, "/broker/api/accounts/me").await;
        let is_done = own["reserved"] == json!([]);
        is_done.then(|| own["balances"][0]["amount"].as_str().unwrap().to_owned())
    });
    assert_eq!(own.await, "0.50");
    let ada = Buyer::from_file(&sale.node, &sale.home, "ada.key");
    let session = ada.login().await;
    let earned = waited(async || {
        let (_, balances) = ada.get(&session, "/pay/api/balance").await;
        let lines = balances["balances"].as_array().unwrap().clone();
        let free = lines.iter().find(|line| line["purpose"] == "available");
        let amount = free.and_then(|line| line["balance"]["amount"].as_str().map(str::to_owned));
        amount.filter(|amount| amount == "4.50")
    });
    assert_eq!(earned.await, "4.50");
    sale.end();
}

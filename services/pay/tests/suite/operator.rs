//! The operator's pages, and the page of the fees.

use std::sync::atomic::Ordering;

use imajin_kernel::Span;
use imajin_rails::RailOutcome;
use imajin_testkit::{Backend, on_both};
use serde_json::json;

use crate::cards::Cards;
use crate::payouts::onboard;
use crate::world::{World, key};

on_both!(
    the_pages_are_the_operators_alone,
    the_overview_shows_what_came_in_and_what_waits,
    everything_is_found_by_its_names,
    pages_of_receipts_follow_each_other,
    a_day_is_one_row_however_much_is_sold,
    a_message_that_waits_can_be_tried_again,
    payouts_and_disputes_are_shown_with_their_state,
    the_fees_page_is_public_and_its_form_the_operators,
);

const PAGES: [&str; 7] = [
    "/pay/operator",
    "/pay/operator/search",
    "/pay/operator/reconciliation",
    "/pay/operator/rails",
    "/pay/operator/payouts",
    "/pay/operator/disputes",
    "/pay/operator/messages",
];

async fn page(world: &World, path: &str) -> String {
    *world.identities.operator.lock().unwrap() = Some(key("operator").did());
    let answer = world.get_accepting(Some("operator"), path, "text/html").await;
    assert_eq!(answer.status.as_u16(), 200, "{path}: {}", answer.text());
    answer.text()
}

async fn search(world: &World, text: &str) -> String {
    let query = url_encoded(text);
    page(world, &format!("/pay/operator/search?q={query}")).await
}

fn url_encoded(text: &str) -> String {
    text.replace(' ', "+")
        .replace(':', "%3A")
        .replace('<', "%3C")
        .replace('>', "%3E")
}

/// The first address on a page that starts so.
fn link(html: &str, start: &str) -> String {
    let (_before, rest) = html.split_once(&format!("\"{start}")).unwrap();
    let (rest, _after) = rest.split_once('"').unwrap();
    format!("{start}{rest}")
}

async fn the_pages_are_the_operators_alone(backend: Backend) {
    let world = World::new(backend).await;
    let checkout = world.checkout("buyer").await;
    let order = format!("/pay/operator/orders/{}", checkout.id);
    for path in PAGES.into_iter().chain([order.as_str()]) {
        page(&world, path).await;
        assert_eq!(world.get(None, path).await.status.as_u16(), 401, "{path}");
        assert_eq!(world.get(Some("buyer"), path).await.code(), "forbidden", "{path}");
    }
    for path in [
        "/pay/operator/accounts/zz",
        "/pay/operator/entries/ent_00000000000000000000000000",
    ] {
        assert_eq!(world.get(Some("operator"), path).await.code(), "not_found", "{path}");
    }
}

async fn the_overview_shows_what_came_in_and_what_waits(backend: Backend) {
    let world = World::new(backend).await;
    assert!(page(&world, "/pay/operator").await.contains("Nothing was sold"));
    for buyer in ["one", "two"] {
        let checkout = world.checkout(buyer).await;
        world.pay_for(&checkout).await;
        world.clock.advance(Span::days(1));
    }
    world.seller.away.store(true, Ordering::SeqCst);
    let html = page(&world, "/pay/operator").await;
    assert!(
        html.contains("0.00 TEST-USD</span><span class=\"figure-label\">today, 0 receipts"),
        "{html}"
    );
    assert!(html.contains("20.00 TEST-USD</span><span class=\"figure-label\">in 7 days, 2 receipts"));
    assert_eq!(html.matches("class=\"chart-bar").count(), 2, "a bar for each day");
    assert!(
        html.contains("<caption class=\"sr\">How sales in TEST-USD were split"),
        "and a table"
    );
    assert!(html.contains("-20.00"), "the rail's account is below zero");
}

async fn everything_is_found_by_its_names(backend: Backend) {
    let world = World::new(backend).await;
    let checkout = world.checkout("buyer").await;
    world.pay_for(&checkout).await;
    let receipt = world.receipt("buyer", checkout.id).await.message.payload;
    let order = format!("/pay/operator/orders/{}", checkout.id);
    let of_receipt = format!("/receipts/{}", receipt.id);
    let entry = format!("/pay/operator/entries/{}", receipt.ledger_entry.id);
    let day = world.env.now().to_string();
    let day: String = day.chars().take(10).collect();
    for (text, link) in [
        (checkout.id.to_string(), &order),
        (checkout.goods.id.clone(), &order),
        (receipt.rail_reference.clone(), &order),
        (receipt.id.to_string(), &of_receipt),
        (receipt.ledger_entry.id.to_string(), &entry),
        ("10.00 TEST-USD".to_owned(), &of_receipt),
        (day, &of_receipt),
        (key("mira").did().to_string(), &of_receipt),
    ] {
        let html = search(&world, &text).await;
        assert!(html.contains(&format!("href=\"{link}\"")), "{text}: {html}");
    }
    for text in ["9.99 TEST-USD", "2001-01-01", "pi_nothing", "<script>"] {
        let html = search(&world, text).await;
        assert!(!html.contains("rcp_0") && !html.contains("<script>\""), "{text}");
    }
    let account = search(&world, key("mira").did().as_str()).await;
    let path = link(&account, "/pay/operator/accounts/");
    let statement = page(&world, &path).await;
    assert!(statement.contains("7.00") && statement.contains(&entry), "{statement}");
    let entry = page(&world, &entry).await;
    assert!(entry.contains(&order) && entry.contains("-10.00 TEST-USD"), "{entry}");
    let order = page(&world, &order).await;
    assert!(
        order.contains(&of_receipt) && order.contains("id=\"refund\""),
        "{order}"
    );
}

async fn pages_of_receipts_follow_each_other(backend: Backend) {
    let world = World::new(backend).await;
    for number in 0..51 {
        let checkout = world.checkout(&format!("buyer {number}")).await;
        let paid = world.event(&checkout, RailOutcome::Paid);
        assert!(world.webhook(&paid).await.status.is_success());
        world.clock.advance(Span::seconds(1));
    }
    world.pay.drive().await.unwrap();
    let first = search(&world, "10.00 TEST-USD").await;
    assert_eq!(first.matches("<tr><th scope=\"row\">").count(), 50);
    let next = link(&first, "/pay/operator/search?");
    let second = page(&world, &next.replace("&#38;", "&").replace("&amp;", "&")).await;
    assert_eq!(second.matches("<tr><th scope=\"row\">").count(), 1);
    assert!(!second.contains("rel=\"next\""));
}

/// What a view reads does not grow with the history: one row for each day and currency.
async fn a_day_is_one_row_however_much_is_sold(backend: Backend) {
    let world = World::new(backend).await;
    for number in 0..40 {
        let checkout = world.checkout(&format!("buyer {number}")).await;
        world.webhook(&world.event(&checkout, RailOutcome::Paid)).await;
    }
    world.pay.drive().await.unwrap();
    let dump: Result<Vec<String>, imajin_store::StoreError> =
        world.db.read(|conn| Ok(imajin_store::dump::rows(conn)?)).await;
    let rows = dump.unwrap();
    let days: Vec<_> = rows
        .iter()
        .filter(|row| row.contains(" 40 400000000 400000000 0 0 0 "))
        .collect();
    assert_eq!(days.len(), 1, "{days:?}");
    world.audit_clean().await;
}

async fn a_message_that_waits_can_be_tried_again(backend: Backend) {
    let cards = Cards::live(backend).await;
    let checkout = cards.checkout("buyer").await;
    cards.peer.customer_pays(&cards.session(&checkout)).unwrap();
    cards.deliver().await;
    let world = &cards.world;
    let html = page(world, "/pay/operator/messages?waiting=true").await;
    let path = link(&html, "/pay/api/messages/");
    let body = json!({});
    assert_eq!(world.post("buyer", &path, None, &body).await.code(), "forbidden");
    let answer = world.post("operator", &path, None, &body).await;
    assert_eq!(answer.json(), json!({"processed": true}), "{}", answer.text());
    let unknown = "/pay/api/messages/rlm_00000000000000000000000000/retry";
    assert_eq!(world.post("operator", unknown, None, &body).await.code(), "not_found");
    world.audit_clean().await;
}

async fn payouts_and_disputes_are_shown_with_their_state(backend: Backend) {
    let cards = Cards::live(backend).await;
    onboard(&cards, "mira").await;
    let intent = cards.pays(&cards.checkout("buyer").await).await;
    let body = json!({"currency": "USD"});
    cards.world.post("mira", "/pay/api/payout", Some("k"), &body).await;
    cards.follow().await;
    let dispute = cards.peer.dispute_open(&intent, 1_000).unwrap();
    cards.follow().await;
    let payouts = page(&cards.world, "/pay/operator/payouts").await;
    assert!(
        payouts.contains("tag-good\">paid") && payouts.contains("6.58 USD"),
        "{payouts}"
    );
    let disputes = page(&cards.world, "/pay/operator/disputes").await;
    assert!(
        disputes.contains("tag-bad\">open") && disputes.contains(&dispute),
        "{disputes}"
    );
    let overview = page(&cards.world, "/pay/operator").await;
    assert!(overview.contains("Something waits for you"), "{overview}");
    let rails = page(&cards.world, "/pay/operator/rails").await;
    assert!(rails.contains("real money") && rails.contains("works"), "{rails}");
}

async fn the_fees_page_is_public_and_its_form_the_operators(backend: Backend) {
    let world = World::new(backend).await;
    *world.identities.operator.lock().unwrap() = Some(key("operator").did());
    let public = world.get_accepting(None, "/pay/fees", "text/html").await;
    assert_eq!(public.status.as_u16(), 200);
    assert!(public.text().contains("No fees.") && !public.text().contains("id=\"fees\""));
    let lines = json!({"lines": [{"name": "node", "recipient": "node", "rateMicros": 5_000}]});
    let announced = world.post("operator", "/pay/api/fees", None, &lines).await;
    assert_eq!(announced.status.as_u16(), 200, "{}", announced.text());
    let html = page(&world, "/pay/fees").await;
    assert!(html.contains("Announced: Version 1") && html.contains("0.5 %") && html.contains("id=\"fees\""));
    world.clock.advance(Span::days(2));
    let html = world.get_accepting(None, "/pay/fees", "text/html").await.text();
    assert!(
        html.contains("Of 100.00, 99.50 is split") && html.contains("from the beginning"),
        "{html}"
    );
}

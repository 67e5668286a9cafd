//! Pages of one's own: the owner and the operator see them, strangers are sent to sign in, others find nothing.

use std::sync::Arc;

use axum::http::StatusCode;
use imajin_events_api::OrderState;
use imajin_kernel::{Problem, Span};
use imajin_pay_api::CheckoutState;
use imajin_www::{AgentPurchase, AgentSource, AgentSpending, PurchaseStanding};

use crate::fakes::Fakes;
use crate::samples::{did, event_sample, now, order_sample, receipt_sample, ticket_sample};
use crate::world::{ORIGIN, World, get};

fn own_paths() -> Vec<String> {
    let (order, ticket, receipt) = (
        order_sample().id,
        ticket_sample().id,
        receipt_sample().message.payload.id,
    );
    vec![
        "/me".to_owned(),
        "/operator".to_owned(),
        "/operator/registry".to_owned(),
        format!("/orders/{order}"),
        format!("/tickets/{ticket}"),
        format!("/tickets/{ticket}/document.json"),
        format!("/receipts/{receipt}"),
        format!("/receipts/{receipt}/document.json"),
        format!("/receipts/{receipt}/document.jwt"),
    ]
}

#[tokio::test]
async fn a_stranger_is_sent_to_sign_in_and_a_program_is_told() {
    let world = World::new();
    for path in own_paths() {
        for ask in [get(&path), get(&path).as_("unknown")] {
            let answer = world.ask(ask).await;
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}");
            assert_eq!(answer.location(), format!("/login?next={}", path.replace('/', "%2F")));
        }
        let answer = world.ask(get(&path).with("accept", "application/json")).await;
        answer.shows(StatusCode::UNAUTHORIZED, &["unauthenticated"]);
    }
}

#[tokio::test]
async fn somebody_else_finds_nothing() {
    let world = World::new();
    for path in own_paths().iter().skip(3) {
        let answer = world.ask(get(path).as_("other")).await;
        answer.shows(StatusCode::NOT_FOUND, &["not_found"]);
        assert!(!answer.body.contains("Two voices"), "{path}");
    }
}

#[tokio::test]
async fn the_buyer_and_the_operator_see_them() {
    let world = World::new();
    for path in own_paths().iter().skip(3) {
        for who in ["buyer", "soft", "operator"] {
            assert_eq!(
                world.ask(get(path).as_(who)).await.status,
                StatusCode::OK,
                "{path} {who}"
            );
        }
    }
}

#[tokio::test]
async fn my_page_has_my_tickets_and_receipts() {
    let world = World::new();
    let ticket = format!("data-ticket=\"{}\"", ticket_sample().id);
    let receipt = format!("data-receipt=\"{}\"", receipt_sample().message.payload.id);
    world
        .ask(get("/me").as_("buyer"))
        .await
        .shows(StatusCode::OK, &["Mira Okonkwo", &ticket, &receipt, "paid"]);
    let page = world.ask(get("/me").as_("other")).await;
    page.shows(StatusCode::OK, &["You have no tickets yet", "No receipts yet"]);
}

#[tokio::test]
async fn a_ticket_has_its_code_and_its_signed_document() {
    let world = World::new();
    let ticket = ticket_sample();
    let page = world.ask(get(format!("/tickets/{}", ticket.id)).as_("buyer")).await;
    page.shows(
        StatusCode::OK,
        &[
            "<svg class=\"qr\"",
            &ticket.qr,
            &format!("--event-did {}", did(5)),
            "data-state=\"valid\"",
        ],
    );
    let file = world
        .ask(get(format!("/tickets/{}/document.json", ticket.id)).as_("buyer"))
        .await;
    assert_eq!(file.header("content-type"), "application/json");
    assert_eq!(file.header("cache-control"), "no-store");
    let document: imajin_proof::SignedMessage = serde_json::from_str(&file.body).unwrap();
    document.verify("ticket", &did(5).public_key().unwrap()).unwrap();
}

#[tokio::test]
async fn a_receipt_shows_the_split_and_can_be_kept() {
    let world = World::new();
    let path = format!("/receipts/{}", receipt_sample().message.payload.id);
    let page = world.ask(get(&path).as_("buyer")).await;
    let manifest = format!("/events/api/events/{}/fair", event_sample().id);
    page.shows(
        StatusCode::OK,
        &[
            "7.00",
            "3.00",
            "Ada Lindqvist",
            "add up to exactly",
            "1 × Standing",
            &manifest,
        ],
    );
    let file = world.ask(get(format!("{path}/document.json")).as_("buyer")).await;
    let document: imajin_proof::SignedMessage = serde_json::from_str(&file.body).unwrap();
    document.verify("receipt", &did(8).public_key().unwrap()).unwrap();
    assert_eq!(document.canonical_bytes().unwrap(), file.body.as_bytes());
    let file = world.ask(get(format!("{path}/document.jwt")).as_("buyer")).await;
    assert_eq!(
        (file.body.as_str(), file.header("content-type")),
        ("eyJ.eyJ.sig", "application/jwt")
    );
}

#[tokio::test]
async fn an_order_waits_moves_and_ends() {
    let path = format!("/orders/{}", order_sample().id);
    let page = World::new().ask(get(&path).as_("buyer")).await;
    page.shows(
        StatusCode::OK,
        &["data-state=\"awaiting-payment\"", "/pay/checkout/chk_"],
    );
    assert!(!page.body.contains("http-equiv=\"refresh\""));

    let mut fakes = Fakes::default();
    fakes.checkout.state = CheckoutState::Paid;
    let page = World::with(fakes, ORIGIN).ask(get(&path).as_("buyer")).await;
    page.shows(StatusCode::OK, &["data-state=\"processing\"", "http-equiv=\"refresh\""]);

    let mut fakes = Fakes::default();
    fakes.checkout.state = CheckoutState::Settled;
    fakes.checkout.receipt = Some(receipt_sample().message.payload.id);
    fakes.order.state = OrderState::Fulfilled;
    fakes.order.tickets = vec![ticket_sample().id];
    let page = World::with(fakes, ORIGIN).ask(get(&path).as_("buyer")).await;
    let ticket = format!("/tickets/{}", ticket_sample().id);
    let receipt = format!("/receipts/{}", receipt_sample().message.payload.id);
    page.shows(StatusCode::OK, &["data-state=\"paid\"", &ticket, &receipt]);
    assert!(!page.body.contains("http-equiv=\"refresh\""));
}

#[tokio::test]
async fn the_operators_page_is_for_the_operator() {
    let world = World::new();
    world
        .ask(get("/operator").as_("buyer"))
        .await
        .shows(StatusCode::FORBIDDEN, &["Only the operator"]);
    let page = world.ask(get("/operator").as_("operator")).await;
    page.shows(
        StatusCode::OK,
        &[
            "Everything runs",
            "13 receipts",
            "130.00",
            "Ada Lindqvist",
            "linden.nodes.example",
            did(8).as_str(),
        ],
    );
}

#[tokio::test]
async fn the_console_of_the_registry_is_for_the_operator() {
    let world = World::new();
    world
        .ask(get("/operator/registry").as_("buyer"))
        .await
        .shows(StatusCode::FORBIDDEN, &["Only the operator"]);
    let page = world.ask(get("/operator/registry").as_("operator")).await;
    page.shows(
        StatusCode::OK,
        &[
            "4 of 20 nodes fell silent together",
            "no route to host",
            "it loses receipts",
            "the-makers",
            "it was sold",
            "data-path=\"/registry/api/operator/nodes/reinstate\"",
            "name=\"targetVersion\"",
        ],
    );
}

#[tokio::test]
async fn what_the_nodes_agent_has_spent_is_for_the_operator() {
    let purchase = |days: i64, price: &str, standing: PurchaseStanding, note: &str| AgentPurchase {
        at: now().minus(Span::days(days)),
        url: "https://site.example/posts/1".to_owned(),
        publisher: "site.example".to_owned(),
        price: price.parse().unwrap(),
        standing,
        note: note.to_owned(),
    };
    let spending = AgentSpending {
        agent: "bot.example.org".to_owned(),
        per_day: vec!["1.00 USD".parse().unwrap()],
        total: Vec::new(),
        purchases: vec![
            purchase(0, "0.10 USD", PurchaseStanding::Paid, "rcp_1"),
            purchase(0, "0.05 USD", PurchaseStanding::Open, "no receipt: it has moved"),
            purchase(2, "0.25 USD", PurchaseStanding::Paid, "rcp_2"),
            purchase(2, "7.00 USD", PurchaseStanding::Unspent, "<b>the visa came back</b>"),
        ],
    };
    let world = World::with(
        Fakes {
            own_agent: Some(Arc::new(move || Ok(spending.clone()))),
            ..Fakes::default()
        },
        ORIGIN,
    );
    let page = world.ask(get("/operator/agent").as_("buyer")).await;
    page.shows(StatusCode::FORBIDDEN, &["Only the operator"]);
    let page = world.ask(get("/operator/agent").as_("operator")).await;
    page.shows(
        StatusCode::OK,
        &[
            "bot.example.org",
            "0.15 USD",
            "in the last 24 hours, of at most 1.00 USD",
            "0.40 USD",
            "Spent in USD, day by day",
            "rcp_2",
            "no receipt: it has moved",
            "not spent",
        ],
    );
    assert!(!page.body.contains("<b>the visa"), "what a site says is text");
    let page = world.ask(get("/operator").as_("operator")).await;
    page.shows(StatusCode::OK, &["href=\"/operator/agent\""]);

    let none = World::new().ask(get("/operator/agent").as_("operator")).await;
    none.shows(StatusCode::NOT_FOUND, &["[imagxp] agent"]);
    let damaged: AgentSource = Arc::new(|| Err(Problem::invalid("spent.jsonl, line 3, is damaged.")));
    let world = World::with(
        Fakes {
            own_agent: Some(damaged),
            ..Fakes::default()
        },
        ORIGIN,
    );
    let page = world.ask(get("/operator/agent").as_("operator")).await;
    page.shows(StatusCode::BAD_REQUEST, &["line 3"]);
}

#[tokio::test]
async fn the_operators_page_stays_when_a_service_is_away() {
    let world = World::with(
        Fakes {
            pay_is_away: true,
            ..Fakes::default()
        },
        ORIGIN,
    );
    let page = world.ask(get("/operator").as_("operator")).await;
    page.shows(
        StatusCode::OK,
        &["Something needs your attention", "pay: down", "events: up", "130.00"],
    );
    let answer = world.ask(get("/me").as_("buyer")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
}

//! What a buyer holds in the end.

use axum::http::StatusCode;
use imajin_events_api::{EventView, EventsApi, TicketCode, TicketList, TicketView};
use imajin_kernel::id::TicketId;
use imajin_testkit::{Backend, on_both};
use serde_json::json;

use crate::world::{CheckoutAnswer, World, key};

on_both!(
    a_ticket_is_checked_offline,
    a_ticket_is_its_holders,
    ticket_lists_have_pages,
    where_to_join_is_for_the_owner_and_for_who_has_paid,
    where_to_join_a_free_event_is_public,
);

async fn buy(world: &World, event: &EventView, buyer: &str, quantity: u32) -> Vec<TicketId> {
    let order = world.checkout(&key(buyer), event, quantity).await.order();
    world.pay.settle(order.checkout_id.unwrap()).await;
    world.order_again(&order).await.tickets
}

async fn a_ticket_is_checked_offline(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(5)).await;
    let id = buy(&world, &event, "buyer", 1).await[0];
    let path = format!("/events/api/tickets/{id}");
    let ticket: TicketView = serde_json::from_slice(&world.get(Some(&key("buyer").did()), &path).await.body).unwrap();
    ticket
        .document
        .verify("ticket", &event.did.public_key().unwrap())
        .unwrap();
    ticket.document.verify_self_certified("ticket").unwrap();
    let payload = &ticket.document.payload;
    assert_eq!(payload.price.to_string(), "10.00 TEST-USD");
    assert_eq!(payload.purchased_at, world.env.now().as_millis());
    assert_eq!(
        (&payload.to, ticket.document.to.as_ref()),
        (&key("buyer").did(), Some(&key("buyer").did()))
    );
    assert_eq!(
        TicketCode::verify(&ticket.qr, &event.did).unwrap(),
        TicketCode::of(payload)
    );
    assert_eq!(
        (ticket.status.as_str(), ticket.tier_name.as_str()),
        ("valid", "Standard")
    );
}

async fn a_ticket_is_its_holders(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(5)).await;
    let id = buy(&world, &event, "buyer", 1).await[0];
    let path = format!("/events/api/tickets/{id}");
    assert_eq!(world.get(None, &path).await.code(), "unauthenticated");
    assert_eq!(world.get(Some(&key("other").did()), &path).await.code(), "not_found");
    assert_eq!(
        world.get(Some(&world.owner.did()), &path).await.json()["id"],
        id.to_string()
    );
    let mine = format!("/events/api/events/{}/my-ticket", event.id);
    let tickets = world.get(Some(&key("buyer").did()), &mine).await.json();
    assert_eq!(tickets["tickets"][0]["id"], id.to_string());
    let tickets = world.get(Some(&key("other").did()), &mine).await.json();
    assert_eq!(tickets["tickets"].as_array().unwrap().len(), 0);
    assert_eq!(world.get(None, &mine).await.code(), "unauthenticated");
}

async fn ticket_lists_have_pages(backend: Backend) {
    let world = World::new(backend).await;
    let (event, other) = (world.event(Some(9)).await, world.event(Some(9)).await);
    let mut bought = buy(&world, &event, "buyer", 3).await;
    bought.extend(buy(&world, &other, "buyer", 2).await);
    bought.sort();
    let mut list = TicketList {
        owner: key("buyer").did(),
        event: None,
        before: None,
        limit: 2,
    };
    let mut seen = Vec::new();
    loop {
        let page = world.events.ticket_list(list.clone()).await.unwrap();
        let Some(oldest) = page.last() else { break };
        list.before = Some(oldest.id);
        seen.extend(page.iter().map(|ticket| ticket.id));
    }
    seen.reverse();
    assert_eq!(seen, bought);
    list = TicketList {
        event: Some(other.id),
        before: None,
        limit: 100,
        ..list
    };
    assert_eq!(world.events.ticket_list(list.clone()).await.unwrap().len(), 2);
    list.limit = 101;
    assert!(world.events.ticket_list(list).await.is_err());
}

const ROOM: &str = "https://stream.example/secret-room";

async fn online_event(world: &World, price: &str) -> EventView {
    let mut body = world.event_body(Some(5));
    body["virtualUrl"] = json!(ROOM);
    body["tiers"][0]["price"]["amount"] = json!(price);
    let made = world.post(&world.owner, "/events/api/events", &body).await;
    let made: EventView = made.expect(StatusCode::CREATED).parse();
    assert_eq!(made.virtual_url.as_deref(), Some(ROOM), "the owner has said it");
    let path = format!("/events/api/events/{}/publish", made.id);
    let published = world.post(&world.owner, &path, &json!({})).await;
    published.expect(StatusCode::OK).parse()
}

async fn where_to_join_is_for_the_owner_and_for_who_has_paid(backend: Backend) {
    let world = World::new(backend).await;
    let event = online_event(&world, "10.00").await;
    let public = ["", "/ics", "/fair"].map(|end| format!("/events/api/events/{}{end}", event.id));
    let said = async |reader: Option<&str>, path: &str| {
        let reader = reader.map(|name| key(name).did());
        world.get(reader.as_ref(), path).await.text().contains("secret-room")
    };
    for path in public.iter().chain([&"/events/api/events".to_owned()]) {
        for reader in [None, Some("buyer")] {
            assert!(!said(reader, path).await, "{path}");
        }
    }
    assert!(world.event_again(&event).await.is_online);
    assert!(said(Some("owner"), &public[0]).await && said(Some("owner"), &public[1]).await);
    world.checkout(&key("waiting"), &event, 1).await.order();
    assert!(!said(Some("waiting"), &public[1]).await, "nothing was paid");
    let id = buy(&world, &event, "buyer", 1).await[0];
    let ticket = format!("/events/api/tickets/{id}");
    let calendar = format!("/events/api/events/{}/ics", event.id);
    assert!(said(Some("buyer"), &ticket).await && said(Some("buyer"), &calendar).await);
    assert!(!said(None, &calendar).await && !said(Some("other"), &calendar).await);
}

async fn where_to_join_a_free_event_is_public(backend: Backend) {
    let world = World::new(backend).await;
    let event = online_event(&world, "0.00").await;
    assert_eq!(world.event_again(&event).await.virtual_url.as_deref(), Some(ROOM));
}

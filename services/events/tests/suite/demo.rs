//! The demonstration content.

use imajin_events::{demo_identities, demo_seed};
use imajin_events_api::{EventFetch, EventStatus, EventsApi};
use imajin_testkit::{Backend, on_both};

use crate::world::{CheckoutAnswer, World, key};

on_both!(the_demonstration_is_made_once_and_can_be_bought);

async fn the_demonstration_is_made_once_and_can_be_bought(backend: Backend) {
    let world = World::new(backend).await;
    let seed = demo_seed(&world.events).await.unwrap();
    assert_eq!(demo_seed(&world.events).await.unwrap(), seed);
    assert_eq!(seed.events.len(), 2);
    for (id, price, payees) in [
        (seed.events[0], "10.00 TEST-USD", 2),
        (seed.events[1], "9.99 TEST-USD", 3),
    ] {
        let event = world
            .events
            .event_fetch(EventFetch { id, reader: None })
            .await
            .unwrap()
            .unwrap();
        assert_eq!(event.status, EventStatus::Published);
        assert_eq!(event.tiers[0].price.to_string(), price);
        assert_eq!(event.accepted.len(), payees, "everybody has accepted");
        event
            .manifest
            .verify_signature(&seed.seller.public_key().unwrap())
            .unwrap();
        let order = world.checkout(&key("buyer"), &event, 1).await.order();
        world.pay.settle(order.checkout_id.unwrap()).await;
    }
    assert_eq!(demo_identities(&world.keyring)[0].key.did(), seed.seller);
    assert_eq!(world.audit().await, []);
}

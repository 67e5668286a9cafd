//! The money is there: tickets, once, or a refusal that stays one.

use imajin_events_api::{EventsApi, OrderState, SalesList, TicketList};
use imajin_kernel::{Code, Span};
use imajin_pay_api::{DeliveryOutcome, GoodsRef, GoodsReturn, SellerApi};
use imajin_testkit::{Backend, on_both};

use crate::world::{CheckoutAnswer, World, key};

on_both!(
    a_paid_order_becomes_tickets_once,
    a_late_payment_gets_places_that_are_left,
    a_late_payment_is_refused_when_the_places_are_gone,
    a_lapsed_hold_that_nobody_took_is_still_the_buyers,
    a_second_checkout_of_an_order_is_sent_back,
    a_payment_for_a_cancelled_order_is_sent_back,
    what_does_not_fit_the_order_is_refused,
    parallel_deliveries_issue_one_ticket,
    a_quote_comes_from_the_event,
    the_sales_add_up,
    a_ticket_whose_money_went_back_lets_nobody_in,
    keys_open_again_after_a_restart,
);

fn references(outcome: &DeliveryOutcome) -> &[String] {
    match outcome {
        DeliveryOutcome::Delivered { references } => references,
        DeliveryOutcome::Refused { reason } => panic!("refused: {reason}"),
    }
}

fn reason(outcome: &DeliveryOutcome) -> &str {
    match outcome {
        DeliveryOutcome::Refused { reason } => reason,
        DeliveryOutcome::Delivered { .. } => panic!("delivered"),
    }
}

async fn a_paid_order_becomes_tickets_once(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(5)).await;
    let order = world.checkout(&key("buyer"), &event, 2).await.order();
    let checkout = order.checkout_id.unwrap();
    let first = world.pay.settle(checkout).await;
    assert_eq!(references(&first).len(), 2);
    world.clock.advance(Span::hours(1));
    assert_eq!(world.pay.settle(checkout).await, first);
    let order = world.order_again(&order).await;
    assert_eq!((order.state, order.tickets.len()), (OrderState::Fulfilled, 2));
    assert_eq!(order.receipt, Some(world.pay.delivery(checkout).receipt));
    assert_eq!(order.checkout_url, None);
    assert_eq!(world.counters(&event).await, (2, 0));
    assert_eq!(world.audit().await, []);
}

async fn a_late_payment_gets_places_that_are_left(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(5)).await;
    let order = world.checkout(&key("buyer"), &event, 2).await.order();
    world.clock.advance(Span::minutes(20));
    assert_eq!(world.events.holds_release().await.unwrap(), 1);
    let outcome = world.pay.settle(order.checkout_id.unwrap()).await;
    assert_eq!(references(&outcome).len(), 2);
    assert_eq!(world.counters(&event).await, (2, 0));
    assert_eq!(world.audit().await, []);
}

async fn a_late_payment_is_refused_when_the_places_are_gone(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(2)).await;
    let late = world.checkout(&key("late"), &event, 2).await.order();
    world.clock.advance(Span::minutes(20));
    let other = world.checkout(&key("other"), &event, 1).await.order();
    let outcome = world.pay.settle(late.checkout_id.unwrap()).await;
    assert!(reason(&outcome).contains("sold to others"));
    assert_eq!(world.order_again(&late).await.state, OrderState::Refused);
    // The other one does not pay either, so places are free again: the refusal stands.
    world.clock.advance(Span::minutes(20));
    world.events.holds_release().await.unwrap();
    assert_eq!(world.counters(&event).await, (0, 0));
    assert_eq!(world.pay.settle(late.checkout_id.unwrap()).await, outcome);
    references(&world.pay.settle(other.checkout_id.unwrap()).await);
    assert_eq!(world.counters(&event).await, (1, 0));
    assert_eq!(world.audit().await, []);
}

async fn a_lapsed_hold_that_nobody_took_is_still_the_buyers(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(2)).await;
    let order = world.checkout(&key("buyer"), &event, 2).await.order();
    world.clock.advance(Span::minutes(20));
    references(&world.pay.settle(order.checkout_id.unwrap()).await);
    assert_eq!(world.events.holds_release().await.unwrap(), 0);
    assert_eq!(world.counters(&event).await, (2, 0));
    assert_eq!(world.audit().await, []);
}

async fn a_second_checkout_of_an_order_is_sent_back(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(5)).await;
    let order = world.checkout(&key("buyer"), &event, 1).await.order();
    let mut delivery = world.pay.delivery(order.checkout_id.unwrap());
    references(&world.pay.settle(delivery.checkout).await);
    delivery.checkout = world.env.new_id::<imajin_kernel::id::Checkout>();
    let outcome = world.events.goods_deliver(delivery).await.unwrap();
    assert!(reason(&outcome).contains("paid already"));
    assert_eq!(world.counters(&event).await, (1, 0));
}

async fn a_payment_for_a_cancelled_order_is_sent_back(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(5)).await;
    let order = world.checkout(&key("buyer"), &event, 1).await.order();
    let path = format!("/events/api/orders/{}/cancel", order.id);
    world.post(&key("buyer"), &path, &serde_json::json!({})).await;
    let outcome = world.pay.settle(order.checkout_id.unwrap()).await;
    assert!(reason(&outcome).contains("cancelled"));
    let quote = world
        .events
        .goods_quote(GoodsRef {
            kind: "order".to_owned(),
            id: order.id.to_string(),
        })
        .await;
    assert_eq!(quote.unwrap_err().code, Code::Conflict);
}

async fn what_does_not_fit_the_order_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(5)).await;
    let order = world.checkout(&key("buyer"), &event, 1).await.order();
    let right = world.pay.delivery(order.checkout_id.unwrap());
    let mut cheap = right.clone();
    cheap.gross = "0.01 TEST-USD".parse().unwrap();
    let mut foreign = right.clone();
    foreign.payer = key("other").did();
    let mut unknown = right.clone();
    unknown.goods.id = world.env.new_id::<imajin_kernel::id::Order>().to_string();
    let mut other_kind = right.clone();
    other_kind.goods.kind = "article".to_owned();
    for (wrong, expected) in [
        (cheap, "amount"),
        (foreign, "Somebody else"),
        (unknown, "no such"),
        (other_kind, "no such"),
    ] {
        let outcome = world.events.goods_deliver(wrong).await.unwrap();
        assert!(reason(&outcome).contains(expected), "{outcome:?}");
    }
    assert_eq!(world.counters(&event).await, (0, 1));
    references(&world.events.goods_deliver(right).await.unwrap());
}

async fn parallel_deliveries_issue_one_ticket(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(5)).await;
    let order = world.checkout(&key("buyer"), &event, 1).await.order();
    let checkout = order.checkout_id.unwrap();
    let outcomes = futures::future::join_all((0..8).map(|_| world.pay.settle(checkout))).await;
    assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]));
    assert_eq!(world.order_again(&order).await.tickets.len(), 1);
    assert_eq!(world.counters(&event).await, (1, 0));
}

async fn a_quote_comes_from_the_event(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(5)).await;
    let order = world.checkout(&key("buyer"), &event, 2).await.order();
    let goods = GoodsRef {
        kind: "order".to_owned(),
        id: order.id.to_string(),
    };
    let quote = world.events.goods_quote(goods.clone()).await.unwrap();
    assert_eq!(quote.title, "2 × Standard — An evening");
    assert_eq!(quote.price.to_string(), "20.00 TEST-USD");
    assert_eq!(
        (quote.buyer, quote.seller),
        (Some(key("buyer").did()), world.owner.did())
    );
    assert_eq!(quote.manifest, event.manifest);
    assert_eq!(quote.expires_at, order.hold_expires_at);
    world.clock.advance(Span::minutes(15));
    assert_eq!(
        world.events.goods_quote(goods).await.unwrap_err().code,
        Code::HoldExpired
    );
    let nothing = GoodsRef {
        kind: "article".to_owned(),
        id: "x".to_owned(),
    };
    assert_eq!(
        world.events.goods_quote(nothing).await.unwrap_err().code,
        Code::NotFound
    );
}

async fn the_sales_add_up(backend: Backend) {
    let world = World::new(backend).await;
    let (event, _other) = (world.event(Some(9)).await, world.event(None).await);
    for (buyer, quantity, pays) in [("a", 2, true), ("b", 3, true), ("c", 1, false)] {
        let order = world.checkout(&key(buyer), &event, quantity).await.order();
        if pays {
            world.pay.settle(order.checkout_id.unwrap()).await;
        }
    }
    let sales = world.events.sales_list(SalesList::default()).await.unwrap();
    assert_eq!(sales.len(), 2);
    let sales = sales.into_iter().find(|sales| sales.event_id == event.id).unwrap();
    assert_eq!((sales.sold, sales.held, sales.quantity), (5, 1, Some(9)));
    assert_eq!(sales.gross, ["50.00 TEST-USD".parse().unwrap()]);
    let nobody = SalesList {
        owner: Some(key("nobody").did()),
    };
    assert_eq!(world.events.sales_list(nobody).await.unwrap(), []);
}

async fn keys_open_again_after_a_restart(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(5)).await;
    let order = world.checkout(&key("buyer"), &event, 1).await.order();
    let delivery = world.pay.delivery(order.checkout_id.unwrap());
    let world = world.restart().await;
    references(&world.events.goods_deliver(delivery.clone()).await.unwrap());
    let order = world.order_again(&order).await;
    assert_eq!(
        (order.checkout_id, order.receipt),
        (Some(delivery.checkout), Some(delivery.receipt))
    );
    assert_eq!(world.audit().await, []);
}

async fn a_ticket_whose_money_went_back_lets_nobody_in(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(5)).await;
    let order = world.checkout(&key("buyer"), &event, 2).await.order();
    let checkout = order.checkout_id.unwrap();
    let issued = world.pay.settle(checkout).await;
    let delivery = world.pay.delivery(checkout);
    let told = |whole: bool, checkout| GoodsReturn {
        goods: delivery.goods.clone(),
        checkout,
        receipt: delivery.receipt,
        refund: world.env.new_id(),
        refunded: delivery.gross,
        whole,
    };
    world.events.goods_return(told(false, checkout)).await.unwrap();
    assert_eq!(
        world.order_again(&order).await.state,
        OrderState::Fulfilled,
        "a part leaves it valid"
    );
    world.events.goods_return(told(true, world.env.new_id())).await.unwrap();
    assert_eq!(
        world.order_again(&order).await.state,
        OrderState::Fulfilled,
        "another payment"
    );
    assert_eq!(world.counters(&event).await, (2, 0));
    for _ in 0..2 {
        world.events.goods_return(told(true, checkout)).await.unwrap();
        let order = world.order_again(&order).await;
        assert_eq!((order.state, order.tickets.len()), (OrderState::Refunded, 2));
        assert_eq!(world.counters(&event).await, (0, 0), "the places are free again");
    }
    let buyer = key("buyer").did();
    let list = TicketList {
        owner: buyer,
        event: None,
        before: None,
        limit: 10,
    };
    let tickets = world.events.ticket_list(list).await.unwrap();
    assert!(tickets.len() == 2 && tickets.iter().all(|ticket| ticket.status == "revoked"));
    assert_eq!(
        world.pay.settle(checkout).await,
        issued,
        "what was delivered stays delivered"
    );
    let unknown = GoodsReturn {
        goods: GoodsRef {
            kind: "order".to_owned(),
            id: "ord_01kb0000000000000000000000".to_owned(),
        },
        ..told(true, checkout)
    };
    assert_eq!(
        world.events.goods_return(unknown).await.unwrap_err().code,
        Code::NotFound
    );
    assert_eq!(world.audit().await, []);
}

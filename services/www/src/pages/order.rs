use axum::extract::State;
use axum::response::Response;
use imajin_events_api::{EventFetch, EventView, OrderFetch, OrderState, OrderView};
use imajin_kernel::id::OrderId;
use imajin_kernel::{Problem, Timestamp};
use imajin_pay_api::{CheckoutFetch, CheckoutState, CheckoutView};
use imajin_ui::{OrderPage, OrderState as Standing, Shell, TicketLink, When, render};
use imajin_web::{Failure, PathParams};

use crate::AppState;
use crate::person::Person;
use crate::show::{event_time, moment, money_text, place_text};

/// `/orders/{id}`: where an order stands. The page loads itself again while pay or events still work on it.
pub(super) async fn order(
    State(www): State<AppState>,
    PathParams(id): PathParams<OrderId>,
    person: Person,
) -> Result<Response, Failure> {
    let order = www
        .deps
        .events
        .order_fetch(OrderFetch {
            id,
            reader: person.events_reader(),
        })
        .await?;
    let order = order.ok_or_else(|| Problem::not_found("order"))?;
    let checkout = match order.checkout_id {
        Some(id) => www.deps.pay.checkout_fetch(CheckoutFetch { id }).await?,
        None => None,
    };
    let wanted = EventFetch {
        id: order.event_id,
        reader: Some(person.0.did.clone()),
    };
    let event = www.deps.events.event_fetch(wanted).await?;
    let facts = Facts {
        order: &order,
        checkout: checkout.as_ref(),
        event: event.as_ref(),
        now: www.now(),
    };
    Ok(render(&facts.page(www.frame(
        "Your order",
        &format!("/orders/{id}"),
        Some(&person.0),
    ))))
}

/// What is known of an order.
struct Facts<'a> {
    order: &'a OrderView,
    checkout: Option<&'a CheckoutView>,
    event: Option<&'a EventView>,
    now: Timestamp,
}

impl Facts<'_> {
    fn page(&self, shell: Shell) -> OrderPage {
        let order = self.order;
        let state = self.standing();
        let can_pay = matches!(state, Standing::AwaitingPayment | Standing::Failed);
        let url = order
            .checkout_url
            .clone()
            .or_else(|| self.checkout.map(|checkout| checkout.url.clone()));
        OrderPage {
            shell,
            order_id: order.id.to_string(),
            event_id: order.event_id.to_string(),
            event_title: order.event_title.clone(),
            when: self
                .event
                .map_or_else(When::default, |event| event_time(event.starts_at, &event.timezone)),
            place: self.event.map(place_of).unwrap_or_default(),
            tier_name: order.tier_name.clone(),
            quantity: order.quantity,
            total: money_text(&order.total),
            state,
            tickets: ticket_links(order),
            receipt_id: self.receipt(),
            pay_url: url.filter(|_url| can_pay),
            expires: can_pay.then(|| moment(order.hold_expires_at)),
            reason: self.checkout.and_then(|checkout| checkout.reason.clone()),
        }
    }

    /// Events knows the places and the tickets, pay knows the money; a person wants one answer. As long as money that
    /// came in is neither booked nor back, the answer is that somebody works on it.
    fn standing(&self) -> Standing {
        let money = self.checkout.map(|checkout| checkout.state);
        match (self.order.state, money) {
            (_, Some(CheckoutState::Refunded)) | (OrderState::Refused, None) | (OrderState::Refunded, _) => {
                Standing::Refunded
            }
            // Refused means that there was money, so it is on its way back.
            (_, Some(CheckoutState::Paid))
            | (OrderState::Held, Some(CheckoutState::Settled))
            | (OrderState::Refused, Some(_)) => Standing::Processing,
            (OrderState::Fulfilled, _) => Standing::Paid,
            (OrderState::Expired, _) | (OrderState::Held, Some(CheckoutState::Expired)) => Standing::Expired,
            (OrderState::Cancelled, _) | (OrderState::Held, Some(CheckoutState::Cancelled)) => Standing::Cancelled,
            (OrderState::Held, _) if self.now >= self.order.hold_expires_at => Standing::Expired,
            (OrderState::Held, Some(CheckoutState::Open)) if self.was_refused() => Standing::Failed,
            (OrderState::Held, _) => Standing::AwaitingPayment,
        }
    }

    /// Whether the rail said no, while the buyer may still try again.
    fn was_refused(&self) -> bool {
        self.checkout.is_some_and(|checkout| checkout.reason.is_some())
    }

    /// The receipt, once pay has booked the split: before that it cannot be read.
    fn receipt(&self) -> Option<String> {
        let checkout = self
            .checkout
            .filter(|checkout| checkout.state == CheckoutState::Settled)?;
        checkout
            .receipt
            .or(self.order.receipt)
            .map(|receipt| receipt.to_string())
    }
}

fn place_of(event: &EventView) -> String {
    place_text(event.venue.as_deref(), event.is_online)
}

fn ticket_links(order: &OrderView) -> Vec<TicketLink> {
    let total = order.tickets.len();
    let label = |place: usize| match total {
        1 => order.tier_name.clone(),
        _ => format!("{}, {place} of {total}", order.tier_name),
    };
    let numbered = order.tickets.iter().zip(1_usize..);
    numbered
        .map(|(id, place)| TicketLink {
            id: id.to_string(),
            label: label(place),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{checkout_sample, event_sample, now, order_sample};

    fn standing(order: OrderState, checkout: Option<CheckoutState>) -> Standing {
        let order = OrderView {
            state: order,
            ..order_sample()
        };
        let checkout = checkout.map(|state| CheckoutView {
            state,
            ..checkout_sample()
        });
        Facts {
            order: &order,
            checkout: checkout.as_ref(),
            event: None,
            now: now(),
        }
        .standing()
    }

    #[test]
    fn money_and_places_make_one_answer() {
        use CheckoutState as Money;
        for (order, money, expected) in [
            (OrderState::Held, None, Standing::AwaitingPayment),
            (OrderState::Held, Some(Money::Open), Standing::AwaitingPayment),
            (OrderState::Held, Some(Money::Paid), Standing::Processing),
            (OrderState::Held, Some(Money::Settled), Standing::Processing),
            (OrderState::Held, Some(Money::Cancelled), Standing::Cancelled),
            (OrderState::Held, Some(Money::Expired), Standing::Expired),
            (OrderState::Fulfilled, Some(Money::Paid), Standing::Processing),
            (OrderState::Fulfilled, Some(Money::Settled), Standing::Paid),
            (OrderState::Fulfilled, Some(Money::Refunded), Standing::Refunded),
            (OrderState::Expired, Some(Money::Paid), Standing::Processing),
            (OrderState::Expired, Some(Money::Expired), Standing::Expired),
            (OrderState::Refused, Some(Money::Paid), Standing::Processing),
            (OrderState::Refused, Some(Money::Refunded), Standing::Refunded),
            (OrderState::Cancelled, Some(Money::Cancelled), Standing::Cancelled),
        ] {
            assert_eq!(standing(order, money), expected, "{order:?} {money:?}");
        }
    }

    #[test]
    fn a_refused_payment_can_be_tried_again_until_the_places_lapse() {
        let order = order_sample();
        let checkout = CheckoutView {
            reason: Some("The card was refused.".to_owned()),
            ..checkout_sample()
        };
        let mut facts = Facts {
            order: &order,
            checkout: Some(&checkout),
            event: None,
            now: now(),
        };
        let page = facts.page(Shell::default());
        assert_eq!((page.state, page.pay_url.is_some()), (Standing::Failed, true));
        facts.now = order.hold_expires_at;
        let page = facts.page(Shell::default());
        assert_eq!((page.state, page.pay_url.is_some()), (Standing::Expired, false));
    }

    #[test]
    fn a_paid_order_has_numbered_tickets_and_its_receipt() {
        let mut order = OrderView {
            state: OrderState::Fulfilled,
            ..order_sample()
        };
        order.tickets = vec![imajin_kernel::id::TicketId::from_bytes([1; 16]); 2];
        let receipt = imajin_kernel::id::ReceiptId::from_bytes([5; 16]);
        let checkout = CheckoutView {
            state: CheckoutState::Settled,
            receipt: Some(receipt),
            ..checkout_sample()
        };
        let event = event_sample();
        let facts = Facts {
            order: &order,
            checkout: Some(&checkout),
            event: Some(&event),
            now: now(),
        };
        let page = facts.page(Shell::default());
        let labels: Vec<_> = page.tickets.iter().map(|ticket| ticket.label.as_str()).collect();
        assert_eq!(labels, ["Standing, 1 of 2", "Standing, 2 of 2"]);
        assert_eq!(page.receipt_id, Some(receipt.to_string()));
        assert_eq!((page.pay_url, page.expires.is_none()), (None, true));
        assert_eq!(page.when.text, "Sat 12 December 2026, 20:00 CET");
    }
}

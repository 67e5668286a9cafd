use axum::extract::State;
use axum::response::Response;
use imajin_events_api::{EventList, EventView};
use imajin_kernel::Timestamp;
use imajin_money::Money;
use imajin_ui::{EventCard, LandingPage, render};
use imajin_web::{Failure, Viewer};

use crate::AppState;
use crate::show::{event_state, event_time, money_text, place_text, places_left};

/// The most events on the first page, the soonest ones.
const EVENTS_MAX: u32 = 100;

/// `/`: what this node is, and what is on.
pub(super) async fn landing(State(www): State<AppState>, viewer: Viewer) -> Result<Response, Failure> {
    let wanted = EventList {
        limit: Some(EVENTS_MAX),
        ..EventList::default()
    };
    let page = www.deps.events.event_list(wanted).await?;
    let now = www.now();
    Ok(render(&LandingPage {
        shell: www.frame("What is on", "/", viewer.session.as_ref()),
        node: www.node_card(),
        events: page.events.iter().map(|event| event_card(event, now)).collect(),
    }))
}

fn event_card(event: &EventView, now: Timestamp) -> EventCard {
    EventCard {
        id: event.id.to_string(),
        title: event.title.clone(),
        when: event_time(event.starts_at, &event.timezone),
        place: place_text(event.venue.as_deref(), event.is_online),
        from_price: cheapest(event).as_ref().map(money_text),
        places_left: places_left(event, now),
        state: event_state(event, now),
    }
}

/// The lowest price in the currency of the first tier: prices of two currencies are not compared.
fn cheapest(event: &EventView) -> Option<Money> {
    let asset = event.tiers.first()?.price.asset;
    let prices = event
        .tiers
        .iter()
        .map(|tier| tier.price)
        .filter(|price| price.asset == asset);
    prices.min_by_key(|price| price.amount)
}

#[cfg(test)]
mod tests {
    use imajin_events_api::TierView;

    use super::*;
    use crate::samples::{event_sample, now};

    #[test]
    fn a_card_says_when_where_and_from_which_price() {
        let mut event = event_sample();
        let dear = TierView {
            price: "16.00 TEST-USD".parse().unwrap(),
            ..event.tiers[0].clone()
        };
        let foreign = TierView {
            price: "1.00 TEST-EUR".parse().unwrap(),
            ..event.tiers[0].clone()
        };
        event.tiers = vec![dear, event.tiers[0].clone(), foreign];
        let card = event_card(&event, now());
        assert_eq!(card.from_price.unwrap().plain(), "10.00 TEST-USD");
        assert_eq!(card.when.text, "Sat 12 December 2026, 20:00 CET");
        assert_eq!(card.place, "Dye works");
        event.tiers.clear();
        assert!(event_card(&event, now()).from_price.is_none());
    }
}

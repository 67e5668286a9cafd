use imajin_events_api::{EventStatus, EventView, TierView};
use imajin_kernel::Timestamp;
use imajin_ui::{EventState, TierState};

use super::event_time;

/// Whether a tier can be bought now.
pub(crate) fn tier_state(tier: &TierView, event: &EventView, now: Timestamp) -> TierState {
    let closes = tier.sales_end.unwrap_or(event.ends_at).min(event.ends_at);
    match tier.sales_start {
        _ if now >= closes => TierState::Closed,
        Some(opens) if now < opens => TierState::NotOpen(event_time(opens, &event.timezone)),
        _ if tier.available == Some(0) => TierState::SoldOut,
        _ => TierState::OnSale,
    }
}

/// Whether an event can be bought now: as its host says, and as its tiers allow.
pub(crate) fn event_state(event: &EventView, now: Timestamp) -> EventState {
    match event.status {
        EventStatus::Draft => return EventState::Draft,
        EventStatus::Paused => return EventState::Paused,
        EventStatus::Cancelled => return EventState::Cancelled,
        EventStatus::Completed => return EventState::Completed,
        EventStatus::Published if now >= event.ends_at => return EventState::Completed,
        EventStatus::Published => {}
    }
    let states: Vec<TierState> = event.tiers.iter().map(|tier| tier_state(tier, event, now)).collect();
    let any = |wanted: fn(&TierState) -> bool| states.iter().any(wanted);
    if any(|state| matches!(state, TierState::OnSale)) {
        return EventState::OnSale;
    }
    if any(|state| matches!(state, TierState::NotOpen(_))) {
        let opens = event
            .tiers
            .iter()
            .filter_map(|tier| tier.sales_start)
            .filter(|opens| *opens > now)
            .min();
        return EventState::NotOpen(opens.map(|opens| event_time(opens, &event.timezone)));
    }
    if any(|state| matches!(state, TierState::SoldOut)) {
        return EventState::SoldOut;
    }
    EventState::Paused
}

/// Places left over all tiers that are on sale; `None` when one of them is unlimited.
pub(crate) fn places_left(event: &EventView, now: Timestamp) -> Option<u32> {
    let on_sale = event
        .tiers
        .iter()
        .filter(|tier| matches!(tier_state(tier, event, now), TierState::OnSale));
    on_sale
        .map(|tier| tier.available)
        .try_fold(0_u32, |sum, left| Some(sum.saturating_add(left?)))
}

/// Where an event is, in a few words.
pub(crate) fn place_text(venue: Option<&str>, is_online: bool) -> String {
    let venue = venue.map(str::trim).filter(|venue| !venue.is_empty());
    let without = if is_online { "Online" } else { "To be announced" };
    venue.unwrap_or(without).to_owned()
}

#[cfg(test)]
mod tests {
    use imajin_kernel::Span;

    use super::*;
    use crate::samples::{event_sample, now};

    #[test]
    fn the_host_decides_first_then_the_tiers() {
        let event = event_sample();
        assert!(event_state(&event, now()).is_on_sale());
        assert!(matches!(event_state(&event, event.ends_at), EventState::Completed));
        let with = |status| EventView {
            status,
            ..event.clone()
        };
        assert!(matches!(
            event_state(&with(EventStatus::Cancelled), now()),
            EventState::Cancelled
        ));
        assert!(matches!(
            event_state(&with(EventStatus::Draft), now()),
            EventState::Draft
        ));
        assert!(matches!(
            event_state(&with(EventStatus::Paused), now()),
            EventState::Paused
        ));
    }

    #[test]
    fn a_tier_has_its_own_window_and_its_own_places() {
        let mut event = event_sample();
        event.tiers[0].available = Some(0);
        assert!(matches!(event_state(&event, now()), EventState::SoldOut));
        event.tiers[0].sales_start = Some(now().plus(Span::hours(1)));
        assert!(matches!(event_state(&event, now()), EventState::NotOpen(Some(_))));
        event.tiers[0].sales_start = None;
        event.tiers[0].sales_end = Some(now());
        assert!(matches!(tier_state(&event.tiers[0], &event, now()), TierState::Closed));
        assert!(matches!(event_state(&event, now()), EventState::Paused));
    }

    #[test]
    fn places_count_only_while_they_can_be_bought() {
        let mut event = event_sample();
        assert_eq!(places_left(&event, now()), Some(20));
        event.tiers.push(TierView {
            available: None,
            ..event.tiers[0].clone()
        });
        assert_eq!(places_left(&event, now()), None);
        assert_eq!(place_text(Some("  "), true), "Online");
        assert_eq!(place_text(None, false), "To be announced");
    }
}

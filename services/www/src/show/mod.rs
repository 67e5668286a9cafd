//! From the services' values to text for people. All of it is pure.

mod availability;
mod money;
mod percent;
mod receipt_row;

pub(crate) use availability::{event_state, place_text, places_left, tier_state};
pub(crate) use imajin_ui::{event_end, event_time, id_short, moment};
pub(crate) use money::{amount_text, money_text};
pub(crate) use percent::{part_percent, share_percent};
pub(crate) use receipt_row::receipt_row;

/// A DID for reading.
pub(crate) fn did_short(did: &imajin_did::Did) -> String {
    imajin_ui::did_short(did.as_str())
}

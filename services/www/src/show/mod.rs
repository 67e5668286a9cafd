//! From the services' values to text for people. All of it is pure.

mod availability;
mod did;
mod money;
mod percent;
mod receipt_row;
mod time;

pub(crate) use availability::{event_state, place_text, places_left, tier_state};
pub(crate) use did::{did_short, id_short};
pub(crate) use money::{amount_text, money_text};
pub(crate) use percent::{part_percent, share_percent};
pub(crate) use receipt_row::receipt_row;
pub(crate) use time::{event_end, event_time, moment};

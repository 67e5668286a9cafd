#![doc = include_str!("../README.md")]

mod agent;
mod broker;
mod fetch;
mod files;
mod home;
mod journal;
mod provenance;

pub use agent::Agent;
pub use fetch::{FetchWish, Fetched, Payment};
pub use home::{AgentHome, Limits, Settings};
pub use journal::{Journal, Purchase, PurchaseState};

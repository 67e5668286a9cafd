use imajin_fair::Manifest;
use imajin_kernel::Timestamp;
use imajin_money::Money;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A new event: the body of `POST /api/events`.
///
/// The manifest is complete and signed by the caller, who is its author; its type is `event`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventCreate {
    /// The title: 1 to 200 characters on one line.
    pub title: String,
    /// What it is about: plain text of at most 10,000 characters.
    #[serde(default)]
    pub description: String,
    /// When it begins.
    #[schema(value_type = String, format = DateTime)]
    pub starts_at: Timestamp,
    /// When it ends: after it began, at most 92 days later.
    #[schema(value_type = String, format = DateTime)]
    pub ends_at: Timestamp,
    /// The IANA time zone in which its times are shown, for example `Europe/Berlin`.
    pub timezone: String,
    /// Where it is.
    #[serde(default)]
    pub venue: Option<String>,
    /// The venue's address.
    #[serde(default)]
    pub address: Option<String>,
    /// Where to join it from afar: an http or https URL. Only whoever has a ticket is told, unless all tickets are
    /// free.
    #[serde(default)]
    pub virtual_url: Option<String>,
    /// Words to find it by: at most 20.
    #[serde(default)]
    pub tags: Vec<String>,
    /// What can be bought: 1 to 50 tiers.
    pub tiers: Vec<TierCreate>,
    /// How each sale is split: a .fair manifest signed by the caller.
    #[schema(value_type = Object)]
    pub manifest: Manifest,
    /// What happens to the money when a buyer or the organiser steps back, in words.
    #[serde(default)]
    pub refund_policy: Option<String>,
}

/// A kind of ticket of a new event.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TierCreate {
    /// Its name: 1 to 80 characters, unique within the event.
    pub name: String,
    /// What it gives, in words.
    #[serde(default)]
    pub description: String,
    /// What one place costs; zero makes it free.
    #[schema(value_type = Object)]
    pub price: Money,
    /// How many places there are, 1 to 1,000,000; none means unlimited.
    #[serde(default)]
    pub quantity: Option<u32>,
    /// What comes with it: at most 20 lines.
    #[serde(default)]
    pub perks: Vec<String>,
    /// When its sale begins; none means at once.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub sales_start: Option<Timestamp>,
    /// When its sale ends; none means when the event ends.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub sales_end: Option<Timestamp>,
    /// How many places one order may take: 1 to 20, 10 when it is left out.
    #[serde(default)]
    pub per_order_limit: Option<u32>,
}

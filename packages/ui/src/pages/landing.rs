//! `/`: what this node is, and what is on.

use askama::Template;

use super::event::EventState;
use crate::{MoneyText, Shell, When};

/// The landing page.
#[derive(Debug, Clone, Template)]
#[template(path = "landing.html")]
pub struct LandingPage {
    /// The frame.
    pub shell: Shell,
    /// What this node is.
    pub node: NodeCard,
    /// What is on, soonest first.
    pub events: Vec<EventCard>,
}

/// A node in a few words.
#[derive(Debug, Clone, Default)]
pub struct NodeCard {
    /// What it calls itself.
    pub name: String,
    /// One or two sentences by the operator; may be empty.
    pub description: String,
    /// Its DID.
    pub did: String,
    /// Its public address.
    pub url: String,
    /// Version of the software.
    pub version: String,
}

/// An event in a list.
#[derive(Debug, Clone, Default)]
pub struct EventCard {
    /// Identifier, for the link.
    pub id: String,
    /// Title.
    pub title: String,
    /// When it starts; `day` and `month` fill the date block.
    pub when: When,
    /// Where: a venue and a town, or "Online".
    pub place: String,
    /// Price of the cheapest tier; `None` when there is no tier.
    pub from_price: Option<MoneyText>,
    /// Places left over all tiers; `None` when unlimited.
    pub places_left: Option<u32>,
    /// Whether it can be bought.
    pub state: EventState,
}

impl EventCard {
    /// Whether so few places are left that it is worth saying.
    pub fn is_scarce(&self) -> bool {
        self.state.is_on_sale() && self.places_left.is_some_and(|left| (1..=10).contains(&left))
    }
}

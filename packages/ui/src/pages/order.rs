//! `/orders/{id}`: where an order stands.

use askama::Template;

use crate::{MoneyText, Shell, When};

/// The page of one order. It loads itself again every few seconds while something is still to happen by itself.
#[derive(Debug, Clone, Template)]
#[template(path = "order.html")]
pub struct OrderPage {
    /// The frame.
    pub shell: Shell,
    /// Identifier.
    pub order_id: String,
    /// Event, for the link.
    pub event_id: String,
    /// Its title.
    pub event_title: String,
    /// When it starts.
    pub when: When,
    /// Where.
    pub place: String,
    /// Kind of ticket.
    pub tier_name: String,
    /// Number of places.
    pub quantity: u32,
    /// What it costs in all.
    pub total: MoneyText,
    /// Where it stands.
    pub state: OrderState,
    /// The tickets, once they are issued.
    pub tickets: Vec<TicketLink>,
    /// The receipt, once it is written.
    pub receipt_id: Option<String>,
    /// Where to pay, while that is possible.
    pub pay_url: Option<String>,
    /// Until when the places are reserved.
    pub expires: Option<When>,
    /// Why it failed or was refunded, in a sentence.
    pub reason: Option<String>,
}

/// A ticket of an order.
#[derive(Debug, Clone, Default)]
pub struct TicketLink {
    /// Identifier, for the link.
    pub id: String,
    /// What to call it, such as "Standing, 1 of 2".
    pub label: String,
}

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OrderState {
    /// The places are reserved; nothing was paid.
    #[default]
    AwaitingPayment,
    /// Paid; tickets and receipt are being written.
    Processing,
    /// Done.
    Paid,
    /// The money went back.
    Refunded,
    /// Not paid in time; the places are free again.
    Expired,
    /// The payment was refused.
    Failed,
    /// The buyer left; the places are free again.
    Cancelled,
}

impl OrderState {
    /// The state in a word or two.
    pub fn label(self) -> &'static str {
        match self {
            Self::AwaitingPayment => "Waiting for payment",
            Self::Processing => "Processing",
            Self::Paid => "Paid",
            Self::Refunded => "Refunded",
            Self::Expired => "Expired",
            Self::Failed => "Payment failed",
            Self::Cancelled => "Cancelled",
        }
    }

    /// The page's heading.
    pub fn heading(self) -> &'static str {
        match self {
            Self::AwaitingPayment => "Your places are reserved",
            Self::Processing => "Payment received",
            Self::Paid => "You are going!",
            Self::Refunded => "Your money is back",
            Self::Expired => "The reservation has ended",
            Self::Failed => "The payment did not go through",
            Self::Cancelled => "You left without paying",
        }
    }

    /// What it means and what comes next.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::AwaitingPayment => "Nothing was paid yet. Pay before the reservation ends and the tickets are yours.",
            Self::Processing => "Your tickets are being written and signed. This page follows by itself.",
            Self::Paid => "The tickets are yours, and the price went to the people behind the event.",
            Self::Refunded => "The whole amount was returned. There is no ticket and nothing is owed.",
            Self::Expired => "It was not paid in time, so the places are free again. Nothing was charged.",
            Self::Failed => "Nothing was charged. You can try again as long as there are places.",
            Self::Cancelled => "Nothing was charged, and the places are free again.",
        }
    }

    /// Colour of the state: `good`, `warn`, `bad` or `calm`.
    pub fn tone(self) -> &'static str {
        match self {
            Self::Paid => "good",
            Self::AwaitingPayment | Self::Processing => "warn",
            Self::Failed => "bad",
            Self::Refunded | Self::Expired | Self::Cancelled => "calm",
        }
    }

    /// The state as a word for tests and scripts: the `data-state` of the page's main part.
    pub fn name(self) -> &'static str {
        match self {
            Self::AwaitingPayment => "awaiting-payment",
            Self::Processing => "processing",
            Self::Paid => "paid",
            Self::Refunded => "refunded",
            Self::Expired => "expired",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether somebody can usefully look again in a moment.
    pub fn is_moving(self) -> bool {
        matches!(self, Self::Processing)
    }

    /// Whether it ended without a ticket.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Refunded | Self::Expired | Self::Failed | Self::Cancelled)
    }
}

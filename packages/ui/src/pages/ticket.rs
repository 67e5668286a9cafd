//! `/tickets/{id}`: a ticket to show at the door.

use askama::Template;

use crate::{MoneyText, Shell, When};

/// A ticket in a list, and the head of its own page.
#[derive(Debug, Clone, Default)]
pub struct TicketCard {
    /// Identifier, for the link.
    pub id: String,
    /// Title of the event.
    pub event_title: String,
    /// Identifier of the event, for the link.
    pub event_id: String,
    /// When it starts; `day` and `month` fill the date block.
    pub when: When,
    /// Where.
    pub place: String,
    /// Kind of ticket.
    pub tier_name: String,
    /// Whether it opens the door.
    pub state: TicketState,
}

/// Whether a ticket opens the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TicketState {
    /// Yes.
    #[default]
    Valid,
    /// It did already.
    Used,
    /// Refunded or handed on: no longer.
    Revoked,
}

impl TicketState {
    /// The state in a word.
    pub fn label(self) -> &'static str {
        match self {
            Self::Valid => "Valid",
            Self::Used => "Used",
            Self::Revoked => "Revoked",
        }
    }

    /// Colour of the state: `good`, `bad` or `calm`.
    pub fn tone(self) -> &'static str {
        match self {
            Self::Valid => "good",
            Self::Used => "calm",
            Self::Revoked => "bad",
        }
    }

    /// Whether the code is shown.
    pub fn is_valid(self) -> bool {
        self == Self::Valid
    }
}

/// The page of one ticket.
#[derive(Debug, Clone, Template)]
#[template(path = "ticket.html")]
pub struct TicketPage {
    /// The frame.
    pub shell: Shell,
    /// What it is for.
    pub ticket: TicketCard,
    /// Where the event is joined on the net, if it is.
    pub virtual_url: Option<String>,
    /// The event's DID: all that is needed to check the ticket.
    pub event_did: String,
    /// Name of whom it belongs to.
    pub holder_name: String,
    /// DID of whom it belongs to, as written in the ticket.
    pub holder_did: String,
    /// What it cost.
    pub price: MoneyText,
    /// When it was bought.
    pub purchased: When,
    /// The receipt of the payment.
    pub receipt_id: Option<String>,
    /// Text of the QR code: `IMJ1…`.
    pub qr_text: String,
    /// What to type to check the ticket without a network.
    pub verify_command: String,
    /// Where the whole signed ticket can be fetched.
    pub json_url: String,
}

impl TicketPage {
    /// The code; `None` when the text is too long for one, and the page then shows the text alone.
    pub(crate) fn qr(&self) -> Option<String> {
        crate::qr_svg(&self.qr_text).ok()
    }
}

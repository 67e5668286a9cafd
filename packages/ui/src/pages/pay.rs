//! `/pay/checkout/{id}`: the payment page of the sandbox.

use askama::Template;

use crate::{MoneyText, Shell, When};

/// Where a buyer pays with test money, decides that the payment fails, or leaves.
///
/// The form posts `token` and `outcome` (`pay`, `fail` or `leave`) to `action`.
#[derive(Debug, Clone, Template)]
#[template(path = "pay.html")]
pub struct SandboxPayPage {
    /// The frame.
    pub shell: Shell,
    /// Identifier of the checkout.
    pub checkout_id: String,
    /// What is being paid for.
    pub title: String,
    /// Kind and number, such as "2 × Standing"; may be empty.
    pub description: String,
    /// Whom it goes to.
    pub seller_name: String,
    /// What is to be paid.
    pub amount: MoneyText,
    /// Until when it can be paid.
    pub expires: When,
    /// Where the form posts to: a path of this node.
    pub action: String,
    /// Anti-forgery token of the form.
    pub token: String,
    /// Whether it can still be paid.
    pub state: PayState,
    /// Where to go back to: a path of this node.
    pub return_url: String,
}

/// Whether a checkout can still be paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PayState {
    /// Yes.
    #[default]
    Open,
    /// It was paid.
    Paid,
    /// The payment was refused.
    Failed,
    /// The time has passed, or the buyer left.
    Expired,
    /// It was paid and the money went back.
    Refunded,
}

impl PayState {
    /// Whether the buttons are shown.
    pub fn is_open(self) -> bool {
        self == Self::Open
    }

    /// What became of it.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Open => "Choose how this payment ends.",
            Self::Paid => "This was paid. There is nothing more to do here.",
            Self::Failed => "This payment failed. Nothing was charged.",
            Self::Expired => "This payment is no longer open. Nothing was charged.",
            Self::Refunded => "This was paid, and the money went back.",
        }
    }

    /// Colour of the state.
    pub fn tone(self) -> &'static str {
        match self {
            Self::Open => "warn",
            Self::Paid => "good",
            Self::Failed => "bad",
            Self::Expired | Self::Refunded => "calm",
        }
    }
}

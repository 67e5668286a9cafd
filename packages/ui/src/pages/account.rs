//! `/me`: what is mine, and how it goes to another node.

use askama::Template;

use super::ticket::TicketCard;
use crate::{Link, MoneyText, Shell, When};

/// The page of whoever is signed in. Use it only with `shell.viewer` set.
#[derive(Debug, Clone, Template)]
#[template(path = "me.html")]
pub struct MePage {
    /// The frame.
    pub shell: Shell,
    /// The viewer's handle on this node, if any.
    pub handle: Option<String>,
    /// Whether the viewer's home is another node, and they have not registered here.
    pub is_visitor: bool,
    /// What there is to be led to.
    pub parts: NodeParts,
    /// Tickets, next event first.
    pub tickets: Vec<TicketCard>,
    /// Receipts, newest first.
    pub receipts: Vec<ReceiptRow>,
    /// Balances, one per currency.
    pub balances: Vec<BalanceRow>,
}

/// Which services a node has, besides those that each has.
#[derive(Debug, Clone, Copy)]
pub struct NodeParts {
    /// It keeps profiles.
    pub profiles: bool,
    /// It knows who is connected with whom.
    pub connections: bool,
    /// It answers questions, and keeps what people allow others.
    pub questions: bool,
}

/// `/me/move`: how somebody moves to another node, or where they went.
#[derive(Debug, Clone, Template)]
#[template(path = "move.html")]
pub struct MovePage {
    /// The frame.
    pub shell: Shell,
    /// The address of this node.
    pub node: String,
    /// Where the viewer went, if they have moved.
    pub moved: Option<Link>,
    /// Whether the viewer is at home here, with a key of their own.
    pub is_able: bool,
    /// Balances, one per currency.
    pub balances: Vec<BalanceRow>,
}

/// A receipt in a list.
#[derive(Debug, Clone, Default)]
pub struct ReceiptRow {
    /// Identifier, for the link.
    pub id: String,
    /// When it was written.
    pub time: When,
    /// What was paid for.
    pub title: String,
    /// The whole amount.
    pub gross: MoneyText,
    /// Whether the reader paid or was paid.
    pub direction: ReceiptDirection,
    /// The reader's own part, where they were paid.
    pub part: Option<MoneyText>,
}

/// On which side of a receipt its reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReceiptDirection {
    /// The reader paid.
    #[default]
    Paid,
    /// The reader was paid.
    Received,
    /// The reader runs the node and is no party.
    Observed,
}

impl ReceiptDirection {
    /// The side in a word.
    pub fn label(self) -> &'static str {
        match self {
            Self::Paid => "paid",
            Self::Received => "received",
            Self::Observed => "settled",
        }
    }
}

/// A balance in one currency.
#[derive(Debug, Clone, Default)]
pub struct BalanceRow {
    /// What can be spent.
    pub available: MoneyText,
    /// What is reserved or waits for a signature; `None` when nothing is.
    pub held: Option<MoneyText>,
    /// Whether it is test money.
    pub is_test: bool,
}

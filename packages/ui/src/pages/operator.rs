//! `/operator`: how the node is doing.

use askama::Template;

use super::account::ReceiptRow;
use super::event::EventState;
use super::landing::NodeCard;
use crate::{MoneyText, Shell, When};

/// The operator's page.
#[derive(Debug, Clone, Template)]
#[template(path = "operator.html")]
pub struct OperatorPage {
    /// The frame.
    pub shell: Shell,
    /// The node.
    pub node: NodeCard,
    /// Since when it runs.
    pub started: When,
    /// Which database it uses, such as "SQLite".
    pub database: String,
    /// Its services.
    pub services: Vec<ServiceRow>,
    /// Its standing with a certificate authority, if one is asked.
    pub certificate: Option<CertificateCard>,
    /// Its standing with the registries; none when it is not registered anywhere.
    pub registries: Vec<RegistryCard>,
    /// The ledger's accounts, by owner and purpose.
    pub accounts: Vec<AccountRow>,
    /// Sales per event.
    pub sales: Vec<SaleRow>,
    /// Latest receipts, newest first.
    pub receipts: Vec<ReceiptRow>,
    /// Whether there is a development mailbox to link to.
    pub has_dev_mailbox: bool,
    /// Whether there is a registry to look after.
    pub has_registry: bool,
    /// Whether this node is a broker.
    pub has_broker: bool,
    /// Where the pages about gates are; empty where none stands in front of a site.
    pub gates_href: String,
    /// Where it is shown what the node's own agent has spent; empty where it has none.
    pub agent_href: String,
}

impl OperatorPage {
    /// Whether every service answers.
    pub fn all_healthy(&self) -> bool {
        self.services.iter().all(|service| service.is_healthy)
    }
}

/// A service of the node.
#[derive(Debug, Clone, Default)]
pub struct ServiceRow {
    /// Such as "pay".
    pub name: String,
    /// Whether it answers.
    pub is_healthy: bool,
    /// More in a few words; may be empty.
    pub detail: String,
}

/// The node's standing with a certificate authority.
#[derive(Debug, Clone, Default)]
pub struct CertificateCard {
    /// The certified names, with commas.
    pub names: String,
    /// Until when the certificate is good; `None` while there is none.
    pub until: Option<When>,
    /// What went wrong last, if anything.
    pub problem: Option<String>,
}

/// The node's standing with a registry.
#[derive(Debug, Clone, Default)]
pub struct RegistryCard {
    /// Address of the registry.
    pub url: String,
    /// How the registry takes the build: "verified" or "reported".
    pub status: String,
    /// Whether that is as it should be.
    pub is_good: bool,
    /// The name that the registry gave, if any.
    pub hostname: Option<String>,
    /// Last heartbeat that was acknowledged.
    pub last_heartbeat: Option<When>,
    /// Until when the registration is good.
    pub expires: Option<When>,
    /// The addresses that it was told last, with commas; empty when none were.
    pub addresses: String,
    /// A newer version that it asks for, and why.
    pub upgrade: Option<String>,
    /// What went wrong last, if anything, and when it is tried again.
    pub problem: Option<String>,
}

/// An account of the ledger.
#[derive(Debug, Clone, Default)]
pub struct AccountRow {
    /// Name of the owner.
    pub owner_name: String,
    /// DID of the owner, cut in the middle.
    pub short_did: String,
    /// What it is for, such as "available" or "held".
    pub purpose: String,
    /// Its balance.
    pub balance: MoneyText,
}

/// Sales of one event.
#[derive(Debug, Clone, Default)]
pub struct SaleRow {
    /// Identifier of the event, for the link.
    pub event_id: String,
    /// Its title.
    pub title: String,
    /// Places sold.
    pub sold: u32,
    /// Places reserved and not paid.
    pub held: u32,
    /// Places in all; `None` when unlimited.
    pub capacity: Option<u32>,
    /// What was taken.
    pub revenue: MoneyText,
    /// Whether it can be bought.
    pub state: EventState,
}

impl SaleRow {
    /// Width of the sold part of a bar that is 100 wide.
    pub(crate) fn sold_percent(&self) -> u64 {
        self.percent(self.sold)
    }

    /// Width of the reserved part.
    pub(crate) fn held_percent(&self) -> u64 {
        self.percent(self.held).min(100 - self.sold_percent())
    }

    fn percent(&self, places: u32) -> u64 {
        let capacity = u64::from(self.capacity.unwrap_or(0)).max(1);
        (u64::from(places) * 100 / capacity).min(100)
    }
}

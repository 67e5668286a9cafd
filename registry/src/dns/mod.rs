//! Names in DNS: what is published about a node, and by whom.
//!
//! What is wanted stands in the database and changes together with the registration; an item of the outbox, written in
//! the same transaction, says that a node's names have to be looked at. The worker compares nothing: it publishes all
//! of what is wanted, so that doing it twice, or after a crash half-way, comes to the same.

mod credentials;
mod records;
mod vacancy;
mod worker;

use std::sync::Arc;

use imajin_dns::{DnsProvider, Zone};

pub(crate) use credentials::{Credentials, digest_of, uuid_text};
pub use records::TTL_SECONDS_DEFAULT;
pub(crate) use records::{Snapshot, acme_label, changes};

/// Who serves the registry's zone.
#[derive(Clone)]
pub struct DnsSettings {
    /// The server or hoster that takes the changes.
    pub provider: Arc<dyn DnsProvider>,
    /// For how long others may remember an address.
    pub ttl_seconds: u32,
    /// Whether addresses that are not of the public Internet are published: only for networks of one's own.
    pub private_addresses: bool,
}

impl std::fmt::Debug for DnsSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DnsSettings")
            .field("provider", &self.provider.name())
            .field("ttl_seconds", &self.ttl_seconds)
            .field("private_addresses", &self.private_addresses)
            .finish()
    }
}

/// What the worker publishes with.
pub(crate) struct Publisher {
    pub(crate) settings: DnsSettings,
    pub(crate) zone: Zone,
}

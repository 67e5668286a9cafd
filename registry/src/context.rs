use std::sync::Arc;

use imajin_did::Keyring;
use imajin_kernel::Env;
use imajin_store::{Sealer, mutation};

/// What every domain function may use besides its connection; cheap to clone.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) env: Env,
    pub(crate) sealer: Sealer,
    pub(crate) writer: mutation::Writer,
    /// Signs the directory.
    pub(crate) keyring: Keyring,
    /// The DNS zone beneath which names are given out.
    pub(crate) zone: Arc<str>,
    /// Names that the operator gives to nobody.
    pub(crate) reserved: Arc<[String]>,
    pub(crate) dns: DnsFacts,
}

/// What the domain has to know about DNS.
#[derive(Clone, Copy)]
pub(crate) struct DnsFacts {
    /// Whether anybody serves the zone.
    pub(crate) is_served: bool,
    /// Whether addresses that are not of the public Internet are published.
    pub(crate) private_addresses: bool,
    /// Gives the labels of names that nobody else can guess.
    pub(crate) label_key: [u8; 32],
}

impl DnsFacts {
    /// Whether an address may stand in the zone: one that leads into somebody's own network is a trap for whoever
    /// follows it from another.
    pub(crate) fn is_publishable(self, address: std::net::IpAddr) -> bool {
        let address = address.to_canonical();
        imajin_web::is_public(address)
            || (self.private_addresses && !address.is_unspecified() && !address.is_multicast())
    }
}

use std::net::IpAddr;

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_store::sealed_row;
use serde::Serialize;

use crate::RegistryError;
use crate::dns::{Credentials, Snapshot};
use crate::schema::dns_names;

/// What is to be published about a name, what was published last, and the credentials with which it is changed.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = dns_names, primary_key(name))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct DnsNameRow {
    pub(crate) name: String,
    pub(crate) node_did: Did,
    /// A JSON list of addresses.
    pub(crate) addresses: String,
    /// A JSON list of the texts that a certificate authority looks for.
    pub(crate) challenges: String,
    /// Since then nothing is to be published.
    pub(crate) withdrawn_at: Option<Timestamp>,
    /// Counts what is wanted.
    pub(crate) revision: i64,
    /// What the provider was last seen to have, as JSON.
    pub(crate) published: Option<String>,
    /// The revision that `published` is.
    pub(crate) published_revision: i64,
    pub(crate) published_at: Option<Timestamp>,
    /// Why it could not be published last.
    pub(crate) last_error: Option<String>,
    pub(crate) username: String,
    /// SHA-256 of the password, which is random and long.
    pub(crate) password_digest: Vec<u8>,
    pub(crate) issued_at: Timestamp,
    /// When new credentials were asked for last, by the node's clock, in milliseconds.
    pub(crate) asked_ms: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(DnsNameRow, dns_names, "dns_names", key = (name));

impl DnsNameRow {
    /// What is to be published.
    pub(crate) fn wanted(&self) -> Result<Snapshot, RegistryError> {
        if self.withdrawn_at.is_some() {
            return Ok(Snapshot::default());
        }
        Ok(Snapshot {
            is_there: true,
            addresses: self.addresses()?,
            challenges: self.challenges()?,
        })
    }

    /// What was published last; nothing, before anything was.
    pub(crate) fn published(&self) -> Result<Snapshot, RegistryError> {
        let Some(text) = &self.published else {
            return Ok(Snapshot::default());
        };
        serde_json::from_str(text).map_err(|_error| self.damaged("what was published"))
    }

    /// The addresses of the node.
    pub(crate) fn addresses(&self) -> Result<Vec<IpAddr>, RegistryError> {
        serde_json::from_str(&self.addresses).map_err(|_error| self.damaged("the list of addresses"))
    }

    /// The texts for a certificate authority.
    pub(crate) fn challenges(&self) -> Result<Vec<String>, RegistryError> {
        serde_json::from_str(&self.challenges).map_err(|_error| self.damaged("the list of texts"))
    }

    /// From now on the records are changed with these, and with no others.
    pub(crate) fn credentials_set(&mut self, fresh: &Credentials, now: Timestamp) {
        self.username.clone_from(&fresh.username);
        self.password_digest = fresh.digest();
        self.issued_at = now;
    }

    /// Whether what is wanted is published.
    pub(crate) const fn is_published(&self) -> bool {
        self.revision == self.published_revision
    }

    fn damaged(&self, what: &str) -> RegistryError {
        RegistryError::damaged("dns_names", &self.name, &format!("{what} cannot be read"))
    }
}

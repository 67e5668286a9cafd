use async_trait::async_trait;

use crate::{Change, RecordKind, RecordSet, ZoneName};

/// Why records are not as they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DnsError {
    /// No connection, no answer in time, or an answer that says "later". What was asked for may have happened: ask
    /// again.
    #[error("the DNS provider does not answer: {0}")]
    Away(String),
    /// The provider refuses; asking again helps only after somebody has changed something.
    #[error("the DNS provider refuses: {0}")]
    Refused(String),
    /// An answer that is none, or was not signed by the provider.
    #[error("the DNS provider's answer cannot be trusted: {0}")]
    Untrusted(String),
    /// A name that is not in the provider's zone.
    #[error("{0} is not in the zone that is served here")]
    OutOfZone(String),
}

/// Who serves the zone.
#[async_trait]
pub trait DnsProvider: Send + Sync {
    /// A word for logs and pages.
    fn name(&self) -> &'static str;

    /// Makes the changes, in their order. Where the provider can, all of them or none.
    ///
    /// # Errors
    /// [`DnsError`]; after [`DnsError::Away`] some may have happened.
    async fn apply(&self, changes: &[Change]) -> Result<(), DnsError>;

    /// What is published now, as the provider itself says; `None` when there is nothing.
    ///
    /// # Errors
    /// [`DnsError`].
    async fn fetch(&self, name: &ZoneName, kind: RecordKind) -> Result<Option<RecordSet>, DnsError>;

    /// Whether the zone has anything at a name or below it, of whatever kind. A provider that answers as a server does
    /// says so, too, where the zone has a wildcard.
    ///
    /// # Errors
    /// [`DnsError`].
    async fn is_there(&self, name: &ZoneName) -> Result<bool, DnsError>;
}

/// Nobody serves it: names are kept and not published.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoDns;

#[async_trait]
impl DnsProvider for NoDns {
    fn name(&self) -> &'static str {
        "none"
    }

    async fn apply(&self, _changes: &[Change]) -> Result<(), DnsError> {
        Ok(())
    }

    async fn fetch(&self, _name: &ZoneName, _kind: RecordKind) -> Result<Option<RecordSet>, DnsError> {
        Ok(None)
    }

    async fn is_there(&self, _name: &ZoneName) -> Result<bool, DnsError> {
        Ok(false)
    }
}

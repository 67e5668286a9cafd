//! The node's certificate from an authority: asked for, kept, renewed in time, and shown without a restart.

mod keeper;
mod page;
mod settings;
mod store;

pub use keeper::{CertificateKeeper, KeeperParts};
pub use page::certificate_source;
pub use settings::{AcmeChallenge, AcmeConfig, AcmeDnsConfig};
pub(crate) use store::SealedDocument;
pub use store::{AcmeStore, CertificateStatus, DnsAccounts};

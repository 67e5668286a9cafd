//! Records of one zone, set through whoever serves it.
//!
//! A [`Zone`] gives [`ZoneName`]s, and nothing outside of it can be named. A [`RecordSet`] is never empty: to publish
//! nothing is a [`Change::Delete`], and has to be meant. [`DnsProvider`] is what a server or a hoster of zones can do:
//!
//! - [`Rfc2136`]: dynamic updates with TSIG, as Knot, BIND and `PowerDNS` take them;
//! - [`Cloudflare`]: a zone at that hoster;
//! - [`NoDns`]: none, where names are not served.
//!
//! Changes replace whole record sets, so that asking for the same ones again does no harm: callers repeat them until
//! they have an answer.

mod cloudflare;
mod name;
mod provider;
mod records;
mod rfc2136;

pub use cloudflare::{Cloudflare, CloudflareSettings};
pub use name::{NameError, Zone, ZoneName};
pub use provider::{DnsError, DnsProvider, NoDns};
pub use records::{Change, RecordKind, RecordSet, Records};
pub use rfc2136::{Rfc2136, Rfc2136Settings, TsigAlgorithm, TsigKey, TsigKeyError};

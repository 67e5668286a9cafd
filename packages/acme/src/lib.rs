//! Certificates from an authority that speaks ACME (RFC 8555).
//!
//! - [`Authority`]: where it is; [`Account`]: who asks there. [`Account::issue`] gets a certificate.
//! - [`Http01`]: proves a name by answering on port 80 of its host.
//! - [`AcmeDns`]: proves a name, and all names beneath it, by a text in DNS, which an endpoint with the interface of
//!   acme-dns sets: a registry's, or one of your own. `_acme-challenge` of the name leads there by a CNAME.
//! - [`CertificateFacts`]: what a certificate says about itself, and when it is time for the next.
//!
//! Nothing is stored here: keys are given to the caller, who seals them.

mod account;
mod acme_dns;
mod error;
mod facts;
mod http01;
mod transport;

pub use account::{Account, Answer, Authority, ChallengeKind, Issued, Solver};
pub use acme_dns::{AcmeDns, DnsAccount};
pub use error::AcmeError;
pub use facts::CertificateFacts;
pub use http01::Http01;

use imajin_kernel::{Span, Timestamp};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::extensions::GeneralName;

use crate::AcmeError;

/// What a certificate says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// The names that it is for, in order.
    pub names: Vec<String>,
    /// From when.
    pub not_before: Timestamp,
    /// Until when.
    pub not_after: Timestamp,
}

impl CertificateFacts {
    /// Reads the first certificate of a chain.
    ///
    /// # Errors
    /// [`AcmeError::Unusable`].
    pub fn read(chain_pem: &str) -> Result<Self, AcmeError> {
        let unusable = || AcmeError::Unusable("the certificate cannot be read".to_owned());
        let leaf = CertificateDer::from_pem_slice(chain_pem.as_bytes()).or(Err(unusable()))?;
        let (_rest, leaf) = x509_parser::parse_x509_certificate(&leaf).or(Err(unusable()))?;
        let alternative = leaf.subject_alternative_name().or(Err(unusable()))?;
        let general = alternative.map(|found| found.value.general_names.as_slice());
        let mut names: Vec<String> = general
            .unwrap_or_default()
            .iter()
            .filter_map(|name| match name {
                GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
                _ => None,
            })
            .collect();
        names.sort();
        Ok(Self {
            names,
            not_before: Timestamp::from_seconds(leaf.validity().not_before.timestamp()),
            not_after: Timestamp::from_seconds(leaf.validity().not_after.timestamp()),
        })
    }

    /// Whether it is for exactly these names.
    pub fn covers(&self, names: &[String]) -> bool {
        let mut wanted: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        wanted.sort();
        wanted.dedup();
        wanted == self.names
    }

    /// When two thirds of its time are over: time for the next, with a third left to try.
    pub fn renew_at(&self) -> Timestamp {
        let lifetime = self.not_after.since(self.not_before);
        self.not_before.plus(Span::millis(lifetime.as_millis() / 3 * 2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_the_time_for_the_next_are_read() {
        let key = rcgen::KeyPair::generate().unwrap();
        let names = ["*.alice.example".to_owned(), "alice.example".to_owned()];
        let mut params = rcgen::CertificateParams::new(names.to_vec()).unwrap();
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2026, 3, 31);
        let facts = CertificateFacts::read(&params.self_signed(&key).unwrap().pem()).unwrap();
        assert!(facts.covers(&["alice.example".to_owned(), "*.alice.example".to_owned()]));
        assert!(!facts.covers(&["alice.example".to_owned()]));
        assert_eq!(facts.renew_at().to_string(), "2026-03-01T08:00:00Z");
        assert!(CertificateFacts::read("no certificate").is_err());
    }
}

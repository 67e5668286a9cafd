use std::path::Path;
use std::sync::Arc;

use imajin_ui::{CertificateCard, moment};
use imajin_www::CertificateSource;

use super::CertificateStatus;

/// What the operator's page shows of the certificate of the node in a data directory.
pub fn certificate_source(folder: &Path) -> CertificateSource {
    let folder = folder.to_owned();
    Arc::new(move || {
        let status = CertificateStatus::load(&folder).unwrap_or_else(|error| {
            tracing::warn!(%error, "the state of the certificate cannot be read");
            None
        })?;
        Some(CertificateCard {
            names: status.names.join(", "),
            until: status.not_after.map(moment),
            problem: status.last_error,
        })
    })
}

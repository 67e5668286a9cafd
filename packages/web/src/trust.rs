//! Whose certificates outgoing connections believe.

use std::sync::{Arc, OnceLock};

use imajin_kernel::Problem;
use rustls::client::WantsClientCert;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ConfigBuilder, Error, RootCertStore, WantsVerifier};
use rustls_platform_verifier::Verifier;

/// The set-up of every client that trusts the machine's own roots: they are read once for the whole process.
static SHARED: OnceLock<ClientConfig> = OnceLock::new();

/// The TLS set-up of an outgoing client. A machine without root certificates can still run a node; it trusts nobody's
/// certificate then.
///
/// # Errors
/// When TLS itself is broken.
pub(crate) fn tls_config() -> Result<ClientConfig, Problem> {
    if let Some(config) = SHARED.get() {
        return Ok(config.clone());
    }
    let config = with_machine_roots(Vec::new()).or_else(|error| {
        tracing::warn!(%error, "no host can be trusted: install root certificates (Debian: ca-certificates)");
        let trusting_nobody = builder(provider()).map(|made| made.with_root_certificates(RootCertStore::empty()));
        trusting_nobody.map(finished).map_err(|error| {
            tracing::error!(%error, "no TLS client could be made");
            Problem::internal()
        })
    })?;
    Ok(SHARED.get_or_init(|| config).clone())
}

/// The same, which also believes the certificates in a file in PEM form.
///
/// # Errors
/// When the file holds no certificate.
pub(crate) fn tls_config_with(pem: &[u8]) -> Result<ClientConfig, Problem> {
    let no_certificate = || Problem::invalid("The given file holds no certificate in PEM form.");
    let extra: Result<Vec<CertificateDer<'static>>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let extra = extra
        .ok()
        .filter(|found| !found.is_empty())
        .ok_or_else(no_certificate)?;
    with_machine_roots(extra).map_err(|_error| no_certificate())
}

fn with_machine_roots(extra: Vec<CertificateDer<'static>>) -> Result<ClientConfig, Error> {
    let provider = provider();
    let verifier = Verifier::new_with_extra_roots(extra, Arc::clone(&provider))?;
    let config = builder(provider)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    Ok(finished(config))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn builder(provider: Arc<CryptoProvider>) -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, Error> {
    ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()
}

fn finished(config: ConfigBuilder<ClientConfig, WantsClientCert>) -> ClientConfig {
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

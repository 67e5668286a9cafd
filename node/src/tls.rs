//! HTTPS: a certificate that the node makes for itself, one's own from files, or one of an authority (see
//! [`crate::acme`]). Which one is shown can change while the listener runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use imajin_did::{Keyring, Sealed};
use imajin_kernel::Env;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_util::sync::CancellationToken;

use crate::data_dir::{DataDir, DataDirError, write_private};
use crate::vault::TLS_KEY;

/// How often files with a certificate are looked at.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or written.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// A PEM file holds no certificate or key.
    #[error("{path} holds no usable {what} in PEM form")]
    Pem {
        /// The file.
        path: String,
        /// What was looked for.
        what: &'static str,
    },
    /// The certificate could not be made or does not fit its key.
    #[error("the certificate cannot be used: {0}")]
    Unusable(String),
}

/// A certificate in use.
pub struct Certificate {
    /// What the listener needs.
    pub config: Arc<ServerConfig>,
    /// Through which another one takes its place.
    pub shown: Arc<ShownCertificate>,
    /// SHA-256 of the certificate, in the form that browsers show: to compare by eye.
    pub fingerprint: String,
    /// Whether the node made it itself, so that browsers will ask.
    pub generated: bool,
}

/// The certificate that new connections see.
#[derive(Debug)]
pub struct ShownCertificate(RwLock<Arc<CertifiedKey>>);

impl ShownCertificate {
    /// Shows another certificate from now on; open connections go on with the one that they have.
    ///
    /// # Errors
    /// When the key does not fit, and the former one stays.
    pub fn replace(&self, chain_pem: &str, key_der: &[u8]) -> Result<(), TlsError> {
        let next = certified(
            chain_parse(chain_pem)?,
            &PrivatePkcs8KeyDer::from(key_der.to_vec()).into(),
        )?;
        self.set(next);
        Ok(())
    }

    fn set(&self, next: CertifiedKey) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
    }
}

impl ResolvesServerCert for ShownCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// A certificate that an authority issued.
pub fn certificate_issued(chain_pem: &str, key_der: &[u8]) -> Result<Certificate, TlsError> {
    let key = PrivatePkcs8KeyDer::from(key_der.to_vec());
    certificate_use(chain_parse(chain_pem)?, &key.into(), false)
}

fn chain_parse(pem: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .or(Err(TlsError::Unusable("it is no PEM".to_owned())))
}

fn certified(chain: Vec<CertificateDer<'static>>, key: &PrivateKeyDer<'static>) -> Result<CertifiedKey, TlsError> {
    let unusable = |error: rustls::Error| TlsError::Unusable(error.to_string());
    let key = any_supported_type(key).map_err(unusable)?;
    let certified = CertifiedKey::new(chain, key);
    certified.end_entity_cert().map_err(unusable)?;
    certified.keys_match().map_err(unusable)?;
    Ok(certified)
}

/// A certificate in PEM files, which are looked at again: whoever renews it only has to write them.
#[derive(Debug, Clone)]
pub struct CertificateFiles {
    certificate: PathBuf,
    private_key: PathBuf,
    shown: Arc<ShownCertificate>,
    /// What was in the files when they were last looked at.
    seen: [u8; 32],
}

impl CertificateFiles {
    /// Loads a certificate from PEM files.
    ///
    /// # Errors
    /// When one of them cannot be read, or the key is not the certificate's.
    pub fn load(certificate: &Path, private_key: &Path) -> Result<(Certificate, Self), TlsError> {
        let seen = files_digest(certificate, private_key)?;
        let (chain, key) = files_parse(certificate, private_key)?;
        let made = certificate_use(chain, &key, false)?;
        let files = Self {
            certificate: certificate.to_owned(),
            private_key: private_key.to_owned(),
            shown: Arc::clone(&made.shown),
            seen,
        };
        Ok((made, files))
    }

    /// Shows new connections what is in the files now. Says whether that is another certificate.
    ///
    /// # Errors
    /// When they cannot be used: the one before stays, and they are looked at again when they change.
    pub fn look(&mut self) -> Result<bool, TlsError> {
        let digest = files_digest(&self.certificate, &self.private_key)?;
        if std::mem::replace(&mut self.seen, digest) == digest {
            return Ok(false);
        }
        let (chain, key) = files_parse(&self.certificate, &self.private_key)?;
        self.shown.set(certified(chain, &key)?);
        Ok(true)
    }

    /// Looks at the files until `stop`.
    pub async fn keep(mut self, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
            match self.look() {
                Ok(false) => {}
                Ok(true) => {
                    let path = self.certificate.display();
                    tracing::info!(certificate = %path, "another certificate is shown from now on");
                }
                Err(error) => tracing::warn!(%error, "the certificate before stays in use"),
            }
        }
    }
}

fn files_digest(certificate: &Path, private_key: &Path) -> Result<[u8; 32], TlsError> {
    let read = |path: &Path| {
        fs::read(path).map_err(|source| DataDirError::Io {
            path: path.to_owned(),
            source,
        })
    };
    let both = [read(certificate)?, read(private_key)?];
    Ok(imajin_proof::digest::sha256(both.concat().as_slice()))
}

fn files_parse(
    certificate: &Path,
    private_key: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let key = PrivateKeyDer::from_pem_file(private_key).or(Err(pem_error(private_key, "private key")))?;
    Ok((chain_load(certificate)?, key))
}

/// The certificate that the node made for `hosts` earlier, or a new one. It is kept in the data directory, so that its
/// fingerprint stays the same.
pub fn certificate_generate(
    data: &DataDir,
    keyring: &Keyring,
    env: &Env,
    hosts: &[String],
) -> Result<Certificate, TlsError> {
    let certificate_path = data.path().join("tls.crt");
    let key_path = data.path().join(TLS_KEY.name);
    let hosts_path = data.path().join("tls.hosts");
    let wanted = hosts.join("\n");
    let made_for = fs::read_to_string(&hosts_path).unwrap_or_default();
    if made_for != wanted || !certificate_path.exists() || !key_path.exists() {
        let unusable = |error: rcgen::Error| TlsError::Unusable(error.to_string());
        let key = KeyPair::generate().map_err(unusable)?;
        let mut params = CertificateParams::new(hosts.to_vec()).map_err(unusable)?;
        let mut name = DistinguishedName::new();
        name.push(DnType::CommonName, "imajin node");
        params.distinguished_name = name;
        let certificate = params.self_signed(&key).map_err(unusable)?;
        key_write(&key_path, key.serialized_der(), keyring, env)?;
        write_private(&certificate_path, certificate.pem().as_bytes())?;
        write_private(&hosts_path, wanted.as_bytes())?;
    }
    let unreadable = |source| DataDirError::Io {
        path: key_path.clone(),
        source,
    };
    let stored = fs::read(&key_path).map_err(unreadable)?;
    let key = if stored.starts_with(b"-----BEGIN") {
        // As earlier versions have left it: sealed from now on, and the certificate stays.
        let key = PrivatePkcs8KeyDer::from_pem_slice(&stored).or(Err(pem_error(&key_path, "private key")))?;
        key_write(&key_path, key.secret_pkcs8_der(), keyring, env)?;
        key
    } else {
        let opened = keyring.open(TLS_KEY.label, &Sealed::from_bytes(stored));
        let opened = opened.map_err(|error| TlsError::Unusable(format!("{}: {error}", key_path.display())))?;
        PrivatePkcs8KeyDer::from(opened.to_vec())
    };
    certificate_use(chain_load(&certificate_path)?, &key.into(), true)
}

fn key_write(path: &Path, key: &[u8], keyring: &Keyring, env: &Env) -> Result<(), TlsError> {
    let sealed = keyring.seal(TLS_KEY.label, key, env);
    Ok(write_private(path, sealed.as_bytes())?)
}

fn pem_error(path: &Path, what: &'static str) -> TlsError {
    TlsError::Pem {
        path: path.display().to_string(),
        what,
    }
}

fn chain_load(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .or(Err(pem_error(path, "certificate")))
}

fn certificate_use(
    chain: Vec<CertificateDer<'static>>,
    key: &PrivateKeyDer<'static>,
    generated: bool,
) -> Result<Certificate, TlsError> {
    let leaf = chain
        .first()
        .ok_or_else(|| TlsError::Unusable("the chain is empty".to_owned()))?;
    let digest = imajin_proof::digest::sha256(leaf);
    let fingerprint = digest
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect::<Vec<_>>()
        .join(":");
    let shown = Arc::new(ShownCertificate(RwLock::new(Arc::new(certified(chain, key)?))));
    let resolver: Arc<dyn ResolvesServerCert> = Arc::<ShownCertificate>::clone(&shown);
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Certificate {
        config: Arc::new(config),
        shown,
        fingerprint,
        generated,
    })
}

#[cfg(test)]
mod tests {
    use rcgen::generate_simple_self_signed;
    use rustls::crypto::aws_lc_rs::default_provider;

    use super::*;

    fn write(certificate: &Path, key: &Path) -> Vec<u8> {
        let made = generate_simple_self_signed(vec!["site.example".to_owned()]).unwrap();
        fs::write(certificate, made.cert.pem()).unwrap();
        fs::write(key, made.signing_key.serialize_pem()).unwrap();
        made.cert.der().to_vec()
    }

    fn shown(files: &CertificateFiles) -> Vec<u8> {
        files.shown.0.read().unwrap().cert[0].to_vec()
    }

    #[test]
    fn a_renewed_certificate_is_shown_and_a_broken_one_is_not() {
        let _first = default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("site.crt"), folder.path().join("site.key"));
        let first = write(&certificate, &key);
        let (_made, mut files) = CertificateFiles::load(&certificate, &key).unwrap();
        assert_eq!((files.look().unwrap(), shown(&files)), (false, first.clone()));
        fs::write(&certificate, "no certificate").unwrap();
        assert!(files.look().is_err());
        assert_eq!(shown(&files), first);
        assert!(!files.look().unwrap(), "it is said once");
        let second = write(&certificate, &key);
        assert_eq!((files.look().unwrap(), shown(&files)), (true, second.clone()));
        // The key of another certificate, as a renewal that is half written leaves it.
        write(&folder.path().join("other.crt"), &key);
        assert!(files.look().is_err());
        assert_eq!(shown(&files), second);
    }
}

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use imajin_acme::{
    Account, AcmeDns, AcmeError, Authority, CertificateFacts, ChallengeKind, DnsAccount, Http01, Solver,
};
use imajin_kernel::{Env, Span, Timestamp};
use imajin_registry_api::Registrations;
use imajin_web::HttpClient;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{AcmeConfig, AcmeStore, CertificateStatus, DnsAccounts};
use crate::agent::RegistryLink;
use crate::data_dir::DataDirError;
use crate::tls::{ShownCertificate, TlsError};

/// How often the keeper looks whether something is due.
const TICK: Duration = Duration::from_secs(1);

/// Authorities count failures: they are retried after a minute, then twice as long each time, up to half a day.
const RETRY_FIRST: Span = Span::minutes(1);
const RETRY_DOUBLINGS_MAX: u32 = 10;
const RETRY_LONGEST: Span = Span::hours(12);

/// What the keeper works with.
pub struct KeeperParts {
    /// How it is to be done.
    pub config: AcmeConfig,
    /// The host under which people reach the node.
    pub public: Url,
    /// Where everything is kept.
    pub store: AcmeStore,
    /// The passwords for the records of the node's names.
    pub accounts: DnsAccounts,
    /// Asks registries for new ones.
    pub link: RegistryLink,
    /// The names that registries gave.
    pub registrations: Arc<dyn Registrations>,
    /// Asks the authority.
    pub authority_http: HttpClient,
    /// Asks the registry, or the endpoint of the configuration.
    pub endpoint_http: HttpClient,
    /// Answers on port 80.
    pub http01: Http01,
    /// Where a new certificate is shown.
    pub shown: Arc<ShownCertificate>,
    /// Time and randomness.
    pub env: Env,
}

/// Keeps the node's certificate good.
pub struct CertificateKeeper {
    parts: KeeperParts,
    status: Mutex<CertificateStatus>,
}

/// Why there is no new certificate.
#[derive(Debug, thiserror::Error)]
enum KeepError {
    #[error(transparent)]
    Acme(#[from] AcmeError),
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("{0}")]
    Waiting(String),
}

impl CertificateKeeper {
    /// Nothing is asked yet.
    pub fn new(parts: KeeperParts) -> Self {
        Self {
            parts,
            status: Mutex::default(),
        }
    }

    /// Looks again and again, until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.tick() => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(TICK) => {}
            }
        }
    }

    /// How it stands.
    pub fn status(&self) -> CertificateStatus {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gets a certificate if there is none, if it is time for the next, or if the names or the authority are others.
    pub async fn tick(&self) {
        let Some(kind) = self.parts.config.kind() else { return };
        let (now, before) = (self.parts.env.now(), self.status());
        let names = self.names(kind);
        let is_same = before.names == names && before.directory.as_ref() == Some(&self.parts.config.directory);
        if is_same && before.next_attempt_at.is_some_and(|next| now < next) {
            return;
        }
        let fresh = CertificateStatus {
            names: names.clone(),
            directory: Some(self.parts.config.directory.clone()),
            ..CertificateStatus::default()
        };
        let base = if is_same { before.clone() } else { fresh };
        let after = match self.ensure(kind, &names, now).await {
            Ok(facts) => CertificateStatus {
                not_after: Some(facts.not_after),
                renew_at: Some(facts.renew_at()),
                next_attempt_at: Some(facts.renew_at()),
                failures: 0,
                last_error: None,
                ..base
            },
            Err(KeepError::Waiting(why)) => CertificateStatus {
                last_error: Some(why),
                ..base
            },
            Err(error) => failed(base, &error, now),
        };
        if after == before {
            return;
        }
        if let Err(error) = self.parts.store.status_keep(&after) {
            tracing::warn!(%error, "the state of the certificate cannot be kept");
        }
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = after;
    }

    /// The names to be certified, in order; none while the registry has given none.
    fn names(&self, kind: ChallengeKind) -> Vec<String> {
        let mut names = self.parts.config.names.clone();
        if names.is_empty() {
            names = match kind {
                ChallengeKind::Http01 => self.parts.public.domain().map(str::to_owned).into_iter().collect(),
                ChallengeKind::Dns01 => {
                    let mut given = self.parts.registrations.registrations().into_iter();
                    let name = given.find_map(|known| known.subdomain);
                    name.map(|name| vec![format!("*.{name}"), name]).unwrap_or_default()
                }
            };
        }
        names.sort();
        names.dedup();
        names
    }

    /// What the certificate says that is shown from now on: the one that is kept, while it is good, or a new one.
    async fn ensure(
        &self,
        kind: ChallengeKind,
        names: &[String],
        now: Timestamp,
    ) -> Result<CertificateFacts, KeepError> {
        let Some(first) = names.iter().find(|name| !name.starts_with("*.")) else {
            let why = match kind {
                ChallengeKind::Http01 => "`public_url` has no name that could be certified",
                ChallengeKind::Dns01 => "no registry has given this node a name yet: `imajin node register`",
            };
            return Err(KeepError::Waiting(why.to_owned()));
        };
        let directory = &self.parts.config.directory;
        if let Some(kept) = self.parts.store.certificate(directory)? {
            let facts = CertificateFacts::read(&kept.chain_pem)?;
            if facts.covers(names) && now < facts.renew_at() {
                self.parts.shown.replace(&kept.chain_pem, &kept.key_der)?;
                return Ok(facts);
            }
        }
        let issued = match kind {
            ChallengeKind::Http01 => self.issue(names, &self.parts.http01).await?,
            ChallengeKind::Dns01 => {
                let account = self.dns_account(first).await?;
                let solver = AcmeDns::new(self.parts.endpoint_http.clone(), account);
                self.issue(names, &solver).await?
            }
        };
        self.parts.shown.replace(&issued.chain_pem, &issued.key_der)?;
        self.parts.store.certificate_keep(directory, &issued)?;
        tracing::info!(?names, "a new certificate is shown");
        Ok(CertificateFacts::read(&issued.chain_pem)?)
    }

    async fn issue(&self, names: &[String], solver: &dyn Solver) -> Result<imajin_acme::Issued, KeepError> {
        Ok(self.account().await?.issue(names, solver).await?)
    }

    async fn account(&self) -> Result<Account, KeepError> {
        let directory = &self.parts.config.directory;
        let authority = Authority {
            directory: directory.clone(),
            http: self.parts.authority_http.clone(),
            contact: self.parts.config.contact.clone(),
        };
        if let Some(kept) = self.parts.store.account(directory)? {
            return Ok(authority.account_restore(&kept).await?);
        }
        let (account, text) = authority.account_create().await?;
        self.parts.store.account_keep(directory, &text)?;
        Ok(account)
    }

    async fn dns_account(&self, hostname: &str) -> Result<DnsAccount, KeepError> {
        if let Some(configured) = &self.parts.config.dns {
            let account = configured.account(hostname);
            return account.map_err(|error| AcmeError::NotPublished(error).into());
        }
        if let Some(known) = self.parts.accounts.find(hostname)? {
            return Ok(known);
        }
        let mut given = self.parts.registrations.registrations().into_iter();
        let registration = given.find(|known| known.subdomain.as_deref() == Some(hostname));
        let refused = |text: String| KeepError::from(AcmeError::NotPublished(text));
        let registration = registration.ok_or_else(|| {
            refused(format!(
                "no registry has given this node the name {hostname}: set `tls.acme.dns`"
            ))
        })?;
        let asked = self.parts.link.credentials(&registration.registry).await;
        asked.map_err(|problem| refused(problem.detail))
    }
}

fn failed(base: CertificateStatus, error: &KeepError, now: Timestamp) -> CertificateStatus {
    tracing::warn!(%error, "there is no new certificate");
    let doublings = base.failures.min(RETRY_DOUBLINGS_MAX);
    let wait = Span::seconds(RETRY_FIRST.as_seconds() << doublings).min(RETRY_LONGEST);
    CertificateStatus {
        failures: base.failures.saturating_add(1),
        last_error: Some(error.to_string()),
        next_attempt_at: Some(now.plus(wait)),
        ..base
    }
}

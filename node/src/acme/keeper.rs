use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use imajin_acme::{
    Account, AcmeDns, AcmeError, Authority, CertificateFacts, ChallengeKind, DnsAccount, Http01, Issued, Solver,
};
use imajin_kernel::{Env, Span, Timestamp};
use imajin_registry_api::{Registration, Registrations};
use imajin_web::HttpClient;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{AcmeConfig, AcmeStore, CertificateStatus, DnsAccounts};
use crate::agent::RegistryLink;
use crate::data_dir::DataDirError;
use crate::tls::{ShownCertificate, TlsError};

/// How often the keeper looks whether something is due.
const TICK: Duration = Duration::from_secs(1);

/// Authorities count failures, a few in an hour at most: they are retried after five minutes, fifteen, and so on
/// threefold up to half a day.
const RETRY_FIRST: Span = Span::minutes(5);
const RETRY_TRIPLINGS_MAX: u32 = 5;
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
    /// What was issued and could not be saved: it is not ordered again for that.
    unsaved: Mutex<Option<Issued>>,
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
    /// Nothing is asked yet. Failures from before a restart count: the authority has counted them, too.
    pub fn new(parts: KeeperParts) -> Self {
        let (kept, now) = (parts.store.status(), parts.env.now());
        let is_plan = |next: Timestamp| next <= now.plus(RETRY_LONGEST);
        let goes_on = kept.failures > 0 && kept.next_attempt_at.is_some_and(is_plan);
        let status = if goes_on { kept } else { CertificateStatus::default() };
        Self {
            parts,
            status: Mutex::new(status),
            unsaved: Mutex::default(),
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
        if let Some(issued) = self.unsaved().take()
            && let Some(facts) = fitting(&issued, names, now)?
        {
            self.save(issued)?;
            return Ok(facts);
        }
        if let Some(kept) = self.parts.store.certificate(directory)?
            && let Some(facts) = fitting(&kept, names, now)?
        {
            self.parts.shown.replace(&kept.chain_pem, &kept.key_der)?;
            return Ok(facts);
        }
        let issued = match kind {
            ChallengeKind::Http01 => self.issue(names, &self.parts.http01).await?,
            ChallengeKind::Dns01 => self.issue_by_dns(names, first).await?,
        };
        self.parts.shown.replace(&issued.chain_pem, &issued.key_der)?;
        tracing::info!(?names, "a new certificate is shown");
        let facts = CertificateFacts::read(&issued.chain_pem)?;
        self.save(issued)?;
        Ok(facts)
    }

    fn unsaved(&self) -> MutexGuard<'_, Option<Issued>> {
        self.unsaved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Saves a certificate, or keeps it for the next time.
    fn save(&self, issued: Issued) -> Result<(), KeepError> {
        let saved = self.parts.store.certificate_keep(&self.parts.config.directory, &issued);
        if saved.is_err() {
            *self.unsaved() = Some(issued);
        }
        Ok(saved?)
    }

    /// Through the registry, or the endpoint of the configuration. A registry may have ended the account, as it does
    /// with a new key of the node: then the node asks for another, once.
    async fn issue_by_dns(&self, names: &[String], hostname: &str) -> Result<Issued, KeepError> {
        let issued = self.issue_with(names, self.dns_account(hostname).await?).await;
        let Err(KeepError::Acme(AcmeError::NoAccount(_))) = issued else {
            return issued;
        };
        if self.parts.config.dns.is_some() {
            return issued;
        }
        let registry = self.registration(hostname)?.registry;
        self.parts.accounts.forget(&registry, hostname)?;
        self.issue_with(names, self.dns_account(hostname).await?).await
    }

    async fn issue_with(&self, names: &[String], account: DnsAccount) -> Result<Issued, KeepError> {
        let solver = AcmeDns::new(self.parts.endpoint_http.clone(), account);
        self.issue(names, &solver).await
    }

    async fn issue(&self, names: &[String], solver: &dyn Solver) -> Result<Issued, KeepError> {
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
        let registration = self.registration(hostname)?;
        if let Some(known) = self.parts.accounts.find(&registration.registry, hostname)? {
            return Ok(known);
        }
        let asked = self.parts.link.credentials(&registration).await;
        asked.map_err(|problem| AcmeError::NotPublished(problem.detail).into())
    }

    /// The registration that gave the node a name.
    fn registration(&self, hostname: &str) -> Result<Registration, KeepError> {
        let mut given = self.parts.registrations.registrations().into_iter();
        let registration = given.find(|known| known.subdomain.as_deref() == Some(hostname));
        let unknown = || {
            AcmeError::NotPublished(format!(
                "no registry has given this node the name {hostname}: set `tls.acme.dns`"
            ))
        };
        Ok(registration.ok_or_else(unknown)?)
    }
}

/// What a certificate says, if it is for these names and not yet to be renewed.
fn fitting(issued: &Issued, names: &[String], now: Timestamp) -> Result<Option<CertificateFacts>, AcmeError> {
    let facts = CertificateFacts::read(&issued.chain_pem)?;
    Ok((facts.covers(names) && now < facts.renew_at()).then_some(facts))
}

fn failed(base: CertificateStatus, error: &KeepError, now: Timestamp) -> CertificateStatus {
    tracing::warn!(%error, "there is no new certificate");
    let triplings = base.failures.min(RETRY_TRIPLINGS_MAX);
    let wait = Span::seconds(RETRY_FIRST.as_seconds() * 3_i64.pow(triplings)).min(RETRY_LONGEST);
    CertificateStatus {
        failures: base.failures.saturating_add(1),
        last_error: Some(error.to_string()),
        next_attempt_at: Some(now.plus(wait)),
        ..base
    }
}

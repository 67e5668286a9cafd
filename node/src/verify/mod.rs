//! `imajin verify`: recomputes everything that a node keeps, from the databases alone, and names what does not fit.

mod books;
mod keys;

use std::collections::BTreeMap;
use std::sync::Arc;

use imajin_did::{Did, Keyring};
use imajin_kernel::{Env, Timestamp};
use imajin_publisher::files_audit;
use imajin_store::mutation::{audit_signers, unproven_text};
use imajin_store::{Conn, Db, Finding, StoreError};
use serde::Serialize;

use self::keys::KnownKeys;

use crate::config::{Config, ServiceName};
use crate::data_dir::{DataDir, DataDirError};
use crate::run::database_open;
use crate::vault::sealed_columns;

/// So many bytes of works are hashed at a time; every file's length is looked at, and which are hashed changes from day
/// to day.
const WORKS_HASHED_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// What was checked and what was found.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The services whose databases were checked.
    pub services: Vec<String>,
    /// The rows that do not fit; empty when all is well.
    pub findings: Vec<FindingLine>,
    /// Whose signatures could not be checked; empty when all were.
    pub unchecked: Vec<UncheckedLine>,
}

/// Somebody whose keys could not be learnt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UncheckedLine {
    /// Whose.
    pub did: String,
    /// In how many rows there is a signature that no known key has made.
    pub rows: usize,
    /// Why they are not known.
    pub reason: String,
}

impl std::fmt::Display for UncheckedLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { did, rows, reason } = self;
        write!(
            f,
            "not checked: {rows} rows signed by {did}, whose keys are not known here: {reason}"
        )
    }
}

/// A row that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FindingLine {
    /// Whose database.
    pub service: String,
    /// Which table.
    pub table: String,
    /// Which row.
    pub row: String,
    /// What is wrong with it.
    pub problem: String,
}

impl std::fmt::Display for FindingLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{} {}: {}", self.service, self.table, self.row, self.problem)
    }
}

impl From<Finding> for FindingLine {
    fn from(finding: Finding) -> Self {
        Self {
            service: finding.service,
            table: finding.table,
            row: finding.row,
            problem: finding.problem,
        }
    }
}

/// Why the check could not be made at all.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The data directory.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// A database cannot be read.
    #[error("the database of `{service}` cannot be read: {source}")]
    Database {
        /// Whose.
        service: &'static str,
        /// What it said.
        source: StoreError,
    },
}

/// Checks every service that the configuration runs in this data directory.
pub async fn verify(data: &DataDir, config: &Config) -> Result<Report, VerifyError> {
    let checker = Checker {
        keyring: data.keyring_open()?,
        open: databases(data, config).await?,
    };
    let mut known = Arc::new(KnownKeys::load(data, config).await?);
    let mut findings = checker.audit(&known).await?;
    if let Some(fetched) = known.fetched(config).await {
        known = Arc::new(fetched);
        findings = checker.audit(&known).await?;
    }
    let mut unchecked = BTreeMap::new();
    findings.retain(|finding| {
        let signer = known
            .unknown
            .iter()
            .find(|(did, _reason)| finding.problem == unproven_text(did));
        if let Some((did, reason)) = signer {
            let line = unchecked.entry(did.to_string()).or_insert_with(|| UncheckedLine {
                did: did.to_string(),
                rows: 0,
                reason: reason.clone(),
            });
            line.rows = line.rows.saturating_add(1);
        }
        signer.is_none()
    });
    findings.extend(checker.books().await?);
    findings.extend(checker.works(data).await?);
    Ok(Report {
        services: checker.open.keys().map(ToString::to_string).collect(),
        findings: findings.into_iter().map(FindingLine::from).collect(),
        unchecked: unchecked.into_values().collect(),
    })
}

async fn databases(data: &DataDir, config: &Config) -> Result<BTreeMap<ServiceName, Db>, VerifyError> {
    let mut open = BTreeMap::new();
    for service in &config.services {
        let opened = database_open(data, config, *service).await;
        if let Some(db) = opened.map_err(unreadable(*service))? {
            open.insert(*service, db);
        }
    }
    Ok(open)
}

fn unreadable(service: ServiceName) -> impl FnOnce(StoreError) -> VerifyError {
    move |source| VerifyError::Database {
        service: service.as_str(),
        source,
    }
}

/// The databases of this process.
struct Checker {
    keyring: Keyring,
    open: BTreeMap<ServiceName, Db>,
}

impl Checker {
    async fn audit(&self, known: &Arc<KnownKeys>) -> Result<Vec<Finding>, VerifyError> {
        let mut findings = Vec::new();
        for (service, db) in &self.open {
            let (keyring, known, name) = (self.keyring.clone(), Arc::clone(known), *service);
            let found = db
                .read(move |conn| service_audit(name, conn, &keyring, &known))
                .await
                .map_err(unreadable(name))?;
            findings.extend(found);
        }
        Ok(findings)
    }

    /// What no service can see alone.
    async fn books(&self) -> Result<Vec<Finding>, VerifyError> {
        match (self.open.get(&ServiceName::Events), self.open.get(&ServiceName::Pay)) {
            (Some(events), Some(pay)) => books::compare(events, pay).await.map_err(unreadable(ServiceName::Pay)),
            _ => Ok(Vec::new()),
        }
    }
}

impl Checker {
    /// The bytes of works are the ones that the rows name.
    async fn works(&self, data: &DataDir) -> Result<Vec<Finding>, VerifyError> {
        let Some(publisher) = self.open.get(&ServiceName::Publisher) else {
            return Ok(Vec::new());
        };
        let dir = data.works_path();
        let audit = publisher.read(move |conn| files_audit(conn, &dir, &Env::system(), WORKS_HASHED_BYTES_MAX));
        Ok(audit.await.map_err(unreadable(ServiceName::Publisher))?.findings)
    }
}

fn service_audit(
    service: ServiceName,
    conn: &mut Conn,
    keyring: &Keyring,
    known: &KnownKeys,
) -> Result<Vec<Finding>, StoreError> {
    // Nothing is written, and what is checked was signed at its own time: the clock only completes the call.
    let env = Env::system();
    let keys = |did: &Did| known.ever(did);
    let mut findings = match service {
        ServiceName::Auth => imajin_auth::audit(conn, keyring, &env),
        ServiceName::Pay => imajin_pay::audit_with_keys(conn, keyring, &keys),
        ServiceName::Events => imajin_events::audit(conn, keyring, &env, &keys),
        ServiceName::Connections => imajin_connections::audit(conn, keyring, &env, &keys),
        ServiceName::Profile => imajin_profile::audit(conn, keyring, &env, &keys),
        ServiceName::Publisher => imajin_publisher::audit(conn, keyring, &env, &keys),
        ServiceName::Query => imajin_query::audit(conn, keyring, &env, &keys),
        ServiceName::Broker => imajin_broker::audit(conn, keyring, &env, &keys),
        ServiceName::Registry => imajin_registry::audit(conn, keyring, &keys),
        ServiceName::Www => Ok(Vec::new()),
    }?;
    // A row that cannot be read was named above, and would stop the checks below.
    if findings.is_empty() {
        let then = |did: &Did, at: Timestamp| known.then(did, at);
        audit_signers(conn, service.as_str(), &then, &mut findings)?;
        for column in sealed_columns(service) {
            column.audit(conn, keyring, service.as_str(), &mut findings)?;
        }
    }
    Ok(findings)
}

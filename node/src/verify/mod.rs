//! `imajin verify`: recomputes everything that a node keeps, from the databases alone, and names what does not fit.

mod books;

use std::collections::BTreeMap;
use std::sync::Arc;

use imajin_did::{Did, Keyring, PublicKey};
use imajin_kernel::Env;
use imajin_store::{Conn, Finding, StoreError};
use serde::Serialize;

use crate::config::{Config, ServiceName};
use crate::data_dir::{DataDir, DataDirError};
use crate::run::database_open;
use crate::vault::sealed_columns;

/// What was checked and what was found.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The services whose databases were checked.
    pub services: Vec<String>,
    /// The rows that do not fit; empty when all is well.
    pub findings: Vec<FindingLine>,
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
    let keyring = data.keyring_open()?;
    let mut report = Report {
        services: Vec::new(),
        findings: Vec::new(),
    };
    let keys = Arc::new(keys_ever(data, config).await?);
    let mut open = BTreeMap::new();
    for service in &config.services {
        let unreadable = |source| VerifyError::Database {
            service: service.as_str(),
            source,
        };
        let Some(db) = database_open(data, config, *service).await.map_err(unreadable)? else {
            continue;
        };
        let (keyring, keys, name) = (keyring.clone(), Arc::clone(&keys), *service);
        let findings = db
            .read(move |conn| service_audit(name, conn, &keyring, &keys))
            .await
            .map_err(unreadable)?;
        report.findings.extend(findings.into_iter().map(FindingLine::from));
        report.services.push(service.as_str().to_owned());
        open.insert(*service, db);
    }
    if let (Some(events), Some(pay)) = (open.get(&ServiceName::Events), open.get(&ServiceName::Pay)) {
        let unreadable = |source| VerifyError::Database {
            service: ServiceName::Pay.as_str(),
            source,
        };
        let findings = books::compare(events, pay).await.map_err(unreadable)?;
        report.findings.extend(findings.into_iter().map(FindingLine::from));
    }
    for (_service, db) in open {
        db.close().await;
    }
    Ok(report)
}

/// The keys that identities have had besides the first: what old signatures in any service may have been made with.
/// They are in auth's database; where auth runs elsewhere, each DID has its first key only.
async fn keys_ever(data: &DataDir, config: &Config) -> Result<KeysEver, VerifyError> {
    let unreadable = |source| VerifyError::Database {
        service: ServiceName::Auth.as_str(),
        source,
    };
    if !config.services.contains(&ServiceName::Auth) {
        return Ok(KeysEver::new());
    }
    let opened = database_open(data, config, ServiceName::Auth).await;
    let Some(db) = opened.map_err(unreadable)? else {
        return Ok(KeysEver::new());
    };
    let keys = db.read(imajin_auth::keys_ever).await.map_err(unreadable)?;
    db.close().await;
    Ok(keys)
}

type KeysEver = BTreeMap<Did, Vec<PublicKey>>;

fn service_audit(
    service: ServiceName,
    conn: &mut Conn,
    keyring: &Keyring,
    keys: &KeysEver,
) -> Result<Vec<Finding>, StoreError> {
    // Nothing is written, and what is checked was signed at its own time: the clock only completes the call.
    let env = Env::system();
    let keys = |did: &Did| {
        let later = keys.get(did).into_iter().flatten().copied();
        did.public_key().into_iter().chain(later).collect()
    };
    let mut findings = match service {
        ServiceName::Auth => imajin_auth::audit(conn, keyring, &env),
        ServiceName::Pay => imajin_pay::audit_with_keys(conn, keyring, &keys),
        ServiceName::Events => imajin_events::audit(conn, keyring, &env, &keys),
        ServiceName::Profile => imajin_profile::audit(conn, keyring, &env, &keys),
        ServiceName::Publisher => imajin_publisher::audit(conn, keyring, &env, &keys),
        ServiceName::Registry => imajin_registry::audit(conn, keyring),
        ServiceName::Www => Ok(Vec::new()),
    }?;
    // A row that cannot be read was named above, and would stop the check below.
    if findings.is_empty() {
        for column in sealed_columns(service) {
            column.audit(conn, keyring, service.as_str(), &mut findings)?;
        }
    }
    Ok(findings)
}

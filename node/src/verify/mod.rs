//! `imajin verify`: recomputes everything that a node keeps, from the databases alone, and names what does not fit.

mod books;

use std::collections::BTreeMap;

use imajin_did::{Did, Keyring};
use imajin_kernel::Env;
use imajin_store::{Conn, Finding, StoreError};
use serde::Serialize;

use crate::config::{Config, ServiceName};
use crate::data_dir::{DataDir, DataDirError};
use crate::run::database_open;

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
    let mut open = BTreeMap::new();
    for service in &config.services {
        let unreadable = |source| VerifyError::Database {
            service: service.as_str(),
            source,
        };
        let Some(db) = database_open(data, config, *service).await.map_err(unreadable)? else {
            continue;
        };
        let (keyring, name) = (keyring.clone(), *service);
        let findings = db
            .read(move |conn| service_audit(name, conn, &keyring))
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

fn service_audit(service: ServiceName, conn: &mut Conn, keyring: &Keyring) -> Result<Vec<Finding>, StoreError> {
    // Nothing is written, and what is checked was signed at its own time: the clock only completes the call.
    let env = Env::system();
    let keys = |did: &Did| did.public_key().into_iter().collect();
    match service {
        ServiceName::Auth => imajin_auth::audit(conn, keyring, &env),
        ServiceName::Pay => imajin_pay::audit(conn, keyring),
        ServiceName::Events => imajin_events::audit(conn, keyring, &env, &keys),
        ServiceName::Profile => imajin_profile::audit(conn, keyring, &env, &keys),
        ServiceName::Registry => imajin_registry::audit(conn, keyring),
        ServiceName::Www => Ok(Vec::new()),
    }
}

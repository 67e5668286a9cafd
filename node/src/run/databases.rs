use std::collections::BTreeMap;
use std::path::PathBuf;

use imajin_store::{Db, Location, Migrations, Options, StoreError};
use secrecy::ExposeSecret;

use super::StartError;
use crate::config::{Config, ServiceName};
use crate::data_dir::{DataDir, DataDirError};

/// The open databases of the services that run in this process: one each, never shared.
pub struct Databases(BTreeMap<ServiceName, Db>, PathBuf);

/// A service's migrations; the pages keep nothing.
fn migrations(service: ServiceName) -> Option<Migrations> {
    match service {
        ServiceName::Auth => Some(imajin_auth::MIGRATIONS),
        ServiceName::Pay => Some(imajin_pay::MIGRATIONS),
        ServiceName::Events => Some(imajin_events::MIGRATIONS),
        ServiceName::Connections => Some(imajin_connections::MIGRATIONS),
        ServiceName::Profile => Some(imajin_profile::MIGRATIONS),
        ServiceName::Publisher => Some(imajin_publisher::MIGRATIONS),
        ServiceName::Query => Some(imajin_query::MIGRATIONS),
        ServiceName::Broker => Some(imajin_broker::MIGRATIONS),
        ServiceName::Registry => Some(imajin_registry::MIGRATIONS),
        ServiceName::Www => None,
    }
}

/// Where a service's database is.
fn service_location(data: &DataDir, config: &Config, service: ServiceName) -> Location {
    match config.database.url.expose_secret() {
        "sqlite" => Location::sqlite(data.database_path(service.as_str())),
        url => Location::postgres(url, format!("{}{service}", config.database.schema_prefix)),
    }
}

/// Refuses where the configuration has only files, and none of them is there: the node keeps its data somewhere else,
/// and a command that reads or reseals it would take the empty files that it makes for all there is.
///
/// # Errors
/// [`DataDirError::NoDatabase`].
pub fn databases_require(data: &DataDir, config: &Config) -> Result<(), DataDirError> {
    let locations = ServiceName::ALL.map(|service| service_location(data, config, service));
    let is_there = |location: &Location| match location {
        Location::SqliteFile(path) => path.exists(),
        Location::Postgres { .. } => true,
    };
    if locations.iter().any(is_there) {
        Ok(())
    } else {
        Err(DataDirError::NoDatabase(data.path().to_owned()))
    }
}

/// Opens a service's database and brings its schema up to date; blocking work, done beside the runtime.
pub async fn database_open(data: &DataDir, config: &Config, service: ServiceName) -> Result<Option<Db>, StoreError> {
    let Some(migrations) = migrations(service) else {
        return Ok(None);
    };
    let location = service_location(data, config, service);
    let open = move || Db::open(location, service.as_str(), migrations, Options::default());
    let opened = tokio::task::spawn_blocking(open).await;
    opened.unwrap_or_else(|_panicked| Err(StoreError::Panicked)).map(Some)
}

impl Databases {
    pub(super) async fn open(data: &DataDir, config: &Config) -> Result<Self, StartError> {
        let mut open = BTreeMap::new();
        for service in &config.services {
            let opened = database_open(data, config, *service).await;
            let opened = opened.map_err(|source| StartError::Database {
                service: service.as_str(),
                source,
            })?;
            if let Some(db) = opened {
                open.insert(*service, db);
            }
        }
        Ok(Self(open, data.works_path()))
    }

    /// Where the bytes of works are, beside the databases.
    pub(super) fn works_path(&self) -> PathBuf {
        self.1.clone()
    }

    /// A service's database, if the service runs here.
    pub fn get(&self, service: ServiceName) -> Option<&Db> {
        self.0.get(&service)
    }

    pub(super) async fn close(self) {
        for (_service, db) in self.0 {
            db.close().await;
        }
    }
}

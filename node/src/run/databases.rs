use std::collections::BTreeMap;

use imajin_did::Keyring;
use imajin_kernel::Env;
use imajin_store::{Db, DbOptions, Location, Migrations};
use secrecy::ExposeSecret;

use super::StartError;
use crate::config::{Config, ServiceName};
use crate::data_dir::DataDir;

/// The open databases of the services that run in this process: one each, never shared.
pub struct Databases(BTreeMap<ServiceName, Db>);

/// A service's migrations; the pages keep nothing.
pub(crate) fn migrations(service: ServiceName) -> Option<Migrations> {
    match service {
        ServiceName::Auth => Some(imajin_auth::MIGRATIONS),
        ServiceName::Pay => Some(imajin_pay::MIGRATIONS),
        ServiceName::Events => Some(imajin_events::MIGRATIONS),
        ServiceName::Registry => Some(imajin_registry::MIGRATIONS),
        ServiceName::Www => None,
    }
}

/// Where a service's database is.
pub fn service_location(data: &DataDir, config: &Config, service: ServiceName) -> Location {
    match config.database.url.expose_secret() {
        "sqlite" => Location::SqliteFile(data.database_path(service.as_str())),
        url => Location::Postgres {
            url: url.to_owned().into(),
            schema: format!("{}{service}", config.database.schema_prefix),
        },
    }
}

impl Databases {
    pub(super) async fn open(
        data: &DataDir,
        config: &Config,
        keyring: &Keyring,
        env: &Env,
    ) -> Result<Self, StartError> {
        let mut open = BTreeMap::new();
        for service in &config.services {
            let Some(migrations) = migrations(*service) else { continue };
            let location = service_location(data, config, *service);
            let name = service.as_str();
            let options = DbOptions::new(keyring.clone(), env.clone());
            let db = Db::open(location, name, migrations, options)
                .await
                .map_err(|source| StartError::Database { service: name, source })?;
            open.insert(*service, db);
        }
        Ok(Self(open))
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

//! A database of its own for one test.

use std::fmt;
use std::path::{Path, PathBuf};

use imajin_kernel::Env;
use tempfile::TempDir;
use url::Url;

use crate::TestkitError;
use crate::cluster::{postgres, sql_run};

/// The schema that [`TestDatabase::place`] names on Postgres.
const SCHEMA: &str = "test";

/// The two kinds of database that every store runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Backend {
    /// A file.
    Sqlite,
    /// A server.
    Postgres,
}

impl Backend {
    /// Both kinds, for a test that runs on each.
    pub const ALL: [Self; 2] = [Self::Sqlite, Self::Postgres];
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        })
    }
}

/// Where a test's database is, in plain words, so that this crate need not know the store's types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The path of a file that does not exist yet, in a directory of its own.
    SqliteFile(PathBuf),
    /// A database that holds nothing yet.
    Postgres {
        /// `postgresql://user:secret@127.0.0.1:port/database`
        url: String,
        /// A schema that does not exist yet.
        schema: String,
    },
}

/// An empty database that belongs to one test and is gone when this value is dropped.
#[derive(Debug)]
pub struct TestDatabase {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Sqlite(TempDir),
    Postgres(PostgresDatabase),
}

impl TestDatabase {
    /// A directory for SQLite files.
    ///
    /// # Panics
    /// When no temporary directory can be made.
    #[track_caller]
    pub fn sqlite() -> Self {
        Self::or_panic(Self::create(Backend::Sqlite))
    }

    /// A database in the server that the tests share (see [`postgres()`]).
    ///
    /// # Panics
    /// When there is no Postgres, or it refuses. The message says what to do.
    #[track_caller]
    pub fn postgres() -> Self {
        Self::or_panic(Self::create(Backend::Postgres))
    }

    /// A database of the given kind.
    ///
    /// # Panics
    /// As [`TestDatabase::sqlite`] and [`TestDatabase::postgres`] do.
    #[track_caller]
    pub fn new(backend: Backend) -> Self {
        Self::or_panic(Self::create(backend))
    }

    /// A database of the given kind.
    ///
    /// # Errors
    /// When a directory or a database cannot be made.
    pub fn create(backend: Backend) -> Result<Self, TestkitError> {
        let kind = match backend {
            Backend::Sqlite => Kind::Sqlite(
                tempfile::Builder::new()
                    .prefix("imajin-sqlite-")
                    .tempdir()
                    .map_err(TestkitError::file(std::env::temp_dir()))?,
            ),
            Backend::Postgres => Kind::Postgres(PostgresDatabase::create()?),
        };
        Ok(Self { kind })
    }

    #[track_caller]
    fn or_panic(result: Result<Self, TestkitError>) -> Self {
        match result {
            Ok(database) => database,
            Err(error) => panic!("no database for this test: {error}"),
        }
    }

    /// Which kind this is.
    pub fn backend(&self) -> Backend {
        match self.kind {
            Kind::Sqlite(_) => Backend::Sqlite,
            Kind::Postgres(_) => Backend::Postgres,
        }
    }

    /// Where a store with one schema goes. Every call gives the same place.
    pub fn place(&self) -> Place {
        self.place_for(SCHEMA)
    }

    /// Where the store of one service goes, when several share this database: a file, or a schema, of that name.
    pub fn place_for(&self, service: &str) -> Place {
        match &self.kind {
            Kind::Sqlite(directory) => Place::SqliteFile(directory.path().join(format!("{service}.sqlite"))),
            Kind::Postgres(database) => Place::Postgres {
                url: database.url.to_string(),
                schema: service.to_owned(),
            },
        }
    }

    /// The directory of the SQLite files; `None` on Postgres.
    pub fn directory(&self) -> Option<&Path> {
        match &self.kind {
            Kind::Sqlite(directory) => Some(directory.path()),
            Kind::Postgres(_) => None,
        }
    }

    /// The URL of the Postgres database; `None` on SQLite.
    pub fn url(&self) -> Option<&str> {
        match &self.kind {
            Kind::Sqlite(_) => None,
            Kind::Postgres(database) => Some(database.url.as_str()),
        }
    }
}

#[derive(Debug)]
struct PostgresDatabase {
    maintenance: Url,
    url: Url,
    name: String,
}

impl PostgresDatabase {
    fn create() -> Result<Self, TestkitError> {
        let maintenance = postgres()?;
        let name = format!("imajin_test_{}", hex::encode(Env::system().random_bytes::<8>()));
        sql_run(&maintenance, &format!("CREATE DATABASE {name}"))?;
        let mut url = maintenance.clone();
        url.set_path(&format!("/{name}"));
        Ok(Self { maintenance, url, name })
    }
}

impl Drop for PostgresDatabase {
    fn drop(&mut self) {
        // FORCE: a pool that a failing test left open must not keep the database alive. A failure is of no
        // consequence in a private server, and a panic here would hide the test's own.
        let _dropped = sql_run(
            &self.maintenance,
            &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name),
        );
    }
}

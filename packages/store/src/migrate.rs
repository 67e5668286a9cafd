use std::collections::BTreeSet;
use std::fmt;

use diesel::backend::Backend;
use diesel::connection::{AnsiTransactionManager, BoxableConnection, Connection, SimpleConnection, TransactionManager};
use diesel::migration::{Migration, MigrationMetadata, MigrationName, MigrationSource, MigrationVersion};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::{Conn, Location, StoreError, per_backend, word_lock};

/// A service's schema, for both databases: the same names, the same columns.
///
/// ```ignore
/// const MIGRATIONS: Migrations = Migrations {
///     sqlite: embed_migrations!("../../migrations/events/sqlite"),
///     postgres: embed_migrations!("../../migrations/events/postgres"),
/// };
/// ```
pub struct Migrations {
    /// `migrations/<service>/sqlite`.
    pub sqlite: EmbeddedMigrations,
    /// `migrations/<service>/postgres`.
    pub postgres: EmbeddedMigrations,
}

impl Migrations {
    /// A service without tables of its own.
    pub const fn none() -> Self {
        Self {
            sqlite: EmbeddedMigrations::new(&[]),
            postgres: EmbeddedMigrations::new(&[]),
        }
    }
}

impl fmt::Debug for Migrations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Migrations")
    }
}

/// The tables that every service's database holds.
const COMMON: Migrations = Migrations {
    sqlite: embed_migrations!("../../migrations/common/sqlite"),
    postgres: embed_migrations!("../../migrations/common/postgres"),
};

/// Their versions are recorded with this in front: a service counts its own from 0001, too.
const COMMON_PREFIX: &str = "common-";

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Brings the schema up to date: one transaction, under a lock, so that two processes may start at once and a failure
/// leaves the schema as it was.
pub(crate) fn migrate(
    conn: &mut Conn,
    location: &Location,
    service: &'static str,
    migrations: &Migrations,
) -> Result<(), StoreError> {
    let refused = |cause: Failure| StoreError::Migration {
        service,
        cause: cause.to_string(),
    };
    lock(conn, location).map_err(|error| refused(error.into()))?;
    let outcome = match conn {
        Conn::Sqlite(c) => run(c, &COMMON.sqlite, &migrations.sqlite),
        Conn::Postgres(c) => run(c, &COMMON.postgres, &migrations.postgres),
    };
    match outcome {
        Ok(()) => Conn::commit_transaction(conn).map_err(|error| refused(error.into())),
        Err(cause) => {
            if let Err(error) = Conn::rollback_transaction(conn) {
                tracing::warn!(%error, service, "a failed migration could not be rolled back");
            }
            Err(refused(cause))
        }
    }
}

/// Another process may migrate for longer than a statement of a request may wait.
const BEGIN_PATIENTLY: &str = "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0";

fn lock(conn: &mut Conn, location: &Location) -> diesel::QueryResult<()> {
    match conn {
        Conn::Sqlite(c) => return AnsiTransactionManager::begin_transaction_sql(c, "BEGIN IMMEDIATE"),
        Conn::Postgres(c) => AnsiTransactionManager::begin_transaction_sql(c, BEGIN_PATIENTLY)?,
    }
    let Location::Postgres { schema, .. } = location else {
        return Ok(());
    };
    word_lock(conn, &format!("imajin-store {schema}"))?;
    // The schema's name was checked to be an identifier.
    conn.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {schema}"))
}

fn run<C, DB>(conn: &mut C, common: &EmbeddedMigrations, own: &EmbeddedMigrations) -> Result<(), Failure>
where
    DB: Backend + 'static,
    C: MigrationHarness<DB> + Connection<Backend = DB>,
{
    let common = Prefixed(common);
    let mut known = versions::<DB>(&common)?;
    known.extend(versions::<DB>(own)?);
    for applied in conn.applied_migrations()? {
        let version = applied.to_string();
        if !known.contains(&version) {
            return Err(
                format!("it holds migration {version}, which this version does not know; use a newer one").into(),
            );
        }
    }
    run_source(conn, &common)?;
    run_source(conn, own)
}

fn run_source<C, DB>(conn: &mut C, source: &impl MigrationSource<DB>) -> Result<(), Failure>
where
    DB: Backend + 'static,
    C: MigrationHarness<DB>,
{
    let applied: BTreeSet<String> = conn.applied_migrations()?.iter().map(ToString::to_string).collect();
    let mut pending = source.migrations()?;
    pending.retain(|migration| !applied.contains(&migration.name().version().to_string()));
    pending.sort_by_key(|migration| migration.name().version().as_owned());
    conn.run_migrations(&pending)?;
    Ok(())
}

fn versions<DB: Backend + 'static>(source: &impl MigrationSource<DB>) -> Result<BTreeSet<String>, Failure> {
    let migrations = source.migrations()?;
    Ok(migrations
        .iter()
        .map(|migration| migration.name().version().to_string())
        .collect())
}

/// The same migrations, recorded under names of their own.
struct Prefixed<'a>(&'a EmbeddedMigrations);

impl<DB: Backend + 'static> MigrationSource<DB> for Prefixed<'_> {
    fn migrations(&self) -> diesel::migration::Result<Vec<Box<dyn Migration<DB>>>> {
        let inner: Vec<Box<dyn Migration<DB>>> = self.0.migrations()?;
        Ok(inner
            .into_iter()
            .map(|migration| -> Box<dyn Migration<DB>> {
                let name = PrefixedName(format!("{COMMON_PREFIX}{}", migration.name().version()));
                Box::new(PrefixedMigration { migration, name })
            })
            .collect())
    }
}

struct PrefixedName(String);

impl fmt::Display for PrefixedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl MigrationName for PrefixedName {
    fn version(&self) -> MigrationVersion<'_> {
        MigrationVersion::from(&self.0)
    }
}

struct PrefixedMigration<DB> {
    migration: Box<dyn Migration<DB>>,
    name: PrefixedName,
}

impl<DB: Backend> Migration<DB> for PrefixedMigration<DB> {
    fn run(&self, conn: &mut dyn BoxableConnection<DB>) -> diesel::migration::Result<()> {
        self.migration.run(conn)
    }

    fn revert(&self, conn: &mut dyn BoxableConnection<DB>) -> diesel::migration::Result<()> {
        self.migration.revert(conn)
    }

    fn metadata(&self) -> &dyn MigrationMetadata {
        self.migration.metadata()
    }

    fn name(&self) -> &dyn MigrationName {
        &self.name
    }
}

/// Takes everything back, newest first; for tests of the `down.sql` files.
pub fn revert_all(conn: &mut Conn, migrations: &Migrations) -> Result<(), StoreError> {
    let reverted = match conn {
        Conn::Sqlite(c) => revert(c, &COMMON.sqlite, &migrations.sqlite),
        Conn::Postgres(c) => revert(c, &COMMON.postgres, &migrations.postgres),
    };
    reverted.map_err(|cause| StoreError::Migration {
        service: "this service",
        cause: cause.to_string(),
    })
}

fn revert<C, DB>(conn: &mut C, common: &EmbeddedMigrations, own: &EmbeddedMigrations) -> Result<(), Failure>
where
    DB: Backend + 'static,
    C: MigrationHarness<DB>,
{
    revert_source(conn, own)?;
    revert_source(conn, &Prefixed(common))
}

fn revert_source<C, DB>(conn: &mut C, source: &impl MigrationSource<DB>) -> Result<(), Failure>
where
    DB: Backend + 'static,
    C: MigrationHarness<DB>,
{
    let mut applied = source.migrations()?;
    applied.sort_by_key(|migration| std::cmp::Reverse(migration.name().version().as_owned()));
    for migration in &applied {
        conn.revert_migration(&**migration)?;
    }
    Ok(())
}

/// Begins a write transaction: on SQLite with the write lock from the start, because a read that turns into a write
/// fails with "database is locked" when another connection wrote in between.
pub(crate) fn begin_write(conn: &mut Conn, alone: Option<&Location>) -> diesel::QueryResult<()> {
    match (conn, alone) {
        (Conn::Sqlite(c), _) => AnsiTransactionManager::begin_transaction_sql(c, "BEGIN IMMEDIATE"),
        (Conn::Postgres(c), Some(Location::Postgres { schema, .. })) => {
            // In one round trip; a schema's name needs no quoting.
            let lock = format!("BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('writer.{schema}', 0))");
            AnsiTransactionManager::begin_transaction_sql(c, &lock)
        }
        (Conn::Postgres(c), _) => AnsiTransactionManager::begin_transaction(c),
    }
}

/// How many transactions and savepoints are open; `None` when the connection is beyond repair.
pub(crate) fn depth(conn: &mut Conn) -> Option<u32> {
    let status = per_backend!(conn, c => AnsiTransactionManager::transaction_manager_status_mut(c));
    let depth = status.transaction_depth().ok()?;
    Some(depth.map_or(0, std::num::NonZeroU32::get))
}

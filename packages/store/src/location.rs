use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use secrecy::{ExposeSecret, SecretString};

use crate::faults::Faults;
use crate::{Conn, Options, StoreError};

/// Where a service keeps its rows.
#[derive(Clone)]
pub enum Location {
    /// A SQLite file of its own.
    SqliteFile(PathBuf),
    /// A schema of its own in a Postgres database.
    ///
    /// The bundled libpq has no TLS: use a unix socket, the loopback, or a tunnel.
    Postgres {
        /// `postgres://user:password@host:port/database`; secret, because it may hold a password.
        url: SecretString,
        /// The schema: lower-case letters, digits and underscores. Made when it is missing.
        schema: String,
    },
}

impl Location {
    /// A SQLite file; its folder must exist.
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self::SqliteFile(path.into())
    }

    /// A schema in a Postgres database.
    pub fn postgres(url: impl Into<String>, schema: impl Into<String>) -> Self {
        Self::Postgres {
            url: SecretString::from(url.into()),
            schema: schema.into(),
        }
    }

    /// Refuses what could not be opened, with what to do about it.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        match self {
            Self::SqliteFile(path) => sqlite_name(path).map(drop),
            Self::Postgres { url, schema } => {
                check_schema(schema)?;
                check_url(url.expose_secret())
            }
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SqliteFile(path) => f.debug_tuple("SqliteFile").field(path).finish(),
            Self::Postgres { schema, .. } => f
                .debug_struct("Postgres")
                .field("schema", schema)
                .finish_non_exhaustive(),
        }
    }
}

/// An identifier that needs no quoting, shorter than Postgres' 63 bytes: it is put into SQL as it is.
fn check_schema(schema: &str) -> Result<(), StoreError> {
    let mut bytes = schema.bytes();
    let starts = bytes
        .next()
        .is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let goes_on = bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if starts && goes_on && schema.len() <= 63 && !schema.starts_with("pg_") && schema != "information_schema" {
        return Ok(());
    }
    Err(StoreError::Location(format!(
        "{schema:?} cannot be a schema's name: use at most 63 lower-case letters, digits and underscores, not starting \
         with a digit or pg_"
    )))
}

fn check_url(url: &str) -> Result<(), StoreError> {
    let known = |parsed: url::Url| matches!(parsed.scheme(), "postgres" | "postgresql");
    if url::Url::parse(url).is_ok_and(known) {
        return Ok(());
    }
    // The text itself may hold a password.
    Err(StoreError::Location(
        "the database URL is not of the form postgres://user:password@host:port/database".to_owned(),
    ))
}

/// The name for SQLite, which gives `file:` and `:memory:` a meaning of their own.
fn sqlite_name(path: &std::path::Path) -> Result<String, StoreError> {
    let text = path
        .to_str()
        .ok_or_else(|| StoreError::Location(format!("{} is not valid UTF-8; choose another path", path.display())))?;
    if path.is_absolute() {
        return Ok(text.to_owned());
    }
    Ok(format!("./{text}"))
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Writer,
    Reader,
}

/// A connection, and what its statements have met.
pub(crate) struct Link {
    pub(crate) conn: Conn,
    pub(crate) faults: Arc<Faults>,
}

/// Makes connections to one location.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    pub(crate) location: Location,
    pub(crate) options: Options,
}

impl Connector {
    pub(crate) fn connect(&self, role: Role) -> Result<Link, StoreError> {
        let mut conn = match &self.location {
            Location::SqliteFile(path) => Conn::Sqlite(self.connect_sqlite(path, role)?),
            Location::Postgres { url, schema } => Conn::Postgres(connect_postgres(url, schema, role)?),
        };
        if let (Location::SqliteFile(path), Role::Writer) = (&self.location, role) {
            check_log(&mut conn, path)?;
        }
        let faults = Arc::new(Faults::default());
        faults.watch(&mut conn);
        Ok(Link { conn, faults })
    }

    fn connect_sqlite(&self, path: &std::path::Path, role: Role) -> Result<SqliteConnection, StoreError> {
        if role == Role::Writer {
            create_private(path)?;
        }
        let mut conn = SqliteConnection::establish(&sqlite_name(path)?)
            .map_err(|error| unavailable(format!("{}: {error}", path.display())))?;
        let set_up = match role {
            Role::Writer => self.sqlite_writer_pragmas(),
            Role::Reader => self.sqlite_reader_pragmas(),
        };
        self.patiently(|| conn.batch_execute(&set_up))
            .map_err(|error| unavailable(format!("{}: {error}", path.display())))?;
        Ok(conn)
    }

    /// SQLite does not wait when two processes switch a new file to its write-ahead log at once: try again instead.
    fn patiently(&self, mut set_up: impl FnMut() -> QueryResult<()>) -> QueryResult<()> {
        let start = Instant::now();
        loop {
            match set_up() {
                Err(error) if error.to_string().contains("locked") && start.elapsed() < self.options.busy_timeout => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                outcome => return outcome,
            }
        }
    }

    /// What was acknowledged survives a power cut: a write-ahead log, synced at every commit (`fullfsync` is what
    /// makes that true on macOS). The log is bounded by checkpoints, each of which syncs twice more and writes every
    /// page that has changed since the last one, while all wait: after 4 MiB it is done often and is short, which costs
    /// a twentieth of the throughput and halves the longest waits (docs/PERFORMANCE.md). The log is cut back to its
    /// limit when it is reset.
    fn sqlite_writer_pragmas(&self) -> String {
        format!(
            "PRAGMA busy_timeout = {busy}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
             PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON; PRAGMA foreign_keys = ON; \
             PRAGMA trusted_schema = OFF; PRAGMA wal_autocheckpoint = 1000; PRAGMA journal_size_limit = 33554432; \
             PRAGMA cache_size = -{cache};",
            busy = self.options.busy_timeout.as_millis(),
            cache = self.options.writer_cache_kib,
        )
    }

    fn sqlite_reader_pragmas(&self) -> String {
        format!(
            "PRAGMA busy_timeout = {busy}; PRAGMA query_only = ON; PRAGMA foreign_keys = ON; \
             PRAGMA trusted_schema = OFF; PRAGMA cache_size = -{cache};",
            busy = self.options.busy_timeout.as_millis(),
            cache = self.options.reader_cache_kib,
        )
    }
}

/// Some network file systems refuse the log, and SQLite then goes on without.
fn check_log(conn: &mut Conn, path: &std::path::Path) -> Result<(), StoreError> {
    let mode = crate::catalog::text(conn, "SELECT journal_mode AS name FROM pragma_journal_mode")?;
    if mode == "wal" {
        return Ok(());
    }
    Err(StoreError::Location(format!(
        "{} cannot have a write-ahead log, only {mode}; put it on a local disk",
        path.display()
    )))
}

fn connect_postgres(url: &SecretString, schema: &str, role: Role) -> Result<PgConnection, StoreError> {
    let mut conn = PgConnection::establish(url.expose_secret())
        .map_err(|error| unavailable(without_password(&error.to_string(), url.expose_secret())))?;
    // A transaction of a reader sees one moment, and cannot write.
    let role_settings = match role {
        Role::Writer => "",
        Role::Reader => {
            "SET default_transaction_read_only = on; SET default_transaction_isolation = 'repeatable read';"
        }
    };
    // Only its own schema: another service's tables are out of reach even by a slip.
    conn.batch_execute(&format!(
        "SET search_path TO {schema}; SET client_min_messages = warning; SET statement_timeout = '30s'; \
         SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '60s'; SET synchronous_commit = on; \
         {role_settings}"
    ))
    .map_err(|error| unavailable(error.to_string()))?;
    Ok(conn)
}

fn unavailable(cause: impl Into<String>) -> StoreError {
    StoreError::Unavailable(cause.into())
}

/// libpq quotes parts of the URL in some of its complaints.
fn without_password(message: &str, url: &str) -> String {
    let password = url::Url::parse(url)
        .ok()
        .and_then(|url| url.password().map(str::to_owned))
        .filter(|password| !password.is_empty());
    match password {
        Some(password) => message.replace(&password, "…"),
        None => message.to_owned(),
    }
}

/// The file is for its owner only, from its first moment: it holds sealed keys and people's data. SQLite gives its
/// log and index the same mode. A file that exists is not even opened: closing it again would take away the locks
/// that this process holds on it (POSIX, `fcntl`).
fn create_private(path: &std::path::Path) -> Result<(), StoreError> {
    let mut open = std::fs::OpenOptions::new();
    open.create_new(true).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        open.mode(0o600);
    }
    match open.open(path) {
        Ok(_file) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(StoreError::Location(format!(
            "{} cannot be made: {error}; does its folder exist, and may this user write to it?",
            path.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_an_identifier_and_nothing_else() {
        for good in ["events", "_x", "a1_b2"] {
            assert!(check_schema(good).is_ok(), "{good}");
        }
        let long = "a".repeat(64);
        for bad in [
            "",
            "1a",
            "Events",
            "a-b",
            "a;drop",
            "a\"b",
            "pg_x",
            "information_schema",
            "é",
            &long,
        ] {
            assert!(check_schema(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_password_is_neither_printed_nor_repeated() {
        let location = Location::postgres("postgres://me:hunter2@localhost/db", "events");
        assert!(!format!("{location:?}").contains("hunter2"));
        let refused = Location::postgres("me:hunter2@localhost", "events").check();
        assert!(!refused.unwrap_err().to_string().contains("hunter2"));
        assert_eq!(
            without_password("bad \"hunter2\"", "postgres://me:hunter2@h/d"),
            "bad \"…\""
        );
    }
}

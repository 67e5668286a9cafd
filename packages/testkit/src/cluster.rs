//! A private Postgres server for tests.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use imajin_kernel::Env;
use url::Url;

use crate::TestkitError;
use crate::address::free_address;
use crate::error::log_tail;
use crate::guard::{Guarded, RunAs};

/// Where the URL of a shared server is looked for. Its user must be allowed to create databases.
pub const POSTGRES_URL_VARIABLE: &str = "IMAJIN_TEST_POSTGRES";

/// Overrides the directory that holds `initdb`, `postgres` and `psql`.
const POSTGRES_BIN_VARIABLE: &str = "IMAJIN_TEST_POSTGRES_BIN";

/// Postgres refuses to run as root; then it runs as this user.
const POSTGRES_USER: &str = "postgres";

const START_SECONDS_MAX: u64 = 60;
const START_ATTEMPTS_MAX: u32 = 5;
const POLL: Duration = Duration::from_millis(20);

/// Room for a full node per test, and a deadlock found soon enough for a test to provoke one.
const CONFIGURATION: &str = "
max_connections = 300
shared_buffers = 64MB
max_locks_per_transaction = 256
deadlock_timeout = 200ms
logging_collector = off
";

const CONFIGURATION_NOT_DURABLE: &str = "
fsync = off
synchronous_commit = off
full_page_writes = off
";

/// How a [`Cluster`] is set up.
#[derive(Clone, Copy, Debug)]
pub struct ClusterOptions {
    /// Whether a commit waits for the disk. On by default, as in production; off makes a large run faster, and
    /// makes every measurement worthless.
    pub durable: bool,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        Self { durable: true }
    }
}

/// A Postgres server with a data directory of its own, on a free loopback port and on a Unix socket. It is gone when
/// this value is dropped, or when this process ends in whatever way.
#[derive(Debug)]
pub struct Cluster {
    server: Guarded,
    url: Url,
}

impl Cluster {
    /// Makes a data directory, starts a server and waits until it accepts connections.
    ///
    /// # Errors
    /// When Postgres is not installed or does not start.
    pub fn start(options: ClusterOptions) -> Result<Self, TestkitError> {
        let run_as = user_for_server()?;
        let mut attempt = 1;
        loop {
            match Self::start_once(options, run_as) {
                // Another process may have taken the free port between our look and the server's start.
                Err(TestkitError::NotReady { .. }) if attempt < START_ATTEMPTS_MAX => attempt += 1,
                other => return other,
            }
        }
    }

    fn start_once(options: ClusterOptions, run_as: Option<RunAs>) -> Result<Self, TestkitError> {
        let scratch = scratch_make("imajin-postgres", run_as)?;
        let made = Self::initialize(&scratch, options, run_as);
        let (port, password) = match made {
            Ok(made) => made,
            Err(error) => {
                // Best effort: the error that is returned matters more than a directory left in /tmp.
                let _removed = fs::remove_dir_all(&scratch);
                return Err(error);
            }
        };
        let data = scratch.join("data");
        let arguments = ["-D".to_owned(), data.display().to_string()];
        let server = Guarded::start_as(&program("postgres")?, &arguments, "QUIT", scratch, run_as)?;
        wait_until_ready(&server, &data)?;
        let url = format!("postgresql://{POSTGRES_USER}:{password}@127.0.0.1:{port}/postgres");
        let url = Url::parse(&url).or(Err(TestkitError::BadUrl {
            variable: "the URL of the test server",
        }))?;
        Ok(Self { server, url })
    }

    /// Runs `initdb` and writes the configuration; returns the port and the password.
    fn initialize(
        scratch: &Path,
        options: ClusterOptions,
        run_as: Option<RunAs>,
    ) -> Result<(u16, String), TestkitError> {
        let password = hex::encode(Env::system().random_bytes::<16>());
        let password_file = scratch.join("password");
        fs::write(&password_file, &password).map_err(TestkitError::file(&password_file))?;
        if let Some(user) = run_as {
            chown(&password_file, Some(user.uid), Some(user.gid)).map_err(TestkitError::file(&password_file))?;
        }
        let data = scratch.join("data");
        let mut command = Command::new(program("initdb")?);
        command.arg("--pgdata").arg(&data).arg("--pwfile").arg(&password_file);
        command.args([
            "--username",
            POSTGRES_USER,
            "--encoding",
            "UTF8",
            "--locale",
            "C",
            "--no-sync",
        ]);
        command
            .args(["--auth-local", "trust", "--auth-host", "scram-sha-256"])
            .current_dir("/");
        if let Some(user) = run_as {
            user.apply(&mut command);
        }
        output_of("initdb", &mut command)?;
        let port = free_address()?.port();
        let durability = if options.durable { "" } else { CONFIGURATION_NOT_DURABLE };
        let file = data.join("postgresql.conf");
        let text = format!(
            "{CONFIGURATION}{durability}listen_addresses = '127.0.0.1'\nport = {port}\n\
             unix_socket_directories = '{}'\n",
            scratch.display()
        );
        fs::write(&file, text).map_err(TestkitError::file(&file))?;
        Ok((port, password))
    }

    /// The URL of the maintenance database, with the superuser's name and password.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// The directory of the Unix socket, on which this server asks for no password.
    pub fn socket_directory(&self) -> &Path {
        self.server.scratch()
    }
}

/// The server that the tests of this run share: the one that [`POSTGRES_URL_VARIABLE`] names, otherwise a private
/// one, started once per process. Returns the URL of its maintenance database.
///
/// # Errors
/// When Postgres is not installed or does not start, or when the variable holds no URL.
pub fn postgres() -> Result<Url, TestkitError> {
    // Never dropped, as statics are not: the server ends because this process does.
    static PRIVATE: Mutex<Option<Cluster>> = Mutex::new(None);

    if let Ok(text) = std::env::var(POSTGRES_URL_VARIABLE) {
        return Url::parse(&text).or(Err(TestkitError::BadUrl {
            variable: POSTGRES_URL_VARIABLE,
        }));
    }
    let mut private = PRIVATE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(cluster) = private.as_ref() {
        return Ok(cluster.url.clone());
    }
    let cluster = Cluster::start(ClusterOptions::default())?;
    let url = cluster.url.clone();
    *private = Some(cluster);
    Ok(url)
}

/// Runs one SQL command through `psql`, outside any transaction.
pub(crate) fn sql_run(url: &Url, sql: &str) -> Result<String, TestkitError> {
    let mut command = Command::new(program("psql")?);
    command.args([
        "--no-psqlrc",
        "--quiet",
        "--tuples-only",
        "--no-align",
        "--set",
        "ON_ERROR_STOP=1",
    ]);
    // The URL travels in the environment: arguments are visible to every user of the machine.
    let mut place = url.clone();
    let password = place.password().map(str::to_owned);
    if let Some(password) = password {
        command.env("PGPASSWORD", password);
        // Fails only for URLs that cannot have a password, and this one has one.
        let _stripped = place.set_password(None);
    }
    command.arg("--dbname").arg(place.as_str()).arg("--command").arg(sql);
    let output = output_of("psql", &mut command)?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn wait_until_ready(server: &Guarded, data: &Path) -> Result<(), TestkitError> {
    let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
    // The eighth line of postmaster.pid is the server's state; `pg_ctl --wait` reads it too.
    let state_file = data.join("postmaster.pid");
    loop {
        let state = fs::read_to_string(&state_file).unwrap_or_default();
        if state.lines().nth(7).is_some_and(|line| line.trim_end() == "ready") {
            return Ok(());
        }
        let log = server.log();
        if log.contains("FATAL") || Instant::now() > deadline {
            return Err(TestkitError::NotReady {
                program: "postgres",
                seconds: START_SECONDS_MAX,
                log,
            });
        }
        std::thread::sleep(POLL);
    }
}

/// A fresh directory that the server's user can enter. The name stays short: a Unix socket's path has a limit of 107
/// bytes.
pub(crate) fn scratch_make(prefix: &str, owner: Option<RunAs>) -> Result<PathBuf, TestkitError> {
    let base = PathBuf::from("/tmp");
    let directory = tempfile::Builder::new()
        .prefix(&format!("{prefix}-"))
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in(&base)
        .map_err(TestkitError::file(base))?;
    if let Some(user) = owner {
        chown(directory.path(), Some(user.uid), Some(user.gid)).map_err(TestkitError::file(directory.path()))?;
    }
    Ok(directory.keep())
}

/// The user under whom the server runs: ourselves, or [`POSTGRES_USER`] when we are root.
fn user_for_server() -> Result<Option<RunAs>, TestkitError> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let missing = || TestkitError::UserMissing { user: POSTGRES_USER };
    let number = |flag: &str| -> Result<u32, TestkitError> {
        let output = Command::new("id")
            .args([flag, POSTGRES_USER])
            .output()
            .map_err(TestkitError::file("id"))?;
        String::from_utf8_lossy(&output.stdout)
            .trim()
            .parse()
            .or(Err(missing()))
    };
    Ok(Some(RunAs {
        uid: number("-u")?,
        gid: number("-g")?,
    }))
}

/// Finds a program of Postgres: where the environment says, in Debian's directory of the newest version, in PATH.
fn program(name: &'static str) -> Result<PathBuf, TestkitError> {
    let mut directories: Vec<PathBuf> = std::env::var_os(POSTGRES_BIN_VARIABLE)
        .map(PathBuf::from)
        .into_iter()
        .collect();
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort_by_key(|(version, _path)| std::cmp::Reverse(*version));
    directories.extend(versions.into_iter().map(|(_version, path)| path));
    directories.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    directories
        .into_iter()
        .map(|directory| directory.join(name))
        .find(|path| path.is_file())
        .ok_or(TestkitError::ProgramMissing {
            program: name,
            package: "postgresql",
            otherwise: "or set IMAJIN_TEST_POSTGRES to the URL of a server in which databases may be created",
        })
}

/// Runs a command to its end; an exit code other than 0 is an error that holds what it wrote.
fn output_of(name: &str, command: &mut Command) -> Result<Output, TestkitError> {
    let output = command.output().map_err(TestkitError::file(name))?;
    if output.status.success() {
        return Ok(output);
    }
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Err(TestkitError::ProgramFailed {
        program: name.to_owned(),
        output: log_tail(&text),
    })
}

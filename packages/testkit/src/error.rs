//! What can go wrong while a test's surroundings are set up.

use std::path::PathBuf;

/// Why the surroundings of a test could not be set up. The text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum TestkitError {
    /// A program that the tests need is not installed.
    #[error("{program} was not found: install it (Debian and Ubuntu: apt-get install {package}), {otherwise}")]
    ProgramMissing {
        /// The program that was looked for.
        program: &'static str,
        /// The Debian package that holds it.
        package: &'static str,
        /// What else would help.
        otherwise: &'static str,
    },
    /// A program ended with an error.
    #[error("{program} failed: {output}")]
    ProgramFailed {
        /// The program that was run.
        program: String,
        /// What it wrote, shortened.
        output: String,
    },
    /// A server did not answer in time.
    #[error("{program} did not get ready within {seconds} s; its log ends with: {log}")]
    NotReady {
        /// The server that was started.
        program: &'static str,
        /// How long it was waited for.
        seconds: u64,
        /// The end of its log.
        log: String,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The user under which Postgres has to run is missing.
    #[error("Postgres refuses to run as root and there is no user named {user}: install PostgreSQL, which makes it")]
    UserMissing {
        /// The name that was looked for.
        user: &'static str,
    },
    /// An address in the environment cannot be understood.
    #[error("{variable} is not a Postgres URL such as postgresql://user:secret@127.0.0.1:5432/postgres")]
    BadUrl {
        /// The environment variable or the place where the URL comes from. The URL itself may hold a password.
        variable: &'static str,
    },
    /// The browser refused a command.
    #[error("the browser: {detail}")]
    Browser {
        /// What the driver said.
        detail: String,
    },
}

impl TestkitError {
    /// Wraps an I/O error with the path at which it happened.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}

/// The last lines of a log, short enough for an error message.
pub(crate) fn log_tail(text: &str) -> String {
    const LINES: usize = 12;
    let lines: Vec<&str> = text.lines().collect();
    lines
        .iter()
        .skip(lines.len().saturating_sub(LINES))
        .copied()
        .collect::<Vec<_>>()
        .join("\n")
}

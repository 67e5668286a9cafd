//! Runs a command with a Postgres server of its own.

use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitCode};

use imajin_testkit::{Cluster, ClusterOptions, POSTGRES_URL_VARIABLE};

const USAGE: &str = "\
Usage: imajin-testkit postgres run [--no-fsync] -- COMMAND [ARGUMENT]...

Starts a private PostgreSQL server, sets IMAJIN_TEST_POSTGRES to its URL, runs the command, stops the server and ends
with the command's exit code. With --no-fsync a commit does not wait for the disk: faster, and useless for measuring.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["postgres", "run", "--", command @ ..] if !command.is_empty() => {
            postgres_run(ClusterOptions::default(), command)
        }
        ["postgres", "run", "--no-fsync", "--", command @ ..] if !command.is_empty() => {
            postgres_run(ClusterOptions { durable: false }, command)
        }
        ["--help" | "-h" | "help"] => {
            // Nothing can be done when the output is closed.
            let _written = writeln!(std::io::stdout(), "{USAGE}");
            ExitCode::SUCCESS
        }
        _ => fail(USAGE),
    }
}

fn postgres_run(options: ClusterOptions, command: &[&str]) -> ExitCode {
    let Some((program, arguments)) = command.split_first() else {
        return fail(USAGE);
    };
    let cluster = match Cluster::start(options) {
        Ok(cluster) => cluster,
        Err(error) => return fail(&error.to_string()),
    };
    let status = Command::new(program)
        .args(arguments)
        .env(POSTGRES_URL_VARIABLE, cluster.url())
        .status();
    drop(cluster);
    match status {
        // As a shell does: 128 and the signal's number, when the command was killed.
        Ok(status) => {
            let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
            ExitCode::from(u8::try_from(code).unwrap_or(1))
        }
        Err(error) => fail(&format!("{program}: {error}")),
    }
}

fn fail(text: &str) -> ExitCode {
    // Nothing can be done when the output is closed.
    let _written = writeln!(std::io::stderr(), "{text}");
    ExitCode::from(2)
}

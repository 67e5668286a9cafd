use std::path::PathBuf;
use std::process::Command;

type Failed = Box<dyn std::error::Error>;

/// Debian keeps the server's programs out of the search path.
fn program() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found = versions
        .map(|version| version.path().join("bin/pgbench"))
        .find(|path| path.exists());
    found.unwrap_or_else(|| PathBuf::from("pgbench"))
}

/// The own benchmark of `PostgreSQL` on the same server and disk: simple updates, 8 clients, ten seconds.
pub(crate) fn transactions_per_second(url: &str) -> Result<f64, Failed> {
    let prepared = Command::new(program()).args(["-i", "-q", "-s", "10", url]).output()?;
    if !prepared.status.success() {
        return Err(String::from_utf8_lossy(&prepared.stderr).into_owned().into());
    }
    let run = Command::new(program())
        .args(["-N", "-c", "8", "-j", "2", "-T", "10", url])
        .output()?;
    let text = String::from_utf8(run.stdout)?;
    let line = text
        .lines()
        .find(|line| line.starts_with("tps = "))
        .ok_or("pgbench printed no tps")?;
    Ok(line.split_whitespace().nth(2).ok_or("no number")?.parse()?)
}

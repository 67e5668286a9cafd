//! The databases that the tests of other crates rely on.
#![cfg(test)]

use std::process::Command;

use imajin_testkit::{Backend, Cluster, ClusterOptions, Place, TestDatabase};

fn psql(url: &str, sql: &str) -> Result<String, String> {
    let output = Command::new("psql")
        .args(["-X", "-q", "-t", "-A", "-d", url, "-c", sql])
        .output()
        .unwrap();
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap().trim().to_owned())
    } else {
        Err(String::from_utf8(output.stderr).unwrap())
    }
}

#[test]
fn sqlite_is_a_directory_of_its_own_and_is_gone_afterwards() {
    let database = TestDatabase::sqlite();
    assert_eq!(database.backend(), Backend::Sqlite);
    let Place::SqliteFile(path) = database.place() else {
        panic!("not a file")
    };
    assert_ne!(TestDatabase::sqlite().place(), database.place());
    std::fs::write(&path, "rows").unwrap();
    drop(database);
    assert!(!path.exists());
    assert!(!path.parent().unwrap().exists());
}

#[test]
fn postgres_databases_are_separate_and_gone_afterwards() {
    let (one, two) = (TestDatabase::postgres(), TestDatabase::postgres());
    let url = one.url().unwrap().to_owned();
    psql(&url, "CREATE TABLE kept (n int)").unwrap();
    assert!(
        psql(two.url().unwrap(), "SELECT * FROM kept").is_err(),
        "another test's table is visible"
    );
    let Place::Postgres { schema, .. } = one.place_for("pay") else {
        panic!("not a server")
    };
    assert_eq!(schema, "pay");
    drop(one);
    assert!(psql(&url, "SELECT 1").unwrap_err().contains("does not exist"));
}

#[test]
fn a_cluster_is_durable_unless_told_otherwise_and_ends_with_its_value() {
    let durable = Cluster::start(ClusterOptions::default()).unwrap();
    assert_eq!(psql(durable.url(), "SHOW fsync").unwrap(), "on");
    let quick = Cluster::start(ClusterOptions { durable: false }).unwrap();
    assert_eq!(psql(quick.url(), "SHOW fsync").unwrap(), "off");
    let (url, directory) = (quick.url().to_owned(), quick.socket_directory().to_owned());
    drop(quick);
    assert!(psql(&url, "SELECT 1").is_err(), "the server still answers");
    assert!(!directory.exists(), "the data directory is still there");
}

#[test]
fn the_binary_hands_on_the_url_and_the_exit_code() {
    let run = |script: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_imajin-testkit"));
        command
            .args(["postgres", "run", "--no-fsync", "--", "sh", "-c", script])
            .output()
            .unwrap()
    };
    let good = run("psql -X -q -t -A -d \"$IMAJIN_TEST_POSTGRES\" -c 'SELECT 40 + 2'");
    assert_eq!(String::from_utf8(good.stdout).unwrap().trim(), "42");
    assert!(good.status.success());
    assert_eq!(run("exit 7").status.code(), Some(7));
    assert_eq!(run("kill -s TERM $$").status.code(), Some(128 + 15));
}

#[test]
fn a_server_does_not_outlive_a_killed_parent() {
    let mut parent = Command::new(env!("CARGO_BIN_EXE_imajin-testkit"))
        .args([
            "postgres",
            "run",
            "--no-fsync",
            "--",
            "sh",
            "-c",
            "echo \"$IMAJIN_TEST_POSTGRES\"; exec cat",
        ])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = std::io::BufReader::new(parent.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut output, &mut line).unwrap();
    let url = line.trim();
    assert_eq!(psql(url, "SELECT 1").unwrap(), "1");
    parent.kill().unwrap();
    parent.wait().unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while psql(url, "SELECT 1").is_ok() {
        assert!(
            std::time::Instant::now() < deadline,
            "the server outlived its parent by 20 s"
        );
        std::thread::yield_now();
    }
}

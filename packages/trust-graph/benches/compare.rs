//! The same checks here and in Postgres, one client each, in one run:
//! `cargo bench -p imajin-trust-graph --bench compare`.
//!
//! The graph is that of the bench `check`: a million ties among a hundred thousand people. Postgres has them as arcs in
//! both directions where they count in both, with an index on each end; the table is analysed and in its cache, flags
//! and ends by time are left out of its work. Two ways to ask it: a recursive query that goes three steps from one
//! person, and a hand-written join that goes two steps from one and one from the other. `pgbench` asks over a local
//! socket with prepared statements. Needs the programs `psql` and `pgbench` (Debian: postgresql-contrib).
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::integer_division,
    reason = "a benchmark stops at the first surprise and prints what it measured"
)]

mod graph;

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Instant;

use imajin_trust_graph::{Graph, Rule, Tie};

use graph::{Random, edges, now, people};

const PEOPLE: u32 = 100_000;
const TIES: usize = 1_000_000;
const CHECKS: u32 = 200_000;
/// How long each way to ask Postgres is measured.
const SECONDS: &str = "20";

const RECURSIVE: &str = "\\set a random(0, 99999)
\\set b random(0, 99999)
WITH RECURSIVE reached(person, hops) AS (
    SELECT :a, 0
    UNION
    SELECT arcs.target, hops + 1 FROM reached JOIN arcs ON arcs.source = reached.person WHERE hops < 3
) SELECT min(hops) FROM reached WHERE person = :b;
";

const JOINED: &str = "\\set a random(0, 99999)
\\set b random(0, 99999)
SELECT CASE
    WHEN EXISTS (SELECT 1 FROM arcs WHERE source = :a AND target = :b) THEN 1
    WHEN EXISTS (SELECT 1 FROM arcs x JOIN arcs y ON y.source = x.target WHERE x.source = :a AND y.target = :b) THEN 2
    WHEN EXISTS (
        WITH near AS MATERIALIZED (SELECT DISTINCT source FROM arcs WHERE target = :b)
        SELECT 1 FROM arcs x JOIN arcs y ON y.source = x.target JOIN near ON near.source = y.target WHERE x.source = :a
    ) THEN 3
END;
";

fn main() {
    let url = imajin_testkit::postgres().unwrap();
    let psql = |input: &str| {
        let mut child = Command::new("psql")
            .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", url.as_str()])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    };
    let people = people(PEOPLE);
    let edges = edges(&people, TIES);
    let graph = Graph::from_edges(edges.iter().cloned()).unwrap();
    let mut copy = "CREATE TABLE arcs (source INT NOT NULL, target INT NOT NULL);\nCOPY arcs FROM STDIN;\n".to_owned();
    let numbers: std::collections::HashMap<_, _> = people.iter().zip(0_u32..).collect();
    for edge in &edges {
        let (from, to) = (numbers[&edge.from], numbers[&edge.to]);
        writeln!(copy, "{from}\t{to}").unwrap();
        if edge.tie == Tie::Connection {
            writeln!(copy, "{to}\t{from}").unwrap();
        }
    }
    copy.push_str(
        "\\.\nCREATE INDEX ON arcs (source, target);\nCREATE INDEX ON arcs (target, source);\nVACUUM ANALYZE arcs;\n",
    );
    psql(&copy);
    psql("SELECT count(*) FROM arcs;");

    let mut random = Random(7);
    let rule = Rule::hops(3, now());
    let started = Instant::now();
    let mut found = 0_u32;
    for _check in 0..CHECKS {
        let (from, to) = (&people[random.below(people.len())], &people[random.below(people.len())]);
        found += u32::from(graph.check(from, to, &rule).is_some());
    }
    let micros = started.elapsed().as_micros();
    let here = u128::from(CHECKS) * 1_000_000 / micros;
    println!(
        "here: {here} checks within 3 steps a second ({} in 100 found)",
        found * 100 / CHECKS
    );
    for (name, script) in [("recursive query", RECURSIVE), ("bidirectional join", JOINED)] {
        let file = std::env::temp_dir().join(format!("imajin-bench-{}.sql", std::process::id()));
        std::fs::write(&file, script).unwrap();
        let output = Command::new("pgbench")
            .args(["-n", "-M", "prepared", "-c", "1", "-T", SECONDS, "-f"])
            .arg(&file)
            .arg(url.as_str())
            .output()
            .unwrap();
        std::fs::remove_file(&file).unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = text.lines().find(|line| line.starts_with("tps")).unwrap_or_default();
        let tps = line
            .split_whitespace()
            .nth(2)
            .and_then(|number| number.split('.').next());
        let tps: u128 = tps.and_then(|number| number.parse().ok()).unwrap_or(0);
        println!(
            "Postgres, {name}: {tps} a second; here it is {} times that",
            here / tps.max(1)
        );
    }
}

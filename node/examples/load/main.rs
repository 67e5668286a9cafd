//! `./x load`: what a running node can do on this machine, beside what this machine can do at all.
//!
//! Starts the program as a user would, on a data directory of its own on loopback, and measures: size of the binary,
//! time to the first answer, memory when idle, durable ticket holds over signed HTTP, and whole purchases (hold,
//! sandbox payment, tickets, split, receipt). `pgbench -N -c 8` runs in the same minute on the same disk. Bounded:
//! each measurement sends a fixed number of requests and ends.
#![expect(
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::float_arithmetic,
    reason = "a measuring program prints ratios, and stops where an answer is not what it should be"
)]

mod caller;
mod gate;
mod node;
mod pgbench;
mod registry;
mod settle;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use node::{NodeProcess, Storage};

/// Measure a running node.
#[derive(Debug, Parser)]
struct Options {
    /// The program; by default the release build beside this one.
    #[arg(long, default_value = "target/release/imajin")]
    binary: PathBuf,
    /// Requests for each measurement.
    #[arg(long, default_value_t = 6_000)]
    requests: usize,
    /// Callers at the same time.
    #[arg(long, default_value_t = 64)]
    callers: usize,
    /// Nodes of the registry that is measured.
    #[arg(long, default_value_t = 100_000)]
    nodes: usize,
    /// For so many seconds their heartbeats come.
    #[arg(long, default_value_t = 60)]
    seconds: usize,
    /// Only on this database: sqlite or postgres.
    #[arg(long)]
    on: Option<String>,
    /// Only these measurements: idle, identity, settle, holds, purchases, gate, registry. The last one takes minutes,
    /// and is made only when it is named.
    #[arg(value_name = "MEASUREMENT")]
    only: Vec<String>,
}

impl Options {
    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }
}

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Outcome {
    let options = Options::parse();
    let postgres = std::env::var("IMAJIN_TEST_POSTGRES").ok();
    println!("binary: {} bytes", std::fs::metadata(&options.binary)?.len());
    if options.wants("idle") {
        idle(&options).await?;
    }
    let baseline = match &postgres {
        Some(url) => Some(pgbench::transactions_per_second(url)?),
        None => None,
    };
    if let Some(tps) = baseline {
        println!("pgbench -N -c 8: {tps:.0} transactions/s");
    }
    let mut storages = vec![Storage::Sqlite];
    storages.extend(postgres.map(Storage::Postgres));
    if let Some(on) = &options.on {
        storages.retain(|storage| storage.to_string().eq_ignore_ascii_case(on));
    }
    for storage in storages {
        if options.wants("identity") {
            identity(&options, &storage, baseline).await?;
        }
        if options.only.iter().any(|only| only == "registry") {
            registry(&options, &storage, baseline).await?;
        }
        if options.wants("gate") {
            gate(&options, &storage).await?;
        }
        if options.wants("settle") {
            settle(&options, &storage, baseline).await?;
        }
        if options.wants("holds") {
            holds(&options, &storage, baseline).await?;
        }
        if options.wants("purchases") {
            purchases(&options, &storage, baseline).await?;
        }
    }
    Ok(())
}

/// Time to the first answer, and memory when nothing happens.
async fn idle(options: &Options) -> Outcome {
    let node = NodeProcess::start(&options.binary, &Storage::Sqlite).await?;
    println!(
        "first answer after {:.0?} (first start: keys, migrations, databases)",
        node.first_answer
    );
    let node = node.restart().await?;
    println!("first answer after {:.0?} (second start)", node.first_answer);
    tokio::time::sleep(Duration::from_secs(5)).await;
    println!(
        "idle memory: {} KiB resident (all services, SQLite, 5 s after start)",
        node.resident_kib()?
    );
    Ok(())
}

/// Logins and signed mutations, beside a route that is neither signed nor writes.
async fn identity(options: &Options, storage: &Storage, baseline: Option<f64>) -> Outcome {
    let node = NodeProcess::start(&options.binary, storage).await?;
    let at = (node.url.as_str(), &serde_json::Value::Null);
    let (callers, requests) = (options.callers, options.requests);
    let unsigned = caller::in_turn(
        at,
        callers,
        requests,
        |caller, _time| async move { caller.lookup().await },
    );
    let unsigned = unsigned.await?;
    report(&format!("look-ups, unsigned, {storage}"), &unsigned, baseline);
    let mutations = caller::in_turn(at, callers, requests, |caller, time| async move {
        caller.profile_set(time).await
    });
    let mutations = mutations.await?;
    report(&format!("signed mutations (profile), {storage}"), &mutations, baseline);
    let logins = caller::in_turn(at, callers, requests, |caller, _time| async move {
        caller.login().await.map(|token| !token.is_empty())
    });
    let logins = logins.await?;
    report(&format!("logins (challenge and answer), {storage}"), &logins, baseline);
    for (what, measured) in [("a signed mutation", &mutations), ("a login", &logins)] {
        println!(
            "  {what}: {:.2} of the unsigned route",
            measured.per_second() / unsigned.per_second()
        );
    }
    Ok(())
}

/// A heartbeat every five minutes from each of many nodes, and what others read meanwhile.
async fn registry(options: &Options, storage: &Storage, baseline: Option<f64>) -> Outcome {
    let node = NodeProcess::start(&options.binary, storage).await?;
    let nodes = Arc::new(registry::Nodes::new(&node.url, options.nodes).map_err(outer)?);
    let measured = nodes.register_all(options.callers).await?;
    report(&format!("registrations, {storage}"), &measured, baseline);
    nodes.directory_whole().await.map_err(outer)?;
    storage.settle()?;
    println!("  memory after it: {} KiB resident", node.resident_kib()?);
    let per_second = options.nodes.div_ceil(300);
    // The first heartbeat of a node tells its addresses, which are published, and makes it one that lives.
    let first = nodes.beat_all(per_second, options.seconds).await.map_err(outer)?;
    report(&format!("the first heartbeats of nodes, {storage}"), &first, None);
    let (cpu, began) = (node.cpu()?, std::time::Instant::now());
    let beats = nodes.beat_all(per_second, options.seconds).await.map_err(outer)?;
    let cores = (node.cpu()?.saturating_sub(cpu)).as_secs_f64() / began.elapsed().as_secs_f64();
    report(
        &format!("heartbeats of {} nodes, one in 5 min each, {storage}", options.nodes),
        &beats,
        None,
    );
    println!(
        "  the node: {cores:.2} of a core, {} KiB resident",
        node.resident_kib()?
    );
    let list = nodes.asked("node/list").await.map_err(outer)?;
    report(&format!("the list's first page (100 nodes), {storage}"), &list, None);
    let before = nodes.directory_move(100.min(options.nodes)).await.map_err(outer)?;
    let delta = nodes.asked(&format!("directory?since={before}")).await.map_err(outer)?;
    report(&format!("a directory delta of 100 entries, {storage}"), &delta, None);
    Ok(())
}

/// Pages of a site: directly, through nginx, and through the gate for whoever asks, for agents, and for money.
async fn gate(options: &Options, storage: &Storage) -> Outcome {
    let verification = gate::verification().map_err(outer)?;
    println!("a P-256 signature is verified in {verification:.1?}");
    let site = gate::Site::start(&options.binary, storage).await.map_err(outer)?;
    let mut beside = None;
    for (way, what) in [
        (gate::Way::Upstream, "pages of the site itself"),
        (gate::Way::Nginx, "the same through nginx"),
        (gate::Way::Plain, "through the gate, by a browser"),
        (gate::Way::Claimed, "through the gate, a fresh claim each"),
        (gate::Way::Paid, "through the gate, a fresh claim and a visa each"),
    ] {
        let (how, count) = (gate::How::Callers(options.callers), options.requests);
        let (measured, cpu) = site.ask(way, how, count).await.map_err(outer)?;
        report(&format!("{what}, {storage}"), &measured, None);
        let itself: f64 = *beside.get_or_insert(measured.per_second());
        println!(
            "  {:.2} of the site itself; {cpu:.1?} of the node's processor time each, {:.1} verifications",
            measured.per_second() / itself,
            cpu.as_secs_f64() / verification.as_secs_f64()
        );
        if way == gate::Way::Claimed || way == gate::Way::Paid {
            let half = gate::How::PerSecond(measured.half_per_second());
            let (paced, _cpu) = site.ask(way, half, count).await.map_err(outer)?;
            report("  at half of that load", &paced, None);
            let (direct, _cpu) = site.ask(gate::Way::Upstream, half, count).await.map_err(outer)?;
            report("  the site itself at that load", &direct, None);
        }
    }
    println!("  memory after it: {} KiB resident", site.node.resident_kib()?);
    Ok(())
}

fn outer(error: Box<dyn std::error::Error + Send + Sync>) -> Box<dyn std::error::Error> {
    error
}

/// Settlements out of balances: as many as there can be, and then half as many a second.
async fn settle(options: &Options, storage: &Storage, baseline: Option<f64>) -> Outcome {
    let node = NodeProcess::start(&options.binary, storage).await?;
    let (callers, requests) = (options.callers, options.requests);
    let payers = settle::Payers::new(&node.url, callers).await.map_err(outer)?;
    let quotes = payers.quote(callers, requests).await.map_err(outer)?;
    report(&format!("quotes, {storage}"), &quotes, baseline);
    let most = payers.settle(callers, requests).await.map_err(outer)?;
    report(&format!("settlements over signed HTTP, {storage}"), &most, baseline);
    payers.quote(callers, requests).await.map_err(outer)?;
    let half = most.half_per_second();
    let paced = payers.settle_paced(half, requests).await.map_err(outer)?;
    report(&format!("the same at half of that load, {storage}"), &paced, None);
    println!("  memory after it: {} KiB resident", node.resident_kib()?);
    Ok(())
}

async fn holds(options: &Options, storage: &Storage, baseline: Option<f64>) -> Outcome {
    let node = NodeProcess::start(&options.binary, storage).await?;
    let event = node.event_make(i64::try_from(options.requests)?)?;
    let measured = caller::holds(&node.url, &event, options.callers, options.requests).await?;
    report(
        &format!("ticket holds over signed HTTP, {storage}"),
        &measured,
        baseline,
    );
    println!("  memory after it: {} KiB resident", node.resident_kib()?);
    Ok(())
}

async fn purchases(options: &Options, storage: &Storage, baseline: Option<f64>) -> Outcome {
    let node = NodeProcess::start(&options.binary, storage).await?;
    let requests = options.requests / 4;
    let event = node.event_make(i64::try_from(requests)?)?;
    let measured = caller::purchases(&node.url, &event, options.callers, requests).await?;
    report(
        &format!("whole purchases (4 requests each) to the receipt, {storage}"),
        &measured,
        baseline,
    );
    Ok(())
}

fn report(what: &str, measured: &caller::Measured, baseline: Option<f64>) {
    let ratio = baseline
        .map(|tps| format!(", {:.2} of pgbench", measured.per_second() / tps))
        .unwrap_or_default();
    println!(
        "{what}: {:.0}/s{ratio}; p50 {:.1?}, p99 {:.1?}; {} done, {} refused",
        measured.per_second(),
        measured.percentile(50),
        measured.percentile(99),
        measured.latencies.len(),
        measured.refused
    );
}

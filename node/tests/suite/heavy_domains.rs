//! Ten thousand agents at once, each of another domain, and no domain answers: how many of them a gate asks, and what
//! its process remembers of them. One of the attacks of the contract: see `attacks`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use futures::StreamExt;
use imajin_imagxp::{AgentKey, Claim, ClaimHeaders, Names, Purpose};
use imajin_kernel::Env;
use reqwest::header::HeaderMap;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::attacks::{Setting, Stage, attacks};
use crate::support::Server;

attacks!(ten_thousand_domains_at_once_are_asked_a_few_at_a_time_in_bounded_memory);

const DOMAINS: usize = 10_000;
const HOSTS: [&str; 2] = ["localhost", "127.0.0.1"];
/// Listeners that stand for domains: a name of this machine is one of an agent with its port.
const PORTS: usize = DOMAINS / HOSTS.len();
/// Files for the listeners, and for what else a test has open.
const FILES: u64 = 8_192;
/// How many requests are open at once.
const AT_ONCE: usize = 200;
/// How many domains a gate asks at once, and how long it waits for one.
const FETCHES_MAX: usize = 32;
const PATIENCE: Duration = Duration::from_millis(1_500);
const GROWTH_KIB_MAX: u64 = 100 * 1024;

/// Domains that keep whoever asks waiting.
#[derive(Default)]
struct Tarpit {
    asked: AtomicUsize,
    open: AtomicUsize,
    open_most: AtomicUsize,
}

/// A request that is open until whoever asked goes away.
struct Open(Arc<Tarpit>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Tarpit {
    async fn answer(self: Arc<Self>) {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
        self.open_most.fetch_max(open, Ordering::SeqCst);
        let _open = Open(self);
        std::future::pending::<()>().await;
    }

    async fn servers(self: &Arc<Self>) -> Vec<Server> {
        let mut servers = Vec::new();
        for _port in 0..PORTS {
            let tarpit = Arc::clone(self);
            servers.push(Server::start(Router::new().fallback(move || Arc::clone(&tarpit).answer())).await);
        }
        servers
    }
}

/// Something of `/proc/PID/status`, in KiB.
pub(crate) fn memory_kib(pid: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim_matches([':', ' ', '\t'])
        .trim_end_matches(" kB")
        .parse()
        .unwrap()
}

fn names(servers: &[Server]) -> Vec<String> {
    let port_of = |server: &Server| server.host.split_once(':').unwrap().1.to_owned();
    let names = servers.iter().map(port_of);
    names
        .flat_map(|port| HOSTS.map(|host| format!("{host}:{port}")))
        .collect()
}

/// Lets this process have as many files as there are listeners, where it may have fewer by default.
fn files_allow() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < FILES) {
        let current = Some(FILES);
        setrlimit(Resource::Nofile, Rlimit { current, ..limit }).unwrap();
    }
}

fn claim(key: &AgentKey, agent: &str, url: &str) -> HeaderMap {
    let agent = imajin_imagxp::AgentId::parse(agent, Names::Development).unwrap();
    let claim = Claim::new(&agent, Env::system().now(), "n", url, Purpose::RagRetrieval, false).unwrap();
    ClaimHeaders::sign(key, &claim).unwrap()
}

async fn ten_thousand_domains_at_once_are_asked_a_few_at_a_time_in_bounded_memory(setting: Setting) {
    let stage = Stage::new(setting).await;
    files_allow();
    let tarpit = Arc::new(Tarpit::default());
    let servers = tarpit.servers().await;
    let names = names(&servers);
    let (key, url, doors) = (AgentKey::generate().unwrap(), stage.scene.url("/about"), stage.doors());
    let ask = async |number: usize, headers: HeaderMap| {
        let door = &doors[number % doors.len()];
        stage.scene.send(door, "/about", headers).await.unwrap().status()
    };
    // An agent that is known before the others come.
    for number in 0..doors.len() {
        assert_eq!(ask(number, stage.scene.claim("/about")).await, 200);
    }
    let before: Vec<u64> = stage.pids().into_iter().map(|pid| memory_kib(pid, "VmRSS")).collect();

    let started = Instant::now();
    let requests = names.iter().enumerate().map(async |(number, name)| {
        if number % 100 == 0 {
            // It is served all the same.
            assert_eq!(
                ask(number, stage.scene.claim("/about")).await,
                200,
                "after {number} others"
            );
        }
        ask(number, claim(&key, name, &url)).await
    });
    let statuses: Vec<_> = futures::stream::iter(requests)
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    assert!(
        statuses.iter().all(|status| *status == 403 || *status == 503),
        "nobody can show a manifest, or was asked for one"
    );
    assert_eq!(statuses.len(), DOMAINS);

    let (asked, most) = (
        tarpit.asked.load(Ordering::SeqCst),
        tarpit.open_most.load(Ordering::SeqCst),
    );
    let fetches_max = FETCHES_MAX * doors.len();
    let rounds = started.elapsed().as_millis() / PATIENCE.as_millis() + 2;
    let allowed = fetches_max * usize::try_from(rounds).unwrap();
    // A domain may notice later than the gate that it was given up.
    assert!((1..=2 * fetches_max).contains(&most), "{most} at once");
    assert!(
        asked <= allowed && asked < DOMAINS / 2,
        "{asked} were asked, in {rounds} rounds"
    );
    for (pid, before) in stage.pids().into_iter().zip(before) {
        let growth = memory_kib(pid, "VmHWM").saturating_sub(before);
        println!("{asked} asked, {most} at once, {growth} KiB more than the {before} KiB before");
        assert!(
            growth < GROWTH_KIB_MAX,
            "{growth} KiB more than the {before} KiB before"
        );
    }
    stage.end(0).await;
}

//! The Postgres server dies under a node that goes on.

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use imajin_testkit::{Cluster, ClusterOptions};

use super::dice::Dice;
use super::rounds;
use super::world::World;
use crate::support::{Home, signal};

/// So many steps of purchases prove that the node has found its database again.
const STEPS_AFTER: u64 = 12;
/// How often the server's state is looked at, 20 ms apart.
const LOOKS_MAX: u32 = 3000;

/// A durable server that can be killed and started again.
struct Server {
    cluster: Cluster,
    program: PathBuf,
    restarted: Option<Child>,
}

impl Server {
    fn start() -> Self {
        let cluster = Cluster::start(ClusterOptions { durable: true }).unwrap();
        let mut server = Self {
            cluster,
            program: PathBuf::new(),
            restarted: None,
        };
        server.program = std::fs::read_link(format!("/proc/{}/exe", server.pid().unwrap())).unwrap();
        server
    }

    fn data(&self) -> PathBuf {
        self.cluster.socket_directory().join("data")
    }

    fn status_line(&self, number: usize) -> Option<String> {
        let text = std::fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        text.lines().nth(number).map(|line| line.trim().to_owned())
    }

    /// The process that starts all others.
    fn pid(&self) -> Option<u32> {
        self.status_line(0)?.parse().ok()
    }

    fn children(&self) -> Vec<u32> {
        let parent = self.pid().unwrap();
        let listed = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap();
        listed.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
    }

    /// One of the server's processes is killed: the server throws its memory away and recovers by itself.
    fn process_kill(&self, dice: &Dice) {
        let children = self.children();
        signal(children[dice.index(children.len())], "KILL");
    }

    /// The whole server ends at once, without writing anything down, and is started again.
    fn crash(&mut self, name: &str) {
        let pid = self.pid().unwrap();
        let children = self.children();
        signal(pid, name);
        if let Some(mut restarted) = self.restarted.take() {
            restarted.wait().unwrap();
        }
        for pid in children.into_iter().chain([pid]) {
            wait_until("an old process of the server does not end", || !is_alive(pid));
        }
        let owner = std::fs::metadata(self.data()).unwrap();
        let mut command = Command::new(&self.program);
        command
            .arg("-D")
            .arg(self.data())
            .uid(owner.uid())
            .gid(owner.gid())
            .current_dir("/");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let started = child.id();
        self.restarted = Some(child);
        let is_ready = || self.pid() == Some(started) && self.status_line(7).as_deref() == Some("ready");
        wait_until("the server does not come back", is_ready);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut restarted) = self.restarted.take() {
            let _gone_already = Command::new("kill")
                .args(["-QUIT", &restarted.id().to_string()])
                .status();
            let _reaped = restarted.wait();
        }
    }
}

fn wait_until(complaint: &str, is_so: impl Fn() -> bool) {
    for _ in 0..LOOKS_MAX {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("{complaint}");
}

/// Whether a process runs; one that has ended and that nobody has asked after does not.
fn is_alive(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = status.rsplit_once(") ").map(|(_, rest)| rest.starts_with('Z'));
    state == Some(false)
}

async fn server_dies(rounds: u32) {
    let begun = Instant::now();
    let mut server = Server::start();
    let mut world = World::open(Home::on_server(server.cluster.url())).await;
    for round in 0..rounds {
        let load = world.load_begin().await;
        world.moment().await;
        match round % 3 {
            0 => server.process_kill(&world.shop.dice),
            1 => server.crash("QUIT"),
            _ => server.crash("KILL"),
        }
        world.shop.steps_wait(STEPS_AFTER).await;
        world.load_end(load).await;
    }
    let books = world.close().await;
    println!(
        "postgres: the server died {rounds} times; {books:?}; {:.0?}",
        begun.elapsed()
    );
    assert!(
        books.settled > u64::from(rounds) && books.refunded > 0,
        "hardly anybody bought anything: {books:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn crash_of_the_postgres_server_is_survived() {
    server_dies(rounds(6)).await;
}

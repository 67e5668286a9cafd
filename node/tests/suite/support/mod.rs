//! A node as a user has it: the program in a process of its own.

mod asker;
mod buyer;
mod exchange;
mod server;

use std::ffi::OsString;
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use imajin_testkit::{Backend, TestDatabase};
use serde_json::Value;

pub(crate) use asker::{Asker, Heard};
pub(crate) use buyer::Buyer;
pub(crate) use exchange::{Exchange, Exchanged};
pub(crate) use server::Server;

/// The program under test.
pub(crate) const IMAJIN: &str = env!("CARGO_BIN_EXE_imajin");

/// How long a node may take to start or stop before the test gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// A loopback address at which nobody listens at this moment.
pub(crate) fn free_address() -> SocketAddr {
    imajin_testkit::free_address().unwrap()
}

/// A folder and a database for one node; both outlive the node's restarts.
pub(crate) struct Home {
    folder: tempfile::TempDir,
    database: Place,
    environment: Vec<(&'static str, OsString)>,
}

/// Where a node keeps its rows.
enum Place {
    /// In files beside its keys.
    Files,
    /// In a database of the server that the tests share.
    Shared(TestDatabase),
    /// In a server of the test's own.
    Server(String),
}

impl Home {
    pub(crate) fn new(backend: Backend) -> Self {
        Self::at(match backend {
            Backend::Sqlite => Place::Files,
            Backend::Postgres => Place::Shared(TestDatabase::postgres()),
        })
    }

    /// For a node on a Postgres server that the test may harm.
    pub(crate) fn on_server(url: &str) -> Self {
        Self::at(Place::Server(url.to_owned()))
    }

    fn at(database: Place) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            database,
            environment: Vec::new(),
        }
    }

    /// A home for another program of the same node, on the same Postgres: each program has a data folder to itself, and
    /// the keys and the settings in it are the same.
    pub(crate) fn twin(&self) -> Self {
        let twin = Self::on_server(self.database_url().unwrap());
        std::fs::create_dir_all(twin.data()).unwrap();
        for name in ["node.key", "vault.json", "master.key", "imajin.toml"] {
            std::fs::copy(self.data().join(name), twin.data().join(name)).unwrap();
        }
        twin
    }

    /// Sets environment variables of the node, from its next start on.
    pub(crate) fn environment_set(&mut self, variables: impl IntoIterator<Item = (&'static str, OsString)>) {
        self.environment.extend(variables);
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn database_url(&self) -> Option<&str> {
        match &self.database {
            Place::Files => None,
            Place::Shared(database) => database.url(),
            Place::Server(url) => Some(url),
        }
    }

    /// Appends to the node's configuration file.
    pub(crate) fn configure(&self, toml: &str) {
        std::fs::create_dir_all(self.data()).unwrap();
        let path = self.data().join("imajin.toml");
        let before = std::fs::read_to_string(&path).unwrap_or_default();
        std::fs::write(path, format!("{before}\n{toml}\n")).unwrap();
    }

    /// Changes the node's configuration file.
    pub(crate) fn configure_replace(&self, from: &str, to: &str) {
        let path = self.data().join("imajin.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(path, text.replace(from, to)).unwrap();
    }

    fn command(&self) -> Command {
        let mut command = Command::new(IMAJIN);
        command
            .env("IMAJIN_LOG", "warn")
            .env_remove("IMAJIN_TEST_POSTGRES")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    /// Starts the node and waits until it answers.
    pub(crate) fn up(&self, extra: &[&str]) -> Node {
        let mut child = self.launch(extra);
        let log = log_collect(child.stderr.take().unwrap());
        let Some(banner) = banner_read(child.stdout.take().unwrap()) else {
            let _still_starting = child.kill();
            let _status = child.wait();
            panic!("the node did not start: {}", log.join().unwrap());
        };
        Node {
            child,
            banner,
            log: Some(log),
        }
    }

    /// Starts the node and waits for nothing. Nobody reads what it prints until somebody takes its pipes.
    pub(crate) fn launch(&self, extra: &[&str]) -> Child {
        let mut command = self.command();
        command.args(["--json", "up", "--data"]).arg(self.data());
        if !extra.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        if let Some(url) = self.database_url() {
            command.args(["--database", url]);
        }
        command.args(extra).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// Starts the node and expects that it refuses; gives back what it said.
    pub(crate) fn up_refused(&self, extra: &[&str]) -> String {
        let mut command = self.command();
        command
            .args(["up", "--data"])
            .arg(self.data())
            .args(["--listen", "127.0.0.1:0"])
            .args(extra);
        let output = command.output().unwrap();
        assert!(!output.status.success(), "the node started");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Runs `imajin verify` on the node's data.
    pub(crate) fn verify(&self) -> Outcome {
        let data = self.data();
        let mut args = vec!["verify", "--data", data.to_str().unwrap()];
        if let Some(url) = self.database_url() {
            args.extend(["--database", url]);
        }
        imajin(&args)
    }

    /// Fails unless `imajin verify` finds nothing.
    pub(crate) fn verify_clean(&self) {
        let outcome = self.verify();
        assert!(outcome.success, "imajin verify: {}{}", outcome.json, outcome.stderr);
    }

    /// Makes a key file.
    pub(crate) fn key(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        imajin(&["key", "new", "--out", path.to_str().unwrap()]).expect_success();
        path
    }
}

fn log_collect(mut stderr: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = String::new();
        let _cut_off = stderr.read_to_string(&mut text);
        text
    })
}

/// The node prints one JSON document when it answers. The pipe stays open behind it.
fn banner_read(stdout: ChildStdout) -> Option<Value> {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut documents = serde_json::Deserializer::from_reader(stdout).into_iter::<Value>();
        let _gone = sender.send(documents.next().and_then(Result::ok));
        // Keep reading: a closed pipe would end the node.
        while documents.next().is_some() {}
    });
    receiver.recv_timeout(PATIENCE).ok().flatten()
}

/// A running node.
pub(crate) struct Node {
    child: Child,
    banner: Value,
    log: Option<std::thread::JoinHandle<String>>,
}

impl Node {
    /// Its URL, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        self.banner["url"].as_str().unwrap().trim_end_matches('/').to_owned()
    }

    pub(crate) fn setup_token(&self) -> String {
        let link = self.banner["setupUrl"].as_str().unwrap();
        link.split_once("token=").unwrap().1.to_owned()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn banner(&self) -> &Value {
        &self.banner
    }

    /// SIGTERM; the node has five seconds.
    pub(crate) fn stop(mut self) {
        self.end();
    }

    /// The same, for a node in whose place another one comes.
    pub(crate) fn end(&mut self) {
        signal(self.child.id(), "TERM");
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(started.elapsed() < PATIENCE, "the node does not stop");
            std::thread::sleep(Duration::from_millis(5));
        };
        assert!(status.success(), "the node ended with {status}");
        assert!(
            started.elapsed() < Duration::from_secs(6),
            "the node took {:?} to stop",
            started.elapsed()
        );
    }

    /// SIGKILL; gives back what the node has logged.
    pub(crate) fn kill_and_read(mut self) -> String {
        let _gone_already = self.child.kill();
        let _reaped = self.child.wait();
        self.log.take().unwrap().join().unwrap()
    }

    /// Waits for the end of a process that somebody else has killed: until then it holds its data.
    pub(crate) fn death_wait(&mut self) {
        let _killed = self.child.wait().unwrap();
    }

    /// SIGKILL: what a power cut is to a process.
    pub(crate) fn kill(mut self) -> ExitStatus {
        self.kill_now()
    }

    /// The same, for a node in whose place another one comes.
    pub(crate) fn kill_now(&mut self) -> ExitStatus {
        let _gone_already = self.child.kill();
        self.child.wait().unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _reaped = self.child.wait();
        // What the node had to say about it helps whoever looks for the cause.
        if std::thread::panicking()
            && let Some(Ok(log)) = self.log.take().map(std::thread::JoinHandle::join)
        {
            eprintln!("the node said: {log}");
        }
    }
}

pub(crate) fn signal(pid: u32, name: &str) {
    let status = Command::new("kill")
        .args([&format!("-{name}"), &pid.to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}

/// What a command printed and how it ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) success: bool,
    pub(crate) json: Value,
    pub(crate) stderr: String,
}

impl Outcome {
    pub(crate) fn expect_success(self) -> Value {
        assert!(self.success, "{}", self.stderr);
        self.json
    }

    /// The machine-readable refusal.
    pub(crate) fn refusal(&self) -> Value {
        assert!(!self.success, "the command succeeded: {}", self.json);
        serde_json::from_str(self.stderr.trim()).unwrap_or_else(|_| panic!("no JSON refusal: {}", self.stderr))
    }
}

/// Runs a command with `--json`.
pub(crate) fn imajin(args: &[&str]) -> Outcome {
    let mut command = Command::new(IMAJIN);
    let output = command
        .arg("--json")
        .args(args)
        .env("IMAJIN_LOG", "warn")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Outcome {
        success: output.status.success(),
        json: serde_json::from_slice(&output.stdout).unwrap_or_default(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The path as text for a command line.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The event on sale at this price.
pub(crate) fn event_find(node: &Node, price: &str) -> Value {
    let page = imajin(&["event", "list", "--node", &node.url()]).expect_success();
    let events = page["events"].as_array().unwrap();
    events
        .iter()
        .find(|event| event["tiers"][0]["price"]["amount"] == price)
        .unwrap()
        .clone()
}

/// An evening with ten places at 5.00, made by the command line: a draft, or published.
pub(crate) fn event_create(node: &Node, key: &Path, splits: &[String], is_published: bool) -> Value {
    let url = node.url();
    let mut all = vec![
        "event",
        "create",
        "--node",
        &url,
        "--key",
        text(key),
        "--title",
        "Matinee",
    ];
    all.extend(["--starts", "2031-01-01T18:00:00Z", "--ends", "2031-01-01T20:00:00Z"]);
    all.extend(["--tier", "Standard=5.00:10"]);
    for split in splits {
        all.extend(["--split", split]);
    }
    if is_published {
        all.push("--publish");
    }
    imajin(&all).expect_success()
}

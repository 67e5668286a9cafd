use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use imajin_testkit::free_address;
use serde_json::Value;

type Failed = Box<dyn std::error::Error>;

/// Where the node keeps its rows.
#[derive(Debug, Clone)]
pub(crate) enum Storage {
    Sqlite,
    Postgres(String),
}

impl fmt::Display for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres(_) => "Postgres",
        })
    }
}

impl Storage {
    /// Does what `PostgreSQL` does by itself in the minutes after much was written. What a measurement makes within
    /// minutes has come in years, and nobody waits for this then.
    pub(crate) fn settle(&self) -> std::io::Result<()> {
        if let Self::Postgres(url) = self {
            Command::new("psql")
                .args(["-X", "-q", "-c", "VACUUM (ANALYZE)", "-c", "CHECKPOINT", url])
                .status()?;
        }
        Ok(())
    }
}

/// The program, running on a data directory of its own.
pub(crate) struct NodeProcess {
    child: Child,
    binary: PathBuf,
    folder: tempfile::TempDir,
    storage: Storage,
    pub(crate) url: String,
    pub(crate) first_answer: Duration,
}

impl NodeProcess {
    pub(crate) async fn start(binary: &Path, storage: &Storage) -> Result<Self, Failed> {
        // Beside the build, on the disk that is measured, not in memory.
        let folder = tempfile::Builder::new().prefix("load-").tempdir_in("target")?;
        Self::start_in(binary, folder, storage.clone()).await
    }

    /// The same, with this in its configuration.
    pub(crate) async fn start_with(binary: &Path, storage: &Storage, config: &str) -> Result<Self, Failed> {
        let folder = tempfile::Builder::new().prefix("load-").tempdir_in("target")?;
        let data = folder.path().join("data");
        std::fs::create_dir(&data)?;
        std::fs::write(data.join("imajin.toml"), config)?;
        Self::start_in(binary, folder, storage.clone()).await
    }

    async fn start_in(binary: &Path, folder: tempfile::TempDir, storage: Storage) -> Result<Self, Failed> {
        let port = free_address()?.port();
        let url = format!("http://127.0.0.1:{port}");
        let mut command = Command::new(binary);
        command.arg("up").arg("--data").arg(folder.path().join("data"));
        command
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let Storage::Postgres(server) = &storage {
            let schema = format!("load_{port}_");
            command
                .args(["--database", server])
                .env("IMAJIN_DATABASE__SCHEMA_PREFIX", schema);
        }
        let started = Instant::now();
        let child = command.spawn()?;
        let mut node = Self {
            child,
            binary: binary.to_owned(),
            folder,
            storage,
            url,
            first_answer: Duration::ZERO,
        };
        node.answer_wait(port).await?;
        node.first_answer = started.elapsed();
        Ok(node)
    }

    async fn answer_wait(&mut self, port: u16) -> Result<(), Failed> {
        for _ in 0..6_000 {
            if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                let answer = reqwest::get(format!("{}/health", self.url)).await;
                if answer.is_ok() {
                    return Ok(());
                }
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("the node ended with {status}").into());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Err("the node does not answer".into())
    }

    /// Stops it and starts it again on the same data.
    pub(crate) async fn restart(mut self) -> Result<Self, Failed> {
        Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()?;
        self.child.wait()?;
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir_in("target")?);
        Self::start_in(&self.binary.clone(), folder, self.storage.clone()).await
    }

    pub(crate) fn resident_kib(&self) -> Result<u64, Failed> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .ok_or("no VmRSS")?;
        Ok(line.split_whitespace().nth(1).ok_or("no number")?.parse()?)
    }

    /// The time that the processors have worked for it. Linux counts in hundredths of a second.
    pub(crate) fn cpu(&self) -> Result<Duration, Failed> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_name, rest) = stat.rsplit_once(')').ok_or("no stat")?;
        let ticks = |place: usize| rest.split_whitespace().nth(place).ok_or("no number");
        let (user, system): (u64, u64) = (ticks(11)?.parse()?, ticks(12)?.parse()?);
        Ok(Duration::from_millis((user + system) * 10))
    }

    fn imajin(&self, args: &[&str]) -> Result<Value, Failed> {
        let output = Command::new(&self.binary).arg("--json").args(args).output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// A published event with three payees and so many places.
    pub(crate) fn event_make(&self, places: i64) -> Result<Value, Failed> {
        let file = |name: &str| self.folder.path().join(name).to_string_lossy().into_owned();
        let mut splits = Vec::new();
        for (name, share) in [("seller", "0.5"), ("first", "0.3"), ("second", "0.2")] {
            let key = self.imajin(&["key", "new", "--out", &file(name)])?;
            splits.push(format!("{}={share}:artist", key["did"].as_str().ok_or("no DID")?));
        }
        let seller = file("seller");
        self.imajin(&["login", "--node", &self.url, "--key", &seller])?;
        let tier = format!("Seat=10.00:{places}");
        let mut args = vec![
            "event",
            "create",
            "--node",
            &self.url,
            "--key",
            &seller,
            "--title",
            "Load",
            "--publish",
        ];
        args.extend([
            "--starts",
            "2031-01-01T18:00:00Z",
            "--ends",
            "2031-01-01T20:00:00Z",
            "--tier",
            &tier,
        ]);
        for split in &splits {
            args.extend(["--split", split]);
        }
        self.imajin(&args)
    }
}

impl Drop for NodeProcess {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

//! A Solana node for the tests: the real virtual machine with the real programs, behind JSON-RPC.
//!
//! It is a Python program (`packages/testkit/solana_peer/peer.py`) on the `solders` library, which `./x solana-peer`
//! installs with pip. The program says what it does not imitate.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::error::log_tail;
use crate::{Guarded, TestkitError};

const READY_SECONDS: u64 = 60;
const POLL: Duration = Duration::from_millis(20);
const PROGRAM: &str = "the Solana peer";

/// A running peer, gone when it is dropped.
#[derive(Debug)]
pub struct SolanaPeer {
    port: u16,
    process: Guarded,
}

impl SolanaPeer {
    /// Installs what is missing, and starts a chain of its own for one test.
    ///
    /// # Errors
    /// When Python or the library cannot be had; the text says what `./x solana-peer` said.
    pub fn start() -> Result<Self, TestkitError> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let python = python(&root.join("x"))?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("solana_peer/peer.py");
        let scratch = tempfile::Builder::new().prefix("imajin-solana-").tempdir();
        let scratch = scratch.map_err(TestkitError::file(std::env::temp_dir()))?.keep();
        let port_file = scratch.join("port");
        let arguments = [&script, &port_file].map(|path| path.display().to_string());
        let process = Guarded::start(&python, &arguments, "KILL", scratch)?;
        let deadline = Instant::now() + Duration::from_secs(READY_SECONDS);
        while Instant::now() < deadline {
            if let Some(port) = std::fs::read_to_string(&port_file)
                .ok()
                .and_then(|text| text.parse().ok())
            {
                return Ok(Self { port, process });
            }
            std::thread::sleep(POLL);
        }
        Err(TestkitError::NotReady {
            program: PROGRAM,
            seconds: READY_SECONDS,
            log: process.log(),
        })
    }

    /// Where it answers.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// Calls one of its methods, such as `test_finalise`.
    ///
    /// # Errors
    /// When it refuses or has ended; the text holds its answer or its log.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the parameters are written where the call is"
    )]
    pub fn call(&self, method: &str, params: Value) -> Result<Value, TestkitError> {
        let failed = |output: String| TestkitError::ProgramFailed {
            program: format!("{PROGRAM}: {method}"),
            output,
        };
        let answer = self
            .exchange(method, &params)
            .map_err(|error| failed(format!("{error}; its log ends with: {}", self.process.log())))?;
        match answer.get("error") {
            Some(error) => Err(failed(error.to_string())),
            None => Ok(answer.get("result").cloned().unwrap_or_default()),
        }
    }

    fn exchange(&self, method: &str, params: &Value) -> std::io::Result<Value> {
        let body = json!({"jsonrpc": "2.0", "id": 0, "method": method, "params": params}).to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        write!(
            stream,
            "POST / HTTP/1.1\r\nhost: peer\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (_head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        serde_json::from_str(body).map_err(std::io::Error::other)
    }
}

/// The Python that has the library.
fn python(x: &Path) -> Result<PathBuf, TestkitError> {
    let said = Command::new(x)
        .arg("solana-peer")
        .output()
        .map_err(TestkitError::file(x))?;
    if !said.status.success() {
        return Err(TestkitError::ProgramFailed {
            program: "./x solana-peer".to_owned(),
            output: log_tail(&String::from_utf8_lossy(&said.stderr)),
        });
    }
    Ok(PathBuf::from(String::from_utf8_lossy(&said.stdout).trim()))
}

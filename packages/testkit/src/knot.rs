//! A real authoritative DNS server for the tests: Knot, with one zone that takes signed updates.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::{Guarded, TestkitError, free_address};

const READY_SECONDS: u64 = 30;
const POLL: Duration = Duration::from_millis(20);
const PROGRAM: &str = "knotd";

/// A running server, gone when it is dropped.
#[derive(Debug)]
pub struct KnotPeer {
    address: SocketAddr,
    process: Guarded,
}

impl KnotPeer {
    /// The name of the key that may change the zone; it is one of HMAC-SHA256.
    pub const KEY_NAME: &'static str = "imajin-test";
    /// Its secret.
    pub const KEY_SECRET: [u8; 32] = *b"a secret that every test knows..";
    const KEY_SECRET_BASE64: &'static str = "YSBzZWNyZXQgdGhhdCBldmVyeSB0ZXN0IGtub3dzLi4=";

    /// Starts a server of `zone`, which has nothing but its SOA and NS records.
    ///
    /// # Errors
    /// When Knot is not installed (`./x test` installs it) or does not start; the text has the end of its log.
    pub fn start(zone: &str) -> Result<Self, TestkitError> {
        let scratch = tempfile::Builder::new().prefix("imajin-knot-").tempdir();
        let scratch = scratch.map_err(TestkitError::file(std::env::temp_dir()))?.keep();
        let address = free_address()?;
        let write = |name: &str, text: String| {
            let path = scratch.join(name);
            std::fs::write(&path, text).map_err(TestkitError::file(&path))
        };
        write("knot.conf", configuration(&scratch, zone, address))?;
        write("zone", zone_file(zone))?;
        let arguments = ["-c".to_owned(), scratch.join("knot.conf").display().to_string()];
        let process = Guarded::start(&program(), &arguments, "TERM", scratch)?;
        let deadline = Instant::now() + Duration::from_secs(READY_SECONDS);
        while Instant::now() < deadline {
            if TcpStream::connect(address).is_ok() {
                return Ok(Self { address, process });
            }
            std::thread::sleep(POLL);
        }
        Err(TestkitError::NotReady {
            program: PROGRAM,
            seconds: READY_SECONDS,
            log: process.log(),
        })
    }

    /// Where it answers, by TCP and by UDP.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The end of its log.
    pub fn log(&self) -> String {
        self.process.log()
    }
}

/// Debian has it where only the administrator looks.
fn program() -> PathBuf {
    let of_debian = Path::new("/usr/sbin/knotd");
    if of_debian.exists() {
        of_debian.to_owned()
    } else {
        PathBuf::from(PROGRAM)
    }
}

fn configuration(scratch: &Path, zone: &str, address: SocketAddr) -> String {
    let (scratch, port) = (scratch.display(), address.port());
    let (key, secret) = (KnotPeer::KEY_NAME, KnotPeer::KEY_SECRET_BASE64);
    format!(
        r#"server:
    rundir: "{scratch}"
    listen: 127.0.0.1@{port}
    tcp-workers: 1
    udp-workers: 1
    background-workers: 1
log:
  - target: stdout
    any: info
database:
    storage: "{scratch}"
key:
  - id: {key}
    algorithm: hmac-sha256
    secret: {secret}
acl:
  - id: changes
    key: {key}
    action: [update, transfer]
zone:
  - domain: {zone}
    storage: "{scratch}"
    file: zone
    acl: changes
"#
    )
}

fn zone_file(zone: &str) -> String {
    format!(
        "{zone}. 60 SOA ns.{zone}. operator.{zone}. 1 60 60 3600 1\n\
         {zone}. 60 NS ns.{zone}.\n\
         ns.{zone}. 60 A 127.0.0.1\n"
    )
}

//! A real certificate authority for the tests: Pebble, which looks names up in a DNS server of the test.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::address::free_address;
use crate::{Guarded, TestkitError};

const READY_SECONDS: u64 = 30;
const POLL: Duration = Duration::from_millis(20);
const PROGRAM: &str = "pebble";
/// Where hosts are asked for answers to HTTP-01, unless a test says where: nobody answers there.
const HTTP_PORT: u16 = 5002;

/// A running certificate authority, gone when it is dropped.
#[derive(Debug)]
pub struct PebblePeer {
    address: SocketAddr,
    management: SocketAddr,
    certificate: PathBuf,
    process: Guarded,
}

impl PebblePeer {
    /// Starts an authority that asks `dns` for names.
    ///
    /// # Errors
    /// When Pebble is not installed (`./x test` installs it) or does not start; the text has the end of its log.
    pub fn start(dns: SocketAddr) -> Result<Self, TestkitError> {
        Self::start_asking(dns, HTTP_PORT)
    }

    /// Starts an authority that asks `dns` for names, and hosts on this port in place of 80.
    ///
    /// # Errors
    /// As [`PebblePeer::start`].
    pub fn start_asking(dns: SocketAddr, http_port: u16) -> Result<Self, TestkitError> {
        let scratch = tempfile::Builder::new().prefix("imajin-pebble-").tempdir();
        let scratch = scratch.map_err(TestkitError::file(std::env::temp_dir()))?.keep();
        let (address, management) = (free_address()?, free_address()?);
        let certificate = certificate_write(&scratch)?;
        let configuration = scratch.join("pebble.json");
        std::fs::write(
            &configuration,
            configuration_text(&scratch, address, management, http_port),
        )
        .map_err(TestkitError::file(&configuration))?;
        // Pebble waits between steps, loses every twentieth nonce and remembers what was proven, unless it is told not
        // to.
        let arguments = [
            "PEBBLE_VA_NOSLEEP=1".to_owned(),
            "PEBBLE_WFE_NONCEREJECT=0".to_owned(),
            "PEBBLE_AUTHZREUSE=0".to_owned(),
            PROGRAM.to_owned(),
            "-config".to_owned(),
            configuration.display().to_string(),
            "-dnsserver".to_owned(),
            dns.to_string(),
        ];
        let process = Guarded::start(Path::new("/usr/bin/env"), &arguments, "TERM", scratch)?;
        let deadline = Instant::now() + Duration::from_secs(READY_SECONDS);
        while Instant::now() < deadline {
            if [address, management]
                .iter()
                .all(|port| TcpStream::connect(port).is_ok())
            {
                return Ok(Self {
                    address,
                    management,
                    certificate,
                    process,
                });
            }
            std::thread::sleep(POLL);
        }
        Err(TestkitError::NotReady {
            program: PROGRAM,
            seconds: READY_SECONDS,
            log: process.log(),
        })
    }

    /// The URL where clients begin.
    pub fn directory_url(&self) -> String {
        format!("https://localhost:{}/dir", self.address.port())
    }

    /// Where it gives out the root of what it certifies, PEM; it is another one at each start.
    pub fn root_url(&self) -> String {
        format!("https://localhost:{}/roots/0", self.management.port())
    }

    /// The certificate of its own listener, PEM: what a client has to trust to talk to it.
    pub fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// The end of its log.
    pub fn log(&self) -> String {
        self.process.log()
    }
}

fn certificate_write(scratch: &Path) -> Result<PathBuf, TestkitError> {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names);
    let made = made.map_err(|error| TestkitError::file(scratch)(std::io::Error::other(error)))?;
    let (certificate, key) = (scratch.join("listener.pem"), scratch.join("listener.key"));
    std::fs::write(&certificate, made.cert.pem()).map_err(TestkitError::file(&certificate))?;
    std::fs::write(&key, made.signing_key.serialize_pem()).map_err(TestkitError::file(&key))?;
    Ok(certificate)
}

fn configuration_text(scratch: &Path, address: SocketAddr, management: SocketAddr, http_port: u16) -> String {
    let scratch = scratch.display();
    format!(
        r#"{{"pebble": {{
  "listenAddress": "{address}",
  "managementListenAddress": "{management}",
  "certificate": "{scratch}/listener.pem",
  "privateKey": "{scratch}/listener.key",
  "httpPort": {http_port},
  "tlsPort": 5001
}}}}
"#
    )
}

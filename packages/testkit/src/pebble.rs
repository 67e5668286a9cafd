//! A real certificate authority that speaks ACME: Pebble, whose certificates nobody trusts.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, KeyPair};

use crate::knot::free_address;
use crate::{Guarded, TestkitError};

const READY_SECONDS: u64 = 30;
const POLL: Duration = Duration::from_millis(20);
const PROGRAM: &str = "pebble";

/// A running authority, gone when it is dropped.
#[derive(Debug)]
pub struct PebblePeer {
    address: SocketAddr,
    management: SocketAddr,
    process: Guarded,
}

impl PebblePeer {
    /// Starts an authority that looks names up at `dns`, and asks for answers to HTTP-01 on `http_port`.
    ///
    /// # Errors
    /// When Pebble is not installed (`./x test` installs it) or does not start; the text has the end of its log.
    pub fn start(dns: SocketAddr, http_port: u16) -> Result<Self, TestkitError> {
        let scratch = tempfile::Builder::new().prefix("imajin-pebble-").tempdir();
        let scratch = scratch.map_err(TestkitError::file(std::env::temp_dir()))?.keep();
        let (address, management) = (free_address()?, free_address()?);
        let write = |name: &str, text: String| {
            let path = scratch.join(name);
            std::fs::write(&path, text).map_err(TestkitError::file(&path))
        };
        let (certificate, key) = certificate()?;
        write("cert.pem", certificate)?;
        write("key.pem", key)?;
        write("pebble.json", configuration(&scratch, address, management, http_port))?;
        let arguments = [
            // Not the pauses with which it imitates a slow authority.
            "PEBBLE_VA_NOSLEEP=1".to_owned(),
            // Every order is proven anew.
            "PEBBLE_AUTHZREUSE=0".to_owned(),
            PROGRAM.to_owned(),
            "-config".to_owned(),
            scratch.join("pebble.json").display().to_string(),
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

    /// The address of its directory.
    pub fn directory(&self) -> String {
        format!("https://{}/dir", self.address)
    }

    /// Where it gives out the root of what it certifies, PEM; it is another one at each start.
    pub fn root_url(&self) -> String {
        format!("https://{}/roots/0", self.management)
    }

    /// The certificate of its own listeners, PEM.
    pub fn ca_path(&self) -> PathBuf {
        self.process.scratch().join("cert.pem")
    }

    /// The end of its log.
    pub fn log(&self) -> String {
        self.process.log()
    }
}

fn certificate() -> Result<(String, String), TestkitError> {
    let failed = |error: rcgen::Error| TestkitError::ProgramFailed {
        program: PROGRAM.to_owned(),
        output: error.to_string(),
    };
    let key = KeyPair::generate().map_err(failed)?;
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).map_err(failed)?;
    let certificate = params.self_signed(&key).map_err(failed)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

fn configuration(scratch: &Path, address: SocketAddr, management: SocketAddr, http_port: u16) -> String {
    let scratch = scratch.display();
    format!(
        r#"{{"pebble": {{
    "listenAddress": "{address}",
    "managementListenAddress": "{management}",
    "certificate": "{scratch}/cert.pem",
    "privateKey": "{scratch}/key.pem",
    "httpPort": {http_port},
    "tlsPort": 0,
    "ocspResponderURL": "",
    "externalAccountBindingRequired": false
}}}}"#
    )
}

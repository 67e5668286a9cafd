use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use imajin_did::Did;
use serde::Deserialize;
use url::Url;

use super::{Config, ServiceName};

/// The longest name of a site.
const NAME_LENGTH_MAX: usize = 40;

/// The agent that goes by the node's own name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImagxpConfig {
    /// Its folder, as `imajin agent` has it: the node answers with its manifest, and with the directory of its keys.
    pub agent: Option<PathBuf>,
}

/// A site that a gate stands in front of.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateConfig {
    /// The site, `http://127.0.0.1:8080`.
    pub upstream: Url,
    /// The file with its policy; it is read again when it changes.
    pub policy: PathBuf,
    /// Where the gate listens.
    #[serde(default = "listen_default")]
    pub listen: SocketAddr,
    /// The address under which people and agents reach the site; empty: made from `listen`.
    pub public_url: Option<Url>,
    /// A certificate chain of the site, PEM; what is written there later is shown by itself.
    pub certificate: Option<PathBuf>,
    /// Its private key, PEM.
    pub private_key: Option<PathBuf>,
    /// Whether the gate shows the node's own certificate, which then has to name the site as well: a wildcard does.
    #[serde(default)]
    pub node_certificate: bool,
    /// The proxies in front of the gate: only they are believed about a visitor's address, and only they are answered
    /// with `decide`.
    #[serde(default)]
    pub proxies: Vec<IpAddr>,
    /// Whether it only answers a proxy that asks (`forward_auth`, `auth_request`), and passes nothing on itself.
    #[serde(default)]
    pub decide: bool,
    /// Whether everything passes and it is only written down what would have happened.
    #[serde(default)]
    pub dry_run: bool,
    /// Whose is what is paid where no manifest says otherwise; the node's when nothing is said.
    pub payee: Option<Did>,
    /// How long decisions are kept, in days.
    #[serde(default = "days_default")]
    pub keep_days: u16,
}

impl GateConfig {
    /// Whether the gate itself speaks TLS.
    pub const fn is_tls(&self) -> bool {
        self.node_certificate || self.certificate.is_some()
    }

    /// The scheme of the site's address, where nobody is in front.
    pub const fn scheme(&self) -> &'static str {
        if self.is_tls() { "https" } else { "http" }
    }

    /// What is wrong with how the gate is reached.
    fn transport_contradiction(&self) -> Option<&'static str> {
        if self.certificate.is_some() != self.private_key.is_some() {
            return Some("`certificate` and `private_key` go together");
        }
        if self.node_certificate && self.certificate.is_some() {
            return Some("`node_certificate` and `certificate` are two certificates: choose one");
        }
        let is_plain = |url: &Url| url.scheme() == "http";
        if self.is_tls() && self.public_url.as_ref().is_some_and(is_plain) {
            return Some("`public_url` begins with http://, and there is a certificate");
        }
        if !self.is_tls() && !self.listen.ip().is_loopback() && self.proxies.is_empty() {
            return Some(
                "whoever listens along could take visas from what agents send: set `certificate` and `private_key`, \
                 or `node_certificate`, or name in `proxies` who speaks TLS in front of it",
            );
        }
        None
    }
}

fn listen_default() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 7020))
}

const fn days_default() -> u16 {
    90
}

/// What is wrong with the gates of a configuration, if anything is.
pub(super) fn contradiction(config: &Config) -> Option<String> {
    if config.brokers.disputes_seconds == 0 {
        return Some("`brokers.disputes_seconds` must be at least 1".to_owned());
    }
    for (name, gate) in &config.gate {
        let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if name.is_empty() || name.len() > NAME_LENGTH_MAX || !name.bytes().all(is_word) {
            return Some(format!(
                "`gate.{name}`: a site's name has 1 to 40 small letters, digits and hyphens"
            ));
        }
        if gate.public_url.as_ref().is_some_and(|url| !is_origin(url)) {
            return Some(format!(
                "`gate.{name}.public_url` must be http:// or https:// with a host and nothing behind it"
            ));
        }
        if let Some(problem) = gate.transport_contradiction() {
            return Some(format!("`gate.{name}`: {problem}"));
        }
        if gate.decide && gate.proxies.is_empty() {
            return Some(format!(
                "`gate.{name}`: with `decide`, `proxies` names the addresses of those who ask"
            ));
        }
        if gate.keep_days == 0 {
            return Some(format!("`gate.{name}.keep_days` must be at least 1"));
        }
        if !config.services.contains(&ServiceName::Publisher) {
            return Some(format!(
                "`gate.{name}` needs the service `publisher` in the same process"
            ));
        }
    }
    None
}

fn is_origin(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.has_host() && url.path() == "/" && url.query().is_none()
}

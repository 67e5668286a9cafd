use std::net::SocketAddr;
use std::path::PathBuf;

use imajin_acme::{ChallengeKind, DnsAccount};
use serde::Deserialize;
use url::Url;

/// Certificates from an authority.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcmeConfig {
    /// `off`; `http-01`: port 80 of the names leads here; `dns-01`: through the registry, or `dns`.
    pub challenge: AcmeChallenge,
    /// The authority's directory. To use one means to agree to its terms.
    pub directory: Url,
    /// The names; empty: with `http-01` the host of `public_url`, with `dns-01` the name that the registry gave and all
    /// names beneath it.
    pub names: Vec<String>,
    /// Where the authority may write to, `mailto:operator@example.org`.
    pub contact: Option<String>,
    /// Where the authority's questions for `http-01` come in.
    pub http_listen: SocketAddr,
    /// A certificate (PEM) to trust at the authority besides the usual ones.
    pub ca: Option<PathBuf>,
    /// An endpoint with the interface of acme-dns, in place of the registry's.
    pub dns: Option<AcmeDnsConfig>,
}

/// How names are proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum AcmeChallenge {
    /// No authority is asked.
    #[serde(rename = "off")]
    Off,
    /// By an answer on port 80.
    #[serde(rename = "http-01")]
    Http01,
    /// By a text in DNS.
    #[serde(rename = "dns-01")]
    Dns01,
}

/// An account at an endpoint with the interface of acme-dns.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcmeDnsConfig {
    /// Its base URL.
    pub url: Url,
    /// The user.
    pub username: String,
    /// A file with the password.
    pub password_file: PathBuf,
    /// The subdomain that `_acme-challenge` of the name leads to, in the endpoint's words.
    pub subdomain: String,
}

impl AcmeConfig {
    /// How names are proven, unless no authority is asked.
    pub const fn kind(&self) -> Option<ChallengeKind> {
        match self.challenge {
            AcmeChallenge::Off => None,
            AcmeChallenge::Http01 => Some(ChallengeKind::Http01),
            AcmeChallenge::Dns01 => Some(ChallengeKind::Dns01),
        }
    }

    /// What does not go together; `None` when all does.
    pub fn contradiction(&self) -> Option<String> {
        if self.challenge == AcmeChallenge::Off {
            return None;
        }
        if self.directory.scheme() != "https" {
            return Some("`tls.acme.directory` must be https://".to_owned());
        }
        let is_name = |name: &&String| {
            let plain = name.strip_prefix("*.").unwrap_or(name);
            let is_label = |label: &str| {
                let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
                !label.is_empty() && label.len() <= 63 && label.bytes().all(is_letter)
            };
            plain.contains('.') && plain.parse::<std::net::IpAddr>().is_err() && plain.split('.').all(is_label)
        };
        if let Some(other) = self.names.iter().find(|name| !is_name(name)) {
            return Some(format!(
                "`tls.acme.names`: `{other}` is no host name that can be certified"
            ));
        }
        let wildcard = self.names.iter().find(|name| name.starts_with("*."));
        if let (AcmeChallenge::Http01, Some(wildcard)) = (self.challenge, wildcard) {
            return Some(format!("`tls.acme.names`: `{wildcard}` needs the challenge dns-01"));
        }
        if self.challenge == AcmeChallenge::Http01 && self.dns.is_some() {
            return Some("`tls.acme.dns` is for the challenge dns-01".to_owned());
        }
        None
    }
}

impl AcmeDnsConfig {
    /// The account, for a name.
    ///
    /// # Errors
    /// When the password cannot be read.
    pub fn account(&self, hostname: &str) -> Result<DnsAccount, String> {
        let password = std::fs::read_to_string(&self.password_file);
        let password = password.map_err(|error| format!("{}: {error}", self.password_file.display()))?;
        Ok(DnsAccount {
            hostname: hostname.to_owned(),
            acme_url: self.url.clone(),
            username: self.username.clone(),
            password: password.trim().to_owned(),
            subdomain: self.subdomain.clone(),
        })
    }
}

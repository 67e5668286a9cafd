use std::net::{IpAddr, SocketAddr};

use imajin_web::PublicBase;
use url::Url;

use crate::config::Config;

/// The URL under which people reach the node. Everything that is signed or compared uses it.
#[derive(Debug, Clone)]
pub struct PublicAddress(Url);

impl PublicAddress {
    /// From the configuration, or made from the bound address.
    pub(super) fn of(config: &Config, bound: SocketAddr, https: bool) -> Option<Self> {
        if let Some(url) = &config.public_url {
            return Some(Self(url.clone()));
        }
        let scheme = if https { "https" } else { "http" };
        let host = if bound.ip().is_unspecified() {
            machine_name()
        } else {
            host_of(bound.ip())
        };
        Url::parse(&format!("{scheme}://{host}:{}/", bound.port()))
            .ok()
            .map(Self)
    }

    /// The URL.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// For the HTTP shell.
    pub fn base(&self) -> PublicBase {
        PublicBase(self.0.clone())
    }

    /// The names and addresses that a generated certificate must cover.
    pub(super) fn certificate_hosts(&self, bound: SocketAddr) -> Vec<String> {
        let mut hosts: Vec<String> = self
            .0
            .host_str()
            .map(|host| host.trim_matches(['[', ']']).to_owned())
            .into_iter()
            .collect();
        hosts.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
        if !bound.ip().is_unspecified() {
            hosts.push(bound.ip().to_string());
        }
        hosts.push(machine_name());
        hosts.sort();
        hosts.dedup();
        hosts
    }
}

fn host_of(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// The name that the machine calls itself; usually the one that others in the same network use too.
fn machine_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim().to_ascii_lowercase();
    let usable = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
    if usable { name } else { "localhost".to_owned() }
}

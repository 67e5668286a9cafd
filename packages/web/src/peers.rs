use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use futures::StreamExt;
use imajin_kernel::{Code, Problem};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// The largest document that is read.
const DOCUMENT_BYTES_MAX: usize = 256 * 1024;

/// Fetches public documents from addresses that a stranger named.
///
/// Only HTTPS, only addresses of the public internet (checked after the name was resolved, so that a name that points
/// to a machine behind our own walls leads nowhere), no redirects, no proxy, bounded time and size.
#[derive(Clone)]
pub struct PeerClient {
    http: reqwest::Client,
    local: bool,
}

/// Resolves names, and drops what leads into private networks.
struct PublicOnly {
    local: bool,
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let local = self.local;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|address| local || is_public(address.ip())).collect();
            if allowed.is_empty() {
                return Err("the name leads to no public address".into());
            }
            let addresses: Addrs = Box::new(allowed.into_iter());
            Ok(addresses)
        })
    }
}

impl PeerClient {
    /// Prepares a client; `local` also allows this machine and private networks, and plain HTTP to this machine: for
    /// development only.
    ///
    /// # Errors
    /// When the TLS set-up of the machine is broken.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the guarded client for addresses of strangers"
    )]
    pub fn new(local: bool) -> Result<Self, Problem> {
        let builder = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(10))
            .redirect(reqwest::redirect::Policy::none())
            .dns_resolver(Arc::new(PublicOnly { local }))
            .pool_max_idle_per_host(0)
            .no_proxy();
        let http = builder.build().map_err(|error| {
            tracing::error!(%error, "no HTTP client could be made");
            Problem::internal()
        })?;
        Ok(Self { http, local })
    }

    /// Whether a document may be fetched from there at all, before any name is resolved.
    pub fn allows(&self, url: &Url) -> bool {
        let plain = url.username().is_empty() && url.password().is_none();
        let address = match url.host() {
            None => return false,
            Some(Host::Domain(name)) => {
                let is_local = name == "localhost" || name.ends_with(".localhost");
                if is_local && !self.local {
                    return false;
                }
                return plain && (url.scheme() == "https" || (self.local && is_local && url.scheme() == "http"));
            }
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
        };
        let is_near = self.local && address.is_loopback();
        plain
            && ((url.scheme() == "https" && (self.local || is_public(address))) || (is_near && url.scheme() == "http"))
    }

    /// The bytes of a JSON document.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] for an address that is not allowed, [`Code::Unavailable`] when there is no answer.
    pub async fn document(&self, url: &Url) -> Result<Vec<u8>, Problem> {
        let origin = url.origin().ascii_serialization();
        if !self.allows(url) {
            return Err(Problem::invalid(format!("Nothing is fetched from {origin}."))
                .hint("The address must be public and use https."));
        }
        let away = |error: reqwest::Error| {
            tracing::debug!(%error, "a document of another node could not be fetched");
            Problem::new(Code::Unavailable, format!("{origin} does not answer.")).retry_after_seconds(5)
        };
        let request = self.http.get(url.clone()).header("accept", "application/json");
        let response = request.send().await.map_err(away)?;
        if !response.status().is_success() {
            let text = format!(
                "{origin} has no such document: it answered {}.",
                response.status().as_u16()
            );
            return Err(Problem::new(Code::Unavailable, text));
        }
        let mut stream = response.bytes_stream();
        let mut body = BytesMut::new();
        while let Some(chunk) = stream.next().await {
            body.extend_from_slice(&chunk.map_err(away)?);
            if body.len() > DOCUMENT_BYTES_MAX {
                let text = format!("{origin} sent too large a document.");
                return Err(Problem::new(Code::Unavailable, text));
            }
        }
        Ok(body.to_vec())
    }
}

impl std::fmt::Debug for PeerClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PeerClient")
            .field("local", &self.local)
            .finish_non_exhaustive()
    }
}

/// Whether an address is one of the public internet (IANA's registries of special-purpose addresses).
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _d] = address.octets();
    let is_special = matches!(
        (a, b, c),
        (0 | 10 | 127 | 224..=255, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (192, 168, _)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    );
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    // Only global unicast, without documentation, benchmarks, tunnels that carry an IPv4 address, and ORCHIDs.
    let is_global = (0x2000..=0x3fff).contains(&first);
    let is_special = first == 0x2002 || first == 0x3fff || (first == 0x2001 && (second < 0x0200 || second == 0x0db8));
    is_global && !is_special
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(local: bool, url: &str) -> bool {
        PeerClient::new(local).unwrap().allows(&url.parse().unwrap())
    }

    #[test]
    fn only_public_addresses_count_as_public() {
        for public in ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "2a00:1450::1"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for special in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "198.18.0.1",
            "192.0.2.1",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
        ] {
            assert!(!is_public(special.parse().unwrap()), "{special}");
        }
    }

    #[test]
    fn nothing_is_asked_of_our_own_machine_or_in_the_clear() {
        assert!(allows(false, "https://node.example/.well-known/did.json"));
        for bad in [
            "http://node.example/",
            "https://localhost/",
            "https://a.localhost/",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://0x7f000001/",
            "https://169.254.169.254/",
            "https://me:pw@node.example/",
            "file:///etc/passwd",
        ] {
            assert!(!allows(false, bad), "{bad}");
        }
        for near in [
            "http://localhost:7000/",
            "http://127.0.0.1:7000/",
            "https://192.168.1.2/",
        ] {
            assert!(allows(true, near), "{near}");
        }
        assert!(!allows(true, "http://node.example/") && !allows(true, "http://192.168.1.2/"));
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_leads_nowhere() {
        let resolver = PublicOnly { local: false };
        assert!(resolver.resolve("localhost".parse().unwrap()).await.is_err());
        let resolver = PublicOnly { local: true };
        assert!(resolver.resolve("localhost".parse().unwrap()).await.is_ok());
    }
}

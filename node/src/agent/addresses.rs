//! Under which addresses the node is reached, as far as it can find out.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use imajin_kernel::{Env, Span, Timestamp};
use imajin_web::HttpClient;
use serde::Deserialize;
use url::Url;

use super::link::beneath;

/// How long an answer of the registry about the node's address is used.
const PEER_KEPT: Span = Span::seconds(30);
/// More are not told.
const ADDRESSES_MAX: usize = 8;

/// Where the addresses come from that the registry publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressSource {
    /// The interface that leads to the registry; behind a router, what the registry sees.
    Auto,
    /// None are told; somebody else keeps the name's records.
    None,
    /// The interface that leads to the registry.
    Interface,
    /// The address that the registry sees.
    Registry,
    /// These.
    Configured(Vec<IpAddr>),
}

impl FromStr for AddressSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "none" => Ok(Self::None),
            "interface" => Ok(Self::Interface),
            "registry" => Ok(Self::Registry),
            list => {
                let parsed: Result<Vec<IpAddr>, _> = list.split(',').map(|one| one.trim().parse()).collect();
                let addresses = parsed.map_err(|_error| {
                    format!("`{list}` is neither auto, none, interface, registry nor a list of IP addresses")
                })?;
                if addresses.len() > ADDRESSES_MAX {
                    return Err(format!("there are more than {ADDRESSES_MAX} addresses"));
                }
                Ok(Self::Configured(addresses))
            }
        }
    }
}

/// Finds addresses out; tests give their own.
#[async_trait]
pub trait AddressProbe: Send + Sync {
    /// Those of the interfaces that lead to a registry, by IPv4 and by IPv6.
    async fn interface(&self, registry: &Url) -> Vec<IpAddr>;

    /// The one that a registry sees this node come from.
    async fn peer(&self, registry: &Url) -> Option<IpAddr>;
}

impl AddressSource {
    /// The addresses to tell a registry now. Empty when none could be found out: the registry then keeps those that it
    /// has.
    pub(super) async fn addresses(&self, probe: &dyn AddressProbe, registry: &Url) -> Vec<IpAddr> {
        match self {
            Self::None => Vec::new(),
            Self::Configured(addresses) => addresses.clone(),
            Self::Interface => probe.interface(registry).await,
            Self::Registry => probe.peer(registry).await.into_iter().collect(),
            Self::Auto => {
                let own = probe.interface(registry).await;
                let public: Vec<IpAddr> = own.iter().copied().filter(is_public).collect();
                if !public.is_empty() {
                    return public;
                }
                // Behind a router; or on one machine with the registry, which then sees an address of our own. Another
                // one that is not public is that of a proxy in front of the registry.
                let seen = probe.peer(registry).await;
                seen.into_iter()
                    .filter(|seen| is_public(seen) || own.contains(seen))
                    .collect()
            }
        }
    }
}

/// Whether strangers can reach it.
fn is_public(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            let is_shared = first == 100 && (64..128).contains(&second);
            !(address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_unspecified()
                || address.is_documentation()
                || is_shared)
        }
        // 2000::/3 is all that is given out (RFC 4291, section 2.4).
        IpAddr::V6(address) => address.octets().first().is_some_and(|first| first & 0xe0 == 0x20),
    }
}

/// Asks the machine and the registry.
pub struct SystemProbe {
    http: HttpClient,
    env: Env,
    seen: Mutex<BTreeMap<Url, (Timestamp, Option<IpAddr>)>>,
}

#[derive(Deserialize)]
struct PeerAnswer {
    address: IpAddr,
}

impl SystemProbe {
    /// Nothing is asked yet.
    pub fn new(http: HttpClient, env: Env) -> Self {
        Self {
            http,
            env,
            seen: Mutex::new(BTreeMap::new()),
        }
    }

    async fn peer_ask(&self, registry: &Url) -> Option<IpAddr> {
        let url = beneath(registry, "api/node/address").ok()?;
        let answer = self
            .http
            .send(http::Method::GET, url, http::HeaderMap::new(), Vec::new());
        let answer: PeerAnswer = answer.await.ok()?.json().ok()?;
        Some(answer.address.to_canonical())
    }
}

/// The local end of a connection to `to`. None is made: a datagram socket that is connected has only looked up its way.
async fn local_end(to: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = if to.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    let socket = tokio::net::UdpSocket::bind((any, 0)).await.ok()?;
    socket.connect(to).await.ok()?;
    Some(socket.local_addr().ok()?.ip())
}

#[async_trait]
impl AddressProbe for SystemProbe {
    async fn interface(&self, registry: &Url) -> Vec<IpAddr> {
        let (Some(host), Some(port)) = (registry.host_str(), registry.port_or_known_default()) else {
            return Vec::new();
        };
        let host = host.trim_matches(['[', ']']);
        let Ok(found) = tokio::net::lookup_host((host, port)).await else {
            return Vec::new();
        };
        let found: Vec<SocketAddr> = found.collect();
        let mut addresses = Vec::new();
        for family in [SocketAddr::is_ipv4, SocketAddr::is_ipv6] {
            if let Some(to) = found.iter().find(|address| family(address))
                && let Some(own) = local_end(*to).await
            {
                addresses.push(own);
            }
        }
        addresses
    }

    async fn peer(&self, registry: &Url) -> Option<IpAddr> {
        let now = self.env.now();
        let known = |probe: &Self| {
            let seen = probe.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.get(registry).copied()
        };
        if let Some((asked_at, address)) = known(self)
            && now.since(asked_at) < PEER_KEPT
        {
            return address;
        }
        let address = self.peer_ask(registry).await;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.insert(registry.clone(), (now, address));
        address
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(Vec<IpAddr>, Option<IpAddr>);

    #[async_trait]
    impl AddressProbe for Fixed {
        async fn interface(&self, _registry: &Url) -> Vec<IpAddr> {
            self.0.clone()
        }

        async fn peer(&self, _registry: &Url) -> Option<IpAddr> {
            self.1
        }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn sources_are_read_and_nonsense_is_named() {
        assert_eq!("auto".parse(), Ok(AddressSource::Auto));
        let two = AddressSource::Configured(vec![ip("192.0.2.7"), ip("2001:db8::7")]);
        assert_eq!("192.0.2.7, 2001:db8::7".parse(), Ok(two));
        let refused = "eth0".parse::<AddressSource>().unwrap_err();
        assert!(refused.contains("`eth0`"), "{refused}");
        assert!(["1.2.3.4"; 9].join(",").parse::<AddressSource>().is_err());
    }

    #[tokio::test]
    async fn behind_a_router_the_registry_is_asked() {
        let registry: Url = "https://registry.example/registry".parse().unwrap();
        let auto = AddressSource::Auto;
        let behind = Fixed(vec![ip("192.168.1.7"), ip("fe80::1")], Some(ip("198.51.1.9")));
        assert_eq!(auto.addresses(&behind, &registry).await, [ip("198.51.1.9")]);
        let direct = Fixed(vec![ip("5.6.7.8"), ip("10.0.0.1")], Some(ip("198.51.1.9")));
        assert_eq!(auto.addresses(&direct, &registry).await, [ip("5.6.7.8")]);
        let proxied = Fixed(vec![ip("192.168.1.7")], Some(ip("127.0.0.1")));
        assert!(auto.addresses(&proxied, &registry).await.is_empty());
        let same_machine = Fixed(vec![ip("127.0.0.1")], Some(ip("127.0.0.1")));
        assert_eq!(auto.addresses(&same_machine, &registry).await, [ip("127.0.0.1")]);
        let cut_off = Fixed(vec![ip("100.64.1.1")], None);
        assert!(auto.addresses(&cut_off, &registry).await.is_empty());
    }

    #[tokio::test]
    async fn the_interface_to_a_registry_on_this_machine_is_loopback() {
        let env = Env::system();
        let probe = SystemProbe::new(HttpClient::new(std::time::Duration::from_secs(1), None).unwrap(), env);
        let registry: Url = "http://127.0.0.1:9/registry".parse().unwrap();
        assert_eq!(probe.interface(&registry).await, [ip("127.0.0.1")]);
        assert_eq!(probe.peer(&registry).await, None, "nobody listens there");
    }
}

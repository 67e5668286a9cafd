use imajin_auth::PeersOptions;
use imajin_did::Did;
use imajin_web::PeerAsked;
use serde::Deserialize;
use url::Url;

use super::Config;

/// A registry whose signed directory is kept here.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MirrorConfig {
    /// The DID of the node that runs the registry: its key has signed the directory.
    pub did: Did,
    /// The registry service that is followed, `https://registry.example/registry`: that registry's own, or that of a
    /// node that keeps a copy.
    pub url: Url,
    /// Others that keep a copy: what the registry has told them is compared.
    #[serde(default)]
    pub compare: Vec<Url>,
}

/// Which other nodes this one talks to; the operator can say more while it runs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeersConfig {
    /// Whether it talks to nobody but those that are allowed, and those that this file names for something else.
    pub only_listed: bool,
    /// Nodes that are allowed: DIDs, hosts, or `*.` and a host.
    pub allow: Vec<String>,
    /// Nodes that are blocked.
    pub block: Vec<String>,
}

/// The brokers whose visas pay here.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokersSettings {
    /// Their addresses, exactly as their visas name them: `https://broker.example/broker`.
    pub trusted: Vec<Url>,
    /// How often they are asked what agents object to, in seconds.
    pub disputes_seconds: u32,
}

/// The library of manifests.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublisherConfig {
    /// Nodes that are asked for manifests that are not here, `https://node.example`.
    pub peers: Vec<Url>,
    /// How many bytes the works of this node may have together.
    pub works_bytes_max: u64,
    /// How many bytes of their disk stay free, however many works may be there.
    pub free_bytes_min: u64,
}

impl Config {
    /// Which other nodes this one talks to. Whom the operator has named for something is allowed.
    pub fn peers_options(&self) -> PeersOptions {
        let urls = self.witnesses.values().filter_map(|witness| witness.url.as_ref());
        let urls = urls.chain(
            self.mirrors
                .values()
                .flat_map(|mirror| mirror.compare.iter().chain([&mirror.url])),
        );
        let urls = urls
            .chain(&self.brokers.trusted)
            .chain(&self.publisher.peers)
            .chain(&self.registry.url);
        let hosts = urls.filter_map(|url| PeerAsked::host(url).host);
        let dids = self.witnesses.values().map(|witness| &witness.did);
        let dids = dids
            .chain(self.mirrors.values().map(|mirror| &mirror.did))
            .map(ToString::to_string);
        PeersOptions {
            only_listed: self.peers.only_listed,
            allow: self.peers.allow.iter().cloned().chain(hosts).chain(dids).collect(),
            block: self.peers.block.clone(),
        }
    }
}

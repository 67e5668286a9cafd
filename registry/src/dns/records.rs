use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use imajin_dns::{Change, DnsError, NameError, RecordKind, RecordSet, Records, Zone, ZoneName};
use imajin_proof::digest::sha256;
use serde::{Deserialize, Serialize};

use super::Publisher;
use super::credentials::uuid_text;

/// For how long others may remember an address: a node that moves is found again within a minute.
pub const TTL_SECONDS_DEFAULT: u32 = 60;

/// What is published about a name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Snapshot {
    /// Whether there is anything at all: without it there are no addresses and no texts either.
    pub(crate) is_there: bool,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) challenges: Vec<String>,
}

/// The label beneath `_acme` whose texts prove to a certificate authority who controls a name. It is the same for ever,
/// so that nothing is left behind when a name changes hands, and nobody can tell it from the name.
pub(crate) fn acme_label(label_key: &[u8; 32], name: &str) -> String {
    let digest = sha256(&[label_key.as_slice(), name.as_bytes()].concat());
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest).for_each(|(byte, of)| *byte = of);
    uuid_text(&bytes)
}

/// Everything that a name publishes, each kind of record either put or deleted: the outcome does not depend on what was
/// there.
pub(crate) fn changes(
    zone: &Zone,
    label: &str,
    name: &str,
    ttl_seconds: u32,
    snapshot: &Snapshot,
) -> Result<Vec<Change>, NameError> {
    let host = zone.name(name)?;
    let challenge = zone.name(&format!("{label}._acme"))?;
    let v4: Vec<Ipv4Addr> = snapshot.addresses.iter().filter_map(v4_of).collect();
    let v6: Vec<Ipv6Addr> = snapshot.addresses.iter().filter_map(v6_of).collect();
    let everything_below = (!snapshot.addresses.is_empty()).then(|| Records::Cname(host.clone()));
    let delegation = snapshot.is_there.then(|| Records::Cname(challenge.clone()));
    let record = |of: ZoneName, kind, records: Option<Records>| {
        records
            .and_then(|records| RecordSet::new(of.clone(), ttl_seconds, records))
            .map_or(Change::Delete(of, kind), Change::Put)
    };
    Ok(vec![
        record(host.clone(), RecordKind::A, Some(Records::A(v4))),
        record(host, RecordKind::Aaaa, Some(Records::Aaaa(v6))),
        record(zone.name(&format!("*.{name}"))?, RecordKind::Cname, everything_below),
        record(
            zone.name(&format!("_acme-challenge.{name}"))?,
            RecordKind::Cname,
            delegation,
        ),
        record(
            challenge,
            RecordKind::Txt,
            Some(Records::Txt(snapshot.challenges.clone())),
        ),
    ])
}

impl Publisher {
    /// Whether the zone delegates the texts of a name to its label. Only this registry can have written that: the label
    /// is made with its key.
    pub(crate) async fn is_own(&self, label: &str, name: &str) -> Result<bool, DnsError> {
        let within = |relative: &str| {
            let name = self.zone.name(relative);
            name.map_err(|error| DnsError::Refused(error.to_string()))
        };
        let (at, to) = (
            within(&format!("_acme-challenge.{name}"))?,
            within(&format!("{label}._acme"))?,
        );
        let found = self.settings.provider.fetch(&at, RecordKind::Cname).await?;
        Ok(found.is_some_and(|found| *found.records() == Records::Cname(to)))
    }
}

fn v4_of(address: &IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(address) => Some(*address),
        IpAddr::V6(_) => None,
    }
}

fn v6_of(address: &IpAddr) -> Option<Ipv6Addr> {
    match address {
        IpAddr::V6(address) => Some(*address),
        IpAddr::V4(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_empty_is_ever_put() {
        let zone: Zone = "nodes.example".parse().unwrap();
        let label = acme_label(&[1; 32], "alice");
        assert_eq!(label.len(), 36);
        assert_ne!(label, acme_label(&[2; 32], "alice"));
        let gone = changes(&zone, &label, "alice", 60, &Snapshot::default()).unwrap();
        assert!(
            gone.iter().all(|change| matches!(change, Change::Delete(..))),
            "{gone:?}"
        );
        let there = Snapshot {
            is_there: true,
            addresses: vec!["192.0.2.1".parse().unwrap()],
            challenges: Vec::new(),
        };
        let put = changes(&zone, &label, "alice", 60, &there).unwrap();
        assert_eq!(put.len(), gone.len());
        let puts: Vec<String> = put
            .iter()
            .filter(|change| matches!(change, Change::Put(_)))
            .map(|change| change.name().to_string())
            .collect();
        assert_eq!(
            puts,
            [
                "alice.nodes.example",
                "*.alice.nodes.example",
                "_acme-challenge.alice.nodes.example"
            ]
        );
    }
}

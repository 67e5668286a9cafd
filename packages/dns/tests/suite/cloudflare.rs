use std::net::Ipv4Addr;
use std::time::Duration;

use imajin_dns::{
    Change, Cloudflare, CloudflareSettings, DnsError, DnsProvider, RecordKind, RecordSet, Records, Zone, ZoneName,
};
use imajin_testkit::{CloudflareFault, CloudflarePeer};

const ZONE: &str = "nodes.example";
const HOME: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const MOVED: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

fn name(relative: &str) -> ZoneName {
    let zone: Zone = ZONE.parse().unwrap();
    zone.name(relative).unwrap()
}

fn provider(peer: &CloudflarePeer, token: &str) -> Cloudflare {
    let settings = CloudflareSettings {
        api_url: peer.url().parse().unwrap(),
        zone_id: CloudflarePeer::ZONE_ID.to_owned(),
        zone: ZONE.parse().unwrap(),
        token: token.into(),
        timeout: Duration::from_secs(10),
    };
    assert!(!format!("{settings:?}").contains(token));
    Cloudflare::new(settings).unwrap()
}

fn put(of: &str, records: Records) -> Change {
    Change::Put(RecordSet::new(name(of), 60, records).unwrap())
}

async fn published(dns: &Cloudflare, of: &str, kind: RecordKind) -> Option<Records> {
    let set = dns.fetch(&name(of), kind).await.unwrap()?;
    Some(set.records().clone())
}

#[tokio::test]
async fn records_are_put_replaced_and_deleted_in_one_batch() {
    let peer = CloudflarePeer::start().await;
    let dns = provider(&peer, CloudflarePeer::TOKEN);
    peer.foreign("www.example", "A", "192.0.2.9");
    peer.foreign("alice.nodes.example", "TXT", "\"somebody else's\"");
    let texts = Records::Txt(vec!["one".to_owned(), "x".repeat(600)]);
    let changes = [
        put("alice", Records::A(vec![HOME, MOVED])),
        put("*.alice", Records::Cname(name("alice"))),
        put("_acme-challenge.alice", texts.clone()),
        Change::Delete(name("alice"), RecordKind::Aaaa),
    ];
    dns.apply(&changes).await.unwrap();
    assert_eq!(peer.batches(), 1);
    assert_eq!(
        published(&dns, "alice", RecordKind::A).await,
        Some(Records::A(vec![HOME, MOVED]))
    );
    assert_eq!(
        published(&dns, "_acme-challenge.alice", RecordKind::Txt).await,
        Some(texts)
    );
    let target = Some(Records::Cname(name("alice")));
    assert_eq!(published(&dns, "*.alice", RecordKind::Cname).await, target);
    // The same again asks for nothing.
    dns.apply(&changes).await.unwrap();
    assert_eq!(peer.batches(), 1);
    dns.apply(&[
        put("alice", Records::A(vec![MOVED])),
        Change::Delete(name("*.alice"), RecordKind::Cname),
        Change::Delete(name("_acme-challenge.alice"), RecordKind::Txt),
    ])
    .await
    .unwrap();
    let left = [
        "alice.nodes.example A 192.0.2.2",
        "alice.nodes.example TXT \"somebody else's\"",
        "www.example A 192.0.2.9",
    ];
    assert_eq!(peer.records(), left);
}

#[tokio::test]
async fn another_name_takes_the_place_of_addresses_and_they_of_it() {
    let peer = CloudflarePeer::start().await;
    let dns = provider(&peer, CloudflarePeer::TOKEN);
    dns.apply(&[put("bob", Records::A(vec![HOME]))]).await.unwrap();
    dns.apply(&[put("bob", Records::Cname(name("alice")))]).await.unwrap();
    assert_eq!(peer.records(), ["bob.nodes.example CNAME alice.nodes.example"]);
    dns.apply(&[put("bob", Records::A(vec![MOVED]))]).await.unwrap();
    assert_eq!(peer.records(), ["bob.nodes.example A 192.0.2.2"]);
}

#[tokio::test]
async fn what_fails_is_told_apart_and_can_be_done_again() {
    let peer = CloudflarePeer::start().await;
    let dns = provider(&peer, CloudflarePeer::TOKEN);
    let changes = [
        put("alice", Records::A(vec![HOME])),
        put("carol", Records::A(vec![HOME])),
    ];
    for fault in [CloudflareFault::RateLimited, CloudflareFault::ServerError] {
        peer.fault(fault);
        let error = dns.apply(&changes).await.unwrap_err();
        assert!(matches!(error, DnsError::Away(_)), "{fault:?}: {error}");
        assert!(peer.records().is_empty(), "all or nothing");
    }
    // Done, and nobody said so.
    peer.fault(CloudflareFault::LostAfter);
    assert!(matches!(dns.apply(&changes).await, Err(DnsError::Away(_))));
    assert_eq!(peer.records().len(), 2);
    dns.apply(&changes).await.unwrap();
    assert_eq!(peer.batches(), 1);
}

#[tokio::test]
async fn a_foreign_token_changes_nothing() {
    let peer = CloudflarePeer::start().await;
    let token = "somebody-elses-token";
    let error = provider(&peer, token)
        .apply(&[put("eve", Records::A(vec![HOME]))])
        .await
        .unwrap_err();
    assert!(
        matches!(&error, DnsError::Refused(why) if why.contains("10000") && !why.contains(token)),
        "{error}"
    );
    assert!(peer.records().is_empty());
}

#[tokio::test]
async fn a_name_of_another_zone_is_not_asked_for() {
    let peer = CloudflarePeer::start().await;
    let dns = provider(&peer, CloudflarePeer::TOKEN);
    let foreign: ZoneName = "alice.example.org".parse().unwrap();
    let changes = [
        put("alice", Records::A(vec![HOME])),
        Change::Delete(foreign, RecordKind::A),
    ];
    assert!(matches!(dns.apply(&changes).await, Err(DnsError::OutOfZone(_))));
    assert!(peer.records().is_empty());
}

#[tokio::test]
async fn what_is_at_a_name_or_below_it_is_there_whatever_kind_it_is() {
    let peer = CloudflarePeer::start().await;
    let dns = provider(&peer, CloudflarePeer::TOKEN);
    peer.foreign("mail.nodes.example", "MX", "mx.example");
    peer.foreign("cam.apps.nodes.example", "A", "192.0.2.9");
    for there in ["mail", "apps", "cam.apps"] {
        assert!(dns.is_there(&name(there)).await.unwrap(), "{there}");
    }
    for nowhere in ["ail", "pps", "cam", "x.cam.apps"] {
        assert!(!dns.is_there(&name(nowhere)).await.unwrap(), "{nowhere}");
    }
}

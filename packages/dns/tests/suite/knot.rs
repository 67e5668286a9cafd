use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use imajin_dns::{
    Change, DnsError, DnsProvider, RecordKind, RecordSet, Records, Rfc2136, Rfc2136Settings, TsigAlgorithm, TsigKey,
    TsigKeyError, Zone, ZoneName,
};
use imajin_kernel::{Env, Span};
use imajin_testkit::KnotPeer;

const ZONE: &str = "nodes.example";

fn zone() -> Zone {
    ZONE.parse().unwrap()
}

fn name(relative: &str) -> ZoneName {
    zone().name(relative).unwrap()
}

fn key(secret: &[u8; 32]) -> TsigKey {
    TsigKey::new(KnotPeer::KEY_NAME, TsigAlgorithm::HmacSha256, secret).unwrap()
}

fn provider(server: SocketAddr, key: TsigKey, env: Env) -> Rfc2136 {
    let timeout = Duration::from_secs(10);
    let zone = zone();
    Rfc2136::new(
        Rfc2136Settings {
            server,
            zone,
            key,
            timeout,
        },
        env,
    )
}

fn good(knot: &KnotPeer) -> Rfc2136 {
    provider(knot.address(), key(&KnotPeer::KEY_SECRET), Env::system())
}

fn put(of: &str, records: Records) -> Change {
    Change::Put(RecordSet::new(name(of), 60, records).unwrap())
}

async fn published(dns: &Rfc2136, of: &str, kind: RecordKind) -> Option<Records> {
    let set = dns.fetch(&name(of), kind).await.unwrap()?;
    assert_eq!(set.ttl_seconds(), 60);
    Some(set.records().clone())
}

const HOME: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const MOVED: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

#[tokio::test]
async fn records_are_put_replaced_and_deleted() {
    let knot = KnotPeer::start(ZONE).unwrap();
    let dns = good(&knot);
    assert_eq!(published(&dns, "alice", RecordKind::A).await, None);
    let long = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    let text = "x".repeat(600);
    let texts = Records::Txt(vec!["one".to_owned(), text]);
    dns.apply(&[
        put("alice", Records::A(vec![HOME])),
        put("alice", Records::Aaaa(vec![long])),
        put("*.alice", Records::Cname(name("alice"))),
        put("_acme-challenge.alice", texts.clone()),
    ])
    .await
    .unwrap();
    assert_eq!(
        published(&dns, "alice", RecordKind::A).await,
        Some(Records::A(vec![HOME]))
    );
    assert_eq!(
        published(&dns, "alice", RecordKind::Aaaa).await,
        Some(Records::Aaaa(vec![long]))
    );
    assert_eq!(
        published(&dns, "_acme-challenge.alice", RecordKind::Txt).await,
        Some(texts)
    );
    let target = Some(Records::Cname(name("alice")));
    assert_eq!(published(&dns, "*.alice", RecordKind::Cname).await, target);

    dns.apply(&[put("alice", Records::A(vec![MOVED]))]).await.unwrap();
    assert_eq!(
        published(&dns, "alice", RecordKind::A).await,
        Some(Records::A(vec![MOVED]))
    );
    let gone = [
        Change::Delete(name("alice"), RecordKind::A),
        Change::Delete(name("nobody"), RecordKind::Txt),
    ];
    for _again in 0..2 {
        dns.apply(&gone).await.unwrap();
    }
    assert_eq!(published(&dns, "alice", RecordKind::A).await, None);
    assert_eq!(
        published(&dns, "alice", RecordKind::Aaaa).await,
        Some(Records::Aaaa(vec![long]))
    );
}

#[tokio::test]
async fn another_name_takes_the_place_of_addresses_and_they_of_it() {
    let knot = KnotPeer::start(ZONE).unwrap();
    let dns = good(&knot);
    let other: ZoneName = "home.example.org".parse().unwrap();
    dns.apply(&[
        put("bob", Records::A(vec![HOME])),
        put("bob", Records::Txt(vec!["t".to_owned()])),
    ])
    .await
    .unwrap();
    dns.apply(&[put("bob", Records::Cname(other.clone()))]).await.unwrap();
    assert_eq!(
        published(&dns, "bob", RecordKind::Cname).await,
        Some(Records::Cname(other))
    );
    assert_eq!(published(&dns, "bob", RecordKind::A).await, None);
    dns.apply(&[put("bob", Records::A(vec![HOME]))]).await.unwrap();
    assert_eq!(published(&dns, "bob", RecordKind::Cname).await, None);
    assert_eq!(
        published(&dns, "bob", RecordKind::A).await,
        Some(Records::A(vec![HOME]))
    );
}

#[tokio::test]
async fn what_is_at_a_name_or_below_it_is_there() {
    let knot = KnotPeer::start(ZONE).unwrap();
    let dns = good(&knot);
    let away: ZoneName = "nowhere.nodes.example".parse().unwrap();
    dns.apply(&[
        put("cam.apps", Records::A(vec![HOME])),
        put("bob", Records::Cname(away)),
    ])
    .await
    .unwrap();
    for there in ["apps", "cam.apps", "bob"] {
        assert!(dns.is_there(&name(there)).await.unwrap(), "{there}");
    }
    for nowhere in ["pps", "cam", "x.cam.apps", "nowhere"] {
        assert!(!dns.is_there(&name(nowhere)).await.unwrap(), "{nowhere}");
    }
}

#[tokio::test]
async fn a_foreign_key_changes_nothing() {
    let knot = KnotPeer::start(ZONE).unwrap();
    let wrong = provider(knot.address(), key(&[7; 32]), Env::system());
    let refused = wrong.apply(&[put("eve", Records::A(vec![HOME]))]).await.unwrap_err();
    assert!(matches!(refused, DnsError::Refused(_)), "{refused}");
    let unknown = TsigKey::new("somebody", TsigAlgorithm::HmacSha256, &[7; 32]).unwrap();
    let refused = provider(knot.address(), unknown, Env::system())
        .apply(&[put("eve", Records::A(vec![HOME]))])
        .await
        .unwrap_err();
    assert!(matches!(refused, DnsError::Refused(_)), "{refused}");
    assert_eq!(published(&good(&knot), "eve", RecordKind::A).await, None);
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_told_so() {
    let knot = KnotPeer::start(ZONE).unwrap();
    let clock = imajin_kernel::ManualClock::at(Env::system().now().minus(Span::hours(1)));
    let late = provider(knot.address(), key(&KnotPeer::KEY_SECRET), Env::fixed(clock, 1));
    let refused = late.apply(&[put("alice", Records::A(vec![HOME]))]).await.unwrap_err();
    assert!(
        matches!(&refused, DnsError::Refused(why) if why.contains("BadTime")),
        "{refused}"
    );
}

#[tokio::test]
async fn a_name_of_another_zone_is_not_asked_for() {
    let knot = KnotPeer::start(ZONE).unwrap();
    let dns = good(&knot);
    let foreign: ZoneName = "alice.example.org".parse().unwrap();
    let set = RecordSet::new(foreign.clone(), 60, Records::A(vec![HOME])).unwrap();
    let changes = [put("alice", Records::A(vec![HOME])), Change::Put(set)];
    assert!(matches!(dns.apply(&changes).await, Err(DnsError::OutOfZone(_))));
    assert!(matches!(
        dns.fetch(&foreign, RecordKind::A).await,
        Err(DnsError::OutOfZone(_))
    ));
    assert_eq!(published(&dns, "alice", RecordKind::A).await, None, "all or nothing");
}

#[tokio::test]
async fn a_server_that_is_away_is_said_to_be() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = Rfc2136::new(
        Rfc2136Settings {
            server: listener.local_addr().unwrap(),
            zone: zone(),
            key: key(&KnotPeer::KEY_SECRET),
            timeout: Duration::from_millis(50),
        },
        Env::system(),
    );
    assert!(matches!(
        silent.fetch(&name("alice"), RecordKind::A).await,
        Err(DnsError::Away(_))
    ));
    let address = listener.local_addr().unwrap();
    drop(listener);
    let gone = provider(address, key(&KnotPeer::KEY_SECRET), Env::system());
    assert!(matches!(
        gone.apply(&[put("a", Records::A(vec![HOME]))]).await,
        Err(DnsError::Away(_))
    ));
}

#[test]
fn weak_keys_are_refused() {
    let short = TsigKey::new("k", TsigAlgorithm::HmacSha512, &[1; 32]);
    assert_eq!(short.unwrap_err(), TsigKeyError::Short);
    assert_eq!("hmac-md5".parse::<TsigAlgorithm>(), Err(TsigKeyError::Algorithm));
    assert!(!format!("{:?}", key(&KnotPeer::KEY_SECRET)).contains("secret"));
}

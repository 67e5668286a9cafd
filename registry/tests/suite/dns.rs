//! Names in a real DNS server.

use std::sync::Arc;
use std::time::Duration;

use imajin_dns::{DnsProvider, RecordKind, Records, Rfc2136, Rfc2136Settings, TsigAlgorithm, TsigKey, Zone};
use imajin_kernel::{Env, Span};
use imajin_registry::DnsSettings;
use imajin_testkit::{Backend, KnotPeer};
use serde_json::{Value, json};

use crate::world::{Answer, Node, World, ZONE};

/// Stamps scenarios, `async fn(World, &Served)`, over both databases, each with a DNS server of its own.
macro_rules! on_both_served {
    ($($scenario:ident),* $(,)?) => {
        mod sqlite_served {
            $(#[tokio::test] async fn $scenario() {
                let (world, served) = crate::dns::served(imajin_testkit::Backend::Sqlite).await;
                super::$scenario(world, &served).await;
            })*
        }
        mod postgres_served {
            $(#[tokio::test] async fn $scenario() {
                let (world, served) = crate::dns::served(imajin_testkit::Backend::Postgres).await;
                super::$scenario(world, &served).await;
            })*
        }
    };
}
pub(crate) use on_both_served;

on_both_served![
    a_registered_name_is_in_dns,
    addresses_follow_the_heartbeats_and_are_never_empty,
    a_change_of_name_is_one_outcome,
    names_from_before_there_was_a_server_are_published,
    what_the_zone_had_before_is_nobodys,
    what_the_zone_had_below_a_name_keeps_the_name,
    what_appears_in_the_zone_before_the_worker_looks_stays,
    everything_is_published_again_after_the_zone_was_lost,
];

/// A DNS server and what is asked of it.
pub(crate) struct Served {
    pub(crate) knot: KnotPeer,
    pub(crate) provider: Arc<dyn DnsProvider>,
}

pub(crate) fn settings(provider: Arc<dyn DnsProvider>) -> DnsSettings {
    DnsSettings {
        provider,
        ttl_seconds: 60,
        private_addresses: true,
    }
}

pub(crate) fn knot_provider(knot: &KnotPeer) -> Arc<dyn DnsProvider> {
    let key = TsigKey::new(KnotPeer::KEY_NAME, TsigAlgorithm::HmacSha256, &KnotPeer::KEY_SECRET).unwrap();
    let settings = Rfc2136Settings {
        server: knot.address(),
        zone: zone(),
        key,
        timeout: Duration::from_secs(10),
    };
    // The server's clock is the machine's.
    Arc::new(Rfc2136::new(settings, Env::system()))
}

pub(crate) async fn served(backend: Backend) -> (World, Served) {
    let knot = KnotPeer::start(ZONE).unwrap();
    let provider = knot_provider(&knot);
    let world = World::with_dns(backend, Some(settings(provider.clone()))).await;
    (world, Served { knot, provider })
}

pub(crate) fn zone() -> Zone {
    ZONE.parse().unwrap()
}

impl Served {
    /// What the server says of a name, as text; empty when there is nothing.
    pub(crate) async fn says(&self, relative: &str, kind: RecordKind) -> String {
        let set = self
            .provider
            .fetch(&zone().name(relative).unwrap(), kind)
            .await
            .unwrap();
        set.map(|set| match set.records() {
            Records::A(addresses) => addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
            Records::Aaaa(addresses) => addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
            Records::Cname(target) => target.to_string(),
            Records::Txt(texts) => texts.join(","),
        })
        .unwrap_or_default()
    }

    /// Everything that the server says of a node's name.
    pub(crate) async fn all_of(&self, name: &str) -> [String; 4] {
        [
            self.says(name, RecordKind::A).await,
            self.says(name, RecordKind::Aaaa).await,
            self.says(&format!("*.{name}"), RecordKind::Cname).await,
            self.says(&format!("_acme-challenge.{name}"), RecordKind::Cname).await,
        ]
    }
}

pub(crate) const NOTHING: [&str; 4] = ["", "", "", ""];

impl World {
    /// A heartbeat that tells addresses.
    pub(crate) async fn beat_from(&self, node: &Node, addresses: &Value) -> Answer {
        self.pass(Span::seconds(1));
        let mut heartbeat = node.heartbeat(self.now_ms());
        heartbeat["addresses"] = addresses.clone();
        self.post("/api/node/heartbeat", &node.signed(heartbeat)).await
    }
}

async fn a_registered_name_is_in_dns(world: World, served: &Served) {
    let alice = world.node();
    let answer = world.register(&alice, "alice").await.expect(201);
    let credentials = &answer.json["credentials"];
    assert_eq!(credentials["hostname"], "alice.nodes.example");
    assert_eq!(credentials["password"].as_str().unwrap().len(), 40);
    assert_eq!(credentials["updateUrl"], "https://registry.example/registry/nic/update");
    world.registry.dns_drive().await.unwrap();
    // No address is known yet, and none is invented.
    let target = credentials["fulldomain"].as_str().unwrap();
    assert_eq!(served.all_of("alice").await, ["", "", "", target]);
    let beat = world
        .beat_from(&alice, &json!(["203.0.113.1", "2001:db8::1"]))
        .await
        .expect(200);
    assert_eq!(beat.json["addresses"], json!(["203.0.113.1", "2001:db8::1"]));
    world.registry.dns_drive().await.unwrap();
    let all = served.all_of("alice").await;
    assert_eq!(all, ["203.0.113.1", "2001:db8::1", "alice.nodes.example", target]);
    // The secret is shown once.
    let again = world.register(&alice, "alice").await.expect(200);
    assert_eq!(again.json.get("credentials"), None);
    let findings = crate::audits::findings(&world).await;
    assert_eq!(findings, [], "{findings:?}");
}

async fn addresses_follow_the_heartbeats_and_are_never_empty(world: World, served: &Served) {
    let alice = world.node();
    world.register(&alice, "alice").await.expect(201);
    let told = [
        (json!(["203.0.113.1"]), ["203.0.113.1", ""]),
        (
            json!(["203.0.113.2", "203.0.113.2", "2001:db8::2"]),
            ["203.0.113.2", "2001:db8::2"],
        ),
        (json!([]), ["203.0.113.2", "2001:db8::2"]),
        (Value::Null, ["203.0.113.2", "2001:db8::2"]),
        (json!(["0.0.0.0", "224.0.0.1"]), ["203.0.113.2", "2001:db8::2"]),
        (json!(["::ffff:203.0.113.3"]), ["203.0.113.3", ""]),
    ];
    for (addresses, expected) in told {
        world.beat_from(&alice, &addresses).await.expect(200);
        world.registry.dns_drive().await.unwrap();
        let [v4, v6, ..] = served.all_of("alice").await;
        assert_eq!([v4, v6], expected, "{addresses}");
    }
    // A heartbeat without addresses neither changes them nor tells any.
    assert_eq!(world.beat(&alice).await.json.get("addresses"), None);
    assert_eq!(world.registry.dns_drive().await.unwrap(), 0);
}

async fn a_change_of_name_is_one_outcome(world: World, served: &Served) {
    let alice = world.node();
    let first = world.register(&alice, "alice").await.expect(201);
    world.beat_from(&alice, &json!(["203.0.113.1"])).await.expect(200);
    world.registry.dns_drive().await.unwrap();
    let second = world.register(&alice, "blue-note").await.expect(200);
    assert_ne!(first.json["credentials"], second.json["credentials"]);
    assert_eq!(world.registry.dns_drive().await.unwrap(), 1, "both names in one step");
    assert_eq!(served.all_of("alice").await, NOTHING);
    let target = second.json["credentials"]["fulldomain"].as_str().unwrap();
    let all = served.all_of("blue-note").await;
    assert_eq!(all, ["203.0.113.1", "", "blue-note.nodes.example", target]);
    // And back again.
    world.register(&alice, "alice").await.expect(200);
    world.registry.dns_drive().await.unwrap();
    assert_eq!(served.says("alice", RecordKind::A).await, "203.0.113.1");
    assert_eq!(served.all_of("blue-note").await, NOTHING);
    let findings = crate::audits::findings(&world).await;
    assert_eq!(findings, [], "{findings:?}");
}

async fn names_from_before_there_was_a_server_are_published(world: World, served: &Served) {
    let without = crate::world::registry_start(&world.db, &world.env, &world.keyring, None).await;
    let router = crate::world::router(&without, &world.env);
    let alice = world.node();
    let body = json!({"attestation": alice.signed(alice.attestation("alice", world.now_ms()))});
    let request = crate::world::json_request("/api/node/register", &body);
    crate::world::answer(router, request).await.expect(201);
    assert_eq!(world.registry.dns_drive().await.unwrap(), 0);
    assert_eq!(served.all_of("alice").await, NOTHING);
    assert_eq!(world.registry.unpublished_look().await.unwrap(), 1);
    assert_eq!(world.registry.dns_drive().await.unwrap(), 1);
    assert_ne!(served.all_of("alice").await, NOTHING);
    assert_eq!(world.registry.unpublished_look().await.unwrap(), 0);
}

/// The operator writes into the zone themselves.
async fn own_record(served: &Served, relative: &str, address: &str) {
    own_put(served, relative, Records::A(vec![address.parse().unwrap()])).await;
}

async fn own_put(served: &Served, relative: &str, records: Records) {
    let name = zone().name(relative).unwrap();
    let own = imajin_dns::RecordSet::new(name, 60, records).unwrap();
    served.provider.apply(&[imajin_dns::Change::Put(own)]).await.unwrap();
}

async fn what_the_zone_had_before_is_nobodys(world: World, served: &Served) {
    own_record(served, "dns1", "192.0.2.80").await;
    let mallory = world.node();
    world
        .register(&mallory, "dns1")
        .await
        .rejected(409, "conflict")
        .says("has not made");
    assert_eq!(served.says("dns1", RecordKind::A).await, "192.0.2.80");
    // What the zone answers for every name is no record of this one.
    own_record(served, "*", "192.0.2.90").await;
    world.register(&mallory, "mallory").await.expect(201);
    world.beat_from(&mallory, &json!(["203.0.113.1"])).await.expect(200);
    world.registry.dns_drive().await.unwrap();
    assert_eq!(served.says("mallory", RecordKind::A).await, "203.0.113.1");
    // A name that was left is looked at anew.
    world.register(&mallory, "blue-note").await.expect(200);
    world.registry.dns_drive().await.unwrap();
    own_record(served, "mallory", "192.0.2.80").await;
    world.register(&mallory, "mallory").await.rejected(409, "conflict");
}

async fn what_the_zone_had_below_a_name_keeps_the_name(world: World, served: &Served) {
    let text = Records::Txt(vec!["of another client".to_owned()]);
    own_record(served, "*.apps", "192.0.2.80").await;
    own_put(served, "_acme-challenge.blog", text).await;
    own_record(served, "cam.home", "192.0.2.81").await;
    let refused = async || {
        for name in ["apps", "blog", "home"] {
            world.register(&world.node(), name).await.rejected(409, "conflict");
        }
    };
    refused().await;
    // Also where the zone answers for every name.
    own_record(served, "*", "192.0.2.80").await;
    refused().await;
    // Nor does the worker touch what came before it looked.
    let mallory = world.node();
    world.register(&mallory, "files").await.expect(201);
    own_record(served, "*.files", "192.0.2.82").await;
    world.beat_from(&mallory, &json!(["203.0.113.1"])).await.expect(200);
    world.registry.dns_drive().await.unwrap();
    for (relative, address) in [
        ("*.apps", "192.0.2.80"),
        ("*.files", "192.0.2.82"),
        ("cam.home", "192.0.2.81"),
    ] {
        assert_eq!(served.says(relative, RecordKind::A).await, address);
    }
    let challenge = served.says("_acme-challenge.blog", RecordKind::Txt).await;
    assert_eq!(challenge, "of another client");
}

async fn what_appears_in_the_zone_before_the_worker_looks_stays(world: World, served: &Served) {
    let mallory = world.node();
    world.register(&mallory, "store").await.expect(201);
    own_record(served, "store", "192.0.2.80").await;
    world.registry.dns_drive().await.unwrap();
    assert_eq!(served.says("store", RecordKind::A).await, "192.0.2.80");
    assert_eq!(world.registry.unpublished_look().await.unwrap(), 0);
    // Neither a heartbeat nor the end of the registration touches it.
    let beat = world.beat_from(&mallory, &json!(["203.0.113.1"])).await.expect(200);
    assert_eq!(beat.json["addresses"], json!([]));
    world.register(&mallory, "blue-note").await.expect(200);
    world.registry.names_republish().await.unwrap();
    world.registry.dns_drive().await.unwrap();
    assert_eq!(served.says("store", RecordKind::A).await, "192.0.2.80");
    assert_ne!(served.all_of("blue-note").await, NOTHING);
    let findings = crate::audits::findings(&world).await;
    assert_eq!(findings, [], "{findings:?}");
}

async fn everything_is_published_again_after_the_zone_was_lost(world: World, served: &Served) {
    let alice = world.node();
    world.register(&alice, "alice").await.expect(201);
    world.beat_from(&alice, &json!(["203.0.113.1"])).await.expect(200);
    world.registry.dns_drive().await.unwrap();
    let host = zone().name("alice").unwrap();
    let lost = [imajin_dns::Change::Delete(host, RecordKind::A)];
    served.provider.apply(&lost).await.unwrap();
    let again = world
        .order("/api/operator/names/republish", &json!({}))
        .await
        .expect(200);
    assert_eq!(again.json, json!({"names": 1}));
    world.registry.dns_drive().await.unwrap();
    assert_eq!(served.says("alice", RecordKind::A).await, "203.0.113.1");
}

#[tokio::test]
async fn addresses_of_private_networks_are_not_published() {
    let knot = KnotPeer::start(ZONE).unwrap();
    let provider = knot_provider(&knot);
    let settings = DnsSettings {
        private_addresses: false,
        ..settings(provider.clone())
    };
    let world = World::with_dns(Backend::Sqlite, Some(settings)).await;
    let served = Served { knot, provider };
    let alice = world.node();
    world.register(&alice, "alice").await.expect(201);
    let told = json!([
        "127.0.0.1",
        "10.0.0.1",
        "192.168.1.1",
        "169.254.1.1",
        "::1",
        "fd00::1",
        "192.0.2.1"
    ]);
    let answer = world.beat_from(&alice, &told).await.expect(200);
    assert_eq!(answer.json["addresses"], json!([]));
    world
        .beat_from(&alice, &json!(["192.168.1.1", "9.9.9.9"]))
        .await
        .expect(200);
    world.registry.dns_drive().await.unwrap();
    assert_eq!(served.says("alice", RecordKind::A).await, "9.9.9.9");
}

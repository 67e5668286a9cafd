//! DNS and the database agree whatever the provider does, and wherever the registry is killed.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use imajin_dns::{Change, DnsError, DnsProvider, RecordKind, RecordSet, ZoneName};
use imajin_kernel::Span;
use imajin_testkit::{Backend, KnotPeer};
use serde_json::json;
use tokio::sync::Notify;

use crate::dns::{NOTHING, Served, knot_provider, settings};
use crate::world::{World, ZONE, registry_start};

/// What happens at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// No connection: nothing happens.
    AwayBefore,
    /// The change is made and the answer is lost.
    AwayAfter,
    /// The provider does not want this one.
    Refused,
    /// The registry is killed before the change.
    KilledBefore,
    /// The registry is killed after the change.
    KilledAfter,
}

const FAULTS: [Fault; 5] = [
    Fault::AwayBefore,
    Fault::AwayAfter,
    Fault::Refused,
    Fault::KilledBefore,
    Fault::KilledAfter,
];

/// A hoster that makes one change after the other, as most do, and fails at a step.
struct Stepwise {
    real: Arc<dyn DnsProvider>,
    /// So many changes until then, and what happens.
    fails: Mutex<Option<(usize, Fault)>>,
    /// Rung when the registry is to be killed.
    killed: Notify,
}

impl Stepwise {
    fn fail_at(&self, step: usize, fault: Fault) {
        *self.fails.lock().unwrap() = Some((step, fault));
    }

    fn is_armed(&self) -> bool {
        self.fails.lock().unwrap().is_some()
    }

    async fn never(&self) {
        self.killed.notify_one();
        std::future::pending::<()>().await;
    }

    fn fault_now(&self) -> Option<Fault> {
        let mut fails = self.fails.lock().unwrap();
        match *fails {
            None => None,
            Some((0, fault)) => {
                *fails = None;
                Some(fault)
            }
            Some((steps, fault)) => {
                *fails = Some((steps - 1, fault));
                None
            }
        }
    }
}

#[async_trait]
impl DnsProvider for Stepwise {
    fn name(&self) -> &'static str {
        "stepwise"
    }

    async fn apply(&self, changes: &[Change]) -> Result<(), DnsError> {
        for change in changes {
            let fault = self.fault_now();
            match fault {
                Some(Fault::AwayBefore) => return Err(DnsError::Away("no route".to_owned())),
                Some(Fault::Refused) => return Err(DnsError::Refused("not this one".to_owned())),
                Some(Fault::KilledBefore) => self.never().await,
                _ => {}
            }
            self.real.apply(std::slice::from_ref(change)).await?;
            match fault {
                Some(Fault::AwayAfter) => return Err(DnsError::Away("connection reset".to_owned())),
                Some(Fault::KilledAfter) => self.never().await,
                _ => {}
            }
        }
        Ok(())
    }

    async fn fetch(&self, name: &ZoneName, kind: RecordKind) -> Result<Option<RecordSet>, DnsError> {
        self.real.fetch(name, kind).await
    }

    async fn is_there(&self, name: &ZoneName) -> Result<bool, DnsError> {
        self.real.is_there(name).await
    }
}

/// Drives the worker; a killed one is dropped where it stands, and another starts on the same database.
async fn drive_or_die(world: &World, provider: &Arc<Stepwise>) {
    tokio::select! {
        done = world.registry.dns_drive() => drop(done.unwrap()),
        () = provider.killed.notified() => {}
    }
}

async fn agreed_after_each_fault(backend: Backend) {
    let knot = KnotPeer::start(ZONE).unwrap();
    let real = knot_provider(&knot);
    let provider = Arc::new(Stepwise {
        real: real.clone(),
        fails: Mutex::new(None),
        killed: Notify::new(),
    });
    let served = Served { knot, provider: real };
    let world = World::with_dns(backend, Some(settings(provider.clone()))).await;
    let mut number = 0;
    // A change of name has ten steps: five kinds of records of two names.
    for step in [0, 1, 3, 5, 6, 9] {
        for fault in FAULTS {
            number += 1;
            let (node, before, after) = (world.node(), format!("old-{number}"), format!("new-{number}"));
            world.register(&node, &before).await.expect(201);
            world.beat_from(&node, &json!(["203.0.113.7"])).await.expect(200);
            world.registry.dns_drive().await.unwrap();
            let [old_v4, ..] = served.all_of(&before).await;
            assert_eq!(old_v4, "203.0.113.7");
            world.register(&node, &after).await.expect(200);
            provider.fail_at(step, fault);
            drive_or_die(&world, &provider).await;
            let context = format!("{fault:?} at step {step}");
            assert!(!provider.is_armed(), "{context}");
            if fault == Fault::Refused {
                // Not half of each: what was there before stays until all of it can be done.
                assert_eq!(served.all_of(&before).await[0], "203.0.113.7", "{context}");
                assert_eq!(served.all_of(&after).await, NOTHING, "{context}");
            }
            // After one period of trying again: another process, as after a kill.
            world.pass(Span::minutes(3));
            let other = registry_start(&world.db, &world.env, &world.keyring, Some(settings(provider.clone()))).await;
            other.dns_drive().await.unwrap();
            assert_eq!(served.all_of(&before).await, NOTHING, "{context}");
            assert_eq!(served.all_of(&after).await[0], "203.0.113.7", "{context}");
            assert_eq!(other.unpublished_look().await.unwrap(), 0, "{context}");
        }
    }
    let findings = crate::audits::findings(&world).await;
    assert_eq!(findings, [], "{findings:?}");
}

#[tokio::test]
async fn they_agree_after_the_provider_fails_or_the_registry_is_killed_at_each_step_sqlite() {
    agreed_after_each_fault(Backend::Sqlite).await;
}

#[tokio::test]
async fn they_agree_after_the_provider_fails_or_the_registry_is_killed_at_each_step_postgres() {
    agreed_after_each_fault(Backend::Postgres).await;
}

/// A provider that can be cut off.
struct Cut {
    real: Arc<dyn DnsProvider>,
    is_cut: std::sync::atomic::AtomicBool,
}

#[async_trait]
impl DnsProvider for Cut {
    fn name(&self) -> &'static str {
        "cut"
    }

    async fn apply(&self, changes: &[Change]) -> Result<(), DnsError> {
        if self.is_cut.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(DnsError::Away("no route to host".to_owned()));
        }
        self.real.apply(changes).await
    }

    async fn fetch(&self, name: &ZoneName, kind: RecordKind) -> Result<Option<RecordSet>, DnsError> {
        self.real.fetch(name, kind).await
    }

    async fn is_there(&self, name: &ZoneName) -> Result<bool, DnsError> {
        self.real.is_there(name).await
    }
}

async fn agreed_after_an_outage(backend: Backend) {
    let knot = KnotPeer::start(ZONE).unwrap();
    let real = knot_provider(&knot);
    let provider = Arc::new(Cut {
        real: real.clone(),
        is_cut: false.into(),
    });
    let served = Served { knot, provider: real };
    let world = World::with_dns(backend, Some(settings(provider.clone()))).await;
    let (alice, bob) = (world.node(), world.node());
    world.register(&alice, "alice").await.expect(201);
    world.beat_from(&alice, &json!(["203.0.113.1"])).await.expect(200);
    world.registry.dns_drive().await.unwrap();
    provider.is_cut.store(true, std::sync::atomic::Ordering::Relaxed);
    world.register(&bob, "bob").await.expect(201);
    // An hour in which nodes move, and one takes another name.
    for minute in 0..12 {
        let address = format!("203.0.113.{}", minute + 10);
        world.beat_from(&alice, &json!([address])).await.expect(200);
        world.beat_from(&bob, &json!([address])).await.expect(200);
        world.registry.dns_drive().await.unwrap();
        world.pass(Span::minutes(5));
    }
    world.register(&alice, "blue-note").await.expect(200);
    assert_eq!(served.says("alice", RecordKind::A).await, "203.0.113.1");
    provider.is_cut.store(false, std::sync::atomic::Ordering::Relaxed);
    // Nothing waits longer than ten minutes to be tried again.
    world.pass(Span::minutes(10));
    world.registry.dns_drive().await.unwrap();
    assert_eq!(served.all_of("alice").await, NOTHING);
    assert_eq!(served.says("blue-note", RecordKind::A).await, "203.0.113.21");
    assert_eq!(served.says("bob", RecordKind::A).await, "203.0.113.21");
    assert_eq!(world.registry.unpublished_look().await.unwrap(), 0);
    let findings = crate::audits::findings(&world).await;
    assert_eq!(findings, [], "{findings:?}");
}

async fn tried_at_once(backend: Backend) {
    let knot = KnotPeer::start(ZONE).unwrap();
    let real = knot_provider(&knot);
    let provider = Arc::new(Cut {
        real: real.clone(),
        is_cut: true.into(),
    });
    let served = Served { knot, provider: real };
    let world = World::with_dns(backend, Some(settings(provider.clone()))).await;
    let alice = world.node();
    world.register(&alice, "alice").await.expect(201);
    world.registry.dns_drive().await.unwrap();
    let console = world.get_as("operator", "/api/operator").await.expect(200).json;
    assert_eq!(console["unpublishedTotal"], 1);
    let name = &console["unpublished"][0];
    assert_eq!((&name["name"], &name["nodeId"]), (&json!("alice"), &json!(alice.did())));
    assert!(
        name["lastError"].as_str().unwrap().contains("no route to host"),
        "{name}"
    );
    provider.is_cut.store(false, std::sync::atomic::Ordering::Relaxed);
    world.registry.dns_drive().await.unwrap();
    assert_eq!(served.all_of("alice").await, NOTHING, "its turn has not come");
    let tried = world.order("/api/operator/names/retry", &json!({})).await.expect(200);
    assert_eq!(tried.json, json!({"names": 1}));
    world.registry.dns_drive().await.unwrap();
    assert_ne!(served.all_of("alice").await, NOTHING);
    let console = world.get_as("operator", "/api/operator").await.expect(200).json;
    assert_eq!(console["unpublished"], json!([]));
}

#[tokio::test]
async fn a_name_that_could_not_be_published_is_tried_at_once_sqlite() {
    tried_at_once(Backend::Sqlite).await;
}

#[tokio::test]
async fn a_name_that_could_not_be_published_is_tried_at_once_postgres() {
    tried_at_once(Backend::Postgres).await;
}

#[tokio::test]
async fn they_agree_after_an_hour_without_the_provider_sqlite() {
    agreed_after_an_outage(Backend::Sqlite).await;
}

#[tokio::test]
async fn they_agree_after_an_hour_without_the_provider_postgres() {
    agreed_after_an_outage(Backend::Postgres).await;
}

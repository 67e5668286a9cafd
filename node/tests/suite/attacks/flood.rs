//! A flood of claims, each with a nonce of its own, and none with a signature that fits.

use axum::http::HeaderMap;
use diesel::prelude::*;
use futures::StreamExt;
use imajin_imagxp::AgentKey;
use imajin_kernel::Env;
use imajin_node::config::{Overrides, ServiceName, load};
use imajin_node::data_dir::DataDir;
use imajin_node::run::database_open;
use imajin_store::StoreError;
use serde_json::json;

use super::{PRICE, Setting, Stage, attacks, millis, signed};
use crate::gates::denied;
use crate::heavy_domains::memory_kib;
use crate::support::Home;

attacks!(a_flood_of_nonces_with_bad_signatures_fills_nothing);

const REQUESTS: usize = 5_000;
/// After so many a program has the memory that it works with: buffers, statements, connections.
const WARM: usize = 1_000;
const AT_ONCE: usize = 32;
/// More than a program at work takes now and then, and less than 4 KiB for each request of a flood.
const GROWTH_KIB_MAX: u64 = 12 * 1024;

diesel::table! {
    nonces (did, nonce) {
        did -> Text,
        nonce -> Text,
    }
}

diesel::table! {
    gate_claims (access_id) {
        access_id -> Text,
    }
}

diesel::table! {
    gate_charges (id) {
        id -> Text,
    }
}

/// How many spent claims, kept claims and charges there are.
async fn rows(home: &Home) -> [i64; 3] {
    let mut overrides = Overrides::default();
    overrides.set("database.url", home.database_url().map(str::to_owned));
    let config = load(&home.data(), &overrides).unwrap().config;
    let data = DataDir::open(&home.data()).unwrap();
    let db = database_open(&data, &config, ServiceName::Publisher)
        .await
        .unwrap()
        .unwrap();
    let read = db.read(|conn| {
        let counts = [
            nonces::table
                .filter(nonces::nonce.like("claim:%"))
                .count()
                .get_result(conn)?,
            gate_claims::table.count().get_result(conn)?,
            gate_charges::table.count().get_result(conn)?,
        ];
        Ok::<_, StoreError>(counts)
    });
    let counts = read.await.unwrap();
    db.close().await;
    counts
}

impl Stage {
    /// A claim in the agent's name that somebody else has signed; half of them name that key, and half none.
    fn bad(&self, key: &AgentKey, number: usize) -> HeaderMap {
        let nonce = format!("{number}-{}", "f".repeat(100));
        let claim = json!({
            "v": "1.1", "ts": millis(Env::system().now()), "nonce": nonce, "agent_id": self.scene.agent.as_str(),
            "resource": self.scene.url("/cheap"), "purpose": "RAG_RETRIEVAL", "context": {"ads_displayed": false},
        });
        let mut headers = signed(key, &claim);
        headers.insert("x-imagxp-credential", self.scene.visa(PRICE).parse().unwrap());
        if number.is_multiple_of(2) {
            headers.remove("x-imagxp-public-key");
        }
        headers
    }

    async fn flood(&self, numbers: std::ops::Range<usize>) {
        let (key, doors) = (AgentKey::generate().unwrap(), self.doors());
        let requests = numbers.map(|number| {
            let (door, headers) = (&doors[number % doors.len()], self.bad(&key, number));
            async move { self.refused(door, "/cheap", headers).await }
        });
        let answers: Vec<(u16, String)> = futures::stream::iter(requests)
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let is_refused =
            |answer: &(u16, String)| *answer == denied(403, "CRYPTO_FAIL") || *answer == denied(403, "IDENTITY_FAIL");
        assert!(
            answers.iter().all(is_refused),
            "{:?}",
            answers.iter().find(|one| !is_refused(one))
        );
    }
}

async fn a_flood_of_nonces_with_bad_signatures_fills_nothing(setting: Setting) {
    let stage = Stage::new(setting).await;
    let pays = async || {
        for door in stage.doors() {
            let asked = stage.scene.paid("/cheap", &stage.visa(1, PRICE));
            stage.read(&door, "/cheap", asked).await;
        }
    };
    pays().await;
    stage.flood(0..WARM).await;
    let resident = || stage.pids().into_iter().map(|pid| memory_kib(pid, "VmRSS"));
    let before: Vec<u64> = resident().collect();
    stage.flood(WARM..REQUESTS).await;
    for (before, after) in before.into_iter().zip(resident()) {
        println!("{before} KiB before, {after} KiB after");
        assert!(
            after.saturating_sub(before) < GROWTH_KIB_MAX,
            "{before} KiB before, {after} KiB after"
        );
    }
    // There is room for a claim that counts.
    pays().await;
    let good = 2 * stage.doors().len();
    let home = stage.end(good).await;
    let counted = i64::try_from(good).unwrap();
    assert_eq!(rows(&home).await, [counted; 3]);
}

//! An unknown name is not told from a known one: the same answers after the same work. Counted, because a clock in a
//! test is a coin.

use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};
use imajin_did::SecretKey;
use imajin_testkit::Backend;
use serde_json::{Value, json};

use crate::world::{Reply, World};

/// Queries of this process; each test has one of its own.
static QUERIES: AtomicUsize = AtomicUsize::new(0);

#[expect(clippy::unnecessary_wraps, reason = "what Diesel asks for")]
fn counter() -> Option<Box<dyn Instrumentation>> {
    Some(Box::new(|event: InstrumentationEvent<'_>| {
        if matches!(event, InstrumentationEvent::StartQuery { .. }) {
            QUERIES.fetch_add(1, Ordering::Relaxed);
        }
    }))
}

async fn counted(world: &World, path: &str, body: &Value) -> (usize, Reply) {
    let before = QUERIES.load(Ordering::Relaxed);
    let reply = world.post(path, body).await;
    (QUERIES.load(Ordering::Relaxed) - before, reply)
}

async fn an_unknown_name_takes_the_same_queries(backend: Backend) {
    set_default_instrumentation(counter).unwrap();
    let world = World::new(backend).await;
    let ada = world.registered("ada").await;
    let (stranger, wrong) = (SecretKey::generate(&world.env), SecretKey::generate(&world.env));
    // The first query on a connection may prepare it.
    let _warm = counted(&world, "/auth/api/challenge", &json!({"id": "ada"})).await;

    for path in ["/auth/api/challenge", "/auth/api/login/challenge"] {
        let mut seen = Vec::new();
        for name in [
            "ada".to_owned(),
            "nobody_here".to_owned(),
            ada.did().to_string(),
            stranger.did().to_string(),
        ] {
            let (queries, reply) = counted(&world, path, &json!({"id": name, "handle": name})).await;
            assert!(queries > 0);
            let shape: Vec<usize> = ["challengeId", "challenge", "expiresAt"]
                .iter()
                .map(|member| reply.json()[*member].as_str().unwrap().len())
                .collect();
            seen.push((queries, reply.status, shape));
        }
        assert!(seen.iter().all(|one| *one == seen[0]), "{path}: {seen:?}");
    }
    for path in ["/auth/api/authenticate", "/auth/api/login/verify"] {
        let mut seen = Vec::new();
        for name in ["ada", "nobody_here"] {
            let answer = world.answer(&wrong, name).await;
            let (queries, reply) = counted(&world, path, &answer).await;
            seen.push((queries, reply.refusal(), reply.json()["detail"].clone()));
        }
        assert_eq!(seen[0], seen[1], "{path}");
    }
}

#[tokio::test]
async fn an_unknown_name_takes_the_same_queries_on_sqlite() {
    an_unknown_name_takes_the_same_queries(Backend::Sqlite).await;
}

#[tokio::test]
async fn an_unknown_name_takes_the_same_queries_on_postgres() {
    an_unknown_name_takes_the_same_queries(Backend::Postgres).await;
}

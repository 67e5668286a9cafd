//! Outbox and idempotency.

use imajin_kernel::Span;
use imajin_store::idempotency::{self, Outcome, Request};
use imajin_store::{StoreError, outbox};
use imajin_testkit::{Backend, on_both};

use crate::world::World;

on_both!(
    facts_of_one_key_come_one_after_the_other,
    a_failed_delivery_comes_back_later,
    a_fact_of_a_failed_transaction_never_leaves,
    an_answer_is_replayed_until_it_expires,
    a_reservation_blocks_and_is_released,
);

async fn enqueue(world: &World, key: &'static str, body: i32) -> outbox::OutboxRow {
    let (sealer, env) = (world.sealer.clone(), world.env.clone());
    world
        .write(move |conn| Ok(outbox::enqueue(conn, &sealer, &env, "deliver", key, &body)?))
        .await
        .unwrap()
}

async fn due(world: &World) -> Vec<i32> {
    let now = world.env.now();
    let rows = world.read(move |conn| Ok(outbox::due(conn, now, 10)?)).await.unwrap();
    rows.iter().map(|row| row.parse().unwrap()).collect()
}

async fn facts_of_one_key_come_one_after_the_other(backend: Backend) {
    let world = World::new(backend);
    let mut rows = Vec::new();
    for (key, body) in [("a", 1), ("a", 2), ("b", 3), ("a", 4)] {
        rows.push(enqueue(&world, key, body).await);
    }
    let mut first = due(&world).await;
    first.sort_unstable();
    assert_eq!(first, [1, 3]);
    for (row, next) in [(0, vec![2, 3]), (1, vec![3, 4]), (2, vec![4]), (3, vec![])] {
        let (sealer, id, now) = (world.sealer.clone(), rows[row].id, world.env.now());
        for _twice in 0..2 {
            let sealer = sealer.clone();
            world
                .write(move |conn| outbox::done(conn, &sealer, &id, now))
                .await
                .unwrap();
        }
        let mut left = due(&world).await;
        left.sort_unstable();
        assert_eq!(left, next);
    }
    assert_eq!(world.read(|conn| Ok(outbox::next_due(conn)?)).await.unwrap(), None);
    assert_eq!(world.audit().await, []);
    let later = world.env.now().plus(Span::seconds(1));
    assert_eq!(
        world.write(move |conn| Ok(outbox::purge(conn, later)?)).await.unwrap(),
        4
    );
}

async fn a_failed_delivery_comes_back_later(backend: Backend) {
    let world = World::new(backend);
    let row = enqueue(&world, "a", 1).await;
    for wait_seconds in [1, 2, 4] {
        let (sealer, now) = (world.sealer.clone(), world.env.now());
        let put_back = world
            .write(move |conn| outbox::retry(conn, &sealer, &row.id, now, &"x".repeat(9_999)))
            .await
            .unwrap();
        assert_eq!(put_back.due_at, now.plus(Span::seconds(wait_seconds)));
        assert_eq!(put_back.last_error.map(|error| error.len()), Some(500));
        assert!(due(&world).await.is_empty());
        let next = world.read(|conn| Ok(outbox::next_due(conn)?)).await.unwrap();
        assert_eq!(next, Some(put_back.due_at));
        world.clock.advance(Span::seconds(wait_seconds));
        assert_eq!(due(&world).await, [1]);
    }
}

async fn a_fact_of_a_failed_transaction_never_leaves(backend: Backend) {
    let world = World::new(backend);
    let (sealer, env) = (world.sealer.clone(), world.env.clone());
    let failed = world
        .write(move |conn| {
            outbox::enqueue(conn, &sealer, &env, "deliver", "a", &1)?;
            Err::<(), _>(StoreError::Replayed)
        })
        .await;
    assert!(failed.is_err());
    assert!(due(&world).await.is_empty());
}

async fn check(world: &World, key: &'static str, digest: [u8; 32]) -> Outcome {
    let (sealer, owner, now) = (world.sealer.clone(), world.keyring.node_did().clone(), world.env.now());
    world
        .write(move |conn| {
            let request = Request {
                owner: &owner,
                key,
                digest: &digest,
            };
            idempotency::check(conn, &sealer, &request, now)
        })
        .await
        .unwrap()
}

async fn answer(world: &World, body: &'static str) -> Result<(), StoreError> {
    let (sealer, owner, now) = (world.sealer.clone(), world.keyring.node_did().clone(), world.env.now());
    let stored = world.write(move |conn| {
        let request = Request {
            owner: &owner,
            key: "k",
            digest: &[1; 32],
        };
        idempotency::store(conn, &sealer, &request, 201, body.as_bytes(), now)
    });
    stored.await
}

async fn an_answer_is_replayed_until_it_expires(backend: Backend) {
    let world = World::new(backend);
    assert_eq!(check(&world, "k", [1; 32]).await, Outcome::Fresh);
    answer(&world, "{\"id\":1}").await.unwrap();
    // Another process that found nothing either comes too late, and what it has done besides does not stand.
    let late = answer(&world, "{\"id\":2}").await;
    assert!(matches!(late, Err(StoreError::Answered)), "{late:?}");
    let replay = Outcome::Replay {
        status: 201,
        body: b"{\"id\":1}".to_vec(),
    };
    assert_eq!(check(&world, "k", [1; 32]).await, replay);
    assert_eq!(check(&world, "k", [2; 32]).await, Outcome::Mismatch);
    assert_eq!(check(&world, "other", [2; 32]).await, Outcome::Fresh);
    world.clock.advance(idempotency::KEPT_FOR);
    assert_eq!(check(&world, "k", [2; 32]).await, Outcome::Fresh);
}

async fn a_reservation_blocks_and_is_released(backend: Backend) {
    let world = World::new(backend);
    let step = |release: bool| {
        let (sealer, owner, now) = (world.sealer.clone(), world.keyring.node_did().clone(), world.env.now());
        world.write(move |conn| {
            let request = Request {
                owner: &owner,
                key: "k",
                digest: &[1; 32],
            };
            if release {
                return Ok(idempotency::release(conn, &request)?);
            }
            idempotency::reserve(conn, &sealer, &request, now)
        })
    };
    step(false).await.unwrap();
    assert_eq!(check(&world, "k", [1; 32]).await, Outcome::InFlight);
    step(true).await.unwrap();
    assert_eq!(check(&world, "k", [1; 32]).await, Outcome::Fresh);
    step(false).await.unwrap();
    world.clock.advance(idempotency::RESERVED_FOR);
    assert_eq!(check(&world, "k", [1; 32]).await, Outcome::Fresh);
}

//! Nonces: good once, whoever asks, and not remembered for what nobody signed.

use std::path::PathBuf;
use std::process::Command;

use diesel::prelude::*;
use imajin_did::{Did, SecretKey};
use imajin_kernel::{Env, ManualClock, Span, Timestamp};
use imajin_proof::http_sig::{Expectation, NONCE_KEPT_FOR, RequestToSign, SignatureParams, sign};
use imajin_store::{Conn, Db, Location, Options, Sealer, StoreError, nonce};
use imajin_testkit::{Backend, Place, on_both};
use tokio::task::JoinSet;

use crate::logs::request;
use crate::world::{MIGRATIONS, World};

on_both!(
    a_nonce_is_refused_by_another_handle_and_after_reopening,
    a_nonce_is_refused_in_another_process,
    of_many_at_once_in_two_handles_one_wins,
    a_flood_of_bad_signatures_leaves_nothing,
);

diesel::table! {
    nonces (did, nonce) {
        did -> Text,
        nonce -> Text,
    }
}

fn count(conn: &mut Conn) -> Result<i64, StoreError> {
    Ok(nonces::table.count().get_result(conn)?)
}

async fn spend(db: &Db, sealer: &Sealer, did: &Did, text: &'static str, at: Timestamp) -> Result<(), StoreError> {
    let (sealer, did) = (sealer.clone(), did.clone());
    db.write(move |conn| nonce::spend(conn, &sealer, &did, text, at, NONCE_KEPT_FOR))
        .await
}

async fn a_nonce_is_refused_by_another_handle_and_after_reopening(backend: Backend) {
    let world = World::new(backend);
    let key = SecretKey::generate(&world.env);
    let proof = request(&world, &key, "nonce-1-abcdefgh", b"{}");
    let sealer = world.sealer.clone();
    let spend_in = async |db: &Db| {
        let (sealer, proof) = (sealer.clone(), proof.clone());
        db.write(move |conn| nonce::request_spend(conn, &sealer, &proof)).await
    };
    let other = world.open();
    spend_in(&world.db).await.unwrap();
    assert!(
        matches!(spend_in(&other).await, Err(StoreError::Replayed)),
        "another handle"
    );
    other.close().await;
    world.db.clone().close().await;
    let again = world.open();
    assert!(
        matches!(spend_in(&again).await, Err(StoreError::Replayed)),
        "after reopening"
    );
    for form in key.did().also_known_as() {
        let at = world.env.now();
        let replayed = spend(&again, &world.sealer, &form, "nonce-1-abcdefgh", at).await;
        assert!(
            matches!(replayed, Err(StoreError::Replayed)),
            "another form of the DID: {form}"
        );
    }
    assert!(
        spend(&again, &world.sealer, &key.did(), "nonce-2-abcdefgh", world.env.now())
            .await
            .is_ok()
    );
    assert_eq!(again.read(count).await.unwrap(), 2);
    again.close().await;
}

const CHILD: &str = "IMAJIN_TEST_NONCE_CHILD";
const SHARED: &str = "nonce-shared-abcdefgh";
const AT: Timestamp = Timestamp::from_seconds(1_900_000_000);

/// The other process: this program again, which runs only this test.
#[tokio::test]
async fn child() {
    let Ok(place) = std::env::var(CHILD) else { return };
    let location = match place.split_once(' ') {
        Some((url, schema)) => Location::postgres(url.to_owned(), schema.to_owned()),
        None => Location::sqlite(PathBuf::from(place)),
    };
    let db = Db::open(location, "things", MIGRATIONS, Options::default()).unwrap();
    let (sealer, did) = (Sealer::new("things", &[1; 32]), SecretKey::from_seed([1; 32]).did());
    let outcome = spend(&db, &sealer, &did, SHARED, AT).await;
    println!(
        "outcome: {}",
        if matches!(outcome, Err(StoreError::Replayed)) {
            "replayed"
        } else {
            "spent"
        }
    );
    db.close().await;
}

async fn a_nonce_is_refused_in_another_process(backend: Backend) {
    let world = World::new(backend);
    let place = match world.database.place_for("things") {
        Place::SqliteFile(path) => path.display().to_string(),
        Place::Postgres { url, schema } => format!("{url} {schema}"),
    };
    let outcome_of_child = async || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "nonces::child", "--nocapture"])
            .env(CHILD, &place);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let (sealer, did) = (Sealer::new("things", &[1; 32]), SecretKey::from_seed([1; 32]).did());
    assert!(outcome_of_child().await.contains("outcome: spent"));
    let here = spend(&world.db, &sealer, &did, SHARED, AT).await;
    assert!(matches!(here, Err(StoreError::Replayed)), "it was spent there");
    assert!(outcome_of_child().await.contains("outcome: replayed"));
}

async fn of_many_at_once_in_two_handles_one_wins(backend: Backend) {
    let world = World::new(backend);
    let did = SecretKey::generate(&world.env).did();
    let handles = [world.db.clone(), world.open()];
    let mut tasks = JoinSet::new();
    for index in 0..40 {
        let (db, sealer, did, at) = (
            handles[index % 2].clone(),
            world.sealer.clone(),
            did.clone(),
            world.env.now(),
        );
        tasks.spawn(async move { spend(&db, &sealer, &did, "nonce-1-abcdefgh", at).await });
    }
    let outcomes = tasks.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let refused = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Err(StoreError::Replayed)));
    assert_eq!(refused.count(), 39);
    let [_db, other] = handles;
    other.close().await;
}

/// Resident memory in KiB; none where the system does not tell.
fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// What a route does: the signature first, and the nonce only in the transaction of what it authorises.
async fn a_flood_of_bad_signatures_leaves_nothing(backend: Backend) {
    let requests: u32 = std::env::var("IMAJIN_FLOOD_REQUESTS").map_or(20_000, |text| text.parse().unwrap());
    let world = World::new(backend);
    let env = Env::fixed(ManualClock::at(AT), 3);
    let signer = SecretKey::generate(&env);
    let (method, target_uri) = ("POST", "https://node.example/things/api/things");
    let to_sign = RequestToSign {
        method,
        target_uri,
        idempotency_key: None,
        body: b"{}",
    };
    let expect = Expectation {
        now: AT,
        target_uri,
        method,
        tag: None,
    };
    let good = sign(&signer, &to_sign, &SignatureParams::now(signer.did(), &env)).unwrap();
    let nonce = good.verify(&[signer.public()], &expect).unwrap().nonce;
    let (mut before, mut admitted) = (None, 0_u32);
    for index in 0..requests {
        let mut bad = good.clone();
        bad.signature_input = bad.signature_input.replace(&nonce, &format!("{index:032x}"));
        if let Ok(proof) = bad.verify(&[signer.public()], &expect) {
            let sealer = world.sealer.clone();
            let spent = world
                .write(move |conn| nonce::request_spend(conn, &sealer, &proof))
                .await;
            admitted += u32::from(spent.is_ok());
        }
        if index == requests / 10 {
            before = resident_kib();
        }
    }
    assert_eq!((admitted, world.read(count).await.unwrap()), (0, 0));
    if let (Some(before), Some(after)) = (before, resident_kib()) {
        assert!(after < before + 8 * 1024, "{before} KiB grew to {after} KiB");
    }
    // What was signed well leaves one row, until its window has passed.
    let proof = good.verify(&[signer.public()], &expect).unwrap();
    let sealer = world.sealer.clone();
    world
        .write(move |conn| nonce::request_spend(conn, &sealer, &proof))
        .await
        .unwrap();
    assert_eq!(world.read(count).await.unwrap(), 1);
    let later = AT.plus(NONCE_KEPT_FOR).plus(Span::seconds(1));
    assert_eq!(
        world.write(move |conn| Ok(nonce::purge(conn, later)?)).await.unwrap(),
        1
    );
}

//! What was signed with a key that was replaced since, or with the one that came after the first.

use axum::http::StatusCode;
use imajin_did::SecretKey;
use imajin_fair::{Acceptance, Endorsement, Manifest};
use imajin_kernel::{Span, Timestamp};
use imajin_store::mutation::unproven_text;
use imajin_testkit::{Backend, on_both};
use imajin_web::Tier;
use serde_json::{Value, json};

use crate::world::{FAIR, World, did, key, now};

on_both!(
    a_manifest_counts_as_of_the_time_of_its_signature,
    acceptances_and_endorsements_count_as_of_their_time,
    a_signature_that_does_not_say_when_counts_as_of_now,
    a_key_that_verify_does_not_know_is_named_with_its_signer,
);

fn later() -> Timestamp {
    now().plus(Span::hours(1))
}

/// A work by ada and ben, signed by ada with some key at some time.
fn work(title: &str, by: &SecretKey, at: Timestamp) -> Manifest {
    let draft = json!({"title": title, "author": did("ada"), "contributors": [
        {"did": did("ada"), "role": "author", "share": 0.5}, {"did": did("ben"), "role": "editor", "share": 0.5},
    ]});
    Manifest::from_value(draft).unwrap().sign(by, did("ada"), at).unwrap()
}

/// A world in which the keys of ada and ben were replaced at `now`.
async fn rotated(backend: Backend) -> (World, SecretKey, SecretKey) {
    let world = World::new(backend).await;
    let (ada, ben) = (key("ada 2"), key("ben 2"));
    world.register.rotate(&did("ada"), &ada, now());
    world.register.rotate(&did("ben"), &ben, now());
    world.clock.advance(Span::hours(2));
    (world, ada, ben)
}

async fn a_manifest_counts_as_of_the_time_of_its_signature(backend: Backend) {
    let (world, new, _) = rotated(backend).await;
    let before = now().minus(Span::hours(1));
    for (title, by, at) in [("Before", &key("ada"), before), ("After", &new, later())] {
        world.publish(&work(title, by, at)).await.expect(StatusCode::CREATED);
    }
    let refused = world.publish(&work("Stolen", &key("ada"), later())).await;
    assert_eq!(refused.expect(StatusCode::UNAUTHORIZED).code(), "bad_signature");
    let said = format!("{} has signed this with a key that did not count at", did("ada"));
    assert!(refused.detail().contains(&said), "{}", refused.detail());
    let strangers = world.publish(&work("Of another", &key("eve"), later())).await;
    let detail = strangers.expect(StatusCode::UNAUTHORIZED).detail();
    assert!(detail.contains("somebody else signed it"), "{detail}");
}

async fn acceptances_and_endorsements_count_as_of_their_time(backend: Backend) {
    let (world, _, new) = rotated(backend).await;
    let manifest = work("Strings", &key("ada"), now().minus(Span::hours(1)));
    world.published(manifest.clone()).await;
    let sign = |by: &SecretKey, at| Acceptance::sign(by, did("ben"), manifest.id.clone(), at).unwrap();
    let holder = world.person("holder", Tier::Key);
    let path = format!("{FAIR}/{}/accept", manifest.id);
    let late = world.post(&holder, &path, &sign(&key("ben"), later())).await;
    assert_eq!(late.expect(StatusCode::UNAUTHORIZED).code(), "bad_signature");
    assert!(late.detail().contains("did not count"), "{}", late.detail());
    world
        .post(&holder, &path, &sign(&new, later()))
        .await
        .expect(StatusCode::OK);

    let endorse = |by: &SecretKey, at| Endorsement::sign(by, did("ben"), &manifest, at).unwrap();
    let record = |endorsement| json!({"manifest": manifest, "endorsements": [endorsement]});
    let late = world.publish(&record(endorse(&key("ben"), later()))).await;
    assert_eq!(late.expect(StatusCode::UNAUTHORIZED).code(), "bad_signature");
    let good = world.publish(&record(endorse(&new, later()))).await;
    good.expect(StatusCode::OK);
    let chain = world.chain(&manifest.id).await;
    assert_eq!(chain["work"]["outstanding"], json!([]));
    assert_eq!(chain["work"]["endorsed"], json!([did("ben")]));
}

async fn a_signature_that_does_not_say_when_counts_as_of_now(backend: Backend) {
    let (world, new, _) = rotated(backend).await;
    let minimal = |by: &SecretKey, created: Option<Timestamp>| {
        let mut draft = json!({
            "version": "1.0", "derives_from": [], "terms": {},
            "contributors": [{"did": did("ada"), "role": "author", "share": 1}],
        });
        if let Some(created) = created {
            draft["created"] = json!(created.to_string());
        }
        draft["id"] = json!(format!("fair_{:.8}", by.public().to_hex()));
        let bytes = imajin_proof::jcs::to_bytes(&draft).unwrap();
        draft["signature"] = json!(by.sign(&bytes).to_hex());
        draft
    };
    let old: Value = minimal(&key("ada"), None);
    let refused = world.publish(&old).await;
    assert!(
        refused
            .expect(StatusCode::UNAUTHORIZED)
            .detail()
            .contains("it does not say"),
        "{}",
        refused.detail()
    );
    world.publish(&minimal(&new, None)).await.expect(StatusCode::CREATED);
    let dated = minimal(&key("ada"), Some(now().minus(Span::hours(1))));
    world.publish(&dated).await.expect(StatusCode::CREATED);
}

async fn a_key_that_verify_does_not_know_is_named_with_its_signer(backend: Backend) {
    let (world, new, newer) = rotated(backend).await;
    let manifest = work("Strings", &new, later());
    let accepted = Acceptance::sign(&newer, did("ben"), manifest.id.clone(), later()).unwrap();
    let record = json!({"manifest": manifest, "acceptances": [accepted]});
    world.publish(&record).await.expect(StatusCode::CREATED);
    let problems: Vec<String> = world.audit().await.into_iter().map(|finding| finding.problem).collect();
    assert_eq!(problems, [unproven_text(&did("ada")), unproven_text(&did("ben"))]);
    let (keyring, env) = (world.keyring.clone(), world.env.clone());
    let keys = move |of: &imajin_did::Did| match of {
        of if *of == did("ada") => vec![new.public()],
        of if *of == did("ben") => vec![newer.public()],
        _ => Vec::new(),
    };
    let known = world
        .db
        .read(move |conn| imajin_publisher::audit(conn, &keyring, &env, &keys))
        .await;
    assert_eq!(known.unwrap(), []);
}

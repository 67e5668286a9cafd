//! Attestations: issued, listed, checked, taken back, and what is refused.

use imajin_did::SecretKey;
use imajin_kernel::Span;
use imajin_proof::attestation::{Attestation, Statement, revoke};
use imajin_testkit::Backend;
use serde_json::{Value, json};

use crate::world::{Reply, World, assert_refused};

const PATH: &str = "/auth/api/attestations";

fn document(world: &World, attester: &SecretKey, subject: &SecretKey, kind: &str, claim: Value) -> Attestation {
    let statement = Statement {
        subject: subject.did(),
        attestation_type: kind.to_owned(),
        claim,
        confidence: "0.75".parse().unwrap(),
    };
    Attestation::sign(attester, attester.did(), statement, world.env.now()).unwrap()
}

async fn post(world: &World, signer: &SecretKey, path: &str, body: &impl serde::Serialize) -> Reply {
    let body = serde_json::to_string(body).unwrap();
    let request = world.signed(signer, "POST", path, &body);
    world.send_signed(&request, path, &body).await
}

/// Something that somebody says about themselves.
pub(crate) async fn issued(world: &World, attester: &SecretKey) -> Reply {
    let said = document(world, attester, attester, "self", json!(true));
    post(world, attester, PATH, &said).await
}

async fn listed(world: &World, query: &str) -> Vec<String> {
    let reply = world.get(&format!("{PATH}?{query}"), &[]).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let page = reply.json();
    let items = page["attestations"].as_array().unwrap().iter();
    items.map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

async fn an_attestation_lives_until_it_is_revoked(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, ben) = (world.registered("ada").await, world.registered("ben").await);
    let said = document(&world, &ada, &ben, "event.attended", json!({"event": "evt_1"}));
    let reply = post(&world, &ada, PATH, &said).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    let id = reply.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(id, said.id().unwrap());
    assert_eq!(reply.json()["confidence"], json!(0.75));
    assert_eq!(
        Attestation::from_slice(reply.text.as_bytes()).unwrap(),
        said,
        "the answer is the document"
    );
    let again = post(&world, &ada, PATH, &said).await;
    assert_eq!(
        (again.status.as_u16(), again.json()["id"].as_str()),
        (200, Some(id.as_str()))
    );

    for query in [
        format!("subject={}", ben.did()),
        format!("subject={}", ben.did().also_known_as()[0]),
        format!("attester={}", ada.did()),
        format!("attester={}&type=event.attended", ada.did()),
    ] {
        assert_eq!(listed(&world, &query).await, std::slice::from_ref(&id), "{query}");
    }
    assert!(listed(&world, &format!("subject={}", ada.did())).await.is_empty());
    assert!(
        listed(&world, &format!("subject={}&type=other", ben.did()))
            .await
            .is_empty()
    );
    let check = json!({"attestation": said});
    let verdict = world.post(&format!("{PATH}/verify"), &check).await.json();
    assert_eq!(
        (verdict["valid"].as_bool(), verdict["status"].as_str()),
        (Some(true), Some("active"))
    );

    revocation_check(&world, &ada, &ben, &said).await;
    let world = world.restart().await;
    assert!(world.audit().await.is_empty());
    world
        .execute("UPDATE attestations SET attestation_type = 'event.missed'")
        .await;
    assert_eq!(world.audit().await[0].table, "attestations");
}

/// The attester alone takes it back, as often as they like, and it stays taken back.
async fn revocation_check(world: &World, ada: &SecretKey, ben: &SecretKey, said: &Attestation) {
    let id = said.id().unwrap();
    let check = json!({"attestation": said});
    let taken_back = revoke(
        ada,
        ada.did(),
        id.clone(),
        Some("it was not so".to_owned()),
        world.env.now(),
    )
    .unwrap();
    let path = format!("{PATH}/{id}/revoke");
    assert_refused(&post(world, ben, &path, &taken_back).await, 404, "not_found");
    for _twice in 0..2 {
        let reply = post(world, ada, &path, &taken_back).await;
        assert_eq!(
            (reply.status.as_u16(), reply.json()["status"].as_str()),
            (200, Some("revoked")),
            "{reply:?}"
        );
    }
    assert!(listed(world, &format!("subject={}", ben.did())).await.is_empty());
    let gone = world.get(&format!("{PATH}/{id}"), &[]).await.json();
    assert_eq!(gone["status"], "revoked");
    assert!(gone["claim"].is_null(), "what was taken back is shown to nobody");
    assert_eq!(gone["revocation"]["payload"]["attestation"], json!(id));
    let verdict = world.post(&format!("{PATH}/verify"), &check).await.json();
    assert_eq!(
        (verdict["valid"].as_bool(), verdict["status"].as_str()),
        (Some(false), Some("revoked"))
    );
    assert_refused(&post(world, ada, PATH, said).await, 409, "conflict");
}

#[tokio::test]
async fn an_attestation_lives_until_it_is_revoked_on_sqlite() {
    an_attestation_lives_until_it_is_revoked(Backend::Sqlite).await;
}

#[tokio::test]
async fn an_attestation_lives_until_it_is_revoked_on_postgres() {
    an_attestation_lives_until_it_is_revoked(Backend::Postgres).await;
}

async fn pages_have_no_gap_and_no_double(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, ben) = (world.registered("ada").await, world.registered("ben").await);
    let mut all = Vec::new();
    for number in 0..7 {
        // Two in each moment: the time alone is no order.
        world.clock.advance(Span::seconds(i64::from(number % 2)));
        let said = document(&world, &ada, &ben, "test", json!(number));
        assert_eq!(post(&world, &ada, PATH, &said).await.status, 201);
        all.push(said.id().unwrap());
    }
    let mut seen = Vec::new();
    let mut query = format!("subject={}&limit=2", ben.did());
    loop {
        let page = world.get(&format!("{PATH}?{query}"), &[]).await.json();
        seen.extend(
            page["attestations"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["id"].as_str().unwrap().to_owned()),
        );
        let Some(cursor) = page["cursor"].as_str() else { break };
        query = format!("subject={}&limit=2&cursor={cursor}", ben.did());
    }
    seen.sort();
    all.sort();
    assert_eq!(seen, all);
    for bad in [
        "",
        "subject=x",
        &format!("subject={}&cursor=x", ben.did()),
        &format!("subject={}&limit=0", ben.did()),
    ] {
        assert_eq!(world.get(&format!("{PATH}?{bad}"), &[]).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn pages_have_no_gap_and_no_double_on_sqlite() {
    pages_have_no_gap_and_no_double(Backend::Sqlite).await;
}

#[tokio::test]
async fn pages_have_no_gap_and_no_double_on_postgres() {
    pages_have_no_gap_and_no_double(Backend::Postgres).await;
}

#[tokio::test]
async fn what_does_not_count_is_refused() {
    let world = World::new(Backend::Sqlite).await;
    let (ada, ben) = (world.registered("ada").await, world.registered("ben").await);
    let said = document(&world, &ada, &ben, "test", json!(1));

    assert_refused(&post(&world, &ben, PATH, &said).await, 401, "bad_signature");
    let mut forged = said.clone();
    forged.claim = json!(2);
    assert_refused(&post(&world, &ada, PATH, &forged).await, 401, "bad_signature");
    let mut about_a_mailbox = serde_json::to_value(&said).unwrap();
    about_a_mailbox["subject"] = json!("did:email:ada_at_example.org");
    assert_refused(
        &post(&world, &ada, PATH, &about_a_mailbox).await,
        400,
        "invalid_request",
    );
    world.clock.advance(Span::minutes(6));
    assert_refused(&post(&world, &ada, PATH, &said).await, 401, "stale_signature");

    let stranger = SecretKey::generate(&world.env);
    let said = document(&world, &stranger, &ben, "test", json!(1));
    assert_refused(&post(&world, &stranger, PATH, &said).await, 403, "forbidden");
    // A subject need not be known, and the answer does not tell whether it is.
    let about = document(&world, &ada, &stranger, "test", json!(1));
    assert_eq!(post(&world, &ada, PATH, &about).await.status, 201);
    assert!(world.audit().await.is_empty());
}

#[tokio::test]
async fn an_attester_has_a_limit() {
    let world = World::new(Backend::Sqlite).await;
    let (ada, ben) = (world.registered("ada").await, world.registered("ben").await);
    for number in 0..200 {
        let said = document(&world, &ada, &ben, "test", json!(number));
        assert_eq!(post(&world, &ada, PATH, &said).await.status, 201);
    }
    let surplus = document(&world, &ada, &ben, "test", json!(200));
    assert_refused(&post(&world, &ada, PATH, &surplus).await, 429, "rate_limited");
    let other = document(&world, &ben, &ada, "test", json!(200));
    assert_eq!(post(&world, &ben, PATH, &other).await.status, 201);
    world.clock.advance(Span::minutes(61));
    let later = document(&world, &ada, &ben, "test", json!(201));
    assert_eq!(post(&world, &ada, PATH, &later).await.status, 201);
}

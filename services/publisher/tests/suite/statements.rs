//! Countersignatures and endorsements.

use axum::http::StatusCode;
use imajin_fair::{Endorsement, Manifest, ManifestRecord};
use imajin_testkit::{Backend, on_both};
use imajin_web::Tier;
use serde_json::json;

use crate::world::{FAIR, World, acceptance, did, key, signed};

on_both!(
    a_contributor_accepts_once_and_for_all,
    only_those_concerned_may_bring_an_acceptance,
    an_acceptance_that_does_not_fit_is_refused,
    the_manifest_of_goods_is_accepted_where_it_is_kept,
    the_operator_has_the_node_endorse,
    a_record_with_a_bad_statement_is_refused,
);

fn shared(title: &str) -> Manifest {
    let split = json!({"contributors": [
        {"did": did("ada"), "role": "author", "share": 0.5}, {"did": did("ben"), "role": "editor", "share": 0.5},
    ]});
    signed("ada", title, &split)
}

fn accept_path(manifest: &Manifest) -> String {
    format!("{FAIR}/{}/accept", manifest.id)
}

async fn a_contributor_accepts_once_and_for_all(backend: Backend) {
    let world = World::new(backend).await;
    let manifest = world.published(shared("Strings")).await;
    let work = world.chain(&manifest.id).await["work"].clone();
    assert_eq!(work["accepted"], json!([did("ada")]), "the author stands by it");
    assert_eq!(work["outstanding"], json!([did("ben")]));
    let ben = world.person("ben", Tier::Key);
    for _twice in 0..2 {
        let answer = world
            .post(&ben, &accept_path(&manifest), &acceptance("ben", &manifest.id))
            .await;
        let record: ManifestRecord = answer.expect(StatusCode::OK).parse();
        assert_eq!(record.acceptances.len(), 1);
    }
    let work = world.chain(&manifest.id).await["work"].clone();
    assert_eq!(work["outstanding"], json!([]));
    assert_eq!(world.audit().await, []);
}

async fn only_those_concerned_may_bring_an_acceptance(backend: Backend) {
    let world = World::new(backend).await;
    let manifest = world.published(shared("Strings")).await;
    let message = acceptance("ben", &manifest.id);
    let meddler = world.person("meddler", Tier::Key);
    let answer = world.post(&meddler, &accept_path(&manifest), &message).await;
    answer.expect(StatusCode::FORBIDDEN);
    let stranger = world.post(&key("ben"), &accept_path(&manifest), &message).await;
    stranger.expect(StatusCode::FORBIDDEN);
    let author = world.person("ada", Tier::Key);
    let answer = world.post(&author, &accept_path(&manifest), &message).await;
    answer.expect(StatusCode::OK);
}

async fn an_acceptance_that_does_not_fit_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let (manifest, other) = (
        world.published(shared("Strings")).await,
        world.published(shared("Brass")).await,
    );
    let (ben, eve) = (world.person("ben", Tier::Key), world.person("eve", Tier::Key));
    let path = accept_path(&manifest);
    let wrong = world.post(&ben, &path, &acceptance("ben", &other.id)).await;
    assert_eq!(wrong.expect(StatusCode::BAD_REQUEST).code(), "invalid_request");
    let outsider = world.post(&eve, &path, &acceptance("eve", &manifest.id)).await;
    assert_eq!(outsider.expect(StatusCode::FORBIDDEN).code(), "forbidden");
    let mut forged = acceptance("eve", &manifest.id);
    forged.0.from = did("ben");
    let forged = world.post(&ben, &path, &forged).await;
    assert_eq!(forged.expect(StatusCode::UNAUTHORIZED).code(), "bad_signature");
    let unknown = world
        .post(
            &ben,
            &format!("{FAIR}/fair_nothing/accept"),
            &acceptance("ben", &manifest.id),
        )
        .await;
    unknown.expect(StatusCode::NOT_FOUND);
}

async fn the_manifest_of_goods_is_accepted_where_it_is_kept(backend: Backend) {
    let world = World::new(backend).await;
    let manifest = shared("Concert");
    world.shop.0.lock().unwrap().push(ManifestRecord::new(manifest.clone()));
    let read = world.get(&format!("{FAIR}/{}", manifest.id)).await;
    assert_eq!(read.expect(StatusCode::OK).json(), manifest.to_value());
    let ben = world.person("ben", Tier::Key);
    let answer = world
        .post(&ben, &accept_path(&manifest), &acceptance("ben", &manifest.id))
        .await;
    let record: ManifestRecord = answer.expect(StatusCode::OK).parse();
    assert_eq!(record.acceptances.len(), 1);
    let chain = world.chain(&manifest.id).await;
    assert_eq!(chain["work"]["kept"], json!({"place": "goods"}));
    assert_eq!(chain["work"]["outstanding"], json!([]));
    // It has one place.
    let twice = world.publish(&manifest).await;
    assert_eq!(twice.expect(StatusCode::CONFLICT).code(), "conflict");
}

async fn the_operator_has_the_node_endorse(backend: Backend) {
    let world = World::new(backend).await;
    let manifest = world.published(shared("Strings")).await;
    let path = format!("{FAIR}/{}/endorse", manifest.id);
    let ben = world.person("ben", Tier::Key);
    world.post(&ben, &path, &()).await.expect(StatusCode::FORBIDDEN);
    let operator = world.person("operator", Tier::Operator);
    let goods = shared("Concert");
    world.shop.0.lock().unwrap().push(ManifestRecord::new(goods.clone()));
    let kept = world
        .post(&operator, &format!("{FAIR}/{}/endorse", goods.id), &())
        .await;
    assert_eq!(kept.expect(StatusCode::CONFLICT).code(), "conflict");
    let unknown = world
        .post(&operator, &format!("{FAIR}/fair_nothing/endorse"), &())
        .await;
    unknown.expect(StatusCode::NOT_FOUND);
    for _twice in 0..2 {
        let answer = world.post(&operator, &path, &()).await;
        let record: ManifestRecord = answer.expect(StatusCode::OK).parse();
        let [endorsement]: [Endorsement; 1] = record.endorsements.try_into().unwrap();
        let node = world.keyring.node_did();
        assert_eq!(endorsement.endorser(), node);
        endorsement.verify(&manifest, &node.public_key().unwrap()).unwrap();
    }
    assert_eq!(
        world.chain(&manifest.id).await["work"]["endorsed"],
        json!([world.keyring.node_did()])
    );
    assert_eq!(world.audit().await, []);
}

async fn a_record_with_a_bad_statement_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let manifest = shared("Strings");
    let mut forged = acceptance("eve", &manifest.id);
    forged.0.from = did("ben");
    let record = json!({"manifest": manifest, "acceptances": [forged]});
    let answer = world.publish(&record).await;
    assert_eq!(answer.expect(StatusCode::UNAUTHORIZED).code(), "bad_signature");
    let node = key("another node");
    let endorsement = Endorsement::sign(&node, node.did(), &manifest, crate::world::now()).unwrap();
    let many = json!({"manifest": manifest, "endorsements": vec![endorsement; 33]});
    let answer = world.publish(&many).await;
    assert!(answer.expect(StatusCode::BAD_REQUEST).detail().contains("more than 32"));
}

//! Works that are made from others of this node.

use axum::http::StatusCode;
use imajin_fair::{Manifest, ManifestRecord};
use imajin_publisher_api::{Chain, ChainFetch, ChainGather, ChainOf, PublisherApi, SignatureFinding};
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::world::{World, did, signed};

on_both!(
    a_work_is_refused_until_its_source_is_known,
    a_source_that_forbids_remixing_is_respected,
    a_source_gets_the_royalty_that_it_asks_for,
    a_line_of_works_ends_after_sixteen,
    the_chain_says_who_agrees_at_every_level,
    a_work_that_somebody_shows_is_judged_and_not_kept,
    only_the_works_that_money_flows_to_are_paid_sources,
    a_chain_that_would_fill_the_memory_is_refused,
);

/// A work that gives `percent` to its source.
fn made_from(author: &str, title: &str, source: &Manifest, percent: u32) -> Manifest {
    let decimal = |percent: u32| serde_json::from_str::<Value>(&format!("0.{percent:02}")).unwrap();
    let (share, rest) = (decimal(percent), decimal(100 - percent));
    let split = json!({
        "contributors": [
            {"did": did(author), "role": "author", "share": rest},
            {"fair": source.id, "role": "source", "share": share},
        ],
        "derives_from": [source.id],
    });
    signed(author, title, &split)
}

async fn a_work_is_refused_until_its_source_is_known(backend: Backend) {
    let world = World::new(backend).await;
    let source = signed("ada", "Strings", &json!({}));
    let work = made_from("ben", "Remix", &source, 25);
    let answer = world.publish(&work).await;
    let problem = answer.expect(StatusCode::BAD_REQUEST).json();
    assert_eq!(problem["missing"], json!([source.id]));
    assert!(answer.detail().contains(source.id.as_str()), "{}", answer.detail());
    world.published(source.clone()).await;
    world.published(work.clone()).await;
    let chain = world.chain(&work.id).await;
    assert_eq!((&chain["missing"], &chain["refusal"]), (&json!([]), &json!(null)));
    assert_eq!(chain["sources"][0]["record"]["manifest"], source.to_value());
}

async fn a_source_that_forbids_remixing_is_respected(backend: Backend) {
    let world = World::new(backend).await;
    let terms = json!({"terms": {"remix": {"price": "prohibited"}}});
    let source = world.published(signed("ada", "Mine alone", &terms)).await;
    let answer = world.publish(&made_from("ben", "Remix", &source, 25)).await;
    assert_eq!(answer.expect(StatusCode::FORBIDDEN).code(), "forbidden");
    assert!(answer.detail().contains("does not permit remixing"));
}

async fn a_source_gets_the_royalty_that_it_asks_for(backend: Backend) {
    let world = World::new(backend).await;
    let terms = json!({"terms": {"remix": {"price": "free", "royalty": 0.3}}});
    let source = world.published(signed("ada", "Strings", &terms)).await;
    let answer = world.publish(&made_from("ben", "Stingy", &source, 25)).await;
    assert_eq!(answer.expect(StatusCode::BAD_REQUEST).code(), "invalid_request");
    assert!(
        answer.detail().contains("asks for a share of 0.3 and gets 0.25"),
        "{}",
        answer.detail()
    );
    world.published(made_from("ben", "Fair", &source, 50)).await;
}

async fn a_line_of_works_ends_after_sixteen(backend: Backend) {
    let world = World::new(backend).await;
    let mut last = world.published(signed("ada", "The first", &json!({}))).await;
    for number in 2..=16 {
        last = world
            .published(made_from("ben", &format!("Work {number}"), &last, 50))
            .await;
    }
    assert_eq!(world.chain(&last.id).await["sources"].as_array().unwrap().len(), 15);
    let answer = world.publish(&made_from("ben", "One too many", &last, 50)).await;
    assert!(
        answer
            .expect(StatusCode::BAD_REQUEST)
            .detail()
            .contains("16 works deep")
    );
}

async fn the_chain_says_who_agrees_at_every_level(backend: Backend) {
    let world = World::new(backend).await;
    let split = json!({"contributors": [
        {"did": did("ada"), "role": "artist", "share": 0.5}, {"did": did("cleo"), "role": "engineer", "share": 0.5},
    ]});
    let source = world.published(signed("ada", "Strings", &split)).await;
    let work = world.published(made_from("ben", "Remix", &source, 25)).await;
    let chain = world.chain(&work.id).await;
    assert_eq!(
        chain["work"]["signature"],
        json!({"state": "valid", "signer": did("ben")})
    );
    assert_eq!(chain["work"]["accepted"], json!([did("ben")]));
    let level = &chain["sources"][0];
    assert_eq!(
        (&level["accepted"], &level["outstanding"]),
        (&json!([did("ada")]), &json!([did("cleo")]))
    );
    assert_eq!(level["kept"], json!({"place": "library"}));
}

async fn given(world: &World, manifest: Manifest) -> Chain {
    let of = ChainOf::Record(Box::new(ManifestRecord::new(manifest)));
    let fetch = ChainFetch::Read;
    world
        .publisher
        .chain_gather(ChainGather {
            of,
            fetch,
            shown_by: None,
        })
        .await
        .unwrap()
}

async fn a_work_that_somebody_shows_is_judged_and_not_kept(backend: Backend) {
    let world = World::new(backend).await;
    let good = signed("ada", "Strings", &json!({}));
    let valid = given(&world, good.clone()).await;
    assert_eq!(valid.work.signature, SignatureFinding::Valid { signer: did("ada") });
    assert_eq!(valid.work.accepted, [did("ada")]);
    let mut unsigned = good.clone();
    unsigned.signature = None;
    let chain = given(&world, unsigned).await;
    assert_eq!(chain.work.signature, SignatureFinding::Unsigned);
    assert_eq!(chain.work.outstanding, [did("ada")], "nobody has agreed");
    let mut changed = good.clone();
    changed.title = Some("Stolen".to_owned());
    let chain = given(&world, changed).await;
    assert!(matches!(chain.work.signature, SignatureFinding::Broken { .. }));
    let mut foreign = good.to_value();
    foreign["id"] = json!("fair_example01");
    foreign["author"] = json!("did:web:nobody.example");
    foreign["signature"]["did"] = foreign["author"].clone();
    let chain = given(&world, Manifest::from_value(foreign).unwrap()).await;
    assert!(matches!(chain.work.signature, SignatureFinding::Unchecked { .. }));
    world
        .get(&format!("/publisher/api/fair/{}", good.id))
        .await
        .expect(StatusCode::NOT_FOUND);
}

async fn only_the_works_that_money_flows_to_are_paid_sources(backend: Backend) {
    let world = World::new(backend).await;
    let read = world.published(signed("ada", "Only an inspiration", &json!({}))).await;
    let deep = world.published(signed("cleo", "Deep", &json!({}))).await;
    let near = world.published(made_from("ada", "Near", &deep, 50)).await;
    let mut draft = made_from("ben", "Remix", &near, 25);
    draft.derives_from.push(read.id);
    let work = draft
        .sign(&crate::world::key("ben"), did("ben"), crate::world::now())
        .unwrap();
    let chain = given(&world, work).await;
    assert!(chain.require_sound().is_ok());
    assert_eq!(chain.sources.len(), 3);
    let paid: Vec<_> = chain
        .paid_sources()
        .iter()
        .map(|work| &work.record.manifest.id)
        .collect();
    assert_eq!(paid, [&near.id, &deep.id]);
}

async fn a_chain_that_would_fill_the_memory_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let text = "x".repeat(200_000);
    let mut sources = Vec::new();
    for number in 0..100 {
        let heavy = signed("ada", &format!("Heavy {number}"), &json!({"notes": text}));
        sources.push(world.published(heavy).await.id);
    }
    let work = signed("ben", "Of a hundred", &json!({"derives_from": sources}));
    let answer = world.publish(&work).await;
    let problem = answer.expect(StatusCode::BAD_REQUEST).json();
    assert!(!problem["missing"].as_array().unwrap().is_empty());
    let chain = given(&world, work).await;
    assert!(chain.sources.len() < 100 && chain.missing[0].reason.contains("bytes together"));
}

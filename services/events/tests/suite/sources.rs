//! Events that are made from other works, and events as the keeper of their manifests.

use std::sync::Arc;

use axum::http::StatusCode;
use imajin_events_api::{EventView, OrderView};
use imajin_fair::{Acceptance, Contributor, Manifest, ManifestRecord, Payee};
use imajin_money::Share;
use imajin_pay_api::{GoodsQuote, GoodsRef, SellerApi};
use imajin_publisher_api::{
    AcceptanceKeep, ChainFetch, KeeperApi, ListPlace, ManifestsKept, PublisherClient, RecordKept,
};
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::library::FakeLibrary;
use crate::world::{World, key};

on_both!(
    a_share_of_an_unknown_work_is_refused,
    without_a_library_no_event_is_made_from_other_works,
    a_source_that_forbids_it_or_gets_too_little_is_respected,
    a_source_that_is_gone_stops_the_publishing,
    the_quote_carries_the_works_that_a_share_leads_to,
    the_manifest_of_a_published_event_is_kept_for_everybody,
    an_acceptance_arrives_through_the_library,
    an_author_finds_the_manifests_of_published_events,
);

/// A world with a library.
async fn world(backend: Backend) -> (World, Arc<FakeLibrary>) {
    let world = World::new(backend).await;
    let library = Arc::new(FakeLibrary::default());
    world.events.publisher_connect(PublisherClient::local(library.clone()));
    (world, library)
}

fn source(world: &World, title: &str, terms: Value) -> Manifest {
    let ada = key("ada");
    let mut manifest = world.manifest(&ada, &[("ada", 1_000_000)]);
    manifest.title = Some(title.to_owned());
    manifest.terms = serde_json::from_value(terms).unwrap();
    manifest.sign(&ada, ada.did(), world.env.now()).unwrap()
}

/// The body of an event that gives a quarter to each of these works.
fn body_made_from(world: &World, sources: &[&Manifest]) -> Value {
    let share = |millionths| Share::from_millionths(millionths).unwrap();
    let mut left = 1_000_000;
    let mut entries = Vec::new();
    for source in sources {
        left -= 250_000;
        entries.push(Contributor::new(
            Payee::Fair(source.id.clone()),
            "source",
            share(250_000),
        ));
    }
    entries.push(Contributor::new(Payee::Did(world.owner.did()), "author", share(left)));
    let mut manifest = world.manifest(&world.owner, &[("owner", 1_000_000)]);
    manifest.contributors = entries;
    manifest.derives_from = sources.iter().map(|source| source.id.clone()).collect();
    let mut body = world.event_body(Some(5));
    body["manifest"] = json!(manifest.sign(&world.owner, world.owner.did(), world.env.now()).unwrap());
    body
}

async fn a_share_of_an_unknown_work_is_refused(backend: Backend) {
    let (world, library) = world(backend).await;
    let source = source(&world, "Strings", json!({}));
    let body = body_made_from(&world, &[&source]);
    let answer = world.post(&world.owner, "/events/api/events", &body).await;
    let problem = answer.expect(StatusCode::BAD_REQUEST).json();
    assert_eq!(
        (&problem["member"], &problem["missing"]),
        (&json!("manifest"), &json!([source.id]))
    );
    library.add(&source);
    let answer = world.post(&world.owner, "/events/api/events", &body).await;
    answer.expect(StatusCode::CREATED);
    assert_eq!(*library.fetches.lock().unwrap(), [ChainFetch::Keep; 2]);
    assert_eq!(world.audit().await, []);
}

async fn without_a_library_no_event_is_made_from_other_works(backend: Backend) {
    let world = World::new(backend).await;
    let body = body_made_from(&world, &[&source(&world, "Strings", json!({}))]);
    let answer = world.post(&world.owner, "/events/api/events", &body).await;
    assert!(answer.expect(StatusCode::BAD_REQUEST).detail().contains("no library"));
}

async fn a_source_that_forbids_it_or_gets_too_little_is_respected(backend: Backend) {
    let (world, library) = world(backend).await;
    for (terms, status) in [
        (json!({"remix": {"price": "prohibited"}}), StatusCode::FORBIDDEN),
        (json!({"remix": {"royalty": 0.3}}), StatusCode::BAD_REQUEST),
        (json!({"remix": {"royalty": 0.25}}), StatusCode::CREATED),
    ] {
        let source = source(&world, "Strings", terms);
        library.add(&source);
        let answer = world
            .post(&world.owner, "/events/api/events", &body_made_from(&world, &[&source]))
            .await;
        answer.expect(status);
    }
}

async fn a_source_that_is_gone_stops_the_publishing(backend: Backend) {
    let (world, library) = world(backend).await;
    let source = source(&world, "Strings", json!({}));
    library.add(&source);
    let answer = world
        .post(&world.owner, "/events/api/events", &body_made_from(&world, &[&source]))
        .await;
    let event: EventView = answer.expect(StatusCode::CREATED).parse();
    library.works.lock().unwrap().clear();
    let publish = format!("/events/api/events/{}/publish", event.id);
    let answer = world.post(&world.owner, &publish, &json!({})).await;
    assert_eq!(
        answer.expect(StatusCode::BAD_REQUEST).json()["missing"],
        json!([source.id])
    );
    library.add(&source);
    world
        .post(&world.owner, &publish, &json!({}))
        .await
        .expect(StatusCode::OK);
}

async fn published(world: &World, body: &Value) -> EventView {
    let answer = world.post(&world.owner, "/events/api/events", body).await;
    let event: EventView = answer.expect(StatusCode::CREATED).parse();
    let answer = world
        .post(
            &world.owner,
            &format!("/events/api/events/{}/publish", event.id),
            &json!({}),
        )
        .await;
    answer.expect(StatusCode::OK).parse()
}

async fn the_quote_carries_the_works_that_a_share_leads_to(backend: Backend) {
    let (world, library) = world(backend).await;
    let (strings, brass) = (source(&world, "Strings", json!({})), source(&world, "Brass", json!({})));
    library.add(&strings);
    library.add(&brass);
    let event = published(&world, &body_made_from(&world, &[&strings, &brass])).await;
    let order: OrderView = world
        .checkout(&key("buyer"), &event, 1)
        .await
        .expect(StatusCode::CREATED)
        .parse();
    let goods = GoodsRef {
        kind: "order".to_owned(),
        id: order.id.to_string(),
    };
    let quote: GoodsQuote = world.events.goods_quote(goods).await.unwrap();
    let mut found: Vec<_> = quote
        .sources
        .iter()
        .map(|source| source.manifest.title.clone().unwrap())
        .collect();
    found.sort();
    assert_eq!(found, ["Brass", "Strings"]);
    assert!(quote.sources.iter().all(|source| source.accepted == [key("ada").did()]));
    assert_eq!(
        library.fetches.lock().unwrap().last(),
        Some(&ChainFetch::Never),
        "a buyer waits for nobody"
    );
}

async fn the_manifest_of_a_published_event_is_kept_for_everybody(backend: Backend) {
    let world = World::new(backend).await;
    let answer = world
        .post(&world.owner, "/events/api/events", &world.event_body(Some(5)))
        .await;
    let draft: EventView = answer.expect(StatusCode::CREATED).parse();
    let kept = async || {
        let id = draft.manifest.id.clone();
        world.events.record_kept(RecordKept { id }).await.unwrap()
    };
    assert_eq!(kept().await, None, "a draft is its owner's alone");
    let publish = format!("/events/api/events/{}/publish", draft.id);
    world
        .post(&world.owner, &publish, &json!({}))
        .await
        .expect(StatusCode::OK);
    assert_eq!(kept().await, Some(ManifestRecord::new(draft.manifest.clone())));
    let mira = key("mira");
    let acceptance = Acceptance::sign(&mira, mira.did(), draft.manifest.id.clone(), world.env.now()).unwrap();
    let path = format!("/events/api/events/{}/fair/accept", draft.id);
    world
        .post(&mira, &path, &json!(acceptance))
        .await
        .expect(StatusCode::OK);
    assert_eq!(kept().await.unwrap().acceptances, [acceptance]);

    let path = format!("/events/api/events/{}/fair", draft.id);
    let read = world.get(None, &path).await;
    let digest = format!("sha256:{}", draft.manifest.digest_hex().unwrap());
    assert_eq!(read.expect(StatusCode::OK).header("x-fair-digest"), digest);
    let event = world.get(None, &format!("/events/api/events/{}", draft.id)).await;
    assert_eq!(event.header("x-fair-digest"), digest);
    let link = format!(
        "<{}{path}>; rel=\"fair\"; type=\"application/fair+json\"",
        crate::world::PUBLIC
    );
    assert_eq!(
        (event.header("link"), read.header("link")),
        (link.as_str(), link.as_str())
    );
}

async fn an_author_finds_the_manifests_of_published_events(backend: Backend) {
    let world = World::new(backend).await;
    let author = world.owner.did();
    let listed = async |after: Option<ListPlace>, limit| {
        let author = author.clone();
        let asked = ManifestsKept { author, after, limit };
        world.events.manifests_kept(asked).await.unwrap()
    };
    let mut made = Vec::new();
    for number in 0..3 {
        let mut body = world.event_body(Some(5));
        body["title"] = json!(format!("Evening {number}"));
        let answer = world.post(&world.owner, "/events/api/events", &body).await;
        made.push(answer.expect(StatusCode::CREATED).parse::<EventView>());
    }
    assert_eq!(listed(None, 10).await, [], "drafts are their owner's alone");
    for event in &made {
        world.clock.advance(imajin_kernel::Span::seconds(1));
        let path = format!("/events/api/events/{}/publish", event.id);
        world.post(&world.owner, &path, &json!({})).await.expect(StatusCode::OK);
    }
    // All three are sold under one manifest, which counts since the first of them.
    let cards = listed(None, 10).await;
    assert_eq!(cards.len(), 1, "{cards:?}");
    assert_eq!(cards[0].place.id, made[0].manifest.id);
    let first = world.get(None, &format!("/events/api/events/{}", made[0].id)).await;
    let published: EventView = first.expect(StatusCode::OK).parse();
    assert_eq!(
        cards[0].title,
        published.manifest.title.clone().or(Some(published.title))
    );
    assert_eq!(listed(Some(cards[0].place.clone()), 10).await, []);
    let later = ListPlace {
        published_at: cards[0].place.published_at.plus(imajin_kernel::Span::seconds(1)),
        ..cards[0].place.clone()
    };
    assert_eq!(listed(Some(later), 10).await, cards);
    assert_eq!(listed(None, 0).await, []);
    let nobody = ManifestsKept {
        author: key("mira").did(),
        after: None,
        limit: 10,
    };
    assert_eq!(world.events.manifests_kept(nobody).await.unwrap(), []);
}

async fn an_acceptance_arrives_through_the_library(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(5)).await;
    let (id, mira) = (event.manifest.id.clone(), key("mira"));
    let acceptance = Acceptance::sign(&mira, mira.did(), id.clone(), world.env.now()).unwrap();
    let body = serde_json::to_vec(&acceptance).unwrap();
    let keep = |path: &str| AcceptanceKeep {
        id: id.clone(),
        request: world.sign(&mira, path, None, &body),
    };
    let path = format!("/publisher/api/fair/{id}/accept");
    let elsewhere = world.events.acceptance_keep(keep("/events/api/checkout")).await;
    assert_eq!(elsewhere.unwrap_err().code, imajin_kernel::Code::BadSignature);
    let record = world.events.acceptance_keep(keep(&path)).await.unwrap().unwrap();
    assert_eq!(record.acceptances, [acceptance]);
    assert!(world.event_again(&event).await.accepted.contains(&mira.did()));
    let unknown = AcceptanceKeep {
        id: "fair_nothing".parse().unwrap(),
        ..keep(&path)
    };
    assert!(
        world.events.acceptance_keep(unknown).await.is_err(),
        "it was signed for another address"
    );
    assert_eq!(world.audit().await, []);
}

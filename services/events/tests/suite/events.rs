//! An event from its draft to its page.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use imajin_did::Did;
use imajin_events_api::{EventPage, EventStatus, EventView};
use imajin_fair::{Acceptance, Manifest};
use imajin_kernel::Span;
use imajin_testkit::{Backend, on_both};
use imajin_web::Tier;
use serde_json::json;

use crate::world::{CheckoutAnswer, World, key};

on_both!(
    a_draft_is_its_owners_alone_until_it_is_published,
    only_registered_keys_make_events,
    creation_is_idempotent,
    pausing_stops_the_sale_and_publishing_resumes_it,
    what_is_over_is_completed,
    lists_have_pages_and_leave_out_what_is_over,
    the_manifest_is_served_with_its_digest,
    contributors_accept_once,
    foreign_acceptances_are_refused,
    what_was_signed_before_a_key_was_replaced_counts,
    the_calendar_file_is_escaped,
    an_unchanged_event_is_not_sent_again,
    the_api_is_described,
);

async fn a_draft_is_its_owners_alone_until_it_is_published(backend: Backend) {
    let world = World::new(backend).await;
    let answer = world
        .post(&world.owner, "/events/api/events", &world.event_body(Some(5)))
        .await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let draft: EventView = serde_json::from_slice(&answer.body).unwrap();
    let path = format!("/events/api/events/{}", draft.id);
    assert_eq!(answer.header("location"), path);
    assert_eq!(draft.status, EventStatus::Draft);
    assert_ne!(draft.did, draft.owner);
    assert!(
        !String::from_utf8_lossy(&answer.body).contains("sealed"),
        "no key leaves the node"
    );

    let (owner, other) = (world.owner.did(), key("other").did());
    assert_eq!(world.get(None, &path).await.code(), "not_found");
    assert_eq!(world.get(Some(&other), &path).await.code(), "not_found");
    assert_eq!(world.get(Some(&owner), &path).await.status, StatusCode::OK);
    assert_eq!(world.checkout(&key("buyer"), &draft, 1).await.code(), "not_found");
    let publish = format!("{path}/publish");
    assert_eq!(
        world.post(&key("other"), &publish, &json!({})).await.code(),
        "not_found"
    );

    let answer = world.post(&world.owner, &publish, &json!({})).await;
    assert_eq!(answer.json()["status"], "published");
    assert_eq!(world.get(None, &path).await.status, StatusCode::OK);
    assert_eq!(
        world.post(&key("other"), &publish, &json!({})).await.code(),
        "forbidden"
    );
    assert_eq!(
        world.post(&world.owner, &publish, &json!({})).await.status,
        StatusCode::OK,
        "again is no error"
    );
    assert_eq!(world.audit().await, []);
}

async fn only_registered_keys_make_events(backend: Backend) {
    let world = World::new(backend).await;
    world
        .identities
        .tiers
        .lock()
        .unwrap()
        .insert(world.owner.did(), Tier::Soft);
    let answer = world
        .post(&world.owner, "/events/api/events", &world.event_body(Some(5)))
        .await;
    assert_eq!(answer.code(), "forbidden");
    let unsigned = Request::post("/events/api/events").header("content-type", "application/json");
    let answer = world.send(unsigned.body(Body::from("{}")).unwrap()).await;
    assert_eq!(answer.code(), "unauthenticated");
}

async fn creation_is_idempotent(backend: Backend) {
    let world = World::new(backend).await;
    let body = serde_json::to_vec(&world.event_body(Some(5))).unwrap();
    let send = || async {
        world
            .send_signed(&world.sign(&world.owner, "/events/api/events", Some("once"), &body))
            .await
    };
    let (first, second) = (send().await, send().await);
    assert_eq!(first.json()["id"], second.json()["id"]);
    assert_eq!(second.header("idempotent-replayed"), "true");
    let other = serde_json::to_vec(&world.event_body(Some(6))).unwrap();
    let other = world
        .send_signed(&world.sign(&world.owner, "/events/api/events", Some("once"), &other))
        .await;
    assert_eq!(other.code(), "idempotency_mismatch");
}

async fn pausing_stops_the_sale_and_publishing_resumes_it(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(5)).await;
    let held = world.checkout(&key("early"), &event, 1).await.order();
    let path = format!("/events/api/events/{}", event.id);
    let paused = world.post(&world.owner, &format!("{path}/pause"), &json!({})).await;
    assert_eq!(paused.json()["status"], "paused");
    assert_eq!(world.checkout(&key("buyer"), &event, 1).await.code(), "conflict");
    world.pay.settle(held.checkout_id.unwrap()).await;
    assert_eq!(
        world.order_again(&held).await.tickets.len(),
        1,
        "what was reserved can still be paid"
    );
    world.post(&world.owner, &format!("{path}/publish"), &json!({})).await;
    world.checkout(&key("buyer"), &event, 1).await.order();
    assert_eq!(world.audit().await, []);
}

async fn what_is_over_is_completed(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(5)).await;
    world.clock.advance(Span::days(31));
    assert_eq!(world.event_again(&event).await.status, EventStatus::Completed);
    assert_eq!(world.checkout(&key("buyer"), &event, 1).await.code(), "conflict");
    let publish = format!("/events/api/events/{}/publish", event.id);
    assert_eq!(world.post(&world.owner, &publish, &json!({})).await.code(), "conflict");
}

async fn page(world: &World, reader: Option<&Did>, query: &str) -> EventPage {
    let answer = world.get(reader, &format!("/events/api/events?{query}")).await;
    serde_json::from_slice(&answer.body).unwrap()
}

async fn lists_have_pages_and_leave_out_what_is_over(backend: Backend) {
    let world = World::new(backend).await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(world.event(Some(5)).await.id);
    }
    made.sort(); // All begin at the same moment: the id decides.
    world
        .post(&world.owner, "/events/api/events", &world.event_body(Some(5)))
        .await;
    let mut seen = Vec::new();
    let mut query = "limit=2".to_owned();
    loop {
        let page = page(&world, None, &query).await;
        seen.extend(page.events.iter().map(|event| event.id));
        let Some(cursor) = page.cursor else { break };
        query = format!("limit=2&cursor={cursor}");
    }
    assert_eq!(seen, made);
    let owner = world.owner.did();
    assert_eq!(
        page(&world, Some(&owner), &format!("owner={owner}")).await.events.len(),
        6
    );
    let path = format!("/events/api/events?owner={owner}");
    assert_eq!(world.get(None, &path).await.code(), "unauthenticated");
    assert_eq!(world.get(Some(&key("other").did()), &path).await.code(), "forbidden");
    assert_eq!(
        world.get(None, "/events/api/events?limit=101").await.json()["member"],
        "limit"
    );
    assert_eq!(
        world.get(None, "/events/api/events?cursor=x").await.json()["member"],
        "cursor"
    );
    world.clock.advance(Span::days(31));
    assert!(page(&world, None, "").await.events.is_empty());
}

async fn the_manifest_is_served_with_its_digest(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(5)).await;
    let path = format!("/events/api/events/{}/fair", event.id);
    let answer = world.get(None, &path).await;
    assert_eq!(answer.header("content-type"), "application/fair+json");
    let link = format!("<http://node.test:7000{path}>; rel=\"fair\"; type=\"application/fair+json\"");
    assert_eq!(answer.header("link"), link);
    let manifest = Manifest::parse(&answer.body).unwrap();
    assert_eq!(
        answer.header("x-fair-digest"),
        format!("sha256:{}", manifest.digest_hex().unwrap())
    );
    assert_eq!(
        imajin_proof::digest::sha256_hex(&answer.body),
        manifest.digest_hex().unwrap()
    );
    manifest.verify_signature(&world.owner.public()).unwrap();
}

async fn contributors_accept_once(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(5)).await;
    let path = format!("/events/api/events/{}/fair/accept", event.id);
    let accept = |name: &str| {
        let key = key(name);
        json!(Acceptance::sign(&key, key.did(), event.manifest.id.clone(), world.env.now()).unwrap())
    };
    let answer = world.post(&key("mira"), &path, &accept("mira")).await;
    assert_eq!(
        answer.json()["accepted"],
        json!([key("mira").did()]),
        "{}",
        String::from_utf8_lossy(&answer.body)
    );
    let answer = world.post(&key("mira"), &path, &accept("mira")).await;
    assert_eq!(answer.json()["accepted"].as_array().unwrap().len(), 1);
    // The owner may bring a countersignature that was made elsewhere.
    let answer = world.post(&world.owner, &path, &accept("jonas")).await;
    assert_eq!(answer.json()["accepted"].as_array().unwrap().len(), 2);
    assert_eq!(world.audit().await, []);
}

async fn foreign_acceptances_are_refused(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(5)).await;
    let path = format!("/events/api/events/{}/fair/accept", event.id);
    let (mira, other, now) = (key("mira"), key("other"), world.env.now());
    let id = event.manifest.id.clone();
    let good = json!(Acceptance::sign(&mira, mira.did(), id.clone(), now).unwrap());
    assert_eq!(
        world.post(&other, &path, &good).await.code(),
        "forbidden",
        "a stranger brings it"
    );
    let stranger = json!(Acceptance::sign(&other, other.did(), id.clone(), now).unwrap());
    assert_eq!(world.post(&other, &path, &stranger).await.code(), "forbidden");
    let forged = json!(Acceptance::sign(&other, mira.did(), id, now).unwrap());
    assert_eq!(world.post(&mira, &path, &forged).await.code(), "bad_signature");
    let elsewhere = json!(Acceptance::sign(&mira, mira.did(), "fair_x".parse().unwrap(), now).unwrap());
    assert_eq!(world.post(&mira, &path, &elsewhere).await.code(), "invalid_request");
    assert!(world.event_again(&event).await.accepted.is_empty());
}

async fn what_was_signed_before_a_key_was_replaced_counts(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(5)).await;
    let path = format!("/events/api/events/{}/fair/accept", event.id);
    let (mira, before) = (key("mira"), world.env.now());
    world.clock.advance(Span::hours(1));
    let dids = [mira.did(), world.owner.did()].map(|did| (did, world.env.now()));
    world.identities.replaced.lock().unwrap().extend(dids);
    let accept = |at| json!(Acceptance::sign(&mira, mira.did(), event.manifest.id.clone(), at).unwrap());
    let late = world.post(&world.owner, &path, &accept(world.env.now())).await;
    assert_eq!(late.code(), "bad_signature");
    assert!(late.detail().contains("a key that did not count"), "{}", late.detail());
    let good = world.post(&world.owner, &path, &accept(before)).await;
    assert_eq!(good.expect(StatusCode::OK).json()["accepted"], json!([mira.did()]));
    // The same for the manifest of a new event.
    let late = world
        .post(&world.owner, "/events/api/events", &world.event_body(Some(5)))
        .await;
    assert_eq!(late.code(), "bad_signature");
    assert!(late.detail().contains("a key that did not count"), "{}", late.detail());
    let mut earlier = world.event_body(Some(5));
    earlier["manifest"] = json!(event.manifest);
    let good = world.post(&world.owner, "/events/api/events", &earlier).await;
    good.expect(StatusCode::CREATED);
}

async fn the_calendar_file_is_escaped(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(5)).await;
    let answer = world.get(None, &format!("/events/api/events/{}/ics", event.id)).await;
    assert_eq!(answer.header("content-type"), "text/calendar; charset=utf-8");
    let text = String::from_utf8(answer.body).unwrap();
    assert!(text.starts_with("BEGIN:VCALENDAR\r\n") && text.ends_with("END:VCALENDAR\r\n"));
    assert!(
        text.contains("DESCRIPTION:Music\\; and more\\, with \\\\ and ü.\\nTwo lines.\r\n"),
        "{text}"
    );
    assert!(text.contains("LOCATION:Hall\\, north\r\n"));
    assert!(text.contains(&format!("UID:{}@node.test\r\n", event.id)));
}

async fn an_unchanged_event_is_not_sent_again(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(5)).await;
    let path = format!("/events/api/events/{}", event.id);
    let etag = world.get(None, &path).await.header("etag").to_owned();
    let again = || {
        let request = Request::get(&path).header("if-none-match", format!("\"x\", W/{etag}"));
        world.send(request.body(Body::empty()).unwrap())
    };
    let answer = again().await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::NOT_MODIFIED, 0));
    world.checkout(&key("buyer"), &event, 1).await.order();
    assert_eq!(again().await.status, StatusCode::OK, "one place fewer");
}

async fn the_api_is_described(backend: Backend) {
    let world = World::new(backend).await;
    let answer = world.get(None, "/events/api/spec").await;
    let spec = answer.json();
    for path in [
        "/api/events",
        "/api/events/{id}/fair/accept",
        "/api/checkout",
        "/api/orders/{id}/cancel",
    ] {
        assert!(spec["paths"][path].is_object(), "{path}");
    }
    assert_eq!(world.get(None, "/events/ready").await.status, StatusCode::OK);
}

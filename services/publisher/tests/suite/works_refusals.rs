//! Works: each refusal by its name.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use imajin_publisher::PublisherConfig;
use imajin_testkit::{Answer, Backend, on_both};
use imajin_web::Tier;
use serde_json::{Value, json};

use crate::works::{CONTENT, body_of, get_as, manifest_of, published_work, send_part};
use crate::world::{World, key, signed};

on_both!(
    who_is_not_registered_publishes_nothing,
    a_manifest_must_be_here_and_the_authors_own,
    a_price_must_agree_with_the_manifest,
    a_name_that_leads_elsewhere_is_refused,
    a_wrong_member_is_refused_by_name,
    what_is_too_large_is_refused_before_it_is_sent,
    more_than_an_author_may_store_is_refused,
    all_works_have_a_bounded_room,
    a_disk_that_is_almost_full_takes_no_bytes,
    bytes_that_were_not_announced_are_thrown_away,
    a_manifest_about_other_bytes_is_refused,
    anothers_work_is_none,
    an_unsigned_part_is_refused,
    a_draft_is_its_authors_alone,
);

fn refusal(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.code())
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// A body about `x`, changed, sent by Ada.
async fn sent(world: &World, change: impl FnOnce(&mut Value)) -> Answer {
    let ada = world.person("ada", Tier::Key);
    let manifest = manifest_of("ada", b"x", None);
    world.publish(&manifest).await;
    let mut body = body_of(&manifest, b"x");
    change(&mut body);
    world.post(&ada, CONTENT, &body).await
}

async fn who_is_not_registered_publishes_nothing(backend: Backend) {
    let world = World::new(backend).await;
    let manifest = world.published(manifest_of("ada", b"x", None)).await;
    let answer = world.post(&key("ada"), CONTENT, &body_of(&manifest, b"x")).await;
    assert_eq!(refusal(&answer), refused(403, "forbidden"));
}

async fn a_manifest_must_be_here_and_the_authors_own(backend: Backend) {
    let world = World::new(backend).await;
    let unknown = manifest_of("ada", b"unknown", None);
    let answer = sent(&world, |body| body["manifest"] = json!(unknown.id)).await;
    assert_eq!(refusal(&answer), refused(409, "conflict"));
    let others = world.published(manifest_of("ben", b"x", None)).await;
    let answer = sent(&world, |body| body["manifest"] = json!(others.id)).await;
    assert_eq!(refusal(&answer), refused(400, "invalid_request"));
    assert!(answer.text().contains("somebody else's"));
    let silent = world.published(signed("ada", "Strings", &json!({}))).await;
    let answer = sent(&world, |body| body["manifest"] = json!(silent.id)).await;
    assert!(answer.text().contains("which bytes it is about"), "{}", answer.text());
}

async fn a_price_must_agree_with_the_manifest(backend: Backend) {
    let world = World::new(backend).await;
    let priced = world.published(manifest_of("ada", b"x", Some("0.50 USD"))).await;
    let cheaper = sent(&world, |body| {
        body["manifest"] = json!(priced.id);
        body["price"] = json!({"amount": "0.40", "currency": "USD"});
    });
    let answer = cheaper.await;
    assert_eq!(refusal(&answer), refused(400, "invalid_request"));
    assert!(answer.text().contains("reading costs 0.50 USD"), "{}", answer.text());
    let terms = json!({"terms": {"read": {"price": "prohibited"}}, "content": {"sha256": "0".repeat(64)}});
    let prohibited = world.published(signed("ada", "Strings", &terms)).await;
    let answer = sent(&world, |body| body["manifest"] = json!(prohibited.id)).await;
    assert!(answer.text().contains("prohibits reading"), "{}", answer.text());
}

async fn a_name_that_leads_elsewhere_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    for name in [
        "../x", "a/b", "a\\b", ".hidden", "..", "a\u{0}b", "a\"b", "c:x", "", "a\nb", "x..y",
    ] {
        let answer = sent(&world, |body| body["fileName"] = json!(name)).await;
        assert_eq!(refusal(&answer), refused(400, "invalid_request"), "{name:?}");
    }
    for id in [
        "..%2F..%2Fetc%2Fpasswd",
        "cnt_..",
        "%2e%2e",
        "cnt_00000000000000000000000000.1",
    ] {
        let answer = world.get(&format!("/publisher/content/{id}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{id}");
    }
}

async fn a_wrong_member_is_refused_by_name(backend: Backend) {
    let world = World::new(backend).await;
    for (member, value) in [
        ("title", json!("")),
        ("title", json!("x".repeat(201))),
        ("summary", json!("x".repeat(1_001))),
        ("preview", json!("x".repeat(20_001))),
        ("sha256", json!("../../etc/passwd")),
        ("sha256", json!("A".repeat(64))),
        ("format", json!("exe")),
        ("size", json!(-1)),
        ("price", json!({"amount": "-1.00", "currency": "USD"})),
        ("amount", json!("1.00")),
    ] {
        let answer = sent(&world, |body| body[member] = value.clone()).await;
        let status = answer.status.as_u16();
        assert!(
            status == 400 || (member == "size" && status == 413),
            "{member}: {}",
            answer.text()
        );
    }
    let odd = sent(&world, |body| {
        body["format"] = json!("file");
        body["mediaType"] = json!("text/html\r\nset-cookie: x");
    });
    assert_eq!(refusal(&odd.await), refused(400, "invalid_request"));
}

fn small(config: &mut PublisherConfig) {
    config.works.file_bytes_max = 100;
    config.works.article_bytes_max = 50;
    config.works.owner_bytes_max = 120;
}

async fn what_is_too_large_is_refused_before_it_is_sent(backend: Backend) {
    let world = World::with(backend, small).await;
    for (format, size, status) in [
        ("markdown", 50, 201),
        ("markdown", 51, 413),
        ("file", 101, 413),
        ("file", 0, 413),
    ] {
        let answer = sent(&world, |body| {
            body["format"] = json!(format);
            body["size"] = json!(size);
        });
        assert_eq!(answer.await.status.as_u16(), status, "{format} {size}");
    }
    let made = sent(&world, |body| body["size"] = json!(3)).await.json();
    let id = made["id"].as_str().unwrap();
    let answer = send_part(&world, "ada", id, 0, b"more").await;
    assert_eq!(refusal(&answer), refused(413, "body_too_large"));
    let answer = send_part(&world, "ada", id, 0, &vec![0; 4 * 1024 * 1024 + 1]).await;
    assert_eq!(refusal(&answer), refused(413, "body_too_large"));
}

async fn more_than_an_author_may_store_is_refused(backend: Backend) {
    let world = World::with(backend, small).await;
    let file = |body: &mut Value| {
        body["format"] = json!("file");
        body["size"] = json!(100);
    };
    sent(&world, file).await.expect(StatusCode::CREATED);
    let answer = sent(&world, file).await;
    assert_eq!(refusal(&answer), refused(409, "conflict"));
    assert!(answer.text().contains("120 are the most"), "{}", answer.text());
}

async fn all_works_have_a_bounded_room(backend: Backend) {
    let world = World::with(backend, |config: &mut PublisherConfig| {
        config.works.works_bytes_max = 100;
    })
    .await;
    let draft = async |author: &str, bytes: &[u8]| {
        let author_key = world.person(author, Tier::Key);
        let manifest = world.published(manifest_of(author, bytes, None)).await;
        world.post(&author_key, CONTENT, &body_of(&manifest, bytes)).await
    };
    let id_of = |answer: Answer| {
        answer.expect(StatusCode::CREATED).json()["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    // Who only says that they will send something takes no room from others.
    let announced = id_of(draft("eve", &[b'e'; 90]).await);
    let mine = id_of(draft("ada", &[b'a'; 90]).await);
    send_part(&world, "ada", &mine, 0, &[b'a'; 90])
        .await
        .expect(StatusCode::OK);
    let late = send_part(&world, "eve", &announced, 0, b"e").await;
    assert_eq!(refusal(&late), refused(409, "conflict"));
    assert_eq!(refusal(&draft("ben", &[b'b'; 20]).await), refused(409, "conflict"));
    draft("ben", &[b'b'; 10]).await.expect(StatusCode::CREATED);
}

async fn a_disk_that_is_almost_full_takes_no_bytes(backend: Backend) {
    let world = World::with(backend, |config: &mut PublisherConfig| {
        config.works.free_bytes_min = u64::MAX;
    })
    .await;
    let made = sent(&world, |_body| {}).await.expect(StatusCode::CREATED).json();
    let answer = send_part(&world, "ada", made["id"].as_str().unwrap(), 0, b"x").await;
    assert_eq!(refusal(&answer), refused(503, "unavailable"));
}

async fn bytes_that_were_not_announced_are_thrown_away(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.person("ada", Tier::Key);
    let manifest = world.published(manifest_of("ada", b"right", None)).await;
    let made = world.post(&ada, CONTENT, &body_of(&manifest, b"right")).await.json();
    let id = made["id"].as_str().unwrap();
    let answer = send_part(&world, "ada", id, 0, b"wrong").await;
    assert_eq!(refusal(&answer), refused(400, "invalid_request"));
    assert!(answer.text().contains("was announced"), "{}", answer.text());
    let own = get_as(&world, "ada", &format!("{CONTENT}/{id}")).await.json();
    assert_eq!(own["upload"]["received"], 0);
    send_part(&world, "ada", id, 0, b"right").await.expect(StatusCode::OK);
}

async fn a_manifest_about_other_bytes_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.person("ada", Tier::Key);
    let manifest = world.published(manifest_of("ada", b"signed", None)).await;
    let made = world.post(&ada, CONTENT, &body_of(&manifest, b"others")).await.json();
    let answer = send_part(&world, "ada", made["id"].as_str().unwrap(), 0, b"others").await;
    assert_eq!(refusal(&answer), refused(400, "invalid_request"));
    assert!(answer.text().contains("about other bytes"), "{}", answer.text());
}

async fn anothers_work_is_none(backend: Backend) {
    let world = World::new(backend).await;
    let (id, _bytes) = published_work(&world, "ada", "0.50 TEST-USD").await;
    let ben = world.person("ben", Tier::Key);
    for path in ["publish", "withdraw"] {
        let answer = world.post(&ben, &format!("{CONTENT}/{id}/{path}"), &Value::Null).await;
        assert_eq!(refusal(&answer), refused(404, "not_found"), "{path}");
    }
    let manifest = world.published(manifest_of("ben", b"b", None)).await;
    let body = body_of(&manifest, b"b");
    let answer = world.post(&ben, &format!("{CONTENT}/{id}/versions"), &body).await;
    assert_eq!(refusal(&answer), refused(404, "not_found"));
    let answer = send_part(&world, "ben", &id, 0, b"b").await;
    assert_eq!(refusal(&answer), refused(404, "not_found"));
}

async fn an_unsigned_part_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let (id, _bytes) = published_work(&world, "ada", "0.50 TEST-USD").await;
    let path = format!("{CONTENT}/{id}/bytes?offset=0");
    let mut request = world.sign_bytes("PUT", &key("ada"), &path, None, b"abc");
    request.body = b"abd".to_vec();
    let answer = world.send_signed(&request).await;
    assert_eq!(refusal(&answer), refused(401, "bad_signature"), "another digest");
    let mut moved = world.sign_bytes("PUT", &key("ada"), &path, None, b"abc");
    moved.target_uri = format!("{}{CONTENT}/{id}/bytes?offset=1", crate::world::PUBLIC);
    assert_eq!(world.send_signed(&moved).await.status, StatusCode::UNAUTHORIZED);
    let plain = Request::put(path).body(Body::from("abc")).unwrap();
    assert_eq!(refusal(&world.send(plain).await), refused(401, "unauthenticated"));
}

async fn a_draft_is_its_authors_alone(backend: Backend) {
    let world = World::new(backend).await;
    let made = sent(&world, |_body| {}).await.json();
    let id = made["id"].as_str().unwrap();
    for path in [format!("{CONTENT}/{id}"), format!("/publisher/content/{id}")] {
        world.get(&path).await.expect(StatusCode::NOT_FOUND);
        get_as(&world, "ben", &path).await.expect(StatusCode::NOT_FOUND);
    }
    get_as(&world, "ada", &format!("{CONTENT}/{id}"))
        .await
        .expect(StatusCode::OK);
    get_as(&world, "ada", &format!("/publisher/content/{id}"))
        .await
        .expect(StatusCode::CONFLICT);
    assert_eq!(world.get(CONTENT).await.json()["works"], json!([]));
}

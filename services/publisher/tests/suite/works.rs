//! Works on their way in: drafts, bytes, versions.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use imajin_fair::Manifest;
use imajin_proof::digest::sha256_hex;
use imajin_testkit::{Answer, Backend, on_both};
use imajin_web::Tier;
use serde_json::{Value, json};

use crate::world::{World, audit_all, did, key, now};

on_both!(
    a_work_comes_in_by_parts_and_is_published,
    an_upload_that_was_cut_off_goes_on_where_it_was,
    whoever_hangs_up_while_the_last_part_is_looked_at_has_sent_it,
    what_came_to_its_end_before_the_power_went_is_looked_at_again,
    a_new_version_waits_until_it_is_published,
    a_manifest_in_the_file_itself_is_about_the_bytes_without_it,
    a_request_that_is_sent_again_makes_one_work,
    what_nobody_wants_is_swept_and_nothing_else,
    changed_and_missing_bytes_are_found,
);

pub(crate) const CONTENT: &str = "/publisher/api/content";

/// A manifest about bytes, with a price for reading.
pub(crate) fn manifest_of(author: &str, bytes: &[u8], price: Option<&str>) -> Manifest {
    let mut draft = json!({
        "title": "On strings", "type": "article", "author": did(author),
        "contributors": [
            {"did": did(author), "role": "author", "share": 0.9}, {"did": did("eve"), "role": "editor", "share": 0.1},
        ],
        "content": {"sha256": sha256_hex(bytes), "size": bytes.len()},
    });
    if let Some((amount, currency)) = price.and_then(|price| price.split_once(' ')) {
        draft["terms"] = json!({"read": {"price": amount, "currency": currency}});
    }
    let manifest = Manifest::from_value(draft).unwrap();
    manifest.sign(&key(author), did(author), now()).unwrap()
}

pub(crate) fn body_of(manifest: &Manifest, bytes: &[u8]) -> Value {
    json!({
        "manifest": manifest.id, "summary": "About strings.", "preview": "*Strings* are",
        "format": "markdown", "sha256": sha256_hex(bytes), "size": bytes.len(),
    })
}

pub(crate) async fn send_part(world: &World, author: &str, id: &str, offset: usize, bytes: &[u8]) -> Answer {
    let path = format!("{CONTENT}/{id}/bytes?offset={offset}");
    world
        .send_signed(&world.sign_bytes("PUT", &key(author), &path, None, bytes))
        .await
}

/// A work with these bytes, in the form of `change`d members, published.
pub(crate) async fn work_with(
    world: &World,
    author: &str,
    price: Option<&str>,
    bytes: &[u8],
    change: impl FnOnce(&mut Value),
) -> String {
    let author_key = world.person(author, Tier::Key);
    let manifest = world.published(manifest_of(author, bytes, price)).await;
    let mut body = body_of(&manifest, bytes);
    change(&mut body);
    let made = world.post(&author_key, CONTENT, &body).await;
    let id = made.expect(StatusCode::CREATED).json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let sent = send_part(world, author, &id, 0, bytes).await;
    assert_eq!(sent.expect(StatusCode::OK).json()["complete"], true);
    let path = format!("{CONTENT}/{id}/publish");
    world
        .post(&author_key, &path, &Value::Null)
        .await
        .expect(StatusCode::OK);
    id
}

pub(crate) async fn published_work(world: &World, author: &str, price: &str) -> (String, Vec<u8>) {
    let bytes = b"# Strings\n\nThey *sound*.\n".to_vec();
    let id = work_with(world, author, Some(price), &bytes, |_body| {}).await;
    (id, bytes)
}

pub(crate) async fn get_as(world: &World, reader: &str, path: &str) -> Answer {
    let request = Request::get(path).header("authorization", format!("Bearer {}", did(reader)));
    world.send(request.body(Body::empty()).unwrap()).await
}

/// Where bytes are by their digest.
fn blob(world: &World, digest: &str) -> std::path::PathBuf {
    let folder = digest.get(..2).unwrap();
    world.dir.path().join("blobs").join(folder).join(digest)
}

async fn a_work_comes_in_by_parts_and_is_published(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.person("ada", Tier::Key);
    let bytes: Vec<u8> = (0..100_000_u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
    let manifest = world.published(manifest_of("ada", &bytes, Some("0.50 TEST-USD"))).await;
    let mut body = body_of(&manifest, &bytes);
    body["format"] = json!("file");
    body["fileName"] = json!("strings.wav");
    let made = world.post(&ada, CONTENT, &body).await;
    let made = made.expect(StatusCode::CREATED).json();
    let id = made["id"].as_str().unwrap();
    assert_eq!(
        (&made["state"], &made["mediaType"]),
        (&json!("draft"), &json!("audio/wav"))
    );
    assert_eq!(made["price"], json!({"amount": "0.50", "currency": "TEST-USD"}));
    assert_eq!(made["upload"]["received"], 0);
    world
        .get(&format!("{CONTENT}/{id}"))
        .await
        .expect(StatusCode::NOT_FOUND);
    let early = world.post(&ada, &format!("{CONTENT}/{id}/publish"), &Value::Null).await;
    early.expect(StatusCode::CONFLICT);
    for (number, part) in bytes.chunks(40_000).enumerate() {
        let sent = send_part(&world, "ada", id, number * 40_000, part)
            .await
            .expect(StatusCode::OK)
            .json();
        assert_eq!(sent["complete"], number == 2, "{sent}");
    }
    let path = format!("{CONTENT}/{id}/publish");
    let shown = world
        .post(&ada, &path, &Value::Null)
        .await
        .expect(StatusCode::OK)
        .json();
    assert_eq!(
        (&shown["state"], &shown["access"]),
        (&json!("published"), &json!("author"))
    );
    let card = world
        .get(&format!("{CONTENT}/{id}"))
        .await
        .expect(StatusCode::OK)
        .json();
    assert_eq!((&card["access"], &card["upload"]), (&json!("unpaid"), &Value::Null));
    assert_eq!(card["splits"][1]["share"], "0.1");
    let list = world.get(&format!("{CONTENT}?author={}", did("ada"))).await.json();
    assert_eq!(list["works"][0]["id"], *id);
    assert_eq!(world.audit().await, []);
}

async fn an_upload_that_was_cut_off_goes_on_where_it_was(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.person("ada", Tier::Key);
    let bytes = b"0123456789".to_vec();
    let manifest = world.published(manifest_of("ada", &bytes, None)).await;
    let made = world.post(&ada, CONTENT, &body_of(&manifest, &bytes)).await.json();
    let id = made["id"].as_str().unwrap();
    send_part(&world, "ada", id, 0, b"0123").await.expect(StatusCode::OK);
    let gap = send_part(&world, "ada", id, 6, b"6789").await;
    assert_eq!(gap.expect(StatusCode::CONFLICT).json()["received"], 4);
    let own = get_as(&world, "ada", &format!("{CONTENT}/{id}")).await.json();
    assert_eq!(
        own["upload"],
        json!({"version": 1, "received": 4, "size": 10, "complete": false})
    );
    let last = send_part(&world, "ada", id, 4, b"456789").await.json();
    assert_eq!(last["complete"], true);
    // Sent once more, because the answer was lost.
    let again = send_part(&world, "ada", id, 4, b"456789").await;
    assert_eq!(again.expect(StatusCode::OK).json()["complete"], true);
}

async fn draft_of(world: &World, bytes: &[u8]) -> String {
    let ada = world.person("ada", Tier::Key);
    let manifest = world.published(manifest_of("ada", bytes, None)).await;
    let made = world.post(&ada, CONTENT, &body_of(&manifest, bytes)).await;
    made.expect(StatusCode::CREATED).json()["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn whoever_hangs_up_while_the_last_part_is_looked_at_has_sent_it(backend: Backend) {
    let world = World::new(backend).await;
    let bytes = vec![b'x'; 1_000_000];
    let id = draft_of(&world, &bytes).await;
    let part = world.dir.path().join("parts").join(format!("{id}.1"));
    let mut sending = Box::pin(send_part(&world, "ada", &id, 0, &bytes));
    while !part.exists() && !blob(&world, &sha256_hex(&bytes)).exists() {
        tokio::select! {
            biased;
            answer = &mut sending => panic!("{} came before the bytes", answer.status),
            () = tokio::task::yield_now() => {}
        }
    }
    drop(sending);
    let own = async || get_as(&world, "ada", &format!("{CONTENT}/{id}")).await.json();
    for _ in 0..1_000 {
        if own().await["upload"]["complete"] == true {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(own().await["upload"]["complete"], true);
}

async fn what_came_to_its_end_before_the_power_went_is_looked_at_again(backend: Backend) {
    let world = World::new(backend).await;
    let bytes = b"0123456789".to_vec();
    let id = draft_of(&world, &bytes).await;
    std::fs::write(world.dir.path().join("parts").join(format!("{id}.1")), &bytes).unwrap();
    // Also when its file has its name already.
    std::fs::create_dir_all(blob(&world, &sha256_hex(&bytes)).parent().unwrap()).unwrap();
    std::fs::write(blob(&world, &sha256_hex(&bytes)), &bytes).unwrap();
    let sent = send_part(&world, "ada", &id, 9, b"9").await;
    assert_eq!(sent.expect(StatusCode::OK).json()["complete"], true);
    assert_eq!(std::fs::read_dir(world.dir.path().join("parts")).unwrap().count(), 0);
    // Somebody else's bytes are nobody's by their digest alone.
    let id = draft_of(&world, b"mine").await;
    std::fs::create_dir_all(blob(&world, &sha256_hex(b"mine")).parent().unwrap()).unwrap();
    std::fs::write(blob(&world, &sha256_hex(b"mine")), b"mine").unwrap();
    let sent = send_part(&world, "ada", &id, 0, b"mi").await;
    assert_eq!(sent.expect(StatusCode::OK).json()["complete"], false);
}

async fn a_new_version_waits_until_it_is_published(backend: Backend) {
    let world = World::new(backend).await;
    let (id, first) = published_work(&world, "ada", "0.50 TEST-USD").await;
    let second = b"# Strings, again\n".to_vec();
    let manifest = world
        .published(manifest_of("ada", &second, Some("0.75 TEST-USD")))
        .await;
    let path = format!("{CONTENT}/{id}/versions");
    let added = world.post(&key("ada"), &path, &body_of(&manifest, &second)).await;
    assert_eq!(added.expect(StatusCode::CREATED).json()["version"], 2);
    send_part(&world, "ada", &id, 0, &second).await.expect(StatusCode::OK);
    let seen = world.get(&format!("{CONTENT}/{id}")).await.json();
    assert_eq!(
        (&seen["version"], &seen["sha256"]),
        (&json!(1), &json!(sha256_hex(&first)))
    );
    let path = format!("{CONTENT}/{id}/publish");
    world
        .post(&key("ada"), &path, &Value::Null)
        .await
        .expect(StatusCode::OK);
    let seen = world.get(&format!("{CONTENT}/{id}")).await.json();
    assert_eq!(
        (&seen["version"], &seen["price"]["amount"]),
        (&json!(2), &json!("0.75"))
    );
    assert_eq!(world.audit().await, []);
}

async fn a_manifest_in_the_file_itself_is_about_the_bytes_without_it(backend: Backend) {
    let world = World::new(backend).await;
    let plain = b"# Strings\n\nThey sound.\n".to_vec();
    let manifest = manifest_of("ada", &plain, Some("0.50 TEST-USD"));
    let mut source = std::io::Cursor::new(plain.clone());
    let mut file = imajin_fair_embed::Work::open(&mut source, "article.md").unwrap();
    let layout = file.embed(&manifest).unwrap();
    let mut embedded = Vec::new();
    file.write(&layout, &mut embedded).unwrap();
    assert_ne!(embedded, plain);
    let ada = world.person("ada", Tier::Key);
    world.published(manifest.clone()).await;
    let made = world.post(&ada, CONTENT, &body_of(&manifest, &embedded)).await.json();
    let id = made["id"].as_str().unwrap();
    let sent = send_part(&world, "ada", id, 0, &embedded).await;
    assert_eq!(sent.expect(StatusCode::OK).json()["complete"], true);
    // With the manifest of another work in it, it is refused.
    let other = world.published(manifest_of("ada", b"other", None)).await;
    let made = world.post(&ada, CONTENT, &body_of(&other, &embedded)).await.json();
    let sent = send_part(&world, "ada", made["id"].as_str().unwrap(), 0, &embedded).await;
    assert!(sent.expect(StatusCode::BAD_REQUEST).text().contains("another work"));
}

async fn a_request_that_is_sent_again_makes_one_work(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.person("ada", Tier::Key);
    let manifest = world.published(manifest_of("ada", b"x", None)).await;
    let body = serde_json::to_vec(&body_of(&manifest, b"x")).unwrap();
    let send = async |body: &[u8]| {
        world
            .send_signed(&world.sign_bytes("POST", &ada, CONTENT, Some("k"), body))
            .await
    };
    let first = send(&body).await.expect(StatusCode::CREATED).json();
    assert_eq!(send(&body).await.expect(StatusCode::CREATED).json()["id"], first["id"]);
    let other = serde_json::to_vec(&body_of(&manifest, b"y")).unwrap();
    let refused = send(&other).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (409, "idempotency_mismatch")
    );
}

async fn what_nobody_wants_is_swept_and_nothing_else(backend: Backend) {
    let world = World::new(backend).await;
    let (_id, bytes) = published_work(&world, "ada", "0.50 TEST-USD").await;
    let ada = world.person("ada", Tier::Key);
    let manifest = world.published(manifest_of("ada", b"waits", None)).await;
    let made = world.post(&ada, CONTENT, &body_of(&manifest, b"waits")).await.json();
    send_part(&world, "ada", made["id"].as_str().unwrap(), 0, b"wai").await;
    // As after a power cut between the file and its row.
    let digest = sha256_hex(b"orphan");
    let path = blob(&world, &digest);
    let folder = path.parent().unwrap();
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(&path, b"orphan").unwrap();
    assert_eq!(world.publisher.files_sweep().await.unwrap(), 1);
    assert!(!path.exists());
    assert!(blob(&world, &sha256_hex(&bytes)).exists());
    assert_eq!(std::fs::read_dir(world.dir.path().join("parts")).unwrap().count(), 1);
    world.clock.advance(imajin_kernel::Span::days(3));
    assert_eq!(
        world.publisher.files_sweep().await.unwrap(),
        1,
        "the upload was given up"
    );
}

async fn changed_and_missing_bytes_are_found(backend: Backend) {
    let world = World::new(backend).await;
    let (_id, bytes) = published_work(&world, "ada", "0.50 TEST-USD").await;
    let digest = sha256_hex(&bytes);
    let path = blob(&world, &digest);
    let audit = async |most: u64| {
        let (dir, env) = (world.dir.path().to_owned(), world.env.clone());
        let found: Result<_, imajin_store::StoreError> = world
            .db
            .read(move |conn| imajin_publisher::files_audit(conn, &dir, &env, most))
            .await;
        found.unwrap()
    };
    let clean = audit(1 << 20).await;
    assert_eq!(
        (clean.files, clean.bytes_hashed),
        (1, u64::try_from(bytes.len()).unwrap())
    );
    assert_eq!(clean.findings, []);
    let mut changed = bytes.clone();
    changed[3] ^= 1;
    std::fs::write(&path, &changed).unwrap();
    assert_eq!(audit(1 << 20).await.findings[0].problem, "its bytes were changed");
    assert_eq!(audit(1).await.findings, [], "no more is hashed than was asked for");
    std::fs::write(&path, b"x").unwrap();
    assert_eq!(audit(1).await.findings[0].problem, "its bytes have another length");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(audit(1).await.findings[0].problem, "its bytes are missing");
    let (keyring, env) = (world.keyring.clone(), world.env.clone());
    let rows = world
        .db
        .read(move |conn| audit_all(conn, &keyring, &env))
        .await
        .unwrap();
    assert_eq!(rows, [], "the rows are as they were");
}

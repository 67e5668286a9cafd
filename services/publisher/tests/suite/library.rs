//! What enters the library, and how it is read.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use imajin_fair::{Manifest, ManifestRecord};
use imajin_testkit::{Backend, on_both};
use imajin_web::Tier;
use serde_json::{Value, json};

use crate::world::{FAIR, World, acceptance, did, key, now, signed};

on_both!(
    a_manifest_is_read_as_its_author_signed_it,
    whoever_is_registered_may_bring_it_and_nobody_else,
    publishing_twice_changes_nothing,
    a_manifest_whose_signature_does_not_hold_is_refused,
    json_with_two_meanings_is_refused,
    one_id_has_one_document,
    a_name_that_is_no_digest_is_good_for_its_author_here,
    an_authors_manifests_are_listed_page_by_page,
    the_manifests_of_goods_are_in_their_authors_list,
    an_address_without_a_manifest_is_not_found,
);

async fn a_manifest_is_read_as_its_author_signed_it(backend: Backend) {
    let world = World::new(backend).await;
    let manifest = signed("ada", "Strings", &json!({"note": {"kept": [1, 2]}}));
    let answer = world.publish(&manifest).await;
    let published = answer.expect(StatusCode::CREATED).json();
    let url = format!("http://node.test:7000/fair/{}", manifest.id);
    assert_eq!(
        published,
        json!({"id": manifest.id, "url": url, "created": true}),
        "where it is"
    );
    assert_eq!(answer.header("location"), url);

    let path = format!("{FAIR}/{}", manifest.id);
    let read = world.get(&path).await;
    assert_eq!(
        read.expect(StatusCode::OK).text().into_bytes(),
        manifest.canonical_bytes().unwrap()
    );
    assert_eq!(read.header("content-type"), "application/fair+json");
    assert_eq!(
        read.header("link"),
        format!("<{url}>; rel=\"fair\"; type=\"application/fair+json\"")
    );
    let digest = manifest.digest_hex().unwrap();
    assert_eq!(read.header("x-fair-digest"), format!("sha256:{digest}"));

    let known = Request::get(&path).header("if-none-match", read.header("etag"));
    let again = world.send(known.body(Body::empty()).unwrap()).await;
    assert_eq!(again.expect(StatusCode::NOT_MODIFIED).text(), "");
    let browser = Request::get(&path).header("accept", "text/html,*/*;q=0.8");
    let page = world.send(browser.body(Body::empty()).unwrap()).await;
    assert_eq!(page.expect(StatusCode::SEE_OTHER).header("location"), url);

    let record = world.get(&format!("{path}/record")).await;
    let record = record.expect(StatusCode::OK).json();
    assert_eq!(record, json!({"manifest": manifest}));
    assert_eq!(world.audit().await, []);
}

async fn whoever_is_registered_may_bring_it_and_nobody_else(backend: Backend) {
    let world = World::new(backend).await;
    let manifest = signed("ada", "Strings", &json!({}));
    let stranger = world.post(&key("ada"), FAIR, &manifest).await;
    assert_eq!(stranger.expect(StatusCode::FORBIDDEN).code(), "forbidden");
    world.person("mailbox", Tier::Soft);
    let answer = world.post(&key("mailbox"), FAIR, &manifest).await;
    answer.expect(StatusCode::CREATED);
    let request = Request::post(FAIR).header("content-type", "application/json");
    let body = serde_json::to_vec(&manifest).unwrap();
    let unsigned = world.send(request.body(Body::from(body)).unwrap()).await;
    unsigned.expect(StatusCode::UNAUTHORIZED);
    let holder = world.person("holder", Tier::Key);
    let request = world.sign(&holder, FAIR, &signed("ada", "Other", &json!({})));
    world.send_signed(&request).await.expect(StatusCode::CREATED);
    let replayed = world.send_signed(&request).await;
    assert_eq!(replayed.code(), "replayed");
}

async fn publishing_twice_changes_nothing(backend: Backend) {
    let world = World::new(backend).await;
    let manifest = world.published(signed("ada", "Strings", &json!({}))).await;
    let again = world.publish(&manifest).await;
    assert_eq!(again.expect(StatusCode::OK).json()["created"], false);
    // What others have signed since is added.
    let split = json!({"contributors": [
        {"did": did("ada"), "role": "author", "share": 0.5}, {"did": did("ben"), "role": "editor", "share": 0.5},
    ]});
    let shared = world.published(signed("ada", "Shared", &split)).await;
    let record = json!({"manifest": shared, "acceptances": [acceptance("ben", &shared.id)]});
    world.publish(&record).await.expect(StatusCode::OK);
    let kept = world.get(&format!("{FAIR}/{}/record", shared.id)).await.json();
    assert_eq!(kept, record);
    assert_eq!(world.audit().await, []);
}

async fn a_manifest_whose_signature_does_not_hold_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let refused = async |manifest: &Value, status: StatusCode, code: &str, detail: &str| {
        let answer = world.publish(manifest).await;
        assert_eq!(answer.expect(status).code(), code);
        assert!(answer.detail().contains(detail), "{}", answer.detail());
    };
    let good = serde_json::to_value(signed("ada", "Strings", &json!({}))).unwrap();
    let changed = |pointer: &str, value: Value| {
        let mut manifest = good.clone();
        *manifest.pointer_mut(pointer).unwrap() = value;
        manifest
    };
    let (unauthorised, bad) = (StatusCode::UNAUTHORIZED, "bad_signature");
    let mut unsigned = good.clone();
    unsigned.as_object_mut().unwrap().remove("signature");
    refused(&unsigned, unauthorised, bad, "is not signed").await;
    refused(
        &changed("/title", json!("Stolen")),
        unauthorised,
        bad,
        "another content",
    )
    .await;
    let (created, moved) = ("/signature/created", json!("2020-01-01T00:00:00Z"));
    refused(
        &changed(created, moved),
        unauthorised,
        bad,
        "was changed after it was signed",
    )
    .await;
    let theirs = changed("/signature/did", json!(did("eve")));
    refused(&theirs, StatusCode::FORBIDDEN, "forbidden", "not the author").await;
    let shares = changed("/contributors/0/share", json!(0.5));
    refused(&shares, StatusCode::BAD_REQUEST, "invalid_request", "sum to 0.50").await;
    // Without an author, anybody could sign it: it must be somebody who has a part in it.
    let draft = json!({"contributors": [{"did": did("ada"), "role": "author", "share": 1}]});
    let by = |name: &str| {
        let manifest = Manifest::from_value(draft.clone()).unwrap();
        manifest.sign(&key(name), did(name), now()).unwrap()
    };
    let stolen = serde_json::to_value(by("eve")).unwrap();
    refused(
        &stolen,
        StatusCode::BAD_REQUEST,
        "invalid_request",
        "has no entry in it",
    )
    .await;
    world.published(by("ada")).await;
    let unknown = json!({"did": "did:web:nobody.example", "role": "author", "share": 1});
    let mut foreign = changed("/contributors", json!([unknown]));
    foreign["signature"] = json!("00".repeat(64));
    foreign.as_object_mut().unwrap().remove("author");
    foreign["id"] = json!("fair_example01");
    refused(&foreign, StatusCode::NOT_FOUND, "not_found", "identity").await;
    refused(
        &json!({"manifest": 1}),
        StatusCode::BAD_REQUEST,
        "invalid_request",
        "no manifest",
    )
    .await;
}

async fn json_with_two_meanings_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let manifest = serde_json::to_string(&signed("ada", "Strings", &json!({}))).unwrap();
    let doubled = manifest.replacen('{', "{\"title\":\"Something else\",", 1);
    let holder = world.person("holder", Tier::Key);
    let mut request = world.sign(&holder, FAIR, &json!({}));
    let to_sign = imajin_proof::http_sig::RequestToSign {
        method: "POST",
        target_uri: &request.target_uri,
        idempotency_key: None,
        body: doubled.as_bytes(),
    };
    let params = imajin_proof::http_sig::SignatureParams::now(holder.did(), &world.env);
    request = imajin_proof::http_sig::sign(&holder, &to_sign, &params).unwrap();
    let answer = world.send_signed(&request).await;
    assert_eq!(answer.expect(StatusCode::BAD_REQUEST).code(), "invalid_request");
}

async fn one_id_has_one_document(backend: Backend) {
    let world = World::new(backend).await;
    let first = world.published(signed("ada", "Strings", &json!({}))).await;
    let again = first
        .clone()
        .sign(&key("ada"), did("ada"), now().plus(imajin_kernel::Span::seconds(1)));
    let again = again.unwrap();
    assert_eq!(again.id, first.id);
    let answer = world.publish(&again).await;
    assert_eq!(answer.expect(StatusCode::CONFLICT).code(), "conflict");
}

async fn a_name_that_is_no_digest_is_good_for_its_author_here(backend: Backend) {
    let world = World::new(backend).await;
    // The seeds' minimal form: named by hand, and signed with hex digits over everything else.
    let mut minimal = json!({
        "version": "1.0", "id": "fair_example01", "derives_from": [], "terms": {},
        "contributors": [{"did": did("ada"), "role": "author", "share": 1}],
    });
    let bytes = imajin_proof::jcs::to_bytes(&minimal).unwrap();
    minimal["signature"] = json!(key("ada").sign(&bytes).to_hex());
    world.publish(&minimal).await.expect(StatusCode::CREATED);
    let read = world.get(&format!("{FAIR}/fair_example01")).await;
    assert_eq!(read.expect(StatusCode::OK).json(), minimal);
    assert_eq!(world.audit().await, []);
}

async fn an_authors_manifests_are_listed_page_by_page(backend: Backend) {
    let world = World::new(backend).await;
    let mut ids = Vec::new();
    for number in 0..5 {
        let title = format!("Work {number}");
        ids.push(world.published(signed("ada", &title, &json!({}))).await.id);
        // Two of them at one moment.
        if number != 2 {
            world.clock.advance(imajin_kernel::Span::seconds(1));
        }
    }
    world.published(signed("ben", "Of another", &json!({}))).await;
    let (mut listed, mut cursor) = (Vec::new(), String::new());
    for _page in 0..3 {
        let path = format!("{FAIR}?author={}&limit=2{cursor}", did("ada"));
        let page = world.get(&path).await.expect(StatusCode::OK).json();
        listed.extend(page["manifests"].as_array().unwrap().clone());
        cursor = page["cursor"]
            .as_str()
            .map(|text| format!("&cursor={text}"))
            .unwrap_or_default();
    }
    assert_eq!(cursor, "", "the third page is the last");
    assert_eq!(listed.len(), 5);
    assert_eq!(
        (&listed[0]["title"], &listed[4]["title"]),
        (&json!("Work 4"), &json!("Work 0"))
    );
    let mut found: Vec<_> = listed
        .iter()
        .map(|card| card["id"].as_str().unwrap().to_owned())
        .collect();
    found.sort();
    ids.sort();
    assert_eq!(found, ids.iter().map(ToString::to_string).collect::<Vec<_>>());
    for (query, detail) in [
        ("author=nobody", "author:"),
        (
            "author=did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw&limit=0",
            "limit:",
        ),
        (
            "author=did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw&cursor=x",
            "cursor:",
        ),
    ] {
        let answer = world.get(&format!("{FAIR}?{query}")).await;
        let answer = answer.expect(StatusCode::BAD_REQUEST);
        assert!(answer.detail().starts_with(detail), "{}", answer.detail());
    }
}

async fn the_manifests_of_goods_are_in_their_authors_list(backend: Backend) {
    let world = World::new(backend).await;
    let goods: Vec<Manifest> = (0..5)
        .map(|number| signed("ada", &format!("Event {number}"), &json!({})))
        .collect();
    // One of them was published in the library before it was sold: it is listed once.
    for manifest in [&goods[3], &signed("ada", "Song", &json!({}))] {
        world.published(manifest.clone()).await;
    }
    let records = goods.iter().cloned().map(ManifestRecord::new);
    world.shop.0.lock().unwrap().extend(records);
    let (mut titles, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let path = format!("{FAIR}?author={}&limit=2{cursor}", did("ada"));
        let page = world.get(&path).await.expect(StatusCode::OK).json();
        let cards = page["manifests"].as_array().unwrap();
        assert!(cards.len() <= 2);
        titles.extend(cards.iter().map(|card| card["title"].as_str().unwrap().to_owned()));
        pages += 1;
        match page["cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(titles[..3], ["Event 4", "Event 2", "Event 1"]);
    let mut of_one_moment = titles.split_off(3);
    of_one_moment.sort();
    assert_eq!(of_one_moment, ["Event 0", "Event 3", "Song"]);
    assert_eq!(pages, 4, "the one that is left out leaves a short page");
}

async fn an_address_without_a_manifest_is_not_found(backend: Backend) {
    let world = World::new(backend).await;
    for path in ["fair_nothing", "fair_nothing/record", "fair_nothing/chain", "nonsense"] {
        world.get(&format!("{FAIR}/{path}")).await.expect(StatusCode::NOT_FOUND);
    }
}

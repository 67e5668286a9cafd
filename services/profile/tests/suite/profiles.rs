//! Writing, reading and deleting profiles, and who sees what.

use std::sync::atomic::Ordering;

use axum::http::StatusCode;
use imajin_auth_api::MoveView;
use imajin_did::SecretKey;
use imajin_kernel::Timestamp;
use imajin_testkit::{Backend, on_both};
use imajin_web::Custody;
use serde_json::{Value, json};

use crate::world::{AVATAR, PROFILE, World, key, picture};

on_both!(
    a_profile_is_made_read_and_changed,
    two_devices_do_not_overwrite_each_other,
    contact_fields_are_for_oneself_and_for_connections,
    a_request_is_good_once_and_a_repeated_one_harmless,
    what_is_not_signed_by_its_owner_changes_nothing,
    a_deleted_profile_is_gone_with_its_picture,
    whoever_wrote_nothing_has_what_auth_tells_everybody,
    who_has_moved_has_their_profile_at_the_new_home,
);

fn full() -> Value {
    json!({
        "version": 0, "displayName": "Ada Lindqvist", "bio": "Sings.\nAnd <b>paints</b>.",
        "links": [{"label": "Home", "url": "https://ada.example/"}],
        "contact": {
            "email": {"value": "ada@example.org"},
            "phone": {"value": "+49 30 1234", "visibility": "nobody"},
            "location": {"value": "Berlin", "visibility": "connections"},
        },
    })
}

async fn a_profile_is_made_read_and_changed(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.person("ada");
    let made = world.change(&ada, "PUT", PROFILE, &full()).await;
    made.expect(StatusCode::OK);
    assert_eq!((made.header("etag"), &made.json()["version"]), ("\"1\"", &json!(1)));
    for id in [
        "ada".to_owned(),
        ada.did().to_string(),
        ada.did().also_known_as()[0].to_string(),
    ] {
        let read = world.read(None, &id).await;
        let view = read.expect(StatusCode::OK).json();
        assert_eq!(view["did"], json!(ada.did()));
        assert_eq!(view["handle"], "ada");
        assert_eq!(view["displayName"], "Ada Lindqvist");
        assert_eq!(view["displayType"], "human");
        assert_eq!(view["bio"], "Sings.\nAnd <b>paints</b>.");
        assert_eq!(view["links"], json!([{"label": "Home", "url": "https://ada.example/"}]));
        assert_eq!(view["avatar"], Value::Null);
    }
    let etag = world.read(None, "ada").await.header("etag").to_owned();
    let again = axum::http::Request::get(format!("{PROFILE}/ada")).header("if-none-match", &etag);
    let again = world.send(again.body(axum::body::Body::empty()).unwrap()).await;
    again.expect(StatusCode::NOT_MODIFIED);

    let body = json!({"version": 1, "displayName": "Ada L."});
    let changed = world.change(&ada, "PUT", PROFILE, &body).await;
    assert_eq!(changed.expect(StatusCode::OK).json()["version"], 2);
    let own = world.get(Some(&ada.did()), PROFILE).await;
    assert_eq!(own.header("etag"), "\"2\"");
    assert_eq!(own.json()["links"], json!([]), "the body is the whole profile");
    assert!(own.json().get("contact").is_none());
    world.get(None, PROFILE).await.expect(StatusCode::UNAUTHORIZED);
    world.read(None, "nobody_here").await.expect(StatusCode::NOT_FOUND);
    world
        .read(None, "did:email:ada_at_example.org")
        .await
        .expect(StatusCode::NOT_FOUND);
    assert_eq!(world.audit().await, []);
}

async fn two_devices_do_not_overwrite_each_other(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.person("ada");
    world.named(&ada, "Ada").await;
    let phone = json!({"version": 1, "displayName": "Ada by phone"});
    let laptop = json!({"version": 1, "displayName": "Ada by laptop"});
    world.change(&ada, "PUT", PROFILE, &phone).await.expect(StatusCode::OK);
    let refused = world.change(&ada, "PUT", PROFILE, &laptop).await;
    refused.expect(StatusCode::PRECONDITION_FAILED);
    assert_eq!(
        (refused.code().as_str(), &refused.json()["version"]),
        ("precondition_failed", &json!(2))
    );
    assert!(
        refused.detail().contains("has changed since you opened it"),
        "{}",
        refused.detail()
    );
    assert_eq!(world.read(None, "ada").await.json()["displayName"], "Ada by phone");

    // The same by the header.
    for (tag, status) in [
        ("\"1\"", StatusCode::PRECONDITION_FAILED),
        ("\"1\", \"7\"", StatusCode::PRECONDITION_FAILED),
        ("2", StatusCode::BAD_REQUEST),
        ("\"1\", \"2\"", StatusCode::OK),
    ] {
        let body = json!({"version": 2, "displayName": "Ada"});
        let signed = world.sign(&ada, "PUT", PROFILE, None, &body);
        world.send_signed(&signed, &[("if-match", tag)]).await.expect(status);
    }
    let first = world.sign(
        &world.person("ben"),
        "PUT",
        PROFILE,
        None,
        &json!({"version": 0, "displayName": "Ben"}),
    );
    world
        .send_signed(&first, &[("if-match", "*")])
        .await
        .expect(StatusCode::PRECONDITION_FAILED);
    // A picture is no text: it does not get in the way of who is writing.
    world
        .avatar(&ada, &picture(image::ImageFormat::Png, 8, 8))
        .await
        .expect(StatusCode::OK);
    let body = json!({"version": 3, "displayName": "Ada with a picture"});
    world.change(&ada, "PUT", PROFILE, &body).await.expect(StatusCode::OK);
    assert_eq!(world.audit().await, []);
}

async fn contact_fields_are_for_oneself_and_for_connections(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, ben) = (world.person("ada"), world.person("ben"));
    world.change(&ada, "PUT", PROFILE, &full()).await.expect(StatusCode::OK);
    let seen = async |reader: Option<SecretKey>| {
        let reader = reader.map(|key| key.did());
        let answer = world.read(reader.as_ref(), "ada").await;
        answer.expect(StatusCode::OK).json()["contact"].clone()
    };
    let reader = |name: &str| Some(key(name));

    let own = seen(reader("ada")).await;
    assert_eq!(
        own["email"],
        json!({"value": "ada@example.org", "visibility": "connections"})
    );
    assert_eq!(own["phone"]["value"], "+49 30 1234");
    assert_eq!(seen(None).await, Value::Null);
    assert_eq!(seen(reader("ben")).await, Value::Null);

    let pair = (ada.did(), ben.did());
    world.connections.pairs.lock().unwrap().insert(pair);
    let friends = seen(reader("ben")).await;
    assert_eq!(friends["email"]["value"], "ada@example.org");
    assert_eq!(friends["location"]["value"], "Berlin");
    assert_eq!(friends["phone"], Value::Null, "the owner keeps it to herself");
    world.connections.away.store(true, Ordering::SeqCst);
    assert_eq!(seen(reader("ben")).await, Value::Null, "no answer is a no");
    assert_ne!(seen(reader("ada")).await, Value::Null);

    let alone = World::with(backend, |deps| deps.connections = None).await;
    let (ada, ben) = (alone.person("ada"), alone.person("ben"));
    alone.change(&ada, "PUT", PROFILE, &full()).await.expect(StatusCode::OK);
    let view = alone.read(Some(&ben.did()), "ada").await.json();
    assert_eq!(
        view["contact"],
        Value::Null,
        "nobody knows who is connected, so nobody is"
    );
}

async fn a_request_is_good_once_and_a_repeated_one_harmless(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.person("ada");
    let body = json!({"version": 0, "displayName": "Ada"});
    let signed = world.sign(&ada, "PUT", PROFILE, Some("k1"), &body);
    world.send_signed(&signed, &[]).await.expect(StatusCode::OK);
    assert_eq!(world.send_signed(&signed, &[]).await.code(), "replayed");
    let again = world.sign(&ada, "PUT", PROFILE, Some("k1"), &body);
    let answer = world.send_signed(&again, &[]).await;
    assert_eq!(
        answer.expect(StatusCode::OK).json()["version"],
        1,
        "it was not changed twice"
    );
    assert_eq!(answer.header("idempotent-replayed"), "true");
    let other = world.sign(
        &ada,
        "PUT",
        PROFILE,
        Some("k1"),
        &json!({"version": 1, "displayName": "Eve"}),
    );
    assert_eq!(world.send_signed(&other, &[]).await.code(), "idempotency_mismatch");
    assert_eq!(world.audit().await, []);
}

async fn what_is_not_signed_by_its_owner_changes_nothing(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.person("ada");
    let body = json!({"version": 0, "displayName": "Ada"});
    for (method, path) in [
        ("PUT", PROFILE),
        ("DELETE", PROFILE),
        ("PUT", AVATAR),
        ("DELETE", AVATAR),
    ] {
        let bare = axum::http::Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", ada.did()));
        let bare = world.send(bare.body(body.to_string().into()).unwrap()).await;
        assert_eq!(bare.code(), "unauthenticated", "{method} {path} with a session alone");
        let any = json!({"version": 0, "displayName": "x", "image": ""});
        let refused = world.change(&key("stranger"), method, path, &any).await;
        assert!(refused.status.is_client_error(), "{method} {path}: {}", refused.text());
    }
    let stranger = world.change(&key("stranger"), "PUT", PROFILE, &body).await;
    assert_eq!(stranger.code(), "forbidden");
    let signed = world.sign(&ada, "PUT", PROFILE, None, &body);
    let elsewhere = imajin_proof::http_sig::SignedRequest {
        target_uri: format!("{}{AVATAR}", crate::world::PUBLIC),
        ..signed
    };
    assert_eq!(world.send_signed(&elsewhere, &[]).await.code(), "bad_signature");
    let unknown = json!({"version": 0, "displayName": "Ada", "did": "did:mjn:x"});
    let unknown = world.change(&ada, "PUT", PROFILE, &unknown).await;
    assert_eq!(unknown.expect(StatusCode::BAD_REQUEST).code(), "invalid_request");
    let wrong = json!({"version": 0, "displayName": "Ada", "links": [{"url": "javascript:alert(1)"}]});
    let wrong = world.change(&ada, "PUT", PROFILE, &wrong).await;
    assert_eq!(wrong.expect(StatusCode::BAD_REQUEST).json()["member"], "links[0].url");
    assert_eq!(world.audit().await, []);
}

async fn a_deleted_profile_is_gone_with_its_picture(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.person("ada");
    world.change(&ada, "PUT", PROFILE, &full()).await.expect(StatusCode::OK);
    let view = world.avatar(&ada, &picture(image::ImageFormat::Png, 8, 8)).await.json();
    let picture_path = crate::world::path_of(&view["avatar"]);
    world.get(None, &picture_path).await.expect(StatusCode::OK);

    for _twice in 0..2 {
        let deleted = world.change(&ada, "DELETE", PROFILE, &json!({})).await;
        assert_eq!(deleted.expect(StatusCode::OK).json(), json!({"deleted": true}));
    }
    let gone = world.read(None, "ada").await;
    assert_eq!(gone.expect(StatusCode::GONE).code(), "gone");
    world.get(None, &picture_path).await.expect(StatusCode::NOT_FOUND);
    let found = world.get(None, "/profile/api/search?q=ada").await.json();
    assert_eq!(found["profiles"], json!([]));
    assert_eq!(world.audit().await, []);
    let refused = world.avatar(&ada, &picture(image::ImageFormat::Png, 8, 8)).await;
    assert_eq!(refused.code(), "gone");

    let own = world.get(Some(&ada.did()), PROFILE).await.json();
    assert_eq!((&own["version"], &own["bio"]), (&json!(3), &Value::Null));
    let again = json!({"version": 3, "displayName": "Ada again"});
    world.change(&ada, "PUT", PROFILE, &again).await.expect(StatusCode::OK);
    assert_eq!(world.read(None, "ada").await.json()["displayName"], "Ada again");
    assert_eq!(world.read(None, "ada").await.json()["avatar"], Value::Null);
    assert_eq!(world.audit().await, []);
}

async fn whoever_wrote_nothing_has_what_auth_tells_everybody(backend: Backend) {
    let world = World::new(backend).await;
    world.person("ada");
    let view = world.read(None, "ada").await.expect(StatusCode::OK).json();
    assert_eq!(
        (&view["version"], &view["displayName"]),
        (&json!(0), &json!("ada of the register"))
    );
    // A pseudonym of a mailbox is not shown before it shows itself, and can have a profile like everybody.
    let soft = world.register("soft", None, Custody::Node);
    let id = soft.did().to_string();
    world.read(None, &id).await.expect(StatusCode::NOT_FOUND);
    world.read(Some(&soft.did()), &id).await.expect(StatusCode::OK);
    world.named(&soft, "A guest").await;
    assert_eq!(world.read(None, &id).await.json()["displayName"], "A guest");
    assert_eq!(world.audit().await, []);
}

async fn who_has_moved_has_their_profile_at_the_new_home(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.person("ada");
    world.named(&ada, "Ada").await;
    let moved = MoveView {
        did: ada.did(),
        to: "did:web:new.example".parse().unwrap(),
        url: "https://new.example".to_owned(),
        since: Timestamp::from_seconds(1_900_000_000),
    };
    world.auth.moved.lock().unwrap().insert(ada.did(), moved);
    for id in ["ada", ada.did().as_str()] {
        let sent_on = world.read(None, id).await;
        let body = sent_on.expect(StatusCode::PERMANENT_REDIRECT).json();
        assert_eq!(body, json!({"did": ada.did(), "movedTo": "https://new.example"}));
        let there = format!("https://new.example/profile/api/profile/{}", ada.did());
        assert_eq!(
            (sent_on.header("location"), sent_on.header("cache-control")),
            (there.as_str(), "no-store")
        );
    }
    // Whoever has moved sees what is left here.
    let left = world.read(Some(&ada.did()), "ada").await;
    assert_eq!(left.expect(StatusCode::OK).json()["displayName"], "Ada");
}

//! Profiles: somebody's page, writing one's own, finding somebody.

use axum::http::StatusCode;
use imajin_auth_api::MoveView;
use imajin_events_api::EventStatus;
use imajin_profile_api::{ProfileSet, Visibility};
use imajin_proof::http_sig::Expectation;

use crate::fakes::Fakes;
use crate::samples::{did, event_sample, key, now};
use crate::world::{ORIGIN, World, get, post};

const EDIT: &str = "/me/profile";
const FORM: &str = "version=3&displayName=Mira&bio=&linkLabel0=Songs&linkUrl0=https%3A%2F%2Fmira.example&\
                    email=mira%40example.org&emailVisibility=nobody&phone=&location=";

#[tokio::test]
async fn a_profile_is_shown_with_works_and_without_contact() {
    let world = World::new();
    for id in ["mira".to_owned(), did(1).to_string()] {
        let page = world.ask(get(format!("/p/{id}"))).await;
        let manifest = format!("/events/api/events/{}/fair", event_sample().id);
        let own_did = did(1);
        let texts = [
            "Mira Okonkwo",
            "@mira",
            "And &#60;b&#62;paints&#60;/b&#62;.",
            "href=\"https://mira.example/songs\"",
            "src=\"/profile/api/avatars/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08/256.jpg\"",
            own_did.as_str(),
            "event attended",
            "href=\"/p/jonas\"",
            "Jonas, about did:mjn:",
            "/auth/api/attestations/abab",
            &manifest,
        ];
        page.shows(StatusCode::OK, &texts);
        assert!(!page.body.contains("mira@example.org") && !page.body.contains("edit-link"));
    }
    let own = world.ask(get("/p/mira").as_("buyer")).await;
    own.shows(StatusCode::OK, &["mira@example.org", "only you", "edit-link"]);
    world
        .ask(get("/p/nobody"))
        .await
        .shows(StatusCode::NOT_FOUND, &["not_found"]);
    world.ask(get("/p/gone")).await.shows(StatusCode::GONE, &["gone"]);
    let mut fakes = Fakes::default();
    fakes.event.status = EventStatus::Draft;
    let page = World::with(fakes, ORIGIN).ask(get("/p/mira")).await;
    assert!(!page.body.contains("Two voices"), "a draft is not shown");
}

#[tokio::test]
async fn who_has_moved_is_looked_for_at_the_new_home() {
    let moved = MoveView {
        did: did(1),
        to: "did:web:new.example".parse().unwrap(),
        url: "https://new.example".to_owned(),
        since: now(),
    };
    let fakes = Fakes {
        moved: Some(("mira", moved)),
        ..Fakes::default()
    };
    let world = World::with(fakes, ORIGIN);
    let there = format!("https://new.example/p/{}", did(1));
    for id in ["mira".to_owned(), did(1).to_string()] {
        let answer = world.ask(get(format!("/p/{id}"))).await;
        answer.shows(StatusCode::PERMANENT_REDIRECT, &["They have moved", &there]);
        assert_eq!(answer.location(), there);
    }
    // Whose page it is learns what is left here.
    let own = world.ask(get("/p/mira").as_("buyer")).await;
    assert_eq!((own.status, own.location()), (StatusCode::SEE_OTHER, "/me/move"));
    let page = world.ask(get("/me/move").as_("buyer")).await;
    page.shows(StatusCode::OK, &["You have moved", &there, "imajin move back --node"]);
    assert!(!page.body.contains("imajin move export"));
}

#[tokio::test]
async fn a_person_is_told_how_to_move_and_a_mailbox_that_it_cannot() {
    let world = World::new();
    let page = world.ask(get("/me/move").as_("buyer")).await;
    let command = format!("imajin move export --to https://new.example --node {ORIGIN} --key me.key");
    page.shows(StatusCode::OK, &[&command, "imajin move import", "What stays here"]);
    let soft = world.ask(get("/me/move").as_("soft")).await;
    soft.shows(StatusCode::OK, &["with a key of their own"]);
    assert!(!soft.body.contains("imajin move export"));
    let stranger = world.ask(get("/me/move")).await;
    assert_eq!(stranger.location(), "/login?next=%2Fme%2Fmove");
}

#[tokio::test]
async fn a_node_without_profiles_has_no_such_pages() {
    let world = World::with(
        Fakes {
            profile: None,
            ..Fakes::default()
        },
        ORIGIN,
    );
    for path in ["/p/mira", "/people", EDIT] {
        let answer = world.ask(get(path).as_("buyer")).await;
        answer.shows(StatusCode::NOT_FOUND, &["keeps no profiles"]);
    }
    let me = world.ask(get("/me").as_("buyer")).await;
    assert!(!me.body.contains(EDIT));
    let me = World::new().ask(get("/me").as_("buyer")).await;
    assert!(me.body.contains(EDIT));
}

#[tokio::test]
async fn the_form_has_what_was_written_and_room_for_more() {
    let world = World::new();
    let page = world.ask(get(EDIT).as_("buyer")).await;
    let texts = [
        "profile.js",
        "name=\"version\" value=\"3\"",
        "value=\"Mira Okonkwo\"",
        "name=\"linkUrl0\" value=\"https://mira.example/songs\"",
        "name=\"linkUrl3\"",
        "value=\"nobody\" selected",
        "data-signer=\"key\"",
        "/profile/api/export",
    ];
    page.shows(StatusCode::OK, &texts);
    assert!(!page.body.contains("linkUrl4") && !page.body.contains("id=\"saved\""));
    let saved = world.ask(get("/me/profile?saved=1").as_("soft")).await;
    saved.shows(StatusCode::OK, &["id=\"saved\"", "data-signer=\"node\""]);
    let stranger = world.ask(get(EDIT)).await;
    assert_eq!(stranger.location(), "/login?next=%2Fme%2Fprofile");
}

#[tokio::test]
async fn a_mailbox_identity_writes_with_plain_forms() {
    let world = World::new();
    let forms = [
        (EDIT, FORM, "profile_set", "PUT", "/profile/api/profile"),
        (
            "/me/profile/avatar",
            "image=AAAA",
            "avatar_set",
            "PUT",
            "/profile/api/avatar",
        ),
        (
            "/me/profile/avatar/remove",
            "",
            "avatar_remove",
            "DELETE",
            "/profile/api/avatar",
        ),
        (
            "/me/profile/delete",
            "",
            "profile_delete",
            "DELETE",
            "/profile/api/profile",
        ),
    ];
    for (path, body, call, method, api) in forms {
        let answer = world.ask(post(path, body).as_("soft")).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}: {}", answer.body);
        let (called, signed) = world.fakes.written.lock().unwrap().pop().unwrap();
        assert_eq!(called, call);
        let expect = Expectation {
            now: now(),
            target_uri: &format!("{ORIGIN}{api}"),
            method,
            tag: None,
        };
        signed.verify(&[key(1).public()], &expect).unwrap();
        if call == "profile_set" {
            let set: ProfileSet = serde_json::from_slice(&signed.body).unwrap();
            assert_eq!((set.version, set.links.len()), (3, 1));
            assert_eq!(set.contact.email.unwrap().visibility, Visibility::Nobody);
        }
    }
}

#[tokio::test]
async fn nobody_else_writes_with_them() {
    let world = World::new();
    for path in [
        EDIT,
        "/me/profile/avatar",
        "/me/profile/avatar/remove",
        "/me/profile/delete",
    ] {
        let own_key = world.ask(post(path, FORM).as_("buyer")).await;
        own_key.shows(StatusCode::FORBIDDEN, &["Your key must sign this"]);
        let foreign = post(path, FORM).as_("soft").with("sec-fetch-site", "same-site");
        world.ask(foreign).await.shows(StatusCode::FORBIDDEN, &["cross_site"]);
        world
            .ask(post(path, FORM))
            .await
            .shows(StatusCode::UNAUTHORIZED, &["unauthenticated"]);
    }
    let empty = world.ask(post("/me/profile/avatar", "image=").as_("soft")).await;
    empty.shows(StatusCode::BAD_REQUEST, &["No picture was sent"]);
    let huge = format!("image={}", "A".repeat(600 * 1024));
    let huge = world.ask(post("/me/profile/avatar", &huge).as_("soft")).await;
    assert_eq!(huge.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(world.fakes.written.lock().unwrap().is_empty());
}

#[tokio::test]
async fn people_are_found() {
    let world = World::new();
    let page = world.ask(get("/people")).await;
    page.shows(StatusCode::OK, &["id=\"q\""]);
    assert!(!page.body.contains("found-title"));
    let page = world.ask(get("/people?q=mira")).await;
    let texts = [
        "/p/mira",
        "Mira Okonkwo",
        "/64.jpg",
        "/people?q=mira&#38;cursor=next%7Epage",
    ];
    page.shows(StatusCode::OK, &texts);
    let none = world.ask(get("/people?q=zoe")).await;
    none.shows(StatusCode::OK, &["Nobody here has"]);
}

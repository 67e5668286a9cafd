//! Finding people: the same on both databases, whatever is typed.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use imajin_testkit::{Backend, on_both};
use imajin_web::Custody;
use serde_json::{Value, json};

use crate::world::{PROFILE, World, picture};

on_both!(
    people_are_found_by_the_words_of_handle_and_name,
    pages_follow_each_other_without_gap_or_repetition,
    nothing_typed_has_a_meaning_of_its_own,
    only_public_fields_are_looked_at,
);

fn query(text: &str) -> String {
    let text: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    format!("/profile/api/search?q={text}")
}

async fn found(world: &World, text: &str) -> Vec<String> {
    let page = world.get(None, &query(text)).await.expect(StatusCode::OK).json();
    names(&page)
}

fn names(page: &Value) -> Vec<String> {
    let profiles = page["profiles"].as_array().unwrap().iter();
    profiles
        .map(|card| card["displayName"].as_str().unwrap().to_owned())
        .collect()
}

async fn people_are_found_by_the_words_of_handle_and_name(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.person("ada_sings");
    world.named(&ada, "Ada LINDQVIST").await;
    world.named(&world.person("ben"), "Benedikt Ångström").await;
    world.named(&world.person("zoe"), "Ζωή Οδός").await;
    for text in ["ada", "ADA", "@ada_s", "lind", " LindQvist ", "ada lind", "sings"] {
        assert_eq!(found(&world, text).await, ["Ada LINDQVIST"], "{text:?}");
    }
    assert_eq!(found(&world, "ångs").await, ["Benedikt Ångström"]);
    assert_eq!(found(&world, "ÅNGSTRÖM").await, ["Benedikt Ångström"]);
    assert_eq!(found(&world, "ΟΔΌΣ").await, ["Ζωή Οδός"]);
    assert_eq!(
        found(&world, "qvist").await,
        Vec::<String>::new(),
        "the middle of a word is none"
    );
    let page = world.get(None, &query("ada")).await.json();
    assert_eq!(page["profiles"][0]["handle"], "ada_sings");
    assert_eq!(page["profiles"][0]["did"], json!(ada.did()));
    assert_eq!(page["profiles"][0]["avatarSmall"], Value::Null);
    world
        .avatar(&ada, &picture(image::ImageFormat::Png, 8, 8))
        .await
        .expect(StatusCode::OK);
    let page = world.get(None, &query("ada")).await.json();
    let small = crate::world::path_of(&page["profiles"][0]["avatarSmall"]);
    world.get(None, &small).await.expect(StatusCode::OK);
    // A new name replaces the old one.
    let renamed = json!({"version": 1, "displayName": "Countess"});
    world
        .change(&ada, "PUT", PROFILE, &renamed)
        .await
        .expect(StatusCode::OK);
    assert_eq!(found(&world, "lindqvist").await, Vec::<String>::new());
    assert_eq!(found(&world, "count").await, ["Countess"]);
    assert_eq!(world.audit().await, []);
}

async fn pages_follow_each_other_without_gap_or_repetition(backend: Backend) {
    let world = World::new(backend).await;
    let mut all = BTreeSet::new();
    for number in 0..23 {
        let name = format!("Ana Ana{number} Anab");
        let key = world.register(&format!("p{number}"), None, Custody::Own);
        world.named(&key, &name).await;
        all.insert(name);
    }
    for limit in [1, 4, 23, 50] {
        let mut seen = Vec::new();
        let mut path = format!("{}&limit={limit}", query("ana"));
        loop {
            let page = world.get(None, &path).await.expect(StatusCode::OK).json();
            assert!(names(&page).len() <= limit);
            seen.extend(names(&page));
            let Some(cursor) = page["cursor"].as_str() else { break };
            let cursor: String = url::form_urlencoded::byte_serialize(cursor.as_bytes()).collect();
            path = format!("{}&limit={limit}&cursor={cursor}", query("ana"));
        }
        assert_eq!(seen.len(), 23, "limit {limit}");
        assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), all);
    }
}

async fn nothing_typed_has_a_meaning_of_its_own(backend: Backend) {
    let world = World::new(backend).await;
    world.named(&world.person("ada"), "Ada").await;
    world.named(&world.person("odd"), "100%_sure \\ 'quoted'").await;
    for text in [
        "%",
        "_",
        "a%",
        "%a",
        "a_a",
        "\\",
        "'",
        "a'; DROP TABLE profiles; --",
        "\u{10FFFF}",
        "a\u{0}da*",
    ] {
        let answer = world.get(None, &query(text)).await;
        let refused_or_empty = answer.status == StatusCode::BAD_REQUEST || names(&answer.json()).is_empty();
        assert!(refused_or_empty, "{text:?}: {}", answer.text());
    }
    assert_eq!(found(&world, "100%_s").await, ["100%_sure \\ 'quoted'"]);
    for wrong in [
        "?q=",
        "?q=%20",
        "",
        "?q=a&limit=0",
        "?q=a&limit=51",
        "?q=a&cursor=x",
        "?q=a&what=1",
    ] {
        let answer = world.get(None, &format!("/profile/api/search{wrong}")).await;
        assert_eq!(
            answer.expect(StatusCode::BAD_REQUEST).code(),
            "invalid_request",
            "{wrong}"
        );
    }
    let long = query(&"x".repeat(65));
    world.get(None, &long).await.expect(StatusCode::BAD_REQUEST);
}

async fn only_public_fields_are_looked_at(backend: Backend) {
    let world = World::new(backend).await;
    let body = json!({
        "version": 0, "displayName": "Ada", "bio": "biography",
        "contact": {"email": {"value": "secret@example.org"}, "location": {"value": "Hideaway"}},
    });
    world
        .change(&world.person("ada"), "PUT", PROFILE, &body)
        .await
        .expect(StatusCode::OK);
    for text in ["secret", "hideaway", "biography", "example"] {
        assert_eq!(found(&world, text).await, Vec::<String>::new(), "{text}");
    }
    let page = world.get(None, &query("ada")).await;
    assert!(!page.text().contains("secret") && !page.text().contains("Hideaway"));
}

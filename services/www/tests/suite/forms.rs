//! Signing in with a mailbox, and signing out.

use axum::http::StatusCode;

use crate::world::{World, post};

#[tokio::test]
async fn a_link_is_sent_and_leads_back() {
    let world = World::new();
    let answer = world
        .ask(post(
            "/login/mailbox",
            "email=+mira%40example.org&next=%2Fevents%2Fevt_1&token=",
        ))
        .await;
    answer.shows(StatusCode::OK, &["mira@example.org", "15 minutes", "/mailbox"]);
    let links = world.fakes.links.lock().unwrap();
    assert_eq!(
        (links[0].email.as_str(), links[0].next.as_deref()),
        ("mira@example.org", Some("/events/evt_1"))
    );
}

#[tokio::test]
async fn the_link_never_leads_off_the_node() {
    let world = World::new();
    for next in [
        "https%3A%2F%2Fevil.example",
        "%2F%2Fevil.example",
        "%2F%5Cevil.example",
        "evil.example",
        "",
    ] {
        world
            .ask(post("/login/mailbox", &format!("email=mira%40example.org&next={next}")))
            .await;
    }
    let links = world.fakes.links.lock().unwrap();
    assert_eq!(links.len(), 5);
    assert!(links.iter().all(|link| link.next.as_deref() == Some("/me")));
}

#[tokio::test]
async fn only_our_own_page_sends_links_and_wrong_addresses_are_refused() {
    let world = World::new();
    let foreign = post("/login/mailbox", "email=mira%40example.org").with("sec-fetch-site", "cross-site");
    world.ask(foreign).await.shows(StatusCode::FORBIDDEN, &["cross_site"]);
    world
        .ask(post("/login/mailbox", "email=nobody"))
        .await
        .shows(StatusCode::BAD_REQUEST, &["no e-mail address"]);
    world
        .ask(post("/login/mailbox", "next=%2F"))
        .await
        .shows(StatusCode::BAD_REQUEST, &["email"]);
    assert!(world.fakes.links.lock().unwrap().is_empty());
}

#[tokio::test]
async fn signing_out_without_javascript_is_passed_on_to_auth() {
    let world = World::new();
    let answer = world.ask(post("/logout", "").as_("buyer")).await;
    assert_eq!(
        (answer.status, answer.location()),
        (StatusCode::TEMPORARY_REDIRECT, "/auth/api/logout")
    );
    let foreign = post("/logout", "").as_("buyer").with("sec-fetch-site", "cross-site");
    assert_eq!(world.ask(foreign).await.status, StatusCode::FORBIDDEN);
}

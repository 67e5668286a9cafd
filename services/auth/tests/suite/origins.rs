//! Requests that a browser sends with a visitor's cookie, from pages that are not ours.

use imajin_testkit::Backend;
use serde_json::Value;

use crate::world::{ORIGIN, Reply, World, assert_refused};

/// Everything that acts without a signature: a login, a mailbox link's button, a logout.
async fn all_refuse(headers: &[(&str, &str)]) {
    let world = World::new(Backend::Sqlite).await;
    let ada = world.registered("ada").await;
    let token = world.login(&ada).await;
    let answer = world.answer(&ada, ada.did().as_str()).await;
    let cookie = format!("__Host-imajin_session={token}");
    let with_cookie = [headers, &[("cookie", cookie.as_str())]].concat();

    let refused = |reply: &Reply| assert_refused(reply, 403, "cross_site");
    refused(&world.post_from("/auth/api/logout", &with_cookie, &Value::Null).await);
    world
        .post("/auth/api/onboard", &serde_json::json!({"email": "ada@example.org"}))
        .await;
    let (_, link) = world.newest_link().await;
    let form = format!("token={link}");
    refused(&world.post_form("/auth/onboard", headers, &form).await);
    refused(
        &world
            .post_form("/auth/api/onboard", headers, "email=eve%40example.org")
            .await,
    );
    if !headers.is_empty() {
        refused(&world.post_from("/auth/api/login/verify", headers, &answer).await);
    }
    assert_eq!(world.session_did(&token).await, Some(ada.did()), "the session lives");
    // The link is still good: from our own page it works.
    let own = world.post_form("/auth/onboard", &[("origin", ORIGIN)], &form).await;
    assert_eq!(own.status, 303);
}

#[tokio::test]
async fn a_sibling_subdomain_is_refused() {
    all_refuse(&[
        ("sec-fetch-site", "same-site"),
        ("origin", "http://sibling.localhost:7000"),
    ])
    .await;
}

#[tokio::test]
async fn a_sibling_subdomain_of_a_browser_without_sec_fetch_site_is_refused() {
    all_refuse(&[("origin", "http://sibling.localhost:7000")]).await;
}

#[tokio::test]
async fn the_same_host_on_another_port_or_scheme_is_refused() {
    all_refuse(&[("origin", "http://localhost:7001")]).await;
    all_refuse(&[("origin", "https://localhost:7000")]).await;
}

#[tokio::test]
async fn a_missing_sec_fetch_site_and_origin_is_refused_for_a_browsers_cookie() {
    all_refuse(&[]).await;
}

#[tokio::test]
async fn the_origin_null_is_refused() {
    all_refuse(&[("origin", "null")]).await;
}

#[tokio::test]
async fn our_own_origin_does_not_outweigh_a_foreign_sec_fetch_site() {
    all_refuse(&[("sec-fetch-site", "cross-site"), ("origin", ORIGIN)]).await;
}

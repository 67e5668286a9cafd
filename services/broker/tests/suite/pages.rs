//! The pages: what they show, and to whom.

use axum::http::StatusCode;
use imajin_testkit::{Backend, on_both};
use serde_json::json;

use crate::world::{OPERATOR, World, key};

on_both!(
    the_operator_sees_what_there_is_and_what_waits,
    an_account_is_shown_to_its_owner_and_to_the_operator,
    the_next_page_is_of_the_same_account_and_as_long,
);

async fn the_operator_sees_what_there_is_and_what_waits(backend: Backend) {
    let world = World::new(backend).await;
    world.funded("10.00 TEST-USD").await;
    let read = world.reads("spam").await;
    let id = world.objects(&read).await;
    let note = json!({"note": "It is a <b>fine</b> page."});
    world
        .answers(&key("publisher"), &id, &note)
        .await
        .expect(StatusCode::OK);
    let one = format!("/disputes/{id}");
    for (page, shows) in [
        ("", "A dispute waits for a decision."),
        ("", "Redeemed in TEST-USD"),
        ("/accounts", world.host.as_str()),
        ("/visas", read.jti.as_str()),
        ("/redemptions", id.as_str()),
        ("/disputes", "waits for the arbiter"),
        (one.as_str(), "&#60;b&#62;fine"),
        (one.as_str(), "decide-publisher"),
    ] {
        let path = format!("/broker/operator{page}");
        let seen = world.page(OPERATOR, &path).await.expect(StatusCode::OK).text();
        assert!(seen.contains(shows), "{page} {shows}: {seen}");
        assert_eq!(world.page("stranger", &path).await.code(), "forbidden", "{page}");
        assert_eq!(world.get(&path).await.code(), "unauthenticated", "{page}");
    }
    let missing = "/broker/operator/disputes/dsp_00000000000000000000000000";
    assert_eq!(world.page(OPERATOR, missing).await.code(), "not_found");
    let wrong = world.page(OPERATOR, "/broker/operator/visas?cursor=x").await;
    assert_eq!(wrong.code(), "invalid_request");
}

async fn an_account_is_shown_to_its_owner_and_to_the_operator(backend: Backend) {
    let world = World::new(backend).await;
    world.funded("10.00 TEST-USD").await;
    let read = world.reads("page").await;
    let path = format!("/broker/account?agent={}", world.host);
    let seen = world.page(OPERATOR, &path).await.expect(StatusCode::OK).text();
    for shows in [
        "9.00 TEST-USD",
        "promised in visas",
        "Spent in TEST-USD",
        read.jti.as_str(),
    ] {
        assert!(seen.contains(shows), "{shows}: {seen}");
    }
    assert_eq!(world.page("stranger", &path).await.code(), "forbidden");
    let nobody = world.page(OPERATOR, "/broker/account?agent=10.0.0.1").await;
    assert_eq!(nobody.code(), "unauthenticated");
    let own = world
        .page("stranger", "/broker/account")
        .await
        .expect(StatusCode::OK)
        .text();
    assert!(
        own.contains("nothing was put in yet") && !own.contains(&read.jti),
        "{own}"
    );
    world.purse.put(&key("stranger").did(), "2.00 TEST-USD");
    let own = world.page("stranger", "/broker/account").await.text();
    assert!(own.contains("2.00 TEST-USD") && own.contains("format=csv"), "{own}");
    assert_eq!(world.get("/broker/account").await.code(), "unauthenticated");
}

/// Where the link to the next page leads, if there is one.
fn next_of(page: &str) -> Option<String> {
    let links = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let mut links = links.filter(|link| link.contains("cursor="));
    links
        .next()
        .map(|link| link.replace("&#38;", "&").replace("&amp;", "&"))
}

async fn the_next_page_is_of_the_same_account_and_as_long(backend: Backend) {
    let world = World::new(backend).await;
    world.funded("10.00 TEST-USD").await;
    let mut names = Vec::new();
    for _visa in 0..51 {
        names.push(world.visa("0.01", 1).await.jti);
    }
    let path = format!("/broker/account?agent={}", world.host);
    let first = world.page(OPERATOR, &path).await.expect(StatusCode::OK).text();
    let next = next_of(&first).unwrap();
    let second = world.page(OPERATOR, &next).await.expect(StatusCode::OK).text();
    let shown = |page: &str| names.iter().filter(|name| page.contains(name.as_str())).count();
    assert_eq!((shown(&first), shown(&second)), (50, 1), "{next}");
    assert!(second.contains(&world.host) && next_of(&second).is_none(), "{next}");

    let first = world.page(OPERATOR, "/broker/operator/visas?limit=20").await.text();
    let next = next_of(&first).unwrap();
    let second = world.page(OPERATOR, &next).await.expect(StatusCode::OK).text();
    assert_eq!((shown(&first), shown(&second)), (20, 20), "{next}");
}

//! The pages: what they show, and to whom.

use axum::http::StatusCode;
use imajin_testkit::{Backend, on_both};
use serde_json::json;

use crate::world::{OPERATOR, World, key};

on_both!(
    the_operator_sees_what_there_is_and_what_waits,
    an_account_is_shown_to_its_owner_and_to_the_operator,
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

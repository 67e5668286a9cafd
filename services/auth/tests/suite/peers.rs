//! Which other nodes this one talks to.

use axum::http::StatusCode;
use imajin_auth::{AuthOptions, PeersOptions};
use imajin_did::SecretKey;
use imajin_testkit::{Backend, on_both};
use imajin_web::Reach;
use serde_json::{Value, json};

use crate::federation::pair::{Nodes, arrive, at_home, depart, start, web_did};
use crate::oidc::{ada, operator, signed};
use crate::world::{Reply, World, assert_refused};

const PEERS: &str = "/auth/api/peers";

async fn say(world: &World, key: &SecretKey, body: &Value) -> Reply {
    signed(world, key, "POST", PEERS, body).await
}

async fn block(world: &World, key: &SecretKey, name: &str, reason: &str) {
    let body = json!({"name": name, "verdict": "block", "reason": reason});
    assert_eq!(say(world, key, &body).await.status, StatusCode::OK);
}

/// A rule that stands, and one that was taken back.
pub(crate) async fn fill(world: &World, operator: &SecretKey) {
    block(world, operator, "liar.example", "It lies.").await;
    block(world, operator, "*.spam.example", "Spam.").await;
    let path = format!("{PEERS}/forget");
    let forgotten = signed(world, operator, "POST", &path, &json!({"name": "*.spam.example"})).await;
    assert_eq!(forgotten.status, StatusCode::OK, "{forgotten:?}");
}

async fn list(world: &World, key: &SecretKey) -> Value {
    let bearer = format!("Bearer {}", world.login(key).await);
    let listed = world.get(PEERS, &[("authorization", &bearer)]).await;
    assert_eq!(listed.status, StatusCode::OK, "{listed:?}");
    listed.json()
}

async fn the_operator_allows_blocks_and_forgets(backend: Backend) {
    let world = World::new(backend).await;
    let operator = operator(&world).await;
    fill(&world, &operator).await;
    let listed = list(&world, &operator).await;
    assert_eq!(listed["rules"].as_array().unwrap().len(), 1, "{listed:#}");
    assert_eq!(
        (&listed["onlyListed"], &listed["rules"][0]["reason"]),
        (&json!(false), &json!("It lies."))
    );
    // The last word about a name counts, however it is written.
    let allowed = say(
        &world,
        &operator,
        &json!({"name": "did:web:liar.example", "verdict": "allow"}),
    )
    .await;
    assert_eq!(allowed.json()["name"], "liar.example");
    block(&world, &operator, "*.spam.example", "Again.").await;
    let listed = list(&world, &operator).await;
    let shown: Vec<&str> = listed["rules"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|rule| rule["verdict"].as_str())
        .collect();
    assert_eq!(shown, ["block", "allow"]);
    let bearer = world.login(&operator).await;
    let cookie = format!("__Host-imajin_session={bearer}");
    let page = world.get("/auth/peers", &[("cookie", &cookie)]).await;
    assert!(
        page.text.contains("*.spam.example") && page.text.contains("Again."),
        "{page:?}"
    );
    assert_eq!(world.audit().await, []);
}

async fn nobody_else_says_anything_and_nonsense_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let operator = operator(&world).await;
    let person = world.registered("eve").await;
    let body = json!({"name": "node.example", "verdict": "block"});
    assert_refused(&say(&world, &person, &body).await, 403, "forbidden");
    let forget = format!("{PEERS}/forget");
    let name = json!({"name": "node.example"});
    assert_refused(&signed(&world, &person, "POST", &forget, &name).await, 403, "forbidden");
    assert_refused(
        &signed(&world, &operator, "POST", &forget, &name).await,
        404,
        "not_found",
    );
    assert_refused(&world.get(PEERS, &[]).await, 401, "unauthenticated");
    let bearer = format!("Bearer {}", world.login(&person).await);
    assert_refused(&world.get(PEERS, &[("authorization", &bearer)]).await, 403, "forbidden");
    assert_refused(
        &world.get("/auth/peers", &[("authorization", &bearer)]).await,
        403,
        "forbidden",
    );
    assert_eq!(world.get("/auth/peers", &[]).await.status, StatusCode::SEE_OTHER);
    for wrong in [
        json!({"name": "https://node.example/", "verdict": "block"}),
        json!({"name": "node.example", "verdict": "maybe"}),
        json!({"name": "node.example", "verdict": "block", "reason": "x".repeat(201)}),
        json!({"name": "localhost:7000", "verdict": "block"}),
        json!({"name": world.keyring.node_did(), "verdict": "block"}),
    ] {
        assert_refused(&say(&world, &operator, &wrong).await, 400, "invalid_request");
    }
    assert_eq!(list(&world, &operator).await["rules"], json!([]));
}

async fn nobody_comes_from_or_goes_to_a_blocked_node(backend: Backend) {
    let nodes = Nodes::new(backend);
    let (home, visited) = (nodes.node(1).await, nodes.node(2).await);
    let (host_operator, guest_operator) = (operator(&visited).await, operator(&home).await);
    let person = ada(&home).await;
    let host = |world: &World| world.origin.strip_prefix("http://").unwrap().to_owned();
    let departed = depart(&visited, &home).await;
    block(&home, &guest_operator, &host(&visited), "Not there.").await;
    let page = person.open(&home, &departed.path).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN, "{page:?}");
    assert!(page.text.contains("does not talk to that one"), "{page:?}");
    let forget = format!("{PEERS}/forget");
    let back = signed(
        &home,
        &guest_operator,
        "POST",
        &forget,
        &json!({"name": host(&visited)}),
    )
    .await;
    assert_eq!(back.status, StatusCode::OK);
    let path = at_home(&visited, &home, &person, &departed).await;
    // Blocked while somebody is on the way: by its address, and by its key, whatever its address is.
    for name in [host(&home), home.keyring.node_did().to_string()] {
        block(&visited, &host_operator, &name, "It vouches for anybody.").await;
        let refused = arrive(&visited, &path, &departed.cookie).await;
        assert_refused(&refused, 403, "forbidden");
        assert_refused(
            &start(&visited, &format!("ada@{}", host(&home))).await,
            403,
            "forbidden",
        );
        let back = signed(&visited, &host_operator, "POST", &forget, &json!({"name": name})).await;
        assert_eq!(back.status, StatusCode::OK);
    }
    assert_eq!(
        arrive(&visited, &path, &departed.cookie).await.status,
        StatusCode::SEE_OTHER
    );
    for world in [&home, &visited] {
        assert_eq!(world.audit().await, []);
    }
    nodes.close().await;
}

async fn what_a_blocked_key_signs_is_refused_and_says_why(backend: Backend) {
    let world = World::new(backend).await;
    let operator = operator(&world).await;
    let eve = SecretKey::generate(&world.env);
    let path = "/auth/api/devices/requests";
    let body = json!({"handle": "nobody", "name": "x"});
    assert_ne!(
        signed(&world, &eve, "POST", path, &body).await.status,
        StatusCode::FORBIDDEN
    );
    let as_key = eve.did().to_string().replace("did:mjn:", "did:key:");
    block(&world, &operator, &as_key, "It made up a transfer.").await;
    let refused = signed(&world, &eve, "POST", path, &body).await;
    assert_refused(&refused, 403, "forbidden");
    assert!(refused.text.contains("It made up a transfer."), "{refused:?}");
    // A rule that was written by hand is not believed, and nobody is let in because of it.
    world.execute("UPDATE peer_rules SET verdict = 'allow'").await;
    assert_eq!(
        signed(&world, &eve, "POST", path, &body).await.status,
        StatusCode::INTERNAL_SERVER_ERROR
    );
}

async fn only_those_who_are_listed_are_talked_to(backend: Backend) {
    let nodes = Nodes::new(backend);
    let (home, elsewhere) = (nodes.node(1).await, nodes.node(2).await);
    let options = AuthOptions {
        reach: Reach::Development,
        peers: PeersOptions {
            only_listed: true,
            allow: vec![web_did(&home).to_string()],
            block: vec!["*.spam.example".to_owned()],
        },
        ..AuthOptions::default()
    };
    let picky = World::with_options(backend, options).await;
    let named = |world: &World| format!("ada@{}", world.origin.strip_prefix("http://").unwrap());
    assert_eq!(start(&picky, &named(&home)).await.status, StatusCode::OK);
    assert_refused(&start(&picky, &named(&elsewhere)).await, 403, "forbidden");
    let operator = operator(&picky).await;
    let host = named(&elsewhere).replace("ada@", "");
    let allowed = say(&picky, &operator, &json!({"name": host, "verdict": "allow"})).await;
    assert_eq!(allowed.status, StatusCode::OK);
    assert_eq!(start(&picky, &named(&elsewhere)).await.status, StatusCode::OK);
    let listed = list(&picky, &operator).await;
    assert_eq!(
        (&listed["onlyListed"], listed["configured"].as_array().unwrap().len()),
        (&json!(true), 2)
    );
    nodes.close().await;
}

on_both! {
    the_operator_allows_blocks_and_forgets,
    nobody_else_says_anything_and_nonsense_is_refused,
    nobody_comes_from_or_goes_to_a_blocked_node,
    what_a_blocked_key_signs_is_refused_and_says_why,
    only_those_who_are_listed_are_talked_to,
}

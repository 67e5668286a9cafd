use std::collections::BTreeSet;

use axum::http::header;
use serde_json::json;

use crate::on_both;
use crate::world::World;

on_both![
    a_thousand_nodes_are_listed_page_by_page,
    pages_stay_in_step_while_nodes_come,
    lists_are_filtered_by_service,
    impossible_questions_are_refused,
    a_node_is_found_by_did_name_and_host,
    nodes_are_searched_by_name,
    the_service_describes_itself,
];

async fn names_of(world: &World, query: &str) -> (Vec<String>, Option<String>) {
    let page = world.get(&format!("/api/node/list?{query}")).await.expect(200).json;
    let nodes = page["nodes"].as_array().unwrap();
    let names = nodes
        .iter()
        .map(|node| node["hostname"].as_str().unwrap().to_owned())
        .collect();
    (names, page["cursor"].as_str().map(str::to_owned))
}

async fn a_thousand_nodes_are_listed_page_by_page(world: World) {
    let now_ms = world.now_ms();
    let nodes: Vec<_> = (0..1000)
        .map(|number| (world.node(), format!("node-{number:04}")))
        .collect();
    let registered = nodes
        .iter()
        .map(|(node, name)| world.register_raw(node.signed(node.attestation(name, now_ms))));
    for answer in futures::future::join_all(registered).await {
        answer.expect(201);
    }
    let expected: Vec<String> = nodes.iter().map(|(_, name)| name.clone()).collect();
    for (limit, pages_expected) in [(None, 10), (Some(7), 143), (Some(500), 2), (Some(9999), 2)] {
        let (mut all, mut pages) = (Vec::new(), 0);
        let mut cursor = String::new();
        loop {
            let limit = limit.map(|limit| format!("&limit={limit}")).unwrap_or_default();
            let (names, next) = names_of(&world, &format!("{limit}{cursor}")).await;
            all.extend(names);
            pages += 1;
            let Some(next) = next else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(all, expected);
        assert_eq!(pages, pages_expected);
    }
    let head = world.head("/api/node/list").await.expect(200);
    assert_eq!(head.headers["x-total-nodes"], "1000");
}

async fn pages_stay_in_step_while_nodes_come(world: World) {
    for name in ["bbb", "ddd", "fff"] {
        world.register(&world.node(), name).await.expect(201);
    }
    let (first, cursor) = names_of(&world, "limit=2").await;
    assert_eq!(first, ["bbb", "ddd"]);
    for name in ["aaa", "ccc", "eee"] {
        world.register(&world.node(), name).await.expect(201);
    }
    let (second, end) = names_of(&world, &format!("limit=2&cursor={}", cursor.unwrap())).await;
    assert_eq!(second, ["eee", "fff"]);
    assert_eq!(end, None);
}

async fn lists_are_filtered_by_service(world: World) {
    for (name, services) in [
        ("one", json!(["auth", "pay"])),
        ("two", json!(["pay-2"])),
        ("three", json!([])),
    ] {
        let node = world.node();
        let mut attestation = node.attestation(name, world.now_ms());
        attestation["services"] = services;
        world.register_raw(node.signed(attestation)).await.expect(201);
    }
    assert_eq!(names_of(&world, "service=pay").await.0, ["one"]);
    assert_eq!(names_of(&world, "service=pay-2&status=pending").await.0, ["two"]);
    assert_eq!(
        names_of(&world, "service=pay&status=active").await.0,
        Vec::<String>::new()
    );
    assert_eq!(names_of(&world, "service=a").await.0, Vec::<String>::new());
}

async fn impossible_questions_are_refused(world: World) {
    let queries = [
        "status=dead",
        "limit=x",
        "limit=-1",
        "service=%25",
        "service=p_y",
        "service=",
        "search=",
        "search=%25",
        "search=a_b",
        "cursor=",
        "cursor=abc",
        "cursor=alice.nobody",
        "cursor=%00.did:mjn:z",
        "cursor=..",
    ];
    for query in queries {
        let answer = world.get(&format!("/api/node/list?{query}")).await.expect(400);
        assert_eq!(
            answer.headers[header::CONTENT_TYPE],
            "application/problem+json",
            "{query}"
        );
        assert_eq!(answer.json["code"], "invalid_request", "{query}");
    }
}

async fn a_node_is_found_by_did_name_and_host(world: World) {
    let alice = world.node();
    world.register(&alice, "alice").await.expect(201);
    let did = alice.did();
    let mut keys: Vec<String> = did.also_known_as().iter().map(ToString::to_string).collect();
    keys.extend(
        [
            "alice",
            "ALICE",
            "alice.nodes.example",
            "alice.nodes.example.",
            "did:web:alice.nodes.example",
        ]
        .map(str::to_owned),
    );
    keys.push(did.to_string());
    keys.push(did.as_str().replace(':', "%3A"));
    for key in keys {
        let found = world.get(&format!("/api/node/lookup/{key}")).await.expect(200);
        assert_eq!(found.json["nodeId"], did.as_str(), "{key}");
        assert_eq!(found.json["subdomain"], "alice.nodes.example");
    }
    let missing = [
        "bob",
        "bob.nodes.example",
        "alice.other.example",
        "www",
        "did:mjn:zzz",
        "%00",
        "a",
        &"x".repeat(999),
    ];
    for key in missing {
        let answer = world.get(&format!("/api/node/lookup/{key}")).await.expect(404);
        assert_eq!(answer.json["code"], "not_found", "{key}");
        assert!(answer.json["hint"].is_string());
    }
}

async fn nodes_are_searched_by_name(world: World) {
    for name in ["blue-note", "blues", "alice"] {
        world.register(&world.node(), name).await.expect(201);
    }
    for (search, names) in [
        ("blue", vec!["blue-note", "blues"]),
        ("note", vec!["blue-note"]),
        ("x", vec![]),
    ] {
        let found = world
            .get(&format!("/api/node/list?search={search}"))
            .await
            .expect(200)
            .json;
        let found: Vec<&str> = found["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|node| node["hostname"].as_str().unwrap())
            .collect();
        assert_eq!(found, names, "{search}");
    }
}

async fn the_service_describes_itself(world: World) {
    let spec = world.get("/api/spec").await.expect(200).json;
    let paths: BTreeSet<&str> = spec["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "/api/acme-dns/register",
        "/api/acme-dns/update",
        "/api/builds",
        "/api/builds/releases",
        "/api/builds/verify",
        "/api/directory",
        "/api/directory/heads",
        "/api/directory/heads/{seq}",
        "/api/mirrors",
        "/api/node/address",
        "/api/node/credentials",
        "/api/node/heartbeat",
        "/api/node/list",
        "/api/node/lookup/{key}",
        "/api/node/lookup/{key}/statuses",
        "/api/node/register",
        "/api/operator",
        "/api/operator/builds",
        "/api/operator/directory/resume",
        "/api/operator/names/republish",
        "/api/operator/names/retry",
        "/api/operator/names/sweep",
        "/api/operator/nodes/reinstate",
        "/api/operator/nodes/revoke",
        "/api/operator/release-keys",
        "/api/operator/release-keys/retire",
        "/api/stats",
        "/nic/update",
    ];
    assert_eq!(paths, BTreeSet::from(expected));
    assert!(spec["paths"]["/api/node/list"]["head"].is_object());
    world.get("/api/health").await.expect(200);
    world.get("/ready").await.expect(200);
    world.get("/api/node/register").await.expect(405);
}

use imajin_kernel::Span;
use imajin_testkit::{Backend, TestDatabase};

use crate::on_both;
use crate::world::{World, answer, json_request, open, registry_start, router};

on_both![
    names_of_the_wrong_form_are_refused,
    reserved_names_are_refused,
    names_that_the_operator_reserves_are_refused,
    confusable_names_are_refused,
    a_confusable_name_is_refused_while_the_other_is_in_grace,
    a_node_may_have_a_name_that_looks_like_its_own,
    a_taken_name_is_refused,
    a_name_in_grace_is_refused_to_a_stranger,
    a_name_in_grace_comes_back_to_its_holder,
    after_the_grace_anyone_may_have_the_name,
    a_node_changes_its_name,
    a_node_cannot_collect_names,
    of_many_who_want_a_name_one_gets_it,
];

async fn names_of_the_wrong_form_are_refused(world: World) {
    let alice = world.node();
    let long = "a".repeat(33);
    for name in [
        "",
        "ab",
        "Alice",
        "-alice",
        "alice-",
        "al.ice",
        "al_ice",
        "аlice",
        "xn--lice-5ye",
        "al\nice",
        &long,
    ] {
        world
            .register(&alice, name)
            .await
            .rejected(400, "invalid_request")
            .says("hostname");
    }
}

async fn reserved_names_are_refused(world: World) {
    let alice = world.node();
    let names = [
        "www", "api", "registry", "auth", "pay", "admin", "gateway", "mail", "smtp", "ns1", "ns2",
    ];
    for name in names {
        world
            .register(&alice, name)
            .await
            .rejected(400, "invalid_request")
            .says("reserved");
    }
}

async fn names_that_the_operator_reserves_are_refused(world: World) {
    for name in ["shop", "sh0p"] {
        world
            .register(&world.node(), name)
            .await
            .rejected(400, "invalid_request")
            .says("reserved");
    }
    world.register(&world.node(), "workshop").await.expect(201);
}

async fn confusable_names_are_refused(world: World) {
    let (alice, modern, mallory) = (world.node(), world.node(), world.node());
    world.register(&alice, "alice-wave").await.expect(201);
    world.register(&modern, "modern").await.expect(201);
    for (name, looks_like) in [
        ("a1ice-wave", "alice-wave"),
        ("allce-wave", "alice-wave"),
        ("alice-vvave", "alice-wave"),
        ("alice--wave", "alice-wave"),
        ("rn0dern", "modern"),
    ] {
        world
            .register(&mallory, name)
            .await
            .rejected(409, "conflict")
            .says(&format!("looks like `{looks_like}`"));
        world.pass(Span::minutes(10));
    }
    for (name, looks_like) in [
        ("adm1n", "admin"),
        ("rnail", "mail"),
        ("vvvvvv", "www"),
        ("gatevvay", "gateway"),
    ] {
        world
            .register(&mallory, name)
            .await
            .rejected(400, "invalid_request")
            .says(&format!("looks like `{looks_like}`, which is reserved"));
        world.pass(Span::minutes(10));
    }
    world.register(&mallory, "mallory").await.expect(201);
}

async fn a_confusable_name_is_refused_while_the_other_is_in_grace(world: World) {
    let (alice, mallory) = (world.node(), world.node());
    world.register(&alice, "alice").await.expect(201);
    world.beat(&alice).await.expect(200);
    world.pass(Span::days(36));
    world.register(&mallory, "a1ice").await.rejected(409, "conflict");
    world.pass(Span::days(2));
    // Its grace is over, and it has not left DNS yet.
    world.register(&mallory, "a1ice").await.rejected(409, "conflict");
    world.registry.sweep().await.unwrap();
    world.register(&mallory, "a1ice").await.expect(201);
    // Now the other way round.
    world
        .register(&alice, "alice")
        .await
        .rejected(409, "conflict")
        .says("looks like `a1ice`");
}

async fn a_node_may_have_a_name_that_looks_like_its_own(world: World) {
    let alice = world.node();
    world.register(&alice, "alice").await.expect(201);
    world.register(&alice, "a1ice").await.expect(200);
    world.register(&alice, "alice").await.expect(200);
}

async fn a_taken_name_is_refused(world: World) {
    let (alice, mallory) = (world.node(), world.node());
    world.register(&alice, "alice").await.expect(201);
    world
        .register(&mallory, "alice")
        .await
        .rejected(409, "conflict")
        .says("taken");
    assert_eq!(
        world.get("/api/node/lookup/alice").await.json["nodeId"],
        alice.did().as_str()
    );
    world
        .get(&format!("/api/node/lookup/{}", mallory.did()))
        .await
        .expect(404);
}

async fn a_name_in_grace_is_refused_to_a_stranger(world: World) {
    let (alice, mallory) = (world.node(), world.node());
    world.register(&alice, "alice").await.expect(201);
    let expires_ms = world.now_ms() + 30 * 86_400_000;
    world.pass(Span::days(31));
    let answer = world
        .register(&mallory, "alice")
        .await
        .rejected(409, "conflict")
        .says("reserved");
    assert_eq!(answer.json["freeAt"], expires_ms + 7 * 86_400_000);
}

async fn a_name_in_grace_comes_back_to_its_holder(world: World) {
    let alice = world.node();
    world.register(&alice, "alice").await.expect(201);
    world.pass(Span::days(36));
    assert_eq!(world.status_of("alice").await, "expired");
    let answer = world.register(&alice, "alice").await.expect(200);
    assert_eq!(answer.json["renewed"], true);
    assert_eq!(world.status_of("alice").await, "pending");
}

async fn after_the_grace_anyone_may_have_the_name(world: World) {
    let (alice, bob) = (world.node(), world.node());
    world.register(&alice, "alice").await.expect(201);
    world.beat(&alice).await.expect(200);
    world.pass(Span::days(37));
    // Free is what the sweeper has taken out of DNS.
    world
        .register(&bob, "alice")
        .await
        .rejected(409, "conflict")
        .says("reserved");
    world.registry.sweep().await.unwrap();
    world.register(&bob, "alice").await.expect(201);
    assert_eq!(
        world.get("/api/node/lookup/alice").await.json["nodeId"],
        bob.did().as_str()
    );
    world
        .register(&alice, "alice")
        .await
        .rejected(409, "conflict")
        .says("taken");
    // Its holder of old is still on record, and comes back under another name as if it were new.
    let old = world
        .get(&format!("/api/node/lookup/{}", alice.did()))
        .await
        .expect(200);
    assert_eq!(old.json["status"], "expired");
    let again = world.register(&alice, "alice-two").await.expect(201);
    assert_eq!(again.json.get("renewed"), None);
    assert_eq!(world.status_of("alice-two").await, "pending");
}

async fn a_node_changes_its_name(world: World) {
    let (alice, mallory) = (world.node(), world.node());
    world.register(&alice, "alice").await.expect(201);
    let answer = world.register(&alice, "blue-note").await.expect(200);
    assert_eq!(answer.json["subdomain"], "blue-note.nodes.example");
    assert_eq!(answer.json["renewed"], true);
    assert_eq!(world.status_of("blue-note").await, "pending");
    // The old name still leads to the node, and nobody slips into its place at once.
    assert_eq!(world.get("/api/node/lookup/alice").await.json["hostname"], "blue-note");
    world
        .register(&mallory, "alice")
        .await
        .rejected(409, "conflict")
        .says("reserved");
    world
        .register(&mallory, "blue-note")
        .await
        .rejected(409, "conflict")
        .says("taken");
    world.register(&alice, "alice").await.expect(200);
    world.register(&alice, "blue-note").await.expect(200);
    world.pass(Span::days(7));
    world.get("/api/node/lookup/alice").await.expect(404);
    world.register(&mallory, "alice").await.expect(201);
}

async fn a_node_cannot_collect_names(world: World) {
    let alice = world.node();
    for name in ["one", "two", "three"] {
        world.register(&alice, name).await;
    }
    let answer = world
        .register(&alice, "four")
        .await
        .rejected(429, "rate_limited")
        .says("names");
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(world.get("/api/node/lookup/three").await.json["hostname"], "three");
    world.get("/api/node/lookup/four").await.expect(404);
    world.pass(Span::days(7));
    world.register(&alice, "four").await.expect(200);
}

async fn of_many_who_want_a_name_one_gets_it(world: World) {
    let nodes: Vec<_> = (0..20).map(|_| world.node()).collect();
    let now_ms = world.now_ms();
    let wishes = nodes
        .iter()
        .map(|node| world.register_raw(node.signed(node.attestation("wanted", now_ms))));
    let answers = futures::future::join_all(wishes).await;
    let (winners, losers): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
    assert_eq!(winners.len(), 1);
    for loser in losers {
        loser.rejected(409, "conflict");
    }
}

/// Several processes may serve one Postgres database.
#[tokio::test]
async fn of_two_processes_one_gives_the_name_away() {
    let world = World::new(Backend::Postgres).await;
    let other_db = open(&world.database);
    let other = router(
        &registry_start(&other_db, &world.env, &world.keyring, None).await,
        &world.env,
    );
    // The same name in every other round, and in the rest two that look alike.
    for round in 0..20 {
        let (alice, bob) = (world.node(), world.node());
        let name = format!("ni{round}");
        let twin = if round % 2 == 0 {
            name.clone()
        } else {
            format!("nl{round}")
        };
        let body = serde_json::json!({"attestation": bob.signed(bob.attestation(&twin, world.now_ms()))});
        let theirs = answer(other.clone(), json_request("/api/node/register", &body));
        let ours = world.register_raw(alice.signed(alice.attestation(&name, world.now_ms())));
        let (ours, theirs) = tokio::join!(ours, theirs);
        let created = [&ours, &theirs]
            .into_iter()
            .filter(|answer| answer.status == 201)
            .count();
        assert_eq!(created, 1, "{:?} {:?}", ours.json, theirs.json);
        let refused = if ours.status == 201 { theirs } else { ours };
        refused.rejected(409, "conflict");
    }
    let findings = crate::audits::findings(&world).await;
    assert_eq!(findings, [], "{findings:?}");
}

/// A database that is there but empty is brought up by whoever comes first.
#[tokio::test]
async fn a_registry_starts_on_what_it_left() {
    let database = TestDatabase::new(Backend::Sqlite);
    open(&database).close().await;
    open(&database).close().await;
}

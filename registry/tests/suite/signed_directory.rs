//! The directory as one signed document: checked with nothing but a mirror, and by comparing.

use imajin_kernel::Span;
use imajin_registry_api::directory::{
    DIRECTORY_KIND, DirectoryCopy, DirectoryError, DirectoryPage, Equivocation, SignedHead,
};
use imajin_registry_api::{NodeAttestation, Unsigned};
use imajin_testkit::Backend;
use serde_json::json;

use crate::on_both;
use crate::world::World;

on_both![
    a_client_that_has_only_a_mirror_checks_everything,
    pages_are_one_directory_while_nodes_come,
    pages_of_long_entries_are_cut,
    a_mirror_that_changes_or_hides_something_is_found_out,
    a_directory_that_goes_back_is_refused,
    nodes_from_before_the_directory_are_in_it,
    a_node_that_has_left_is_said_to_have_left,
];

async fn page(world: &World, query: &str) -> DirectoryPage {
    let answer = world.get(&format!("/api/directory?{query}")).await.expect(200);
    serde_json::from_value(answer.json).unwrap()
}

/// All pages since a number.
async fn pages(world: &World, since: u64, limit: u32) -> Vec<DirectoryPage> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = page(world, &format!("since={since}&limit={limit}{cursor}")).await;
        let next = page.cursor.clone();
        all.push(page);
        let Some(next) = next else { return all };
        cursor = format!("&cursor={next}");
    }
}

fn empty(world: &World) -> DirectoryCopy {
    DirectoryCopy::new(world.keyring.node_key().public())
}

async fn a_client_that_has_only_a_mirror_checks_everything(world: World) {
    let mut mirror = empty(&world);
    mirror.update(pages(&world, 0, 500).await).unwrap();
    assert_eq!(
        mirror.head().unwrap().payload.nodes,
        0,
        "an empty directory is signed, too"
    );
    let (alice, bob) = (world.node(), world.node());
    world.register(&alice, "alice").await.expect(201);
    world.register(&bob, "bob").await.expect(201);
    assert_eq!(world.registry.directory_sign().await.unwrap(), 2);
    assert_eq!(world.registry.directory_sign().await.unwrap(), 0, "nothing has changed");
    mirror.update(pages(&world, mirror.seq(), 500).await).unwrap();
    // The registry is away; a client asks the mirror, and trusts the registry's key only.
    let mut client = empty(&world);
    client.update(vec![mirror.page(0).unwrap()]).unwrap();
    let entry = client.entry(&alice.did()).unwrap();
    assert_eq!(entry["subdomain"], "alice.nodes.example");
    let said: NodeAttestation = serde_json::from_value(entry["attestation"].clone()).unwrap();
    said.verify(&alice.key.public(), world.env.now()).unwrap();
    // A change is a small answer.
    world.register(&bob, "blue-note").await.expect(200);
    world.beat(&alice).await.expect(200);
    assert_eq!(world.registry.directory_sign().await.unwrap(), 1);
    let delta = pages(&world, mirror.seq(), 500).await;
    assert_eq!(delta.iter().map(|page| page.entries.len()).sum::<usize>(), 1);
    mirror.update(delta).unwrap();
    client.update(vec![mirror.page(client.seq()).unwrap()]).unwrap();
    assert_eq!(client.entry(&bob.did()).unwrap()["hostname"], "blue-note");
    // What was signed is there to be compared.
    let head = world
        .get(&format!("/api/directory/heads/{}", client.seq()))
        .await
        .expect(200);
    assert_eq!(head.json, serde_json::to_value(client.head().unwrap()).unwrap());
    world.get("/api/directory/heads/99").await.expect(404);
    let findings = crate::audits::findings(&world).await;
    assert_eq!(findings, [], "{findings:?}");
}

async fn pages_are_one_directory_while_nodes_come(world: World) {
    let nodes: Vec<_> = (0..7).map(|_| world.node()).collect();
    for (number, node) in nodes.iter().enumerate() {
        world.register(node, &format!("node-{number}")).await.expect(201);
    }
    world.registry.directory_sign().await.unwrap();
    let first = page(&world, "limit=3").await;
    let cursor = first.cursor.clone().unwrap();
    // Between two pages a node that was handed out changes, and another comes.
    world.register(&nodes[0], "another-name").await.expect(200);
    world.register(&world.node(), "node-9").await.expect(201);
    world.registry.directory_sign().await.unwrap();
    let second = page(&world, &format!("limit=1000&cursor={cursor}")).await;
    assert_eq!(second.cursor, None);
    let mut copy = empty(&world);
    copy.update(vec![first, second]).unwrap();
    assert_eq!(copy.head().unwrap().payload.nodes, 8);
    assert_eq!(copy.entry(&nodes[0].did()).unwrap()["hostname"], "another-name");
    for query in ["cursor=x", "cursor=1.alice", "since=x", "cursor=-1.did:web:a"] {
        world.get(&format!("/api/directory?{query}")).await.expect(400);
    }
}

async fn pages_of_long_entries_are_cut(world: World) {
    for number in 0..320 {
        let node = world.node();
        world.pass(Span::seconds(1));
        let mut attestation = node.attestation(&format!("node-{number:03}"), world.now_ms());
        attestation["padding"] = "x".repeat(3_400).into();
        world.register_raw(node.signed(attestation)).await.expect(201);
    }
    world.registry.directory_sign().await.unwrap();
    let (mut query, mut entries, mut pages) = ("since=0&limit=1000".to_owned(), 0, 0);
    loop {
        let page = page(&world, &query).await;
        assert!(serde_json::to_string(&page).unwrap().len() < 1_200_000);
        entries += page.entries.len();
        pages += 1;
        let Some(cursor) = page.cursor else { break };
        query = format!("since=0&limit=1000&cursor={cursor}");
    }
    assert_eq!((entries, pages), (320, 2));
}

async fn a_mirror_that_changes_or_hides_something_is_found_out(world: World) {
    for name in ["alice", "bob", "carol"] {
        world.register(&world.node(), name).await.expect(201);
    }
    world.registry.directory_sign().await.unwrap();
    let honest = page(&world, "").await;
    let root = |pages| {
        let error = empty(&world).update(pages).unwrap_err();
        assert!(matches!(error, DirectoryError::Root { .. }), "{error}");
    };
    let mut hidden = honest.clone();
    hidden.entries.remove(1);
    root(vec![hidden]);
    let mut changed = honest.clone();
    changed.entries[1].entry.as_mut().unwrap()["subdomain"] = "evil.example".into();
    root(vec![changed]);
    let mut gone = honest.clone();
    gone.entries[1].entry = None;
    root(vec![gone]);
    let mut older = honest.clone();
    older.entries[1].seq = 0;
    root(vec![older]);
    let mut forged = honest.clone();
    forged.head.payload.nodes = 2;
    let error = empty(&world).update(vec![forged]).unwrap_err();
    assert!(matches!(error, DirectoryError::Head(_)), "{error}");
    // A copy that refused something is as it was.
    let mut copy = empty(&world);
    copy.update(vec![honest.clone()]).unwrap();
    let mut hidden = honest;
    hidden.entries[0].entry = Some(json!({}));
    copy.update(vec![hidden]).unwrap_err();
    assert_eq!(copy.head().unwrap().payload.nodes, 3);
}

async fn a_directory_that_goes_back_is_refused(world: World) {
    world.register(&world.node(), "alice").await.expect(201);
    world.registry.directory_sign().await.unwrap();
    let old = page(&world, "").await;
    world.register(&world.node(), "bob").await.expect(201);
    world.registry.directory_sign().await.unwrap();
    world.register(&world.node(), "carol").await.expect(201);
    world.registry.directory_sign().await.unwrap();
    let mut copy = empty(&world);
    copy.update(vec![page(&world, "").await]).unwrap();
    let error = copy.update(vec![old]).unwrap_err();
    assert!(matches!(error, DirectoryError::Backwards { .. }), "{error}");
}

async fn nodes_from_before_the_directory_are_in_it(world: World) {
    world.register(&world.node(), "alice").await.expect(201);
    let removed: Result<usize, imajin_store::StoreError> = world
        .db
        .write(|conn| {
            Ok(diesel::RunQueryDsl::execute(
                diesel::delete(directory_entries::table),
                conn,
            )?)
        })
        .await;
    assert_eq!(removed.unwrap(), 1);
    assert_eq!(world.registry.directory_fill().await.unwrap(), 1);
    assert_eq!(world.registry.directory_sign().await.unwrap(), 1);
    assert_eq!(page(&world, "").await.head.payload.nodes, 1);
}

diesel::table! {
    directory_entries (node_did) {
        node_did -> Text,
    }
}

async fn a_node_that_has_left_is_said_to_have_left(world: World) {
    let alice = world.node();
    world.register(&alice, "alice").await.expect(201);
    world.registry.directory_sign().await.unwrap();
    let mut copy = empty(&world);
    copy.update(pages(&world, 0, 500).await).unwrap();
    world.pass(Span::days(30));
    world.registry.sweep().await.unwrap();
    world.registry.directory_sign().await.unwrap();
    copy.update(pages(&world, copy.seq(), 500).await).unwrap();
    assert_eq!(copy.entry(&alice.did()), None);
    assert_eq!(copy.head().unwrap().payload.nodes, 0);
    world.register(&alice, "alice").await.expect(200);
    world.registry.directory_sign().await.unwrap();
    copy.update(pages(&world, copy.seq(), 500).await).unwrap();
    assert_eq!(copy.entry(&alice.did()).unwrap()["hostname"], "alice");
    let findings = crate::audits::findings(&world).await;
    assert_eq!(findings, [], "{findings:?}");
}

/// One registry, one key, and two stories: both are signed, and both together prove it.
#[tokio::test]
async fn a_registry_that_lies_to_two_clients_is_found_by_comparing() {
    let (honest, lying) = (World::new(Backend::Sqlite).await, World::new(Backend::Sqlite).await);
    // The same randomness: the same key of the registry.
    let key = honest.keyring.node_key().public();
    assert_eq!(lying.keyring.node_key().public(), key);
    honest.register(&honest.node(), "alice").await.expect(201);
    lying.register(&lying.node(), "mallory").await.expect(201);
    for world in [&honest, &lying] {
        world.registry.directory_sign().await.unwrap();
    }
    let (mut one, mut other) = (empty(&honest), empty(&lying));
    one.update(vec![page(&honest, "").await]).unwrap();
    other.update(vec![page(&lying, "").await]).unwrap();
    let (first, second) = (one.head().unwrap().clone(), other.head().unwrap().clone());
    let proof = Equivocation::of(&first, &second, &key).unwrap().unwrap();
    assert_eq!(proof.seq(), 1);
    assert_eq!(Equivocation::of(&first, &first, &key), Ok(None));
    // A client that is shown the other story keeps what it has, and has the proof.
    let error = one.update(vec![page(&lying, "").await]).unwrap_err();
    assert!(matches!(error, DirectoryError::Equivocation(_)), "{error}");
    assert_eq!(one.head(), Some(&first));
    // Going on from one of the stories does not hide the other: each head names the one before.
    lying.register(&lying.node(), "eve").await.expect(201);
    lying.registry.directory_sign().await.unwrap();
    let next: SignedHead = page(&lying, "").await.head;
    assert_eq!(next.payload.seq, 2);
    assert!(Equivocation::of(&first, &next, &key).unwrap().is_some());
    assert_eq!(Equivocation::of(&second, &next, &key), Ok(None));
    // Nobody is accused by a head that the registry did not sign.
    let stranger = honest.node();
    let forged = SignedHead::sign(
        &stranger.key,
        stranger.did(),
        DIRECTORY_KIND,
        None,
        honest.env.now(),
        second.payload,
    );
    let error = Equivocation::of(&first, &forged.unwrap(), &key).unwrap_err();
    assert!(matches!(error, DirectoryError::Head(_)), "{error}");
}
